// SPDX-License-Identifier: GPL-2.0-only

//! What differs between the kernels that modules are built for, 7.2 and newer.
//!
//! The guide compares `LINUX_VERSION_CODE` for that (chapter 4.1.6). Here `rust/Kbuild` sets
//! `cfg(linux_7_3)` for Linux 7.3 and newer, and nothing else asks for it: where kernels differ,
//! this module has one name that is right on each.

use kernel::{
    device::{
        Bound,
        Device, //
    },
    faux,
    prelude::*, //
};

// ANCHOR: rcu
#[cfg(linux_7_3)]
pub(crate) use kernel::sync::rcu::synchronize_rcu;

/// Waits until every reader under RCU that there is now has finished. May sleep.
#[cfg(not(linux_7_3))]
pub(crate) fn synchronize_rcu() {
    // SAFETY: The caller may sleep, as for the kernel crate's own function in 7.3.
    unsafe { crate::bindings::synchronize_rcu() };
}
// ANCHOR_END: rcu

/// What `#[vtable]` takes for the module that this crate is in: none.
#[allow(dead_code, reason = "only 7.3 asks for it, in `relay`")]
pub(crate) struct LocalModule;

#[cfg(linux_7_3)]
impl kernel::ModuleMetadata for LocalModule {
    const NAME: &'static CStr = c"lkm";
    // SAFETY: What is not in a module has a null pointer there, as in C.
    const THIS_MODULE: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
}

/// The error of one of C's error numbers: the kernel crate of 7.2 names only some of them.
pub(crate) fn errno(number: u32) -> Error {
    Error::from_errno(-(number as i32))
}

#[cfg(linux_7_3)]
pub(crate) use kernel::error::code::EOPNOTSUPP;

/// Errors that the kernel crate has names for since 7.3; samples and tests have no others of these.
#[cfg(not(linux_7_3))]
mod code {
    macro_rules! codes {
        ($($code:ident)*) => {$(
            /// C's error of that name.
            // SAFETY: `Error` is a wrapper around its one member, a number that is negative.
            pub const $code: kernel::error::Error =
                unsafe { core::mem::transmute(-(crate::bindings::$code as i32)) };
        )*};
    }

    codes! {
        ECANCELED EDEADLK EILSEQ EKEYREJECTED ELOOP ENAMETOOLONG ENOBUFS EOPNOTSUPP EPROTO ETIME
    }
}
#[cfg(not(linux_7_3))]
pub use code::*;

/// As many zeroes.
pub(crate) fn zeroes(length: usize, flags: kernel::alloc::Flags) -> Result<KVVec<u8>> {
    #[cfg(linux_7_3)]
    let zeroes = KVVec::zeroed(length, flags);
    #[cfg(not(linux_7_3))]
    let zeroes = KVVec::from_elem(0, length, flags);
    Ok(zeroes?)
}

/// The device of a registration on the faux bus.
pub(crate) fn faux_device(registration: &faux::Registration) -> &Device<Bound> {
    #[cfg(linux_7_3)]
    {
        let device: &faux::Device<Bound> = registration.as_ref();
        device.as_ref()
    }
    #[cfg(not(linux_7_3))]
    {
        let device: &Device = registration.as_ref();
        // SAFETY: It is bound as long as it is registered: nobody unbinds such a device.
        unsafe { device.as_bound() }
    }
}

// SAFETY: It is an array of bytes. (`rust/bindings/lib.rs` has the same for its own.)
#[cfg(not(linux_7_3))]
unsafe impl<Storage> Zeroable for crate::bindings::__BindgenBitfieldUnit<Storage> where
    Storage: Zeroable
{
}
