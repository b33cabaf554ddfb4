// SPDX-License-Identifier: GPL-2.0-only

//! A room with lamps.

use kernel::str::BStr;
use lkm::prelude::*;

module! {
    type: Rooms,
    name: "rooms",
    authors: ["lkmpg-rs developers"],
    description: "A room with lamps",
    license: "GPL",
}

#[pin_data]
struct Rooms {
    #[pin]
    _file: proc_fs::File<House>,
}

impl kernel::InPlaceModule for Rooms {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = proc_fs::Options::new(c"rooms", 0o644);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, House::new()),
        })
    }
}

/// How many rooms and lamps there are.
static ALIVE: Atomic<u64> = Atomic::new(0);

/// Counts as long as it is there.
struct Life;

impl Life {
    fn new() -> Self {
        ALIVE.fetch_add(1, Relaxed);
        Life
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Relaxed);
    }
}

#[pin_data]
struct Room {
    name: Message<16>,
    #[pin]
    lamps: Mutex<KVec<Arc<Lamp>>>,
    _life: Life,
}

struct Lamp {
    number: usize,
    _life: Life,
}

impl Room {
    fn new(name: Message<16>) -> Result<Arc<Self>> {
        let room = Arc::pin_init(
            pin_init!(Self {
                name,
                lamps <- new_mutex!(KVec::new(), "rooms"),
                _life: Life::new(),
            }),
            GFP_KERNEL,
        )?;
        for number in 1..=2 {
            let lamp = Lamp {
                number,
                _life: Life::new(),
            };
            let lamp = Arc::new(lamp, GFP_KERNEL)?;
            room.lamps.lock().push(lamp, GFP_KERNEL)?;
        }
        Ok(room)
    }
}

#[pin_data]
struct House {
    #[pin]
    room: Mutex<Option<Arc<Room>>>,
}

impl House {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            room <- new_mutex!(None, "rooms: house"),
        })
    }
}

#[vtable]
impl proc_fs::Show for House {
    fn show(&self, out: &mut SeqFile) -> Result {
        let room = self.room.lock().clone();
        if let Some(room) = room {
            let name = BStr::from_bytes(room.name.as_bytes());
            for lamp in room.lamps.lock().iter() {
                seq_print!(out, "lamp {} of the {name}\n", lamp.number);
            }
        }
        seq_print!(out, "alive: {}\n", ALIVE.load(Relaxed));
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let word = Message::<16>::copy_from(data)?;
        let room = Room::new(Message::concat(&[word.as_bytes().trim_ascii()]))?;
        // The room before goes when the lock is free again.
        let _before = self.room.lock().replace(room);
        Ok(length)
    }
}
