// SPDX-License-Identifier: GPL-2.0-only

//! Says later what is written to its file.

use kernel::{
    str::BStr,
    time::msecs_to_jiffies,
    workqueue, //
};
use lkm::{
    new_work,
    prelude::*,
    work::{
        self,
        Work, //
    },
};

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
            _file <- proc_fs::File::new(options, Speaker::new()),
        })
    }
}

#[pin_data]
struct Speaker {
    #[pin]
    work: Work<Saying>,
}

impl Speaker {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            work <- new_work!(Saying::new(), workqueue::system_highpri(), "postpone"),
        })
    }
}

#[vtable]
impl proc_fs::Show for Speaker {
    fn show(&self, _out: &mut SeqFile) -> Result {
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let text = Message::copy_from(data)?;
        *self.work.text.lock() = Some(text);
        self.work.start_after(msecs_to_jiffies(delay_ms.value()));
        Ok(length)
    }
}

/// What is to be said.
#[pin_data]
struct Saying {
    #[pin]
    text: Mutex<Option<Message<80>>>,
}

impl Saying {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            text <- new_mutex!(None, "postpone"),
        })
    }
}

impl work::Handler for Saying {
    fn run(&self) {
        if let Some(text) = self.text.lock().take() {
            pr_info!("{}\n", BStr::from_bytes(text.as_bytes().trim_ascii()));
        }
    }
}
