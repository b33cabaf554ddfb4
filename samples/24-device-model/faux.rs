// SPDX-License-Identifier: GPL-2.0-only

//! A device without a bus.
//!
//! Every device of the kernel has a place in one tree, which `/sys/devices` shows. Most are found on a
//! bus, such as PCI or USB, and the bus looks for a driver. But some code needs a device and has none:
//! firmware is asked for in the name of a device, memory for DMA is a device's, messages say which device
//! they are about. For that there are faux devices. One call makes the device, and a driver of the
//! kernel's own is bound to it at once.
//!
//! ```console
//! # insmod faux.ko
//! faux_driver faux_lamp: Here I am.
//! # ls -l /sys/bus/faux/devices/faux_lamp
//! [..] /sys/bus/faux/devices/faux_lamp -> ../../../devices/faux/faux_lamp
//! # readlink /sys/devices/faux/faux_lamp/driver
//! ../../../bus/faux/drivers/faux_driver
//! # rmmod faux
//! faux_driver faux_lamp: The lamp is out.
//! ```
//!
//! `dev_info!` is `pr_info!` with the names of the driver and the device before the message.
//!
//! What belongs to a device goes when its driver lets go of it, whoever still has a pointer. `Devres` is
//! such a thing: it is dropped then, here before the device goes, and `try_access` finds nothing
//! afterwards. Code that runs while the driver is bound has a `Device<Bound>`, and needs not ask.
//!
//! In C: `faux_device_create()`, `faux_device_destroy()`, `devm_add_action()`. Before there were faux devices,
//! in 6.14, people made platform devices for it.
//!
//! Where to look: `drivers/base/faux.c`, `rust/kernel/faux.rs`, `rust/kernel/devres.rs`.

use kernel::{
    device::{
        Bound,
        Device, //
    },
    devres::Devres,
    faux,
    prelude::*,
    sync::aref::ARef, //
};

module! {
    type: Faux,
    name: "faux",
    authors: ["lkmpg-rs developers"],
    description: "A device without a bus",
    license: "GPL",
}

// ANCHOR: faux
struct Faux {
    _lamp: Devres<Lamp>,
    _device: faux::Registration,
}

impl kernel::Module for Faux {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let device = faux::Registration::new(c"faux_lamp", None)?;
        let bound: &Device<Bound> = device.as_ref().as_ref();
        dev_info!(bound, "Here I am.\n");
        let lamp = Lamp {
            device: bound.into(),
        };
        Ok(Self {
            _lamp: Devres::new(bound, lamp)?,
            _device: device,
        })
    }
}
// ANCHOR_END: faux

/// What belongs to the device.
struct Lamp {
    device: ARef<Device>,
}

impl Drop for Lamp {
    fn drop(&mut self) {
        dev_info!(self.device, "The lamp is out.\n");
    }
}
