// SPDX-License-Identifier: GPL-2.0-only

//! Has a bell.

use kernel::prelude::*;

module! {
    type: TandemBase,
    name: "tandem_base",
    authors: ["lkmpg-rs developers"],
    description: "Has a bell",
    license: "GPL",
}

struct TandemBase;

impl kernel::Module for TandemBase {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("Here is a bell.\n");
        Ok(TandemBase)
    }
}
