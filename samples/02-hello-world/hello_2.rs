// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.3: what `init` and exit are made of.
//!
//! ```sh
//! insmod hello_2.ko && rmmod hello_2
//! insmod hello_2.ko fail=1     # "Operation not permitted": the first step is undone.
//! ```
//!
//! C names two functions with `module_init()` and `module_exit()`, and the second one must undo
//! what the first one did. Here the module is a value: `init` says how its fields are made, one
//! after the other, and unloading drops them. If a field cannot be made, those before it are
//! dropped and `insmod` gets the error; nobody has to write that down.

use kernel::{
    error::to_result,
    prelude::*, //
};

module! {
    type: Hello2,
    name: "hello_2",
    authors: ["lkmpg-rs developers"],
    description: "A module that is made in place, field by field",
    license: "GPL",
}

lkm::module_params! {
    fail: u8 {
        default: 0,
        description: "Errno to fail with, 0 for none",
        permissions: 0,
    },
}

#[pin_data]
struct Hello2 {
    _greeting: Greeting,
    _rest: (),
}

impl kernel::InPlaceModule for Hello2 {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _greeting: Greeting::new(),
            _rest: to_result(-i32::from(fail.value()))?,
        })
    }
}

/// Says hello when it is made and goodbye when it goes.
struct Greeting;

impl Greeting {
    fn new() -> Self {
        pr_alert!("Hello, world 2\n");
        Greeting
    }
}

impl Drop for Greeting {
    fn drop(&mut self) {
        pr_alert!("Goodbye, world 2\n");
    }
}
