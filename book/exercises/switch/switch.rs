// SPDX-License-Identifier: GPL-2.0-only

//! A flag in a place that is passed often.

use lkm::prelude::*;

module! {
    type: Switch,
    name: "switch",
    authors: ["lkmpg-rs developers"],
    description: "A flag in a place that is passed often",
    license: "GPL",
}

/// Whether passes are counted.
static COUNTING: Atomic<bool> = Atomic::new(false);

#[pin_data]
struct Switch {
    #[pin]
    _file: proc_fs::File<Passes>,
}

impl kernel::InPlaceModule for Switch {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let passes = Passes {
            counted: Atomic::new(0),
        };
        let options = proc_fs::Options::new(c"switch", 0o644);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, passes),
        })
    }
}

struct Passes {
    counted: Atomic<u64>,
}

impl Passes {
    /// Runs often.
    fn pass(&self) {
        if COUNTING.load(Relaxed) {
            self.counted.fetch_add(1, Relaxed);
        }
    }
}

#[vtable]
impl proc_fs::Show for Passes {
    fn show(&self, out: &mut SeqFile) -> Result {
        for _ in 0..1000 {
            self.pass();
        }
        let state = if COUNTING.load(Relaxed) { "on" } else { "off" };
        seq_print!(out, "{state}: {}\n", self.counted.load(Relaxed));
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let word = Message::<8>::copy_from(data)?;
        match word.as_bytes().trim_ascii() {
            b"on" => COUNTING.store(true, Relaxed),
            b"off" => COUNTING.store(false, Relaxed),
            _ => return Err(EINVAL),
        }
        Ok(length)
    }
}
