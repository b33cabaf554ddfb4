// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 5, one step further: a file that shows a list, however long.
//!
//! ```console
//! # insmod procfs_4.ko
//! # echo Ada > /proc/procfs_4
//! # echo Grace > /proc/procfs_4
//! # cat /proc/procfs_4
//! 1 Ada
//! 2 Grace
//! # echo -1 > /proc/procfs_4
//! # cat /proc/procfs_4
//! 2 Grace
//! # rmmod procfs_4
//! ```
//!
//! A line with a name adds it to the list, a minus and a number removes it. A line has up to 32 bytes.
//!
//! The list may be longer than the reader's buffer, so it is read in pieces, and it may change between
//! two of them. The module must not keep it locked for so long: the reader may never come back.
//! `seq_file` solves this with four functions of C. `start` locks the list and finds the place to go
//! on, `show` shows an item, `next` goes to the next one, and `stop` unlocks. In between the kernel
//! remembers only a number, the place.
//!
//! Most drivers take the number of the line. When somebody removes a line that a reader has seen
//! already, the lines move up and the reader misses one. Here the place is the number of the guest,
//! which never changes. So a guest who is there all the time is seen once.
//!
//! In Rust `lock` is `start`: it returns the guard of the lock. The guard's drop is `stop`. Nobody can
//! forget it, and nobody can look at the list without it.
//!
//! Where to look: `fs/seq_file.c`, and `Documentation/filesystems/seq_file.rst`.

use kernel::{
    rbtree::RBTree,
    str::BStr,
    sync::lock::mutex::MutexGuard, //
};
use lkm::prelude::*;

module! {
    type: Procfs4,
    name: "procfs_4",
    authors: ["lkmpg-rs developers"],
    description: "A file in /proc that shows a list",
    license: "GPL",
}

#[pin_data]
struct Procfs4 {
    #[pin]
    _file: proc_fs::Listing<Book>,
}

impl kernel::InPlaceModule for Procfs4 {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::Listing::new(proc_fs::Options::new(c"procfs_4", 0o644), Book::new()),
        })
    }
}

/// How many guests there is room for.
const ROOM: usize = 500;

#[pin_data]
struct Book {
    #[pin]
    guests: Mutex<Guests>,
}

/// The guests, by number. A number is never used again.
struct Guests {
    names: RBTree<u64, Message<32>>,
    there: usize,
    last: u64,
}

impl Book {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            guests <- new_mutex!(Guests {
                names: RBTree::new(),
                there: 0,
                last: 0,
            }),
        })
    }
}

// ANCHOR: sequence
#[vtable]
impl proc_fs::Sequence for Book {
    type Locked<'a> = MutexGuard<'a, Guests>;

    fn lock(&self) -> MutexGuard<'_, Guests> {
        self.guests.lock()
    }

    fn next(guests: &MutexGuard<'_, Guests>, from: u64) -> Option<u64> {
        let guest = guests.names.cursor_lower_bound(&from)?;
        Some(*guest.current().0)
    }

    fn show(guests: &MutexGuard<'_, Guests>, number: u64, out: &mut SeqFile) -> Result {
        let name = guests.names.get(&number).ok_or(ENOENT)?;
        seq_print!(out, "{number} {}\n", BStr::from_bytes(name.as_bytes()));
        Ok(())
    }
    // ANCHOR_END: sequence

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let input = Message::<32>::copy_from(data)?;
        if input.len() < length {
            return Err(ENAMETOOLONG);
        }
        let line = input.as_bytes().trim_ascii();
        match line {
            [] => return Err(EINVAL),
            [b'-', number @ ..] => self.guests.lock().remove(number)?,
            name => self.guests.lock().add(name)?,
        }
        Ok(length)
    }
}

impl Guests {
    fn add(&mut self, name: &[u8]) -> Result {
        if self.there == ROOM {
            return Err(ENOSPC);
        }
        let number = self.last + 1;
        self.names
            .try_create_and_insert(number, Message::concat(&[name]), GFP_KERNEL)?;
        self.last = number;
        self.there += 1;
        Ok(())
    }

    fn remove(&mut self, number: &[u8]) -> Result {
        let number = core::str::from_utf8(number).map_err(|_| EINVAL)?;
        let number = number.parse().map_err(|_| EINVAL)?;
        self.names.remove(&number).ok_or(ENOENT)?;
        self.there -= 1;
        Ok(())
    }
}
