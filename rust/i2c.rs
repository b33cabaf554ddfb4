// SPDX-License-Identifier: GPL-2.0-only

//! Talking to chips on an I²C bus.
//!
//! Upstream's [`kernel::i2c`] binds a driver to a chip. [`Smbus`] is what the driver says to it.
//!
//! C header: [`include/linux/i2c.h`](srctree/include/linux/i2c.h)

use crate::bindings;
use kernel::{
    device::Bound,
    error::to_result,
    i2c::I2cClient,
    prelude::*, //
};

/// Transfers of the System Management Bus, which most chips with registers understand. `command` is the
/// register's number.
///
/// Only for a chip whose driver is bound: the bus may go before one that is not.
///
/// All of them sleep, and wait for the bus. They fail as the bus does: most often with `ENXIO` or `EREMOTEIO`
/// if there is no answer, `ETIMEDOUT`, `EIO`, or with `EOPNOTSUPP` if the bus cannot do it.
///
/// # Examples
///
/// ```
/// # use kernel::{device::Bound, i2c::I2cClient, prelude::*};
/// use lkm::i2c::Smbus;
///
/// fn double(chip: &I2cClient<Bound>) -> Result {
///     let value = chip.read_byte(7)?;
///     chip.write_byte(7, value.saturating_mul(2))
/// }
/// ```
pub trait Smbus {
    /// Reads a register of 8 bits (`i2c_smbus_read_byte_data`).
    fn read_byte(&self, command: u8) -> Result<u8>;

    /// Writes a register of 8 bits (`i2c_smbus_write_byte_data`).
    fn write_byte(&self, command: u8, value: u8) -> Result;

    /// Reads a register of 16 bits, of which the lower byte comes first: chips that send the upper one
    /// first need `swap_bytes` (`i2c_smbus_read_word_data`).
    fn read_word(&self, command: u8) -> Result<u16>;

    /// Writes a register of 16 bits, the lower byte first (`i2c_smbus_write_word_data`).
    fn write_word(&self, command: u8, value: u16) -> Result;
}

impl Smbus for I2cClient<Bound> {
    fn read_byte(&self, command: u8) -> Result<u8> {
        // SAFETY: The bus is there as long as the driver is bound.
        value(unsafe { bindings::i2c_smbus_read_byte_data(as_raw(self), command) })
    }

    fn write_byte(&self, command: u8, value: u8) -> Result {
        // SAFETY: As in `read_byte`.
        to_result(unsafe { bindings::i2c_smbus_write_byte_data(as_raw(self), command, value) })
    }

    fn read_word(&self, command: u8) -> Result<u16> {
        // SAFETY: As in `read_byte`.
        value(unsafe { bindings::i2c_smbus_read_word_data(as_raw(self), command) })
    }

    fn write_word(&self, command: u8, value: u16) -> Result {
        // SAFETY: As in `read_byte`.
        to_result(unsafe { bindings::i2c_smbus_write_word_data(as_raw(self), command, value) })
    }
}

/// The client is a wrapper of C's.
fn as_raw(client: &I2cClient<Bound>) -> *const bindings::i2c_client {
    core::ptr::from_ref(client).cast()
}

/// What is one number in C: an error, or what was read.
fn value<T: TryFrom<c_uint>>(ret: c_int) -> Result<T> {
    let read = c_uint::try_from(ret).map_err(|_| Error::from_errno(ret))?;
    read.try_into().map_err(|_| EIO)
}
