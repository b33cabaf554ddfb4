// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 5: a file in `/proc`.
//!
//! ```console
//! # insmod procfs_1.ko
//! # cat /proc/test
//! For the 1st time, go away!
//! # cat /proc/test
//! For the 2nd time, go away!
//! # ls -l /proc/test
//! -r--r--r-- [..] 0 [..] /proc/test
//! # rmmod procfs_1
//! ```
//!
//! Nothing of this file is on a disk. When a process reads it, the kernel calls `show`, which writes
//! what there is to see into a buffer, and the kernel hands that out in pieces of any size.
//!
//! The kernel keeps a pointer to the file's data, so the data must not move any more: the field is
//! `#[pin]`, and it is not made and then moved to its place, but made there (`<-` instead of `:`).
//! A module with such a field is an `InPlaceModule`; all others are a `Module`.
//!
//! Changed from the guide: it could not say what becomes of a process that has the file open when
//! the module goes. Here unloading waits for the readers that are inside; a file that stays open
//! reads as an error (`EIO`) from then on. `ls` shows the size 0, as for most of `/proc`, since nobody
//! knows it before the file is read; the guide's 80 says nothing, either.
//!
//! Where to look: `fs/proc/generic.c`, and `fs/proc/uptime.c` for a small file of the kernel's own.

use lkm::prelude::*;

module! {
    type: Procfs1,
    name: "procfs_1",
    authors: ["lkmpg-rs developers"],
    description: "A file in /proc that counts its readers",
    license: "GPL",
}

// ANCHOR: module
#[pin_data]
struct Procfs1 {
    #[pin]
    _file: proc_fs::File<Visits>,
}

impl kernel::InPlaceModule for Procfs1 {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(
                proc_fs::Options::new(c"test", 0o444),
                Visits(Atomic::new(0)),
            ),
        })
    }
}
// ANCHOR_END: module

// ANCHOR: show
struct Visits(Atomic<u64>);

#[vtable]
impl proc_fs::Show for Visits {
    fn show(&self, out: &mut SeqFile) -> Result {
        let n = self.0.fetch_add(1, Relaxed) + 1;
        seq_print!(out, "For the {n}{} time, go away!\n", suffix(n));
        Ok(())
    }
}
// ANCHOR_END: show

/// What makes a number an English ordinal.
fn suffix(n: u64) -> &'static str {
    match (n % 100, n % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}
