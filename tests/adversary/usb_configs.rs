// SPDX-License-Identifier: GPL-2.0-only

//! A driver whose data is a folder of configfs. It is unbound when there are directories in it.

use kernel::{
    device::Core,
    usb::{
        DeviceId,
        Driver,
        IdTable,
        Interface, //
    },
};
use lkm::{
    configfs::{
        Attribute,
        Item,
        Subsystem, //
    },
    prelude::*, //
};

kernel::module_usb_driver! {
    type: Configs,
    name: "usb_configs",
    authors: ["lkmpg-rs developers"],
    description: "Has a folder that is used when its device goes",
    license: "GPL",
}

// QEMU's serial adapter.
kernel::usb_device_table!(TABLE, (), [(DeviceId::from_id(0x0403, 0x6001), ())]);

struct Configs;

impl Driver for Configs {
    type IdInfo = ();
    type Data<'bound> = Subsystem<Folder>;
    const ID_TABLE: IdTable<()> = &TABLE;

    fn probe<'bound>(
        _interface: &'bound Interface<Core<'_>>,
        _id: &DeviceId,
        _info: Option<&'bound ()>,
    ) -> impl PinInit<Subsystem<Folder>, Error> + 'bound {
        configfs::new_subsystem!(c"usb_configs", Folder)
    }

    fn disconnect<'bound>(
        _interface: &'bound Interface<Core<'_>>,
        _folder: Pin<&Subsystem<Folder>>,
    ) {
    }
}

struct Folder;

impl Item for Folder {
    type Child = Self;

    const ATTRIBUTES: &'static [Attribute<Self>] =
        &[Attribute::read_only(c"is_there", |_, out| out.line("yes"))];

    fn make(&self, _name: &CStr) -> impl PinInit<Self, Error> {
        Ok(Folder)
    }
}
