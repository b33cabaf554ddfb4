// SPDX-License-Identifier: GPL-2.0-only

//! Asks a slow device.

use lkm::prelude::*;

module! {
    type: Late,
    name: "late",
    authors: ["lkmpg-rs developers"],
    description: "Asks a slow device",
    license: "GPL",
}

#[pin_data]
struct Late {
    #[pin]
    _file: proc_fs::File<Question>,
}

impl kernel::InPlaceModule for Late {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = proc_fs::Options::new(c"late", 0o644);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, Question::new()),
        })
    }
}

#[pin_data]
struct Question {
    #[pin]
    answer: SpinLock<Option<u32>>,
}

impl Question {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            answer <- new_spinlock!(None, "late"),
        })
    }
}

#[vtable]
impl proc_fs::Show for Question {
    fn show(&self, out: &mut SeqFile) -> Result {
        let answer = *self.answer.lock();
        match answer {
            Some(answer) => seq_print!(out, "The device says {answer}\n"),
            None => seq_print!(out, "Nobody has asked\n"),
        }
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let mut answer = self.answer.lock();
        *answer = Some(ask());
        Ok(data.len())
    }
}

/// Asks the device, which takes its time.
fn ask() -> u32 {
    fsleep(Delta::from_millis(20));
    42
}
