// SPDX-License-Identifier: GPL-2.0-only

//! The port I/O of x86.
//!
//! A [`Region`] is claimed: nobody else can claim its ports, and it can be written. [`Ports`] are
//! shared with their owner on purpose, and can only be read. Mind that reading a port may change
//! the device: what is taken from it, its owner does not get any more.
//!
//! C headers: [`include/linux/ioport.h`](srctree/include/linux/ioport.h),
//! [`arch/x86/include/asm/shared/io.h`](srctree/arch/x86/include/asm/shared/io.h)
//!
//! Reference: chapter 12 of the guide.

use crate::bindings;
use core::{
    arch::asm,
    ops::Deref, //
};
use kernel::prelude::*;

/// `LEN` ports from a first one on, for reading.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::ioport::Ports;
/// fn keyboard_status() -> Result<u8> {
///     let keyboard = Ports::<5>::shared(0x60)?;
///     Ok(keyboard.read8::<4>())
/// }
/// ```
pub struct Ports<const LEN: u16> {
    first: u16,
}

macro_rules! impl_read {
    ($name:ident, $type:ty, $register:tt, $instruction:literal) => {
        /// Reads the port at this offset, which is checked when the module is built.
        ///
        /// Callable from any context.
        #[inline]
        pub fn $name<const OFFSET: u16>(&self) -> $type {
            const { assert!(OFFSET as usize + size_of::<$type>() <= LEN as usize) };
            let value: $type;
            // SAFETY: Reading a port touches no memory. `shared` checked that the ports exist.
            unsafe {
                asm!(
                    $instruction,
                    in("dx") self.first + OFFSET,
                    out($register) value,
                    options(nomem, nostack, preserves_flags),
                )
            };
            value
        }
    };
}

impl<const LEN: u16> Ports<LEN> {
    /// Shares ports with whoever has claimed them.
    ///
    /// Fails with `EINVAL` if they do not all lie below 0x10000.
    pub fn shared(first: u16) -> Result<Self> {
        const { assert!(LEN > 0) };
        first.checked_add(LEN - 1).ok_or(EINVAL)?;
        Ok(Self { first })
    }

    impl_read!(read8, u8, "al", "in al, dx");
    impl_read!(read16, u16, "ax", "in ax, dx");
    impl_read!(read32, u32, "eax", "in eax, dx");
}

/// `LEN` ports from a first one on, claimed for reading and writing.
///
/// Dropping it gives the ports back.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::ioport::Region;
/// fn post_code(code: u8) -> Result {
///     let port = Region::<1>::request(0x80, c"post")?;
///     port.write8::<0>(code);
///     Ok(())
/// }
/// ```
///
/// # Invariants
///
/// The ports are claimed, and this value owns the claim.
pub struct Region<const LEN: u16> {
    ports: Ports<LEN>,
}

macro_rules! impl_write {
    ($name:ident, $type:ty, $register:tt, $instruction:literal) => {
        /// Writes the port at this offset, which is checked when the module is built.
        ///
        /// Callable from any context.
        #[inline]
        pub fn $name<const OFFSET: u16>(&self, value: $type) {
            const { assert!(OFFSET as usize + size_of::<$type>() <= LEN as usize) };
            // SAFETY: By the type invariants the device behind the port is the caller's.
            unsafe {
                asm!(
                    $instruction,
                    in("dx") self.ports.first + OFFSET,
                    in($register) value,
                    options(nostack, preserves_flags),
                )
            };
        }
    };
}

impl<const LEN: u16> Region<LEN> {
    /// Claims ports. `name` appears in `/proc/ioports`.
    ///
    /// Fails with `EBUSY` if somebody has claimed one of them, or `EINVAL` if they do not all lie
    /// below 0x10000. May sleep (`request_region`).
    pub fn request(first: u16, name: &'static CStr) -> Result<Self> {
        let ports = Ports::shared(first)?;
        // SAFETY: The name is static, which C asks for.
        let resource = unsafe {
            bindings::__request_region(
                &raw mut bindings::ioport_resource,
                first.into(),
                LEN.into(),
                name.as_char_ptr(),
                0,
            )
        };
        if resource.is_null() {
            return Err(EBUSY);
        }
        // INVARIANT: The ports were claimed above.
        Ok(Self { ports })
    }

    impl_write!(write8, u8, "al", "out dx, al");
    impl_write!(write16, u16, "ax", "out dx, ax");
    impl_write!(write32, u32, "eax", "out dx, eax");
}

impl<const LEN: u16> Deref for Region<LEN> {
    type Target = Ports<LEN>;

    fn deref(&self) -> &Ports<LEN> {
        &self.ports
    }
}

impl<const LEN: u16> Drop for Region<LEN> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe {
            bindings::__release_region(
                &raw mut bindings::ioport_resource,
                self.ports.first.into(),
                LEN.into(),
            )
        };
    }
}
