// SPDX-License-Identifier: GPL-2.0-only

//! A parameter with a limit.

use lkm::prelude::*;

module! {
    type: Volume,
    name: "volume",
    authors: ["lkmpg-rs developers"],
    description: "A parameter with a limit",
    license: "GPL",
}

module_params! {
    volume: u8 {
        default: 5,
        description: "How loud, 0 to 10",
        permissions: 0o644,
    },
}

struct Volume;

impl kernel::Module for Volume {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("at first {}\n", volume.value());
        Ok(Volume)
    }
}
