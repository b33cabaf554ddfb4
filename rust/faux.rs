// SPDX-License-Identifier: GPL-2.0-only

//! Devices without a bus.
//!
//! Upstream's `kernel::faux` has C warn with a stack trace of a name that is taken, and of one for which there is no
//! room in what udev is told.
//!
//! C header: [`include/linux/device/faux.h`](srctree/include/linux/device/faux.h)

use crate::{
    compat,
    name::{
        self,
        is_name,
        Path, //
    },
};
use kernel::{
    device::{
        Bound,
        Device, //
    },
    faux,
    prelude::*, //
};

/// A device in `/sys/devices/faux`, which is bound as long as this is there. Dropping it takes it away, and may sleep
/// (`faux_device_destroy`).
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::faux;
///
/// fn lamp() -> Result<faux::Registration> {
///     let device = faux::Registration::new(c"lamp")?;
///     dev_info!(device.as_ref(), "It is dark.\n");
///     Ok(device)
/// }
/// ```
pub struct Registration(faux::Registration);

impl Registration {
    /// Creates a device that is called `name`. It has no parent: it would have to go before that.
    ///
    /// Fails with `EINVAL` if the name is none that a file can have, `EEXIST` if it is taken, by a file of the
    /// folder as well, with what keeps the kernel from looking, or with `ENODEV` if the device cannot be created, as for
    /// lack of memory. May sleep (`faux_device_create`).
    ///
    /// A `probe` that may fail with `EPROBE_DEFER` must do so before it makes one. Else it is called again at once, and
    /// again, without an end: the device has a driver, which could be what was missing.
    pub fn new(name: &CStr) -> Result<Self> {
        if !is_name(name) {
            return Err(EINVAL);
        }
        // C would show who registers what is there, as if it were an error of the kernel's.
        // The second one has all of them, the first one what else is there.
        for folder in [&b"/sys/devices/faux/"[..], b"/sys/bus/faux/devices/"] {
            if name::exists(Path::concat(&[folder, name.to_bytes()]))? {
                return Err(EEXIST);
            }
        }
        #[expect(clippy::disallowed_methods, reason = "the name was looked at")]
        let device = faux::Registration::new(name, None)?;
        Ok(Self(device))
    }
}

impl AsRef<Device<Bound>> for Registration {
    fn as_ref(&self) -> &Device<Bound> {
        compat::faux_device(&self.0)
    }
}
