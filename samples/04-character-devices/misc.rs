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
//! `lkm::misc` takes the same `FileOperations` as `lkm::chrdev`, of which `chardev` is the example. In
//! C one fills in a `struct miscdevice` with a `struct file_operations`, and calls `misc_register()`.
//! The kernel crate has `MiscDevice` for that. It hands whatever it is answered to the kernel, which
//! believes it, so safe code can stop the machine.

use lkm::prelude::*;

module! {
    type: Misc,
    name: "misc",
    authors: ["lkmpg-rs developers"],
    description: "A device file that shares its major number",
    license: "GPL",
}

struct Misc {
    _device: misc::Registration<Session>,
}

impl kernel::Module for Misc {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let shared = Arc::new((), GFP_KERNEL)?;
        Ok(Misc {
            _device: misc::Registration::new(c"misc_note", 0o600, shared)?,
        })
    }
}

// ANCHOR: note
/// An open file.
#[pin_data]
struct Session {
    #[pin]
    text: Mutex<Message<80>>,
}

#[vtable]
impl FileOperations for Session {
    /// Open files share nothing.
    type Data = ();

    fn open(_shared: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            text <- new_mutex!(Message::new()),
        })
    }
    // ANCHOR_END: note

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let text = *self.text.lock();
        read_from_buffer(out, pos, text.as_bytes())
    }

    // ANCHOR: write
    /// Replaces the note. Of a long one the first 80 bytes are kept.
    fn write(
        &self,
        _file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        let text = Message::copy_from(data)?;
        *self.text.lock() = text;
        *pos = 0;
        Ok(length)
    }
    // ANCHOR_END: write
}
