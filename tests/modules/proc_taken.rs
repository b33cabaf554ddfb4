// SPDX-License-Identifier: GPL-2.0-only

//! Wants the file in `/proc` that `procfs_1` has.

use kernel::prelude::*;
use lkm::{
    proc_fs,
    seq_file::SeqFile, //
};

module! {
    type: ProcTaken,
    name: "proc_taken",
    authors: ["lkmpg-rs developers"],
    description: "Wants /proc/test, as procfs_1 does",
    license: "GPL",
}

#[pin_data]
struct ProcTaken {
    #[pin]
    _file: proc_fs::File<Nothing>,
}

impl kernel::InPlaceModule for ProcTaken {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(proc_fs::Options::new(c"test", 0o444), Nothing),
        })
    }
}

struct Nothing;

#[vtable]
impl proc_fs::Show for Nothing {
    fn show(&self, _out: &mut SeqFile) -> Result {
        Ok(())
    }
}
