// SPDX-License-Identifier: GPL-2.0-only

//! Asks QEMU's edu device whether it is alive, and what the factorial of a number is.

use kernel::{
    device::Core,
    io::{
        poll::read_poll_timeout,
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

    /// Gives back the opposite of what was written, bit by bit.
    LIVENESS(u32) @ 0x04 {
        31:0 value;
    }

    /// Takes a number, and has its factorial when it is computed.
    FACTORIAL(u32) @ 0x08 {
        31:0 value;
    }

    /// What the device does.
    STATUS(u32) @ 0x20 {
        0:0 computing => bool;
    }
}

/// As many bytes as are needed of the registers.
type Registers<'bound> = Bar<'bound, 0x24>;

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

        let question = 0x1234_5678_u32;
        registers.write_reg(LIVENESS::zeroed().with_value(question));
        if registers.read(LIVENESS).value().get() != !question {
            dev_err!(device, "It is dead.\n");
            return Err(ENODEV);
        }
        dev_info!(device, "It is alive.\n");

        registers.write_reg(FACTORIAL::zeroed().with_value(12_u32));
        let (pause, limit) = (Delta::from_millis(1), Delta::from_millis(1000));
        let status = || Ok(registers.read(STATUS));
        read_poll_timeout(status, |status| !status.computing(), pause, limit)?;
        let factorial = registers.read(FACTORIAL).value().get();
        dev_info!(device, "12! is {factorial}.\n");
        Ok(Alive)
    }
}
