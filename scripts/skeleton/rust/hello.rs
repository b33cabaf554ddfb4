// SPDX-License-Identifier: GPL-2.0-only

//! A module that says hello and goodbye.

use kernel::prelude::*;

module! {
    type: Skeleton,
    name: "skeleton",
    authors: ["@AUTHOR@"],
    description: "A module that says hello and goodbye",
    license: "GPL",
}

struct Skeleton;

impl kernel::Module for Skeleton {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("Hello\n");
        Ok(Skeleton)
    }
}

impl Drop for Skeleton {
    fn drop(&mut self) {
        pr_info!("Goodbye\n");
    }
}
