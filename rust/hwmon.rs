// SPDX-License-Identifier: GPL-2.0-only

//! What sensors measure, in the files that all programs know.
//!
//! A [`Registration`] is a folder in `/sys/class/hwmon`, with a file for each value of a [`Chip`].
//!
//! C header: [`include/linux/hwmon.h`](srctree/include/linux/hwmon.h)

use crate::{
    bindings,
    callback::Caller,
    compat::EOPNOTSUPP,
    context,
    name::registered, //
};
use core::ptr::NonNull;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    devres::Devres,
    error::from_err_ptr,
    prelude::*,
    sync::Arc, //
};

/// A value of a thermometer, in thousandths of a degree Celsius.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Temperature {
    /// What it is: `temp1_input`.
    Input = bindings::hwmon_temp_attributes_hwmon_temp_input,
    /// Above this there is an alarm: `temp1_max`.
    Max = bindings::hwmon_temp_attributes_hwmon_temp_max,
    /// Below this the alarm ends: `temp1_max_hyst`.
    MaxHyst = bindings::hwmon_temp_attributes_hwmon_temp_max_hyst,
}

impl Temperature {
    const ALL: [Self; 3] = [Self::Input, Self::Max, Self::MaxHyst];

    fn of(attribute: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|it| *it as u32 == attribute)
    }
}

/// A chip that measures something.
///
/// C calls it for one file at a time, with a lock held, in the context of the process that reads or
/// writes. It may sleep, and cannot use [files](mod@crate::file): `EDEADLK`. What it needs to ask the hardware is its own, such as an
/// [`i2c::Link`](crate::i2c::Link).
pub trait Chip: Send + Sync + 'static {
    /// What can be read.
    const READ: &'static [Temperature];
    /// What of it can be written, by root.
    const WRITE: &'static [Temperature] = &[];

    /// Reads a value of [`READ`](Self::READ). An error is the reader's, `EAGAIN` as `EBUSY`.
    fn read(&self, what: Temperature) -> Result<c_long>;

    /// Writes a value of [`WRITE`](Self::WRITE). It can be any number.
    fn write(&self, _what: Temperature, _value: c_long) -> Result {
        Err(EOPNOTSUPP)
    }
}

/// The files of a chip, for as long as its device is bound.
///
/// Dropping it removes them and waits for callers that are inside, so that none of these may be the one
/// that drops it. A file that is left open fails with `ENODEV`.
///
/// # Invariants
///
/// `hwmon` is registered below a bound device. Its data is `_chip`.
///
/// # Examples
///
/// ```
/// # use kernel::{device::{Bound, Device}, devres::Devres, prelude::*, sync::Arc};
/// use lkm::hwmon::{self, Chip, Temperature};
///
/// struct Fridge;
///
/// impl Chip for Fridge {
///     const READ: &'static [Temperature] = &[Temperature::Input];
///
///     fn read(&self, _what: Temperature) -> Result<c_long> {
///         Ok(7_000)
///     }
/// }
///
/// fn fridge(device: &Device<Bound>) -> Result<Devres<hwmon::Registration<Fridge>>> {
///     hwmon::Registration::new(device, c"fridge", Arc::new(Fridge, GFP_KERNEL)?)
/// }
/// ```
pub struct Registration<T: Chip> {
    hwmon: NonNull<bindings::device>,
    _chip: Arc<T>,
}

// SAFETY: A device may be unregistered by any thread, and a chip be used and dropped by any.
unsafe impl<T: Chip> Send for Registration<T> {}
// SAFETY: There is nothing to be done with a reference.
unsafe impl<T: Chip> Sync for Registration<T> {}

