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
    temperatures: [i32; 8] {
        default: [37; 8],
        description: "What was measured, up to eight times, in degrees Celsius",
        permissions: 0o444,
    },
}

struct Fever;

impl kernel::Module for Fever {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let all = temperatures.value();
        let given = || all.iter().take(temperatures.count());
        if let Some(odd) = given().find(|it| !(20..=45).contains(*it)) {
            pr_err!("temperatures: {odd} degrees is not from 20 to 45\n");
            return Err(EINVAL);
        }
        for it in given() {
            match it {
                ..=37 => pr_info!("{it}: well\n"),
                38..=40 => pr_warn!("{it}: a fever\n"),
                _ => pr_crit!("{it}: call a doctor\n"),
            }
        }
        Ok(Fever)
    }
}
