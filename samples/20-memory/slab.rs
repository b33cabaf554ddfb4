// SPDX-License-Identifier: GPL-2.0-only

//! Memory for many objects of the same type.
//!
//! `KBox` gets its memory from `kmalloc`. That has a cache for objects of up to 8 bytes, one for up to
//! 16, 32, 64 and so on, which everybody in the kernel shares. A module that needs thousands of objects
//! of one type can have a cache of its own: nothing is lost by rounding up, objects lie side by side, and
//! `/proc/slabinfo` tells how many there are.
//!
//! ```console
//! # insmod slab.ko
//! # echo 1000 > /proc/slab
//! # cat /proc/slab
//! 1000 tickets of 40 bytes
//! # grep lkmpg_ticket /proc/slabinfo
//! lkmpg_ticket [..]
//! # echo 0 > /proc/slab
//! # rmmod slab
//! ```
//!
//! The columns are: objects in use (and those that CPUs keep ready for the next one), objects that
//! there is room for, bytes of each, how many fit one *slab*, which is a piece of memory, and how many
//! pages a slab has.
//!
//! In Rust a ticket is freed when it is dropped. But `core::mem::forget` is safe, and a ticket that is
//! forgotten on purpose stays: `echo forget > /proc/slab` forgets one. If the module is unloaded then,
//! the cache cannot go with it, and the log says so. Until the next boot the name is taken, and loading
//! the module again fails (`Device or resource busy`).
//!
//! ```text
//! lkm: The cache lkmpg_ticket stays: 1 of its objects were not freed.
//! ```
//!
//! C has `kmem_cache_create()`, `kmem_cache_alloc()`, `kmem_cache_free()` and
//! `kmem_cache_destroy()`. The last one complains with a stack trace if there is an object left.
//!
//! Where to look: `mm/slub.c`, and `Documentation/core-api/memory-allocation.rst`.

use core::mem;
use lkm::{
    prelude::*,
    slab::{
        Cache,
        Object, //
    },
};

module! {
    type: Slab,
    name: "slab",
    authors: ["lkmpg-rs developers"],
    description: "Objects from a cache of their own",
    license: "GPL",
}

#[pin_data]
struct Slab {
    #[pin]
    _file: proc_fs::File<Drawer>,
}

impl kernel::InPlaceModule for Slab {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(proc_fs::Options::new(c"slab", 0o600), Drawer::new()),
        })
    }
}

/// There are many of these, and they are small.
struct Ticket {
    _number: u64,
    _text: [u8; 32],
}

/// The most that are kept.
const ROOM: usize = 100_000;

// ANCHOR: drawer
#[pin_data]
struct Drawer {
    // Dropped first: the cache goes with its last ticket.
    #[pin]
    tickets: Mutex<KVVec<Object<Ticket>>>,
    cache: Cache<Ticket>,
}
// ANCHOR_END: drawer

impl Drawer {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            tickets <- new_mutex!(KVVec::new()),
            cache: Cache::new(c"lkmpg_ticket")?,
        })
    }

    // ANCHOR: ticket
    fn ticket(&self, number: usize) -> Result<Object<Ticket>> {
        self.cache.alloc(Ticket {
            _number: number as u64,
            _text: *b"Admit one, on any day but Sunday",
        })
    }

    fn keep(&self, count: usize) -> Result {
        if count > ROOM {
            return Err(ENOSPC);
        }
        let mut tickets = self.tickets.lock();
        tickets.truncate(count);
        while tickets.len() < count {
            let ticket = self.ticket(tickets.len())?;
            tickets.push(ticket, GFP_KERNEL)?;
        }
        Ok(())
    }
    // ANCHOR_END: ticket
}

#[vtable]
impl proc_fs::Show for Drawer {
    fn show(&self, out: &mut SeqFile) -> Result {
        let (count, size) = (self.tickets.lock().len(), size_of::<Ticket>());
        seq_print!(out, "{count} tickets of {size} bytes\n");
        Ok(())
    }

    /// Takes how many tickets to keep, or `forget`.
    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let word = Message::<32>::copy_from(data)?;
        if word.len() < length {
            return Err(EINVAL);
        }
        match core::str::from_utf8(word.as_bytes().trim_ascii()) {
            Ok("forget") => mem::forget(self.ticket(0)?),
            Ok(number) => self.keep(number.parse().map_err(|_| EINVAL)?)?,
            Err(_) => return Err(EINVAL),
        }
        Ok(length)
    }
}
