// SPDX-License-Identifier: GPL-2.0-only

//! A driver for devices that the firmware tells of.

use kernel::{
    acpi,
    device::Core,
    platform, //
};
use lkm::prelude::*;

kernel::module_platform_driver! {
    type: Bind,
    name: "bind",
    authors: ["lkmpg-rs developers"],
    description: "Drives two devices that QEMU has",
    license: "GPL",
}

/// What the driver knows of a kind of device.
struct Kind {
    what: &'static str,
}

kernel::acpi_device_table!(
    ACPI_TABLE,
    Kind,
    [(
        acpi::DeviceId::new(c"NONE0000"),
        Kind {
            what: "the configuration"
        }
    )]
);

struct Bind;

impl platform::Driver for Bind {
    type IdInfo = Kind;
    type Data<'bound> = Bound<'bound>;
    const ACPI_ID_TABLE: Option<acpi::IdTable<Kind>> = Some(&ACPI_TABLE);

    fn probe<'bound>(
        device: &'bound platform::Device<Core<'_>>,
        kind: Option<&'bound Kind>,
    ) -> impl PinInit<Bound<'bound>, Error> + 'bound {
        let kind = kind.ok_or(ENODEV)?;
        dev_info!(device, "Here is {}.\n", kind.what);
        Ok(Bound { _device: device })
    }
}

/// What there is while a device is bound.
struct Bound<'bound> {
    _device: &'bound platform::Device,
}
