// SPDX-License-Identifier: GPL-2.0-only

//! Adds up what is written to `/proc/proc_counter`.

use lkm::prelude::*;

module! {
    type: ProcCounter,
    name: "proc_counter",
    authors: ["lkmpg-rs developers"],
    description: "Adds up what is written",
    license: "GPL",
}

#[pin_data]
struct ProcCounter {
    #[pin]
    _file: proc_fs::File<Sum>,
}

impl kernel::InPlaceModule for ProcCounter {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(
                proc_fs::Options::new(c"proc_counter", 0o644),
                Sum(Atomic::new(0)),
            ),
        })
    }
}

struct Sum(Atomic<i64>);

#[vtable]
impl proc_fs::Show for Sum {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{}\n", self.0.load(Relaxed));
        Ok(())
    }

    // To do: what is written. The trait says how the function is called.
}
