// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.3: an `init` that fails half way.
//!
//! ```console
//! # insmod hello_2.ko
//! hello_2: Hello, world 2
//! # rmmod hello_2
//! hello_2: Goodbye, world 2
//! # insmod hello_2.ko fail=12
//! hello_2: Hello, world 2
//! hello_2: Goodbye, world 2
//! insmod: ERROR: could not insert module hello_2.ko: Cannot allocate memory
//! ```
//!
//! The guide asks what happens if `init` returns something else than 0. In C, `init` must then undo
//! what it did so far, by hand, and `insmod` gets the error. Here each thing that `init` makes is a
//! value that undoes itself when it is dropped, so `?` is all that there is to write. With `fail=12`,
//! the second step fails with errno 12 (`ENOMEM`), the greeting is dropped, and nothing stays loaded.
//!
//! `insmod` explains the errno in its own way: after `fail=8` (`ENOEXEC`) it says that the module's format is
//! wrong. `fail=17` (`EEXIST`) is for the kernel, to say that a module of that name is loaded. It makes `EBUSY` of it.

use kernel::{
    error::to_result,
    prelude::*, //
};

module! {
    type: Hello2,
    name: "hello_2",
    authors: ["lkmpg-rs developers"],
    description: "A module whose init can fail half way",
    license: "GPL",
}

lkm::module_params! {
    fail: u8 {
        default: 0,
        description: "Errno to fail with, 0 for none",
        permissions: 0,
    },
}

// ANCHOR: undo
struct Hello2 {
    _greeting: Greeting,
}

impl kernel::Module for Hello2 {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let greeting = Greeting::new();
        second_step()?;
        Ok(Hello2 {
            _greeting: greeting,
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
// ANCHOR_END: undo

/// Fails as a function in C does: 0 is success, and an error is a negative errno.
fn second_step() -> Result {
    to_result(-c_int::from(fail.value()))
}
