// SPDX-License-Identifier: GPL-2.0-only

//! Is loaded when somebody wants it.

use kernel::prelude::*;

module! {
    type: Wanted,
    name: "wanted",
    authors: ["lkmpg-rs developers"],
    description: "Is loaded when somebody wants it",
    license: "GPL",
}

struct Wanted;

impl kernel::Module for Wanted {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("here I am\n");
        Ok(Wanted)
    }
}
