// SPDX-License-Identifier: GPL-2.0-only

//! Names the day of a week.

use lkm::prelude::*;

module! {
    type: Weekday,
    name: "weekday",
    authors: ["lkmpg-rs developers"],
    description: "Names the day of a week",
    license: "GPL",
}

#[pin_data]
struct Weekday {
    #[pin]
    _file: proc_fs::File<Day>,
}

impl kernel::InPlaceModule for Weekday {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = proc_fs::Options::new(c"weekday", 0o644);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, Day::new()),
        })
    }
}

const NAMES: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];

#[pin_data]
struct Day {
    #[pin]
    name: Mutex<&'static str>,
}

impl Day {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            name <- new_mutex!("Monday", "weekday"),
        })
    }
}

#[vtable]
impl proc_fs::Show for Day {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{}\n", *self.name.lock());
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let text = Message::<16>::copy_from(data)?;
        let text = core::str::from_utf8(text.as_bytes()).map_err(|_| EINVAL)?;
        let day: usize = text.trim().parse().map_err(|_| EINVAL)?;
        *self.name.lock() = NAMES[day];
        Ok(length)
    }
}
