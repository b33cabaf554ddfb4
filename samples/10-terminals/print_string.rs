// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 10: messages to the terminal from which the module is loaded.
//!
//! ```console
//! # insmod print_string.ko
//! The module has been inserted.  Hello world!
//! # rmmod print_string
//! The module has been removed.  Farewell world!
//! # sh -c 'setsid insmod print_string.ko; setsid rmmod print_string; true'    # no terminal
//! ```
//!
//! `init` runs in the process that loads the module, and `drop` in the one that removes it. The message
//! goes to the terminal of that process. `setsid` starts a process that has none: nobody sees the
//! message. It ends in a carriage return and a line feed, as in the guide. A program would only write
//! the line feed, and the terminal's *line discipline* would add the other one; the kernel writes past
//! it.
//!
//! Changed from the guide: the terminal may be hung up at any moment, as by closing its window,
//! and may be stopped by Ctrl-S. The first makes the message go nowhere, the second delays `rmmod`
//! for about a second.
//!
//! Where to look: `drivers/tty/tty_io.c`.

use kernel::prelude::*;
use lkm::tty::Tty;

module! {
    type: PrintString,
    name: "print_string",
    authors: ["lkmpg-rs developers"],
    description: "Messages to the terminal from which the module is loaded",
    license: "GPL",
}

struct PrintString;

impl kernel::Module for PrintString {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        print_string("The module has been inserted.  Hello world!");
        Ok(PrintString)
    }
}

impl Drop for PrintString {
    fn drop(&mut self) {
        print_string("The module has been removed.  Farewell world!");
    }
}

// ANCHOR: print
/// Prints to the current process's terminal, if it has one.
fn print_string(text: &str) {
    if let Some(tty) = Tty::current() {
        if let Err(e) = tty.write_line(text.as_bytes()) {
            pr_info!("The terminal did not take the message: {e:?}\n");
        }
    }
}
// ANCHOR_END: print
