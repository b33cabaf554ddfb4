// SPDX-License-Identifier: GPL-2.0-only

//! A device that three may have open at a time.

use lkm::prelude::*;

module! {
    type: Seats,
    name: "seats",
    authors: ["lkmpg-rs developers"],
    description: "A device that three may have open at a time",
    license: "GPL",
}

struct Seats {
    _device: chrdev::Registration<Session>,
}

impl kernel::Module for Seats {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"seats").mode(0o444);
        let room = Arc::pin_init(new_mutex!(0, "seats"), GFP_KERNEL)?;
        Ok(Seats {
            _device: chrdev::Registration::new(options, room)?,
        })
    }
}

/// How many have the device open.
type Room = Mutex<u32>;

/// An open file.
struct Session {
    room: Arc<Room>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Room;

    fn open(room: ArcBorrow<'_, Room>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        *room.lock() += 1;
        Ok::<_, Error>(Session { room: room.into() })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let taken = *self.room.lock();
        let text = Message::<32>::format(fmt!("{taken} of 3 seats are taken\n"));
        read_from_buffer(out, pos, text.as_bytes())
    }
}
