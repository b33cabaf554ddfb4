// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.5: licence and documentation, which `modinfo` shows.
//!
//! ```sh
//! modinfo hello_4.ko
//! insmod hello_4.ko && cat /sys/module/hello_4/taint && rmmod hello_4
//! ```
//!
//! A module without a licence, or with one that the kernel does not know as free, taints the
//! kernel (`P`). `module!` does not compile without one. What is left here is `O`: built out of
//! tree.

use kernel::prelude::*;

module! {
    type: Hello4,
    name: "hello_4",
    authors: ["lkmpg-rs developers"],
    description: "A sample driver",
    license: "GPL",
}

struct Hello4;

impl kernel::Module for Hello4 {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_alert!("Hello, world 4\n");
        Ok(Hello4)
    }
}

impl Drop for Hello4 {
    fn drop(&mut self) {
        pr_alert!("Goodbye, world 4\n");
    }
}
