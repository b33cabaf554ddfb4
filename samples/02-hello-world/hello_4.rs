// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.5: licence and documentation, which `modinfo` shows.
//!
//! ```console
//! # modinfo hello_4.ko
//! filename:       /modules/hello_4.ko
//! author:         lkmpg-rs developers
//! description:    A sample driver
//! license:        GPL
//! ...
//! name:           hello_4
//! ...
//! # insmod hello_4.ko
//! hello_4: Hello, world 4
//! # cat /sys/module/hello_4/taint
//! O
//! # rmmod hello_4
//! hello_4: Goodbye, world 4
//! ```
//!
//! What `module!` says of a module is text in its file, in the section `.modinfo`; `modinfo` shows it
//! without loading anything. A module without a licence, or with one that the kernel does not know as
//! free, taints the kernel (`P`), and gets none of the functions that are for GPL modules only.
//! `module!` does not compile without one.
//!
//! A taint is a mark, not a failure. The reader of a bug report sees from it that the kernel had
//! something in it that its developers do not have. What is left here is `O`: built out of tree. No
//! node is missing because of it, and nothing is refused.
//!
//! A line `import_ns: PWM` is not this module's doing: where the kernel has PWM, the `kernel` crate uses
//! functions of that name space, and every module in Rust inherits the line.
//!
//! Changed from the guide: the author is not its author, who did not write this. There is no
//! `MODULE_SUPPORTED_DEVICE("testdevice")`: the macro never did anything, and is gone from the kernel.
//! Aliases say what a module is for (`chardev` has some).
//!
//! Where to look: `include/linux/module.h`, and `Documentation/admin-guide/tainted-kernels.rst`.

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
