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
            _file <- proc_fs::File::new(proc_fs::Options::new(c"proc_counter", 0o644), Sum::new()),
        })
    }
}

/// A mutex, since the addition has to be checked before it is done.
#[pin_data]
struct Sum {
    #[pin]
    sum: Mutex<i64>,
}

impl Sum {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            sum <- new_mutex!(0),
        })
    }
}

#[vtable]
impl proc_fs::Show for Sum {
    fn show(&self, out: &mut SeqFile) -> Result {
        let sum = *self.sum.lock();
        seq_print!(out, "{sum}\n");
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let line = Message::<32>::copy_from(data)?;
        if line.len() < length {
            return Err(EINVAL);
        }
        let text = core::str::from_utf8(line.as_bytes()).map_err(|_| EINVAL)?;
        let number: i64 = text.trim().parse().map_err(|_| EINVAL)?;
        let mut sum = self.sum.lock();
        *sum = sum.checked_add(number).ok_or(ERANGE)?;
        Ok(length)
    }
}
