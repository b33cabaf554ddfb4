// SPDX-License-Identifier: GPL-2.0-only

//! A device without a bus, and an attribute in its folder.
//!
//! A driver's settings belong into the folder of its device in `/sys/devices`, beside everything else
//! that the kernel knows of the device. No bus has this device, so the module makes it itself, on the
//! `faux` bus. All devices there have the same driver, which is bound at once.
//!
//! ```console
//! # insmod faux.ko
//! faux_driver lamp: level is 0 to 255
//! # cd /sys/bus/faux/devices/lamp
//! # readlink driver
//! ../../../bus/faux/drivers/faux_driver
//! # echo 100 > level; cat level
//! 100
//! # echo 256 > level
//! bash: echo: write error: Numerical result out of range
//! # cd /; rmmod faux
//! # ls /sys/bus/faux/devices/lamp
//! ls: /sys/bus/faux/devices/lamp: No such file or directory
//! ```
//!
//! The attributes live as long as the device is bound. Before it goes, the kernel waits for those who read
//! them; afterwards a file that is still open answers `ENODEV`. There is no `unbind` on this bus: only
//! the module takes the device away.
//!
//! Where to look: `drivers/base/faux.c`, and `samples/rust/rust_driver_faux.rs`.

use kernel::devres::Devres;
use lkm::{
    faux,
    prelude::*,
    sysfs::{
        Attribute,
        Attributes,
        DeviceAttributes,
        Group, //
    },
};

module! {
    type: Faux,
    name: "faux",
    authors: ["lkmpg-rs developers"],
    description: "A device without a bus",
    license: "GPL",
}

struct Faux {
    _attributes: Devres<DeviceAttributes<Lamp>>,
    _device: faux::Registration,
}

impl kernel::Module for Faux {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let device = faux::Registration::new(c"lamp")?;
        let lamp = Arc::new(Lamp(Atomic::new(0)), GFP_KERNEL)?;
        let attributes = DeviceAttributes::new(device.as_ref(), lamp)?;
        dev_info!(device.as_ref(), "level is 0 to 255\n");
        Ok(Faux {
            _attributes: attributes,
            _device: device,
        })
    }
}

struct Lamp(Atomic<u32>);

impl Attributes for Lamp {
    const GROUPS: &'static [Group<Self>] = &[Group::new(&[Attribute::read_write(
        c"level",
        |lamp, out| out.line(lamp.0.load(Relaxed)),
        |lamp, input| {
            let level: u8 = input.parse()?;
            lamp.0.store(level.into(), Relaxed);
            Ok(())
        },
    )])];
}
