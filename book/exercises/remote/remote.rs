// SPDX-License-Identifier: GPL-2.0-only

//! A remote control whose buttons are words in a file.

use lkm::{
    input::Keyboard,
    prelude::*, //
};

module! {
    type: Remote,
    name: "remote",
    authors: ["lkmpg-rs developers"],
    description: "A remote control whose buttons are words",
    license: "GPL",
}

// include/uapi/linux/input-event-codes.h
const KEY_MUTE: u16 = 113;

#[pin_data]
struct Remote {
    #[pin]
    _file: proc_fs::File<Buttons>,
}

impl kernel::InPlaceModule for Remote {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = proc_fs::Options::new(c"remote", 0o200);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, Buttons::new()),
        })
    }
}

#[pin_data]
struct Buttons {
    #[pin]
    keyboard: Mutex<Keyboard>,
}

impl Buttons {
    fn new() -> impl PinInit<Self, Error> {
        let keyboard = Keyboard::new(c"remote", [KEY_MUTE]);
        try_pin_init!(Self {
            keyboard <- new_mutex!(keyboard?),
        })
    }
}

#[vtable]
impl proc_fs::Show for Buttons {
    fn show(&self, _out: &mut SeqFile) -> Result {
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let _word = Message::<16>::copy_from(data)?;
        let keyboard = self.keyboard.lock();
        keyboard.key(KEY_MUTE, true)?;
        Ok(length)
    }
}
