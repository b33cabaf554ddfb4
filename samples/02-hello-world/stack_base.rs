// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 1.2: a module that others stand on.
//!
//! A module can use what the kernel exports, and what another module exports. The other one must be
//! there first, and stay. `modprobe` loads both, in the right order:
//!
//! ```console
//! # modprobe stack_top
//! stack_base: Take a number.
//! stack_top: I have number 1.
//! # lsmod | grep stack
//! stack_top [..] 0
//! stack_base [..] 1 stack_top
//! # rmmod stack_base
//! rmmod: ERROR: Module stack_base is in use by: stack_top
//! # rmmod stack_top
//! stack_top: Goodbye.
//! # rmmod stack_base
//! stack_base: 1 numbers were taken.
//! ```
//!
//! The build finds out who needs whom. `modpost` sees that stack_top calls a function that stack_base
//! has and the kernel does not, and writes that into the module. `depmod` makes the list for
//! `modprobe` from the symbols of all modules:
//!
//! ```console
//! # modinfo -F depends /modules/stack_top.ko
//! stack_base
//! # grep stack_top.ko: /lib/modules/$(uname -r)/modules.dep
//! extra/stack_top.ko: extra/stack_base.ko
//! ```
//!
//! `insmod` takes one file and reads no list. The loader then finds the symbols, or not:
//!
//! ```console
//! # insmod stack_top.ko
//! stack_top: Unknown symbol [..]
//! ...
//! insmod: ERROR: could not insert module stack_top.ko: Unknown symbol in module
//! ```
//!
//! Functions in Rust have no fixed type for the linker: another compiler may pass arguments in another
//! way. So `stack.rs` says which functions there are, both modules compile it, and `export!` gives
//! them C's calling convention. C would write the function, `EXPORT_SYMBOL_GPL(tickets_take)` and a
//! header.
//!
//! Where to look: `include/linux/export.h`, `scripts/mod/modpost.c`, and `resolve_symbol` in
//! `kernel/module/main.c`.

use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

mod stack;
use stack::tickets;

module! {
    type: StackBase,
    name: "stack_base",
    authors: ["lkmpg-rs developers"],
    description: "Gives out numbers to other modules",
    license: "GPL",
}

// ANCHOR: export
static TAKEN: Atomic<u64> = Atomic::new(0);

lkm::export! {
    tickets:
    fn take() -> u64 {
        TAKEN.fetch_add(1, Relaxed) + 1
    }
}
// ANCHOR_END: export

struct StackBase;

impl kernel::Module for StackBase {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("Take a number.\n");
        Ok(StackBase)
    }
}

impl Drop for StackBase {
    fn drop(&mut self) {
        pr_info!("{} numbers were taken.\n", TAKEN.load(Relaxed));
    }
}
