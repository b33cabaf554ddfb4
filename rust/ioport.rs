// SPDX-License-Identifier: GPL-2.0-only

//! Reading the ports of x86, beside whoever has claimed them.
//!
//! Reading a port may change the device: what is taken from it, its owner does not get any more.
//! But a byte that is read ends up in a register, and nowhere else. Writing is another matter: to
//! claim a range (`request_region`) does not make the device behind it yours, and a device that is
//! told to may write to any memory. A driver gets ports of its own from its bus.
//!
//! C header: [`arch/x86/include/asm/shared/io.h`](srctree/arch/x86/include/asm/shared/io.h)
//!
//! Reference: chapter 12 of the guide.

use core::arch::asm;
use kernel::prelude::*;

/// `LEN` ports from a first one on.
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

impl<const LEN: u16> Ports<LEN> {
    /// Shares ports with whoever has claimed them.
    ///
    /// Fails with `EINVAL` if they do not all lie below 0x10000. Callable from any context.
    pub fn shared(first: u16) -> Result<Self> {
        const { assert!(LEN > 0) };
        first.checked_add(LEN - 1).ok_or(EINVAL)?;
        Ok(Self { first })
    }

    /// Reads the port at this offset, which is checked when the module is built (`inb`).
    ///
    /// Callable from any context.
    #[inline]
    pub fn read8<const OFFSET: u16>(&self) -> u8 {
        const { assert!(OFFSET < LEN) };
        let value: u8;
        // SAFETY: Reading a port touches no memory.
        unsafe {
            asm!(
                "in al, dx",
                in("dx") self.first.wrapping_add(OFFSET),
                out("al") value,
                options(nomem, nostack, preserves_flags),
            )
        };
        value
    }
}
