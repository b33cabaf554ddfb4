// SPDX-License-Identifier: GPL-2.0-only

//! Asks QEMU's edu device whether it is alive, and what the factorial of a number is.

use kernel::{
    device::Core,
    io::{
        register,
        Io, //
    },
    pci::{
        Bar,
        Device, //
    },
};
use lkm::prelude::*;

kernel::module_pci_driver! {
    type: Alive,
    name: "alive",
    authors: ["lkmpg-rs developers"],
    description: "Asks a device whether it is alive",
    license: "GPL",
}

register! {
    /// What the device is.
    IDENTIFICATION(u32) @ 0x00 {
        31:24 major;
        23:16 minor;
    }
}

/// As many bytes as are needed of the registers.
type Registers<'bound> = Bar<'bound, 4>;

kernel::pci_device_table!(TABLE, (), [(lkm::pci::device_id(0x1234, 0x11e8), ())]);

struct Alive;

impl kernel::pci::Driver for Alive {
    type IdInfo = ();
    type Data<'bound> = Self;
    const ID_TABLE: kernel::pci::IdTable<()> = &TABLE;

    fn probe<'bound>(
        device: &'bound Device<Core<'_>>,
        _kind: Option<&'bound ()>,
    ) -> impl PinInit<Self, Error> + 'bound {
        lkm::pci::enable(device)?;
        let registers: Registers<'_> = device.iomap_region_sized(0, c"alive")?;
        let id = registers.read(IDENTIFICATION);
        let (major, minor) = (id.major().get(), id.minor().get());
        dev_info!(device, "This is edu {major}.{minor}.\n");
        Ok(Alive)
    }
}
