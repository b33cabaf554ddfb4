// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.4: code and data that are freed once the module is loaded.
//!
//! ```sh
//! insmod hello_3.ko && cat /sys/module/hello_3/initsize && rmmod hello_3
//! ```
//!
//! On the host, `objdump -h build/dev/samples/02-hello-world/hello_3.ko` shows the sections.

use kernel::prelude::*;

module! {
    type: Hello3,
    name: "hello_3",
    authors: ["lkmpg-rs developers"],
    description: "Code and data that are freed after init",
    license: "GPL",
}

struct Hello3;

lkm::init_only! {
    impl kernel::Module for Hello3 {
        static HELLO3_DATA: i32 = 3;

        fn init(_module: &'static ThisModule) -> Result<Self> {
            pr_alert!("Hello, world {HELLO3_DATA}\n");
            Ok(Hello3)
        }
    }
}

impl Drop for Hello3 {
    fn drop(&mut self) {
        pr_alert!("Goodbye, world 3\n");
    }
}
