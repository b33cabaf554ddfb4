// SPDX-License-Identifier: GPL-2.0-only

//! Rings the bell of tandem_base.

use kernel::prelude::*;

mod shared;
use shared::bell;

module! {
    type: Tandem,
    name: "tandem",
    authors: ["lkmpg-rs developers"],
    description: "Rings the bell of another module",
    license: "GPL",
}

struct Tandem;

impl kernel::Module for Tandem {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let rung = bell::Symbols::new()?.ring();
        pr_info!("The bell was rung {rung} times.\n");
        Ok(Tandem)
    }
}
