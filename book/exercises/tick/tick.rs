// SPDX-License-Identifier: GPL-2.0-only

//! Reads the registers of the machine's timer, and logs what they say.

use kernel::{
    acpi,
    device::Core,
    io::{
        register,
        Io, //
    },
    platform, //
};
use lkm::prelude::*;

kernel::module_platform_driver! {
    type: Tick,
    name: "tick",
    authors: ["lkmpg-rs developers"],
    description: "Reads the registers of a timer",
    license: "GPL",
}

register! {
    /// What the timer is.
    CAPABILITIES(u32) @ 0x0 {
        31:16 vendor;
    }
}

/// As many bytes as are needed of the registers.
const SIZE: usize = 4;

kernel::acpi_device_table!(ACPI_TABLE, (), [(acpi::DeviceId::new(c"PNP0103"), ())]);

struct Tick;

impl platform::Driver for Tick {
    type IdInfo = ();
    type Data<'bound> = Self;
    const ACPI_ID_TABLE: Option<acpi::IdTable<()>> = Some(&ACPI_TABLE);

    fn probe<'bound>(
        device: &'bound platform::Device<Core<'_>>,
        _kind: Option<&'bound ()>,
    ) -> impl PinInit<Self, Error> + 'bound {
        let request = device.io_request_by_index(0).ok_or(ENODEV)?;
        let registers = request.iomap_sized::<SIZE>()?;

        let vendor = registers.read(CAPABILITIES).vendor().get();
        dev_info!(device, "Its vendor is {vendor:#x}.\n");
        Ok(Tick)
    }
}
