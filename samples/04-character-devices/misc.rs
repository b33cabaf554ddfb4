// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 4, the short way: a device file that shares its major number.
//!
//! `chardev` takes a major number of its own. Most drivers with one device do not need that. All
//! *miscellaneous* devices have major number 10, and each gets a minor number of it. One call then
//! does everything: it takes the number, puts the functions behind it, and has the node made in
//! `/dev`. `/proc/misc` has the list.
//!
//! ```console
//! # insmod misc.ko
//! # ls -l /dev/misc_note
//! crw------- [..] 10, [..] /dev/misc_note
//! # grep misc_note /proc/misc
//! [..] misc_note
//! # rmmod misc
//! ```
//!
//! Each open file of this device is a note of its own: what was written to it can be read from it,
//! and goes when it is closed. So `echo` and `cat` see nothing of each other. A program in C that
//! opens it once:
//!
//! ```c
//! #include <fcntl.h>
//! #include <stdio.h>
//! #include <unistd.h>
//!
//! int main(void)
//! {
//!         char text[16];
//!         int fd = open("/dev/misc_note", O_RDWR);
//!
//!         if (fd < 0 || write(fd, "remember\n", 9) != 9) {
//!                 perror("/dev/misc_note");
//!                 return 1;
//!         }
//!         printf("%.*s", (int)read(fd, text, sizeof(text)), text);
//!         return 0;
//! }
//! ```
//!
//! The kernel crate itself has what this takes: `MiscDevice`. It works like `lkm`'s `FileOperations`,
//! of which `chardev` is the example. In C one fills in a `struct miscdevice` with a
//! `struct file_operations`, and calls `misc_register()`.

use kernel::{
    fs::{
        File,
        Kiocb, //
    },
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
};
use lkm::prelude::*;

module! {
    type: Misc,
    name: "misc",
    authors: ["lkmpg-rs developers"],
    description: "A device file that shares its major number",
    license: "GPL",
}

#[pin_data]
struct Misc {
    #[pin]
    _device: MiscDeviceRegistration<Note>,
}

impl kernel::InPlaceModule for Misc {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = MiscDeviceOptions { name: c"misc_note" };
        try_pin_init!(Self {
            _device <- MiscDeviceRegistration::register(options),
        })
    }
}

/// An open file.
#[pin_data]
struct Note {
    #[pin]
    text: Mutex<Message<80>>,
}

#[vtable]
impl MiscDevice for Note {
    type Ptr = Pin<KBox<Self>>;

    fn open(_file: &File, _device: &MiscDeviceRegistration<Self>) -> Result<Self::Ptr> {
        KBox::pin_init(
            pin_init!(Self {
                text <- new_mutex!(Message::new()),
            }),
            GFP_KERNEL,
        )
    }

    fn read_iter(mut call: Kiocb<'_, Self::Ptr>, out: &mut IovIterDest<'_>) -> Result<usize> {
        let text = *call.file().text.lock();
        read_from_buffer(out, call.ki_pos_mut(), text.as_bytes())
    }

    /// Replaces the note. Of a long one the first 80 bytes are kept.
    fn write_iter(mut call: Kiocb<'_, Self::Ptr>, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let text = Message::copy_from(data)?;
        *call.file().text.lock() = text;
        *call.ki_pos_mut() = 0;
        Ok(length)
    }
}
