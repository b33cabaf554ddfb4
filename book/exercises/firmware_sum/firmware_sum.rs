// SPDX-License-Identifier: GPL-2.0-only

//! Loads a firmware image.

use lkm::{
    firmware::Device,
    prelude::*, //
};

module! {
    type: FirmwareSum,
    name: "firmware_sum",
    authors: ["lkmpg-rs developers"],
    description: "Loads a firmware image",
    license: "GPL",
}

module_params! {
    image: str {
        default: c"sum.bin",
        description: "The name of the image",
        permissions: 0o444,
    },
}

struct FirmwareSum {
    _device: Arc<Device>,
}

impl kernel::Module for FirmwareSum {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let device = Device::new(c"firmware_sum")?;
        Ok(FirmwareSum { _device: device })
    }
}
