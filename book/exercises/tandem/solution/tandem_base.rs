// SPDX-License-Identifier: GPL-2.0-only

//! Has a bell.

use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

mod shared;
use shared::bell;

module! {
    type: TandemBase,
    name: "tandem_base",
    authors: ["lkmpg-rs developers"],
    description: "Has a bell",
    license: "GPL",
}

static RUNG: Atomic<u64> = Atomic::new(0);

lkm::export! {
    bell:
    fn ring() -> u64 {
        RUNG.fetch_add(1, Relaxed) + 1
    }
}

struct TandemBase;

impl kernel::Module for TandemBase {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("Here is a bell.\n");
        Ok(TandemBase)
    }
}
