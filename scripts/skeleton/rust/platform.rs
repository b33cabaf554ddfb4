// SPDX-License-Identifier: GPL-2.0-only

//! A driver for a platform device.
//!
//! The device is one that each VM of QEMU has: in ACPI's tables on x86-64, and in the device
//! tree on arm64 and riscv64. Put your own into the one or the other.

use kernel::{
    acpi,
    device::Core,
    of,
    platform,
    prelude::*,
    sync::aref::ARef, //
};

struct Skeleton {
    device: ARef<platform::Device>,
}

kernel::acpi_device_table!(
    ACPI_DEVICES,
    <Skeleton as platform::Driver>::IdInfo,
    [(acpi::DeviceId::new(c"QEMU0002"), ())]
);

kernel::of_device_table!(
    OF_DEVICES,
    <Skeleton as platform::Driver>::IdInfo,
    [(of::DeviceId::new(c"qemu,fw-cfg-mmio"), ())]
);

impl platform::Driver for Skeleton {
    type IdInfo = ();
    type Data<'bound> = Self;
    const ACPI_ID_TABLE: Option<acpi::IdTable<Self::IdInfo>> = Some(&ACPI_DEVICES);
    const OF_ID_TABLE: Option<of::IdTable<Self::IdInfo>> = Some(&OF_DEVICES);

    fn probe<'bound>(
        device: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound Self::IdInfo>,
    ) -> impl PinInit<Self, Error> + 'bound {
        dev_info!(device.as_ref(), "Hello\n");
        Ok::<_, Error>(Self {
            device: device.into(),
        })
    }
}

impl Drop for Skeleton {
    fn drop(&mut self) {
        dev_info!(self.device.as_ref(), "Goodbye\n");
    }
}

kernel::module_platform_driver! {
    type: Skeleton,
    name: "skeleton",
    authors: ["@AUTHOR@"],
    description: "A driver for a platform device",
    license: "GPL",
}
