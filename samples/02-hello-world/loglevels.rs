// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2.1, about the log: how urgent a message is.
//!
//! Each message has a level, from 0 to 7. All of them go to the log, which `dmesg` shows. Those
//! below `console_loglevel` also go to the console, the screen or the serial line of the machine, at
//! once. The smaller the number, the more urgent the message.
//!
//! ```console
//! # insmod loglevels.ko
//! loglevels: 0, emergency: the system is unusable
//! loglevels: 1, alert: somebody must act at once
//! loglevels: 2, critical: a part has failed
//! loglevels: 3, error: something could not be done
//! loglevels: 4, warning: something is odd
//! loglevels: 5, notice: normal, and worth knowing
//! loglevels: 6, information: what is going on
//! loglevels: 7, debug: for those who look for an error
//! # rmmod loglevels
//! ```
//!
//! The first of the four numbers in `/proc/sys/kernel/printk` is `console_loglevel`. If that is 4, as
//! when the kernel was started with `quiet`, levels 0 to 3 come to the console. Root can change it, as
//! by `echo 8 > /proc/sys/kernel/printk`: then all of them do.
//!
//! Most modules need three of them: `pr_err` when something failed, `pr_warn` when something is
//! odd, and `pr_info` for the rest. The guide takes `KERN_ALERT` so that its messages are seen at
//! once.
//!
//! C writes the level in front of the text: `printk(KERN_INFO "...")`, or `pr_info("...")`. Rust has
//! the same macros. `pr_debug` is compiled away, unless the module is built with debug assertions: see the
//! line `RUSTFLAGS_loglevels.o` in `Kbuild`. In C it is `#define DEBUG`, or `CFLAGS_loglevels.o := -DDEBUG`.

use kernel::prelude::*;

module! {
    type: LogLevels,
    name: "loglevels",
    authors: ["lkmpg-rs developers"],
    description: "One message of each level",
    license: "GPL",
}

struct LogLevels;

impl kernel::Module for LogLevels {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // ANCHOR: levels
        pr_emerg!("0, emergency: the system is unusable\n");
        pr_alert!("1, alert: somebody must act at once\n");
        pr_crit!("2, critical: a part has failed\n");
        pr_err!("3, error: something could not be done\n");
        pr_warn!("4, warning: something is odd\n");
        pr_notice!("5, notice: normal, and worth knowing\n");
        pr_info!("6, information: what is going on\n");
        pr_debug!("7, debug: for those who look for an error\n");
        // ANCHOR_END: levels
        Ok(LogLevels)
    }
}
