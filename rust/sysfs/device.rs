// SPDX-License-Identifier: GPL-2.0-only

//! Attributes in the directory of a device.
//!
//! C header: [`include/linux/device.h`](srctree/include/linux/device.h)

use super::{
    exists_below,
    files::{
        Files,
        Object, //
    },
    names,
    Attributes,
    Group, //
};
use crate::bindings;
use kernel::{
    device::{
        Bound,
        Device, //
    },
    devres::Devres,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
};

// SAFETY: `bindings_helper.h` asserts both.
unsafe impl Object for bindings::device {
    type Attribute = bindings::device_attribute;
}

/// Attributes in the directory of a device, for as long as it is bound.
///
/// Dropping it removes them and waits for callers that are inside an attribute's function, so that none
/// of these may be the one that drops it: lockdep tells. A file that is left open fails with `ENODEV`.
///
/// The device was announced to user space before it got these attributes. A rule of udev sees them for
/// certain when the driver is bound (`ACTION=="bind"`).
///
/// # Invariants
///
/// The first `groups` groups of the type are in the directory of `device`, which is bound.
///
/// # Examples
///
/// ```
/// # use kernel::{device::{Bound, Device}, devres::Devres, prelude::*};
/// # use kernel::sync::{atomic::{Atomic, Relaxed}, Arc};
/// use lkm::sysfs::{Attribute, Attributes, DeviceAttributes, Group};
///
/// struct Lamp {
///     level: Atomic<u32>,
/// }
///
/// impl Attributes for Lamp {
///     const GROUPS: &'static [Group<Self>] = &[Group::new(&[Attribute::read_only(
///         c"level",
///         |lamp, out| out.line(lamp.level.load(Relaxed)),
///     )])];
/// }
///
/// fn show(device: &Device<Bound>) -> Result<Devres<DeviceAttributes<Lamp>>> {
///     let lamp = Lamp { level: Atomic::new(7) };
///     DeviceAttributes::new(device, Arc::new(lamp, GFP_KERNEL)?)
/// }
/// ```
///
/// What C puts into the folder later is not for the driver:
///
/// ```compile_fail,E0080
/// # use kernel::{device::{Bound, Device}, prelude::*, sync::Arc};
/// # use lkm::sysfs::{Attribute, Attributes, DeviceAttributes, Group};
/// struct Fan;
///
/// impl Attributes for Fan {
///     const GROUPS: &'static [Group<Self>] =
///         &[Group::new(&[Attribute::read_only(c"hwmon", |_, out| out.line(0))])];
/// }
///
/// fn show(device: &Device<Bound>) -> Result {
///     DeviceAttributes::new(device, Arc::new(Fan, GFP_KERNEL)?).map(drop)
/// }
/// # core::hint::black_box(show as fn(&Device<Bound>) -> Result);
/// ```
pub struct DeviceAttributes<T: Attributes> {
    device: ARef<Device>,
    groups: usize,
    files: Files<T>,
}

// SAFETY: The pointers are to what the value itself owns, and C locks the rest.
unsafe impl<T: Attributes> Send for DeviceAttributes<T> {}
// SAFETY: As above; `T` is `Sync`.
unsafe impl<T: Attributes> Sync for DeviceAttributes<T> {}

impl<T: Attributes> DeviceAttributes<T> {
    /// Creates all attributes.
    ///
    /// Does not build if the name of an attribute, or of a group, is none that a file can have, or is
    /// there twice, or is that of a folder for what belongs to a device, as `hwmon` or `msi_irqs`.
    /// Fails with `EEXIST` if the device has one of that name, or `ENOMEM`. May sleep (`sysfs_create_group`).
    pub fn new(device: &Device<Bound>, data: Arc<T>) -> Result<Devres<Self>> {
        const {
            names::check_names::<T>();
            names::check_device::<T>();
        }
        // INVARIANT: There is none yet. When the device is unbound, `Devres` drops the value before.
        let mut attributes = Self {
            device: device.into(),
            groups: 0,
            files: Files::new(data)?,
        };
        for group in T::GROUPS {
            attributes.add(group)?;
        }
        Devres::new(device, attributes)
    }

    fn add(&mut self, group: &'static Group<T>) -> Result {
        let kobject = self.kobject();
        for name in group.top_names() {
            // SAFETY: A bound device has a directory.
            if unsafe { exists_below((*kobject).sd, &[name]) } {
                return Err(EEXIST);
            }
        }
        // SAFETY: The `kobject` is the device's, which has a directory. Dropping the value takes the
        // files away first.
        unsafe { self.files.add::<bindings::device>(kobject, group)? };
        // INVARIANT: It was just added.
        self.groups += 1;
        Ok(())
    }

    fn kobject(&self) -> *mut bindings::kobject {
        // A `Device` is C's, and C's begins with it.
        core::ptr::from_ref::<Device>(&self.device)
            .cast_mut()
            .cast()
    }

    /// The value that the attributes belong to.
    pub fn data(&self) -> &Arc<T> {
        &self.files.data
    }
}

impl<T: Attributes> Drop for DeviceAttributes<T> {
    fn drop(&mut self) {
        let kobject = self.kobject();
        for group in T::GROUPS.iter().take(self.groups) {
            if let Some(name) = group.name {
                let mut raw: bindings::attribute_group = pin_init::zeroed();
                raw.name = name.as_char_ptr();
                // SAFETY: By the type invariants. The folder goes with all that is in it, when all
                // callers have left.
                unsafe { bindings::sysfs_remove_group(kobject, &raw) };
                continue;
            }
            for name in group.top_names() {
                let mut raw: bindings::attribute = pin_init::zeroed();
                raw.name = name.as_char_ptr();
                // SAFETY: By the type invariants. C looks at the name only, and waits for callers.
                unsafe { bindings::sysfs_remove_file_ns(kobject, &raw, core::ptr::null()) };
            }
        }
    }
}
