// SPDX-License-Identifier: GPL-2.0-only

//! configfs: a user makes the kernel's objects, with `mkdir`.
//!
//! In sysfs a module shows the objects that it has. In configfs it says what kind of objects there can
//! be, and a user makes as many as are needed, gives them values, and removes them. That is how the
//! kernel is told of USB gadgets or disks to serve to the network.
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
//! The kernel crate has what this takes. `make_group` is `mkdir`: it returns how an object is made, and
//! `rmdir` drops it. Each attribute, a file, is an implementation of `AttributeOperations` with a
//! number of its own. C fills in a `struct config_item_type` with tables of functions, and counts
//! references to know when the last one who looks at an object has gone.

use kernel::{
    configfs,
    configfs_attrs,
    page::PAGE_SIZE,
    str::CString, //
};
use lkm::prelude::*;

module! {
    type: ConfigfsLamps,
    name: "configfs_lamps",
    authors: ["lkmpg-rs developers"],
    description: "Objects that a user makes",
    license: "GPL",
}

#[pin_data]
struct ConfigfsLamps {
    #[pin]
    _lamps: configfs::Subsystem<Lamps>,
}

impl kernel::InPlaceModule for ConfigfsLamps {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let kind = configfs_attrs! {
            container: configfs::Subsystem<Lamps>,
            data: Lamps,
            child: Lamp,
            attributes: [
                made: 0,
            ],
        };
        let lamps = try_pin_init!(Lamps {
            made: Atomic::new(0),
        });
        try_pin_init!(Self {
            _lamps <- configfs::Subsystem::new(c"lamps", kind, lamps),
        })
    }
}

/// The directory in which lamps are made.
#[pin_data]
struct Lamps {
    made: Atomic<u32>,
}

// ANCHOR: group
#[vtable]
impl configfs::GroupOperations for Lamps {
    type Child = Lamp;

    fn make_group(&self, name: &CStr) -> Result<impl PinInit<configfs::Group<Lamp>, Error>> {
        let kind = configfs_attrs! {
            container: configfs::Group<Lamp>,
            data: Lamp,
            attributes: [
                brightness: 0,
            ],
        };
        let lamp = Lamp::new(CString::try_from(name)?);
        self.made.fetch_add(1, Relaxed);
        Ok(configfs::Group::new(name.try_into()?, kind, lamp))
    }
}
// ANCHOR_END: group

#[vtable]
impl configfs::AttributeOperations<0> for Lamps {
    type Data = Lamps;

    fn show(lamps: &Lamps, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        Ok(show(lamps.made.load(Relaxed), page))
    }
}

/// What `mkdir` makes, and `rmdir` drops.
#[pin_data]
struct Lamp {
    brightness: Atomic<u32>,
    _sign: Sign,
}

impl Lamp {
    fn new(name: CString) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            brightness: Atomic::new(0),
            _sign: Sign::new(name),
        })
    }
}

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

// ANCHOR: attribute
#[vtable]
impl configfs::AttributeOperations<0> for Lamp {
    type Data = Lamp;

    fn show(lamp: &Lamp, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        Ok(show(lamp.brightness.load(Relaxed), page))
    }

    fn store(lamp: &Lamp, text: &[u8]) -> Result {
        let text = core::str::from_utf8(text).map_err(|_| EINVAL)?;
        match text.trim().parse() {
            Ok(percent @ 0..=100) => lamp.brightness.store(percent, Relaxed),
            _ => return Err(EINVAL),
        }
        Ok(())
    }
}
// ANCHOR_END: attribute

/// Writes a line with a number to the page that a file shows. Returns its length.
fn show(number: u32, page: &mut [u8; PAGE_SIZE]) -> usize {
    let line = Message::<16>::format(fmt!("{number}\n"));
    for (to, from) in page.iter_mut().zip(line.as_bytes()) {
        *to = *from;
    }
    line.len()
}
