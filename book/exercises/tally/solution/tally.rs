// SPDX-License-Identifier: GPL-2.0-only

//! Counts how often somebody writes to its file.

use lkm::prelude::*;

module! {
    type: Tally,
    name: "tally",
    authors: ["lkmpg-rs developers"],
    description: "Counts how often somebody writes to its file",
    license: "GPL",
}

#[pin_data]
struct Tally {
    #[pin]
    _file: proc_fs::File<Count>,
}

impl kernel::InPlaceModule for Tally {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = proc_fs::Options::new(c"tally", 0o600);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, Count(Atomic::new(0))),
        })
    }
}

/// How often somebody has written to the file.
struct Count(Atomic<u64>);

#[vtable]
impl proc_fs::Show for Count {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{}\n", self.0.load(Relaxed));
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        self.0.fetch_add(ask(), Relaxed);
        Ok(length)
    }
}

/// Asks a device, which takes its time.
fn ask() -> u64 {
    fsleep(Delta::from_millis(1));
    1
}
