// SPDX-License-Identifier: GPL-2.0-only

//! Says later what is written to its file.

use kernel::str::BStr;
use lkm::prelude::*;

module! {
    type: Postpone,
    name: "postpone",
    authors: ["lkmpg-rs developers"],
    description: "Says later what is written to its file",
    license: "GPL",
}

module_params! {
    delay_ms: u32 {
        default: 500,
        description: "After how many milliseconds it is said",
        permissions: 0o444,
    },
}

#[pin_data]
struct Postpone {
    #[pin]
    _file: proc_fs::File<Speaker>,
}

impl kernel::InPlaceModule for Postpone {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pr_info!("It will be said after {} ms.\n", delay_ms.value());
        let options = proc_fs::Options::new(c"postpone", 0o200);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, Speaker),
        })
    }
}

struct Speaker;

#[vtable]
impl proc_fs::Show for Speaker {
    fn show(&self, _out: &mut SeqFile) -> Result {
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let text = Message::<80>::copy_from(data)?;
        pr_info!("{}\n", BStr::from_bytes(text.as_bytes().trim_ascii()));
        Ok(length)
    }
}
