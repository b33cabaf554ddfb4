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
        12:8 last_timer;
    }

    /// How long a tick is, in femtoseconds.
    PERIOD(u32) @ 0x4 {
        31:0 fs;
    }

    /// How many ticks there were.
    COUNTER(u32) @ 0xf0 {
        31:0 ticks;
    }
}

/// As many bytes as are needed of the registers.
const SIZE: usize = 0xf4;

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

        let capabilities = registers.read(CAPABILITIES);
        let vendor = capabilities.vendor().get();
        let timers = capabilities.last_timer().get() + 1;
        let tick = registers.read(PERIOD).fs().get();
        let counter = registers.read(COUNTER).ticks().get();
        dev_info!(device, "Its vendor is {vendor:#x}.\n");
        dev_info!(device, "A tick is {tick} fs.\n");
        dev_info!(device, "There are {timers} timers.\n");
        dev_info!(device, "The counter is at {counter}.\n");
        Ok(Tick)
    }
}
