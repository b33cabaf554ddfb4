// SPDX-License-Identifier: GPL-2.0-only

//! Loads a firmware image.

use lkm::{
    firmware::{
        Device,
        Image, //
    },
    prelude::*,
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
        let name = image.value();
        // Whatever fails, the device is dropped.
        let loaded = Image::request((*device).as_ref(), name)
            .inspect_err(|e| pr_err!("{name} cannot be loaded: {e:?}\n"))?;
        let bytes = loaded.data();
        let sum: u64 = bytes.iter().map(|byte| u64::from(*byte)).sum();
        pr_info!("{name} has {} bytes, their sum is {sum}.\n", bytes.len());
        Ok(FirmwareSum { _device: device })
    }
}
