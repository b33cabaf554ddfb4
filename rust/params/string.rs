// SPDX-License-Identifier: GPL-2.0-only

//! Parameters that are strings.
//!
//! C header: [`include/linux/moduleparam.h`](srctree/include/linux/moduleparam.h)

use super::{
    kernel_param,
    writable,
    Guard, //
};
use crate::bindings;
use core::cell::UnsafeCell;
use kernel::{
    module_param::KernelParam,
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
};

/// A parameter that is a string, of at most 1,024 bytes.
///
/// # Invariants
///
/// `text` is a C string. If root can change it, it is a static one or a copy of `param_ops_charp`'s,
/// which stays until it is changed. If not, it is a static one or `given`, which only the loader changes, and
/// not when somebody has it.
#[repr(C)]
pub struct Str<const MODE: u16> {
    // Must be first: it is what C reads, and sets.
    text: Atomic<*mut c_char>,
    default: &'static CStr,
    given_is: Atomic<u32>,
    // It goes with the module's own memory. That of `kmalloc` would go before lockdep forgets the locks that are
    // called so.
    given: UnsafeCell<[u8; MOST + 1]>,
}

/// Nobody has what was given.
const FREE: u32 = 0;
/// The loader writes it.
const WRITTEN: u32 = 1;
/// Somebody has it.
const TAKEN: u32 = 2;

/// How many bytes it has at most.
const MOST: usize = 1024;

// SAFETY: A reader holds the parameter lock if root can change the string. If not, `given_is` tells the loader, which
// is one, and readers which of them may use what was given.
unsafe impl<const MODE: u16> Sync for Str<MODE> {}

impl<const MODE: u16> Str<MODE> {
    #[doc(hidden)]
    pub const NAME: &'static str = "charp";

    /// Those of a string that root cannot change. It may be given twice, and an `on_set` that comes in
    /// between may keep the first, which C would free.
    const OPS: bindings::kernel_param_ops = bindings::kernel_param_ops {
        flags: 0,
        set: Some(Self::set),
        get: Some(bindings::param_get_charp),
        free: None,
    };

    #[doc(hidden)]
    pub const fn new(default: &'static CStr) -> Self {
        let text = kernel::str::as_char_ptr_in_const_context(default);
        Self {
            text: Atomic::new(text.cast_mut()),
            default,
            given_is: Atomic::new(FREE),
            given: UnsafeCell::new([0; MOST + 1]),
        }
    }

    /// `kernel_param_ops::set`.
    ///
    /// # Safety
    ///
    /// To be called by the loader as that operation, on a parameter of this type.
    unsafe extern "C" fn set(text: *const c_char, param: *const bindings::kernel_param) -> c_int {
        // SAFETY: It is a static parameter of this type.
        let this = unsafe { &*(*param).__bindgen_anon_1.arg.cast::<Self>() };
        // SAFETY: The loader passes a C string.
        let text = unsafe { CStr::from_char_ptr(text) };
        let bytes = text.to_bytes();
        if bytes.len() > MOST {
            // The loader's own line has the name behind the string, and is cut before it.
            // SAFETY: The name is a C string of the module.
            let name = unsafe { CStr::from_char_ptr((*param).name) };
            pr_err!("{name}: a string of more than 1024 bytes.\n");
            return ENOSPC.to_errno();
        }
        if this.given_is.cmpxchg(FREE, WRITTEN, Acquire).is_err() {
            return EBUSY.to_errno();
        }
        // SAFETY: Only the loader comes here, one parameter after the other, and nobody has what is there.
        let given = unsafe { &mut *this.given.get() };
        given.fill(0);
        for (to, from) in given.iter_mut().zip(bytes) {
            *to = *from;
        }
        // INVARIANT: A byte is 0 behind those of `text`.
        this.text.store(given.as_mut_ptr().cast(), Release);
        this.given_is.store(FREE, Release);
        0
    }

    #[doc(hidden)]
    pub const fn elements(&'static self) {}

    #[doc(hidden)]
    pub const fn describe(
        &'static self,
        _elements: &'static (),
        name: &'static CStr,
    ) -> KernelParam {
        let ops: *const bindings::kernel_param_ops = if writable(MODE) {
            &raw const bindings::param_ops_charp
        } else {
            &Self::OPS
        };
        kernel_param::<MODE>(name, ops, core::ptr::from_ref(self).cast_mut().cast())
    }

    /// Returns the string, if its file cannot be written: else it does not build. The loader then takes no other one
    /// (`EBUSY`). While it writes another one, which only an `on_set` or what that has begun can see, this is the
    /// default. Callable from any context.
    ///
    /// ```compile_fail,E0080
    /// lkm::module_params! {
    ///     port: str { default: c"ttyS0", description: "Changes", permissions: 0o644 },
    /// }
    /// let name = port.value();
    /// ```
    #[inline]
    pub fn value(&'static self) -> &'static CStr {
        const { assert!(!writable(MODE), "use `get`, with `params::lock`") };
        let text = self.text.load(Acquire);
        let is_given = text == self.given.get().cast();
        // While another one is written, it is as if there were none.
        if !is_given || self.given_is.cmpxchg(FREE, TAKEN, Acquire) == Err(WRITTEN) {
            return self.default;
        }
        // Who else has it may have seen a later one. An exchange that fails orders nothing.
        self.given_is.load(Acquire);
        // SAFETY: By the type invariants, it stays as long as the module.
        unsafe { CStr::from_char_ptr(text) }
    }

    /// Returns the string, which stays as it is as long as the guard. Callable from any context in
    /// which there can be one.
    #[inline]
    pub fn get<'a>(&'static self, _guard: &'a Guard) -> &'a CStr {
        let text = self.text.load(Relaxed);
        // Before 7.3, C forgot the old one before it knew whether there was memory for a new one.
        if text.is_null() {
            return c"";
        }
        // SAFETY: By the type invariants; by the guard's it does not change now.
        unsafe { CStr::from_char_ptr(text) }
    }
}
