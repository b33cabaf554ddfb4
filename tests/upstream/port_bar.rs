// SPDX-License-Identifier: GPL-2.0-only

//! Reads a register that is an I/O port, by safe code: docs/upstream.md. The device is QEMU's `pci-serial`.

use kernel::{
    device::Core,
    io::Io,
    pci::{
        self,
        Bar,
        DeviceId,
        Vendor, //
    },
    prelude::*, //
};

kernel::module_pci_driver! {
    type: PortBar,
    name: "port_bar",
    authors: ["lkmpg-rs developers"],
    description: "Reads an I/O port as if it were memory",
    license: "GPL",
}

kernel::pci_device_table!(TABLE, (), [(DeviceId::from_id(Vendor::REDHAT, 2), ())]);

struct PortBar;

impl pci::Driver for PortBar {
    type IdInfo = ();
    type Data<'bound> = Self;
    const ID_TABLE: pci::IdTable<()> = &TABLE;

    fn probe<'bound>(
        device: &'bound pci::Device<Core<'_>>,
        _kind: Option<&'bound ()>,
    ) -> impl PinInit<Self, Error> + 'bound {
        let registers: Bar<'_, 8> = device.iomap_region_sized(0, c"port_bar")?;
        dev_info!(device, "The line's status: {:#x}\n", registers.read8(5));
        Ok(PortBar)
    }
}
