// SPDX-License-Identifier: GPL-2.0-only

//! configfs: a user makes the kernel's objects, with `mkdir`.
//!
//! In sysfs a module shows the objects that it has. In configfs it says what kinds of objects there can
//! be. A user makes as many as are needed, gives them values, and removes them. In this way an
//! administrator tells the kernel of USB gadgets, or of disks to serve to the network.
//!
//! ```console
//! # mount -t configfs none /sys/kernel/config
//! # insmod configfs_lamps.ko
//! # cd /sys/kernel/config/lamps
//! # mkdir kitchen
//! configfs_lamps: The lamp kitchen is there.
//! # echo 40 > kitchen/brightness
//! # cat kitchen/brightness
//! 40
//! # echo 101 > kitchen/brightness
//! bash: echo: write error: Invalid argument
//! # rmmod configfs_lamps
//! rmmod: ERROR: Module configfs_lamps is in use
//! # rmdir kitchen
//! configfs_lamps: The lamp kitchen is gone.
//! # cd /modules
//! # rmmod configfs_lamps
//! # umount /sys/kernel/config
//! ```
//!
//! As long as there is an object, the module stays.
//!
//! The sample is not called `configfs`, after its chapter: the kernel has a module of that name.
//!
//! Each kind of directory is an implementation of `Item`. `make` is `mkdir`: it returns how an object is
//! made, and `rmdir` drops it. The files in it are attributes as in sysfs. C fills in a
//! `struct config_item_type` with tables of functions, and counts references to know when nobody uses
//! an object any more.
//!
//! Where to look: `Documentation/filesystems/configfs.rst`, and `samples/configfs/configfs_sample.c`.

use kernel::str::CString;
use lkm::{
    configfs::Attribute,
    prelude::*, //
};

module! {
    type: ConfigfsLamps,
    name: "configfs_lamps",
    authors: ["lkmpg-rs developers"],
    description: "Objects that a user makes",
    license: "GPL",
}

struct ConfigfsLamps {
    _lamps: configfs::Subsystem<Lamps>,
}

impl kernel::Module for ConfigfsLamps {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let lamps = Lamps {
            made: Atomic::new(0),
        };
        Ok(ConfigfsLamps {
            _lamps: configfs::new_subsystem!(c"lamps", lamps)?,
        })
    }
}

/// The directory in which lamps are made.
struct Lamps {
    made: Atomic<u32>,
}

// ANCHOR: group
impl configfs::Item for Lamps {
    type Child = Lamp;

    const ATTRIBUTES: &'static [Attribute<Self>] =
        &[Attribute::read_only(c"made", |lamps, out| {
            out.line(lamps.made.load(Relaxed))
        })];

    fn make(&self, name: &CStr) -> impl PinInit<Lamp, Error> {
        let lamp = Lamp {
            brightness: Atomic::new(0),
            _sign: Sign::new(CString::try_from(name)?),
        };
        self.made.fetch_add(1, Relaxed);
        Ok(lamp)
    }
}
// ANCHOR_END: group

/// What `mkdir` makes, and `rmdir` drops.
struct Lamp {
    brightness: Atomic<u32>,
    _sign: Sign,
}

// ANCHOR: attribute
impl configfs::Item for Lamp {
    /// There is nothing to be made in a lamp.
    type Child = Self;

    const ATTRIBUTES: &'static [Attribute<Self>] = &[Attribute::read_write(
        c"brightness",
        |lamp, out| out.line(lamp.brightness.load(Relaxed)),
        |lamp, input| {
            let percent = input.parse()?;
            if percent > 100 {
                return Err(EINVAL);
            }
            lamp.brightness.store(percent, Relaxed);
            Ok(())
        },
    )];
}
// ANCHOR_END: attribute

/// Tells when a lamp comes and goes.
struct Sign(CString);

impl Sign {
    fn new(name: CString) -> Self {
        pr_info!("The lamp {} is there.\n", &*name);
        Sign(name)
    }
}

impl Drop for Sign {
    fn drop(&mut self) {
        pr_info!("The lamp {} is gone.\n", &*self.0);
    }
}
