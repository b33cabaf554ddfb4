// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.6, one step further: a parameter that is checked, and acts when it is set.
//!
//! Root may change a parameter while the module is loaded, if its file in sysfs can be written. The
//! module does not notice: it reads another value the next time it looks. With `on_set` it is asked
//! first. It can do what the new value calls for, or refuse it; then the old one stays.
//!
//! ```console
//! # insmod hello_6.ko greetings=1
//! hello_6: Hello again.
//! # cd /sys/module/hello_6/parameters
//! # echo 2 > greetings
//! hello_6: Hello again.
//! hello_6: Hello again.
//! # echo 11 > greetings
//! hello_6: 11 greetings are too many: 0 to 10 will do.
//! bash: echo: write error: Invalid argument
//! # cat greetings
//! 2
//! # rmmod hello_6
//! ```
//!
//! The loader sets the parameters before it calls `init`. So a value that is refused fails the load:
//!
//! ```console
//! # insmod hello_6.ko greetings=11
//! hello_6: 11 greetings are too many: 0 to 10 will do.
//! hello_6: `11' invalid for parameter `greetings'
//! insmod: ERROR: could not insert module hello_6.ko: Invalid parameters
//! ```
//!
//! C has `module_param_cb()` for this, with a `struct kernel_param_ops` whose `set` parses the text
//! and stores the value by itself. Here the kernel's own function parses, and `on_set` is given a
//! number.

use lkm::prelude::*;

module! {
    type: Hello6,
    name: "hello_6",
    authors: ["lkmpg-rs developers"],
    description: "A parameter that is checked, and acts when it is set",
    license: "GPL",
}

// ANCHOR: on_set
module_params! {
    greetings: u8 {
        default: 0,
        description: "How often to greet, 0 to 10 times",
        permissions: 0o644,
        on_set: greet,
    },
}

fn greet(times: u8) -> Result {
    if times > 10 {
        pr_err!("{times} greetings are too many: 0 to 10 will do.\n");
        return Err(EINVAL);
    }
    for _ in 0..times {
        pr_info!("Hello again.\n");
    }
    Ok(())
}
// ANCHOR_END: on_set

struct Hello6;

impl kernel::Module for Hello6 {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Hello6)
    }
}
