// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.7: one module out of two source files, `start.rs` and `stop.rs`.
//!
//! ```console
//! # insmod start_stop.ko
//! start_stop: Hello, world - this is the kernel speaking
//! # rmmod start_stop
//! start_stop: Short is the life of a kernel module
//! ```
//!
//! C compiles the files apart and links them. In Rust a module is one crate, whatever the number
//! of its files: the `mod` line brings in the other one, and `Kbuild` names the first.
//!
//! The guide's first message has no level, and so gets the kernel's default one; `pr_info!` is the
//! level for what is neither an error nor a warning.

// ANCHOR: mod
use kernel::prelude::*;

mod stop;
// ANCHOR_END: mod

module! {
    type: StartStop,
    name: "start_stop",
    authors: ["lkmpg-rs developers"],
    description: "A module out of two source files",
    license: "GPL",
}

struct StartStop;

impl kernel::Module for StartStop {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("Hello, world - this is the kernel speaking\n");
        Ok(StartStop)
    }
}
