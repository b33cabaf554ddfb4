// SPDX-License-Identifier: GPL-2.0-only

//! Loads if the answer is right.

use lkm::prelude::*;

module! {
    type: Refuse,
    name: "refuse",
    authors: ["lkmpg-rs developers"],
    description: "Loads if the answer is right",
    license: "GPL",
}

module_params! {
    answer: u32 {
        default: 0,
        description: "The answer",
        permissions: 0o444,
    },
}

struct Refuse;

impl kernel::Module for Refuse {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        if answer.value() != 42 {
            pr_err!("{} is not the answer.\n", answer.value());
            return Err(EINVAL);
        }
        pr_info!("{} it is.\n", answer.value());
        Ok(Refuse)
    }
}
