// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 1.2: a module that stands on another one, [`stack_base`](../02-hello-world/stack_base.rs).
//!
//! ```console
//! # insmod stack_base.ko
//! stack_base: Take a number.
//! # insmod stack_top.ko
//! stack_top: I have number 1.
//! # rmmod stack_top
//! stack_top: Goodbye.
//! # insmod stack_top.ko
//! stack_top: I have number 2.
//! # modprobe -r stack_top
//! stack_top: Goodbye.
//! stack_base: 2 numbers were taken.
//! ```
//!
//! `modprobe -r` also unloads what nobody needs any more.
//!
//! `Symbols::new` compares what the two modules were compiled with. If somebody changes `stack.rs` and
//! builds only one of them anew, the load fails (`ENOEXEC`) instead of calling a function with the
//! wrong arguments.

use kernel::prelude::*;

mod stack;
use stack::tickets;

module! {
    type: StackTop,
    name: "stack_top",
    authors: ["lkmpg-rs developers"],
    description: "Takes a number from stack_base",
    license: "GPL",
}

struct StackTop;

// ANCHOR: call
impl kernel::Module for StackTop {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let number = tickets::Symbols::new()?.take();
        pr_info!("I have number {number}.\n");
        Ok(StackTop)
    }
}
// ANCHOR_END: call

impl Drop for StackTop {
    fn drop(&mut self) {
        pr_info!("Goodbye.\n");
    }
}
