// SPDX-License-Identifier: GPL-2.0-only

//! Says what a temperature means.

use lkm::prelude::*;

module! {
    type: Fever,
    name: "fever",
    authors: ["lkmpg-rs developers"],
    description: "Says what a temperature means",
    license: "GPL",
}

module_params! {
    temperatures: i32 {
        default: 37,
        description: "What was measured, in degrees Celsius",
        permissions: 0o444,
    },
}

struct Fever;

impl kernel::Module for Fever {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("{}: well\n", temperatures.value());
        Ok(Fever)
    }
}
