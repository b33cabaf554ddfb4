// SPDX-License-Identifier: GPL-2.0-only

//! Allocates the interrupts of a device twice, by safe code: docs/upstream.md. It takes any device that nobody
//! drives and that can send a message, such as QEMU's `edu`:
//!
//! ```sh
//! insmod pci_vectors.ko
//! echo pci_vectors > /sys/bus/pci/devices/DEVICE/driver_override
//! echo DEVICE > /sys/bus/pci/drivers_probe
//! ```

use kernel::{
    device::Core,
    pci::{
        self,
        DeviceId,
        IrqTypes,
        Vendor, //
    },
    prelude::*, //
};

kernel::module_pci_driver! {
    type: PciVectors,
    name: "pci_vectors",
    authors: ["lkmpg-rs developers"],
    description: "Allocates interrupts twice",
    license: "GPL",
}

// None: `driver_override` says which.
kernel::pci_device_table!(TABLE, (), [(DeviceId::from_id(Vendor::REDHAT, 0xffff), ())]);

struct PciVectors;

impl pci::Driver for PciVectors {
    type IdInfo = ();
    type Data<'bound> = Self;
    const ID_TABLE: pci::IdTable<()> = &TABLE;

    fn probe<'bound>(
        device: &'bound pci::Device<Core<'_>>,
        _kind: Option<&'bound ()>,
    ) -> impl PinInit<Self, Error> + 'bound {
        let first = device.alloc_irq_vectors(1, 1, IrqTypes::all())?;
        let second = device.alloc_irq_vectors(1, 1, IrqTypes::all())?;
        drop(second);
        dev_info!(device, "The message of the first is gone.\n");
        drop(first);
        Ok(PciVectors)
    }
}
