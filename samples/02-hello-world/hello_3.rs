// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.4: code and data that are freed once the module is loaded.
//!
//! ```console
//! # insmod hello_3.ko
//! hello_3: Hello, world 3
//! # cat /sys/module/hello_3/initsize
//! 0
//! # rmmod hello_3
//! hello_3: Goodbye, world 3
//! ```
//!
//! `init` runs once. The kernel puts code and data that only `init` uses into sections of their own,
//! `.init.text` and `.init.data`, and frees them when it has returned: `initsize` is 0. C marks each
//! function with `__init` and each variable with `__initdata`, and a pointer to one of them that is used
//! later is a bug that nobody stops. `init_only!` takes `module!`, the `impl` and the variables that
//! are for it alone, so nothing else can name them.
//!
//! On the host, `objdump -h build/dev/samples/02-hello-world/hello_3.ko` shows the sections.
//!
//! The guide says that `__init` has no effect in loadable modules. It has, since 2.5: what `init` used
//! is freed there, too. What it says of `__exit` holds: a driver that is built into the kernel is never
//! unloaded, and its exit function is left out.
//!
//! Where to look: `do_init_module` in `kernel/module/main.c`, and `include/linux/init.h`.

use kernel::prelude::*;

struct Hello3;

// ANCHOR: init
lkm::init_only! {
    module! {
        type: Hello3,
        name: "hello_3",
        authors: ["lkmpg-rs developers"],
        description: "Code and data that are freed after init",
        license: "GPL",
    }

    impl kernel::Module for Hello3 {
        static HELLO3_DATA: i32 = 3;

        fn init(_module: &'static ThisModule) -> Result<Self> {
            pr_alert!("Hello, world {HELLO3_DATA}\n");
            Ok(Hello3)
        }
    }
}
// ANCHOR_END: init

impl Drop for Hello3 {
    fn drop(&mut self) {
        pr_alert!("Goodbye, world 3\n");
    }
}