impl<T: Chip> Registration<T> {
    /// Registers the chip, for its device. `name` is what programs call it.
    ///
    /// Fails with `EINVAL` if the name is empty or has one of `-`, `*` and white space, or if nothing can be
    /// read, or with `ENOMEM`. May sleep (`hwmon_device_register_with_info`).
    pub fn new(device: &Device<Bound>, name: &'static CStr, chip: Arc<T>) -> Result<Devres<Self>> {
        let odd = |it: &u8| matches!(it, b'-' | b'*') || it.is_ascii_whitespace();
        if name.is_empty() || name.to_bytes().iter().any(odd) || T::READ.is_empty() {
            return Err(EINVAL);
        }
        let data: *const T = &*chip;
        // SAFETY: A `Device` is C's. The functions fit the data, which goes after the files, as does all of
        // what is static.
        let hwmon = unsafe {
            bindings::hwmon_device_register_with_info(
                core::ptr::from_ref(device).cast_mut().cast(),
                name.as_char_ptr(),
                data.cast_mut().cast(),
                &Self::INFO,
                core::ptr::null_mut(),
            )
        };
        let hwmon = NonNull::new(registered(from_err_ptr(hwmon))?).ok_or(ENOMEM)?;
        // INVARIANT: It was just registered. When the device is unbound, `Devres` drops the value before.
        Devres::new(device, Self { hwmon, _chip: chip })
    }

    /// A bit for each value of the one channel, and the end.
    const CONFIG: &'static [u32] = &{
        let (mut bits, mut index) = (0, 0);
        while index < T::READ.len() {
            bits |= 1 << T::READ[index] as u32;
            index += 1;
        }
        [bits, 0]
    };

    const CHANNELS: &'static [*const bindings::hwmon_channel_info] = &[
        &bindings::hwmon_channel_info {
            type_: bindings::hwmon_sensor_types(bindings::LKM_HWMON_TEMP),
            config: Self::CONFIG.as_ptr(),
        },
        core::ptr::null(),
    ];

    const INFO: bindings::hwmon_chip_info = bindings::hwmon_chip_info {
        ops: &bindings::hwmon_ops {
            visible: 0,
            is_visible: Some(Self::is_visible),
            read: Some(Self::read),
            read_string: None,
            write: Some(Self::write),
        },
        info: Self::CHANNELS.as_ptr(),
    };

    /// `hwmon_ops::is_visible`: the mode of a file.
    extern "C" fn is_visible(
        _chip: *const c_void,
        _kind: bindings::hwmon_sensor_types,
        attribute: u32,
        _channel: c_int,
    ) -> bindings::umode_t {
        match Temperature::of(attribute) {
            Some(what) if T::WRITE.contains(&what) => 0o644,
            _ => 0o444,
        }
    }

    /// # Safety
    ///
    /// To be called in a callback of a value of this type, for as long as that takes.
    unsafe fn chip<'a>(hwmon: *mut bindings::device) -> &'a T {
        // Not with its device: that could be asked for what goes when it is unbound, and in a callback it is
        // too late for that.
        // SAFETY: By the safety requirements and the type invariants.
        unsafe { &*(*hwmon).driver_data.cast::<T>() }
    }

    /// `hwmon_ops::read`.
    ///
    /// # Safety
    ///
    /// To be called by hwmon, for a value of this type.
    unsafe extern "C" fn read(
        hwmon: *mut bindings::device,
        _kind: bindings::hwmon_sensor_types,
        attribute: u32,
        _channel: c_int,
        value: *mut c_long,
    ) -> c_int {
        // SAFETY: By the safety requirements.
        let chip = unsafe { Self::chip(hwmon) };
        let read = Temperature::of(attribute).ok_or(EOPNOTSUPP);
        let read = read.and_then(|what| context::without_files(|| chip.read(what)));
        // The file is a `seq_file` below.
        Caller::SeqFile.status(read.map(|read| {
            // SAFETY: C asks for it to be put there.
            unsafe { value.write(read) }
        }))
    }

    /// `hwmon_ops::write`.
    ///
    /// # Safety
    ///
    /// As for [`Self::read`].
    unsafe extern "C" fn write(
        hwmon: *mut bindings::device,
        _kind: bindings::hwmon_sensor_types,
        attribute: u32,
        _channel: c_int,
        value: c_long,
    ) -> c_int {
        // SAFETY: By the safety requirements.
        let chip = unsafe { Self::chip(hwmon) };
        let what = Temperature::of(attribute).ok_or(EOPNOTSUPP);
        let written = what.and_then(|what| context::without_files(|| chip.write(what, value)));
        Caller::Vfs.status(written)
    }
}

impl<T: Chip> Drop for Registration<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. It waits for callers.
        unsafe { bindings::hwmon_device_unregister(self.hwmon.as_ptr()) };
    }
}
