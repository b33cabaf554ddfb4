// SPDX-License-Identifier: GPL-2.0-only

//! Talking to chips on an I²C bus.
//!
//! Upstream's [`kernel::i2c`] binds a driver to a chip. A [`Link`] is how the driver talks to it.
//!
//! C header: [`include/linux/i2c.h`](srctree/include/linux/i2c.h)

use crate::{
    bindings,
    compat::errno,
    link, //
};
use kernel::{
    device::Core,
    error::to_result,
    i2c::I2cClient,
    prelude::*,
    sync::{
        Arc,
        LockClassKey, //
    },
};

/// Creates a [`Link`] with a lock class of its own, in an [`Arc`], for a driver's `probe`.
///
/// Fails with `ENOMEM`. May sleep.
///
/// [`Link`]: crate::i2c::Link
#[macro_export]
macro_rules! new_i2c_link {
    ($chip:expr) => {
        $crate::i2c::Link::new($chip, ::kernel::static_lock_class!())
    };
}

/// The way to a chip, as long as that is bound to the driver: when it is not, the bus may have gone, too.
///
/// It has the transfers of the System Management Bus, which most chips with registers understand.
/// `command` is the register's number.
///
/// All of them sleep, and wait for the bus. They fail with `ENODEV` when the chip is bound no more, or as the
/// bus does: `ESHUTDOWN` while it is suspended, most often `ENXIO` or `EREMOTEIO` if there is no answer,
/// `ETIMEDOUT`, `EIO`, or with `EOPNOTSUPP` if the bus cannot do it.
///
/// # Examples
///
/// ```
/// # use kernel::{device::Core, i2c::I2cClient, prelude::*, sync::Arc};
/// use lkm::{i2c::Link, new_i2c_link};
///
/// fn double(chip: &I2cClient<Core<'_>>) -> Result<Arc<Link>> {
///     let chip = new_i2c_link!(chip)?;
///     let value = chip.read_byte(7)?;
///     chip.write_byte(7, value.saturating_mul(2))?;
///     Ok(chip)
/// }
/// ```
pub type Link = link::Link<I2cClient>;

impl Link {
    /// Does something with the chip. Fails with `ESHUTDOWN` if its bus is suspended, of which C warns.
    fn talk<R>(&self, f: impl FnOnce(&I2cClient) -> Result<R>) -> Result<R> {
        self.with(|chip| {
            // SAFETY: The bus is there as long as the driver is bound.
            let mut bus = unsafe { (*as_raw(chip)).adapter };
            while !bus.is_null() {
                // SAFETY: As above, and so are those that it is a branch of. Flags are changed as single bits.
                let flags = unsafe { (&raw const (*bus).locked_flags).read_volatile() };
                if flags & 1 << bindings::I2C_ALF_IS_SUSPENDED != 0 {
                    return Err(errno(bindings::ESHUTDOWN));
                }
                // SAFETY: As above.
                bus = unsafe { parent(bus) };
            }
            f(chip)
        })
    }

    /// Use [`new_i2c_link!`](crate::new_i2c_link).
    pub fn new(chip: &I2cClient<Core<'_>>, key: Pin<&'static LockClassKey>) -> Result<Arc<Self>> {
        Self::to(chip.into(), chip.as_ref(), key)
    }

    /// Reads a register of 8 bits (`i2c_smbus_read_byte_data`).
    pub fn read_byte(&self, command: u8) -> Result<u8> {
        self.talk(|chip| {
            // SAFETY: The bus is there as long as the driver is bound.
            value(unsafe { bindings::i2c_smbus_read_byte_data(as_raw(chip), command) })
        })
    }

    /// Writes a register of 8 bits (`i2c_smbus_write_byte_data`).
    pub fn write_byte(&self, command: u8, value: u8) -> Result {
        self.talk(|chip| {
            // SAFETY: As in `read_byte`.
            to_result(unsafe { bindings::i2c_smbus_write_byte_data(as_raw(chip), command, value) })
        })
    }

    /// Reads a register of 16 bits, of which the lower byte comes first: chips that send the upper one
    /// first need `swap_bytes` (`i2c_smbus_read_word_data`).
    pub fn read_word(&self, command: u8) -> Result<u16> {
        self.talk(|chip| {
            // SAFETY: As in `read_byte`.
            value(unsafe { bindings::i2c_smbus_read_word_data(as_raw(chip), command) })
        })
    }

    /// Writes a register of 16 bits, the lower byte first (`i2c_smbus_write_word_data`).
    pub fn write_word(&self, command: u8, value: u16) -> Result {
        self.talk(|chip| {
            // SAFETY: As in `read_byte`.
            to_result(unsafe { bindings::i2c_smbus_write_word_data(as_raw(chip), command, value) })
        })
    }
}

/// The client is a wrapper of C's.
fn as_raw(chip: &I2cClient) -> *const bindings::i2c_client {
    core::ptr::from_ref(chip).cast()
}

/// The bus that this one is a branch of, or null (`i2c_parent_is_i2c_adapter`).
///
/// # Safety
///
/// The bus must be there.
unsafe fn parent(bus: *mut bindings::i2c_adapter) -> *mut bindings::i2c_adapter {
    // SAFETY: By the safety requirements. A device keeps its parent.
    let parent = unsafe { (*bus).dev.parent };
    // SAFETY: As above.
    if parent.is_null() || unsafe { (*parent).type_ } != &raw const bindings::i2c_adapter_type {
        return core::ptr::null_mut();
    }
    kernel::container_of!(parent, bindings::i2c_adapter, dev)
}

/// What is one number in C: an error, or what was read.
fn value<T: TryFrom<c_uint>>(ret: c_int) -> Result<T> {
    let read = c_uint::try_from(ret).map_err(|_| Error::from_errno(ret))?;
    read.try_into().map_err(|_| EIO)
}
