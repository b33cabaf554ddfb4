// SPDX-License-Identifier: GPL-2.0-only

//! Lines of GPIO chips: what is set to high or low, or looked at.
//!
//! A line is asked for with [`Options`], and is an [`Input`] or an [`Output`]. It has one owner: nobody
//! else, in the kernel or outside, gets it before that is dropped. An [`Interrupt`] tells of the edges
//! of an input.
//!
//! A chip may go while somebody has its lines. Then all that is done with them fails with `ENODEV`.
//!
//! C header: [`include/linux/gpio/consumer.h`](srctree/include/linux/gpio/consumer.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    device::Device,
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*, //
};

mod interrupt;

pub use interrupt::Interrupt;

/// Which line, and what its levels mean.
///
/// # Examples
///
/// ```
/// # use kernel::{device::Device, prelude::*};
/// use lkm::gpio;
///
/// fn lamp(device: &Device) -> Result<gpio::Output> {
///     let lamp = gpio::Options::new(c"board", 7).active_low(true).output(device, false)?;
///     lamp.set(true)?;
///     Ok(lamp)
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Options<'a> {
    chip: &'a CStr,
    line: u16,
    active_low: bool,
}

impl<'a> Options<'a> {
    /// Line number `line` of the chip that is labelled `chip`, in `/sys/kernel/debug/gpio` and by
    /// `gpiodetect`.
    pub const fn new(chip: &'a CStr, line: u16) -> Self {
        Self {
            chip,
            line,
            active_low: false,
        }
    }

    /// Whether the line is active, which is `true` here, when it is low.
    pub const fn active_low(mut self, yes: bool) -> Self {
        self.active_low = yes;
        self
    }

    /// Asks for the line, in the name of `device`, to look at it.
    ///
    /// Fails with `ENODEV` if there is no such chip, `EINVAL` if it has no such line, `EBUSY` if somebody has
    /// the line, what the chip's driver answers, or `ENOMEM`. May sleep (`gpiod_get`).
    pub fn input(self, device: &Device) -> Result<Input> {
        self.get(device, bindings::gpiod_flags_GPIOD_IN).map(Input)
    }

    /// Asks for the line, in the name of `device`, to drive it, with this value at first.
    ///
    /// Fails as [`input`](Self::input) does. May sleep (`gpiod_get`).
    pub fn output(self, device: &Device, value: bool) -> Result<Output> {
        let flags = match value {
            false => bindings::gpiod_flags_GPIOD_OUT_LOW,
            true => bindings::gpiod_flags_GPIOD_OUT_HIGH,
        };
        self.get(device, flags).map(Output)
    }

    fn get(self, device: &Device, flags: bindings::gpiod_flags) -> Result<Line> {
        // To C, it says that what is called `chip` is a line.
        if self.line == u16::MAX {
            return Err(EINVAL);
        }
        let mut table = Table {
            list: pin_init::zeroed(),
            dev_id: device.name().as_char_ptr(),
            line: bindings::gpiod_lookup {
                key: self.chip.as_char_ptr(),
                chip_hwnum: self.line,
                flags: match self.active_low {
                    false => bindings::gpio_lookup_flags_GPIO_ACTIVE_HIGH,
                    true => bindings::gpio_lookup_flags_GPIO_ACTIVE_LOW,
                } as c_ulong,
                ..pin_init::zeroed()
            },
            end: pin_init::zeroed(),
        };
        // Hardly another thread asks for that one. A device that a device tree has may have no negative ones.
        let index = (&raw const table).addr() as c_uint & c_int::MAX as c_uint;
        table.line.idx = index;
        let table = (&raw mut table).cast::<bindings::gpiod_lookup_table>();
        // SAFETY: The table has an end, and stays with its strings until it is taken back. A `Device` is
        // C's.
        let desc = unsafe {
            let device = core::ptr::from_ref(device).cast_mut().cast();
            bindings::gpiod_add_lookup_table(table);
            let desc = bindings::gpiod_get_index(device, core::ptr::null(), index, flags);
            bindings::gpiod_remove_lookup_table(table);
            desc
        };
        let desc = from_err_ptr(desc).map_err(ask_once)?;
        // INVARIANT: It was just requested.
        Ok(Line(NonNull::new(desc).ok_or(ENODEV)?))
    }
}

/// A `gpiod_lookup_table` with one line.
#[repr(C)]
struct Table {
    list: bindings::list_head,
    dev_id: *const c_char,
    line: bindings::gpiod_lookup,
    end: bindings::gpiod_lookup,
}

/// To C, what is not there may come yet.
fn ask_once(error: Error) -> Error {
    if error.to_errno().unsigned_abs() == bindings::EPROBE_DEFER {
        ENODEV
    } else {
        error
    }
}

/// What is one number in C: an error, or a value.
fn value(ret: c_int) -> Result<c_uint> {
    ret.try_into().map_err(|_| ask_once(Error::from_errno(ret)))
}

/// # Invariants
///
/// This was requested, and is the value's own. C keeps it until it is given back, even if the chip goes.
struct Line(NonNull<bindings::gpio_desc>);

// SAFETY: C has locks for what happens to a line, which belongs to no thread.
unsafe impl Send for Line {}
// SAFETY: As above.
unsafe impl Sync for Line {}

impl Line {
    fn value(&self) -> Result<bool> {
        // SAFETY: By the type invariants.
        value(unsafe { bindings::gpiod_get_value_cansleep(self.0.as_ptr()) }).map(|it| it != 0)
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let line = self.0.as_ptr();
        // SAFETY: By the type invariants. If the chip has gone, C forgets the name: docs/upstream.md. (While the
        // chip is there, C tells who watches the line, without keeping the chip.)
        unsafe {
            let device = bindings::gpiod_to_gpio_device(line);
            if bindings::gpio_device_get_chip(device).is_null() {
                bindings::gpiod_set_consumer_name(line, core::ptr::null());
            }
            bindings::gpiod_put(line);
        }
    }
}

/// A line to look at. Dropping it gives it back, and may sleep (`gpiod_put`).
pub struct Input(Line);

impl Input {
    /// Returns whether the line is active.
    ///
    /// Fails with `ENODEV` if the chip has gone, or as its driver does. May sleep, since the chip may be
    /// behind a slow bus (`gpiod_get_value_cansleep`).
    pub fn value(&self) -> Result<bool> {
        self.0.value()
    }
}

/// A line that is driven. Dropping it gives it back, and may sleep (`gpiod_put`).
pub struct Output(Line);

impl Output {
    /// Makes the line active, or not.
    ///
    /// Fails and may sleep as [`Input::value`] (`gpiod_set_value_cansleep`).
    pub fn set(&self, value: bool) -> Result {
        // SAFETY: By the type invariants of the line.
        to_result(unsafe { bindings::gpiod_set_value_cansleep(self.0 .0.as_ptr(), value.into()) })
    }

    /// Returns whether the line is active. It may not be what was [`set`](Self::set), if something
    /// stronger pulls it.
    ///
    /// Fails and may sleep as [`Input::value`].
    pub fn value(&self) -> Result<bool> {
        self.0.value()
    }
}
