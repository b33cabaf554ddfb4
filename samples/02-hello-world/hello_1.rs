// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.1: the simplest module.
//!
//! ```sh
//! insmod hello_1.ko && rmmod hello_1
//! insmod hello_1.ko fail=12    # "Cannot allocate memory", and nothing is loaded.
//! ```
//!
//! The guide asks what happens if `init` returns something else than 0. `fail=` answers without a
//! rebuild: it is the errno that `init` returns.

use kernel::prelude::*;

module! {
    type: Hello1,
    name: "hello_1",
    authors: ["lkmpg-rs developers"],
    description: "The simplest module",
    license: "GPL",
}

lkm::module_params! {
    fail: u8 {
        default: 0,
        description: "Errno to fail with, 0 for none",
        permissions: 0,
    },
}

struct Hello1;

impl kernel::Module for Hello1 {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_alert!("Hello world 1.\n");
        kernel::error::to_result(-i32::from(fail.value()))?;
        Ok(Hello1)
    }
}

impl Drop for Hello1 {
    fn drop(&mut self) {
        pr_alert!("Goodbye world 1.\n");
    }
}
