// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.1: the simplest module.
//!
//! ```console
//! # insmod hello_1.ko
//! hello_1: Hello world 1.
//! # lsmod | grep hello_1
//! hello_1 [..] 0
//! # rmmod hello_1
//! hello_1: Goodbye world 1.
//! ```
//!
//! A module is a library that the kernel links to itself while it runs. `insmod` hands the kernel a
//! file, and the kernel calls `init`. Then nothing happens until somebody needs the module, and nobody
//! ever needs this one. `rmmod` drops the value that `init` returned. The two functions of C,
//! `module_init` and `module_exit`, are `init` and `drop` here.
//!
//! `pr_alert!` writes to the kernel's log, which `dmesg` shows. Messages of such a high level appear
//! on the console, too.
//!
//! Where to look: `rust/kernel/lib.rs` has the trait `Module`, `rust/macros/module.rs` what `module!`
//! makes, and `samples/rust/rust_minimal.rs` is the kernel's own first module.

// ANCHOR: module
use kernel::prelude::*;

module! {
    type: Hello1,
    name: "hello_1",
    authors: ["lkmpg-rs developers"],
    description: "The simplest module",
    license: "GPL",
}

struct Hello1;

impl kernel::Module for Hello1 {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_alert!("Hello world 1.\n");
        Ok(Hello1)
    }
}

impl Drop for Hello1 {
    fn drop(&mut self) {
        pr_alert!("Goodbye world 1.\n");
    }
}
// ANCHOR_END: module
