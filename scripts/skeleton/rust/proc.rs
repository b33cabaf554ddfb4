// SPDX-License-Identifier: GPL-2.0-only

//! A file in `/proc` that counts its readers.

use lkm::prelude::*;

module! {
    type: Skeleton,
    name: "skeleton",
    authors: ["@AUTHOR@"],
    description: "A file in /proc that counts its readers",
    license: "GPL",
}

#[pin_data]
struct Skeleton {
    #[pin]
    _file: proc_fs::File<Readers>,
}

impl kernel::InPlaceModule for Skeleton {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = proc_fs::Options::new(c"skeleton", 0o444);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, Readers(Atomic::new(0))),
        })
    }
}

struct Readers(Atomic<u64>);

#[vtable]
impl proc_fs::Show for Readers {
    fn show(&self, out: &mut SeqFile) -> Result {
        let n = self.0.fetch_add(1, Relaxed) + 1;
        seq_print!(out, "You are reader {n}\n");
        Ok(())
    }
}
