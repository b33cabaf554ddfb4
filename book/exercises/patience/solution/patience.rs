// SPDX-License-Identifier: GPL-2.0-only

//! A thermometer that takes its time.

use lkm::prelude::*;

module! {
    type: Patience,
    name: "patience",
    authors: ["lkmpg-rs developers"],
    description: "A thermometer that takes its time",
    license: "GPL",
}

#[pin_data]
struct Patience {
    #[pin]
    _file: proc_fs::File<Thermometer>,
}

impl kernel::InPlaceModule for Patience {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = proc_fs::Options::new(c"patience", 0o444);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, Thermometer::new()),
        })
    }
}

#[pin_data]
struct Thermometer {
    /// How often it was read. Only one may ask it at a time.
    #[pin]
    readings: Mutex<u32>,
}

impl Thermometer {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            readings <- new_mutex!(0, "patience"),
        })
    }
}

#[vtable]
impl proc_fs::Show for Thermometer {
    fn show(&self, out: &mut SeqFile) -> Result {
        let mut readings = self.readings.lock();
        let degrees = ask();
        *readings += 1;
        seq_print!(out, "reading {}: {degrees} degrees\n", *readings);
        Ok(())
    }
}

/// Asks the device, which takes its time.
fn ask() -> u32 {
    fsleep(Delta::from_millis(20));
    21
}
