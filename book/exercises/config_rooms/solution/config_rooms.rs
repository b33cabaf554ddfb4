// SPDX-License-Identifier: GPL-2.0-only

//! Rooms that a user makes, in `/sys/kernel/config/rooms`.

use lkm::{
    configfs::Attribute,
    prelude::*, //
};

module! {
    type: ConfigRooms,
    name: "config_rooms",
    authors: ["lkmpg-rs developers"],
    description: "Rooms that a user makes",
    license: "GPL",
}

/// How many rooms there may be.
const PLACES: u32 = 4;

struct ConfigRooms {
    _house: configfs::Subsystem<House>,
}

impl kernel::Module for ConfigRooms {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let house = House {
            taken: Arc::pin_init(new_mutex!(0), GFP_KERNEL)?,
        };
        Ok(ConfigRooms {
            _house: configfs::new_subsystem!(c"rooms", house)?,
        })
    }
}

/// The directory in which rooms are made.
struct House {
    taken: Arc<Mutex<u32>>,
}

/// A place for a room, as long as this is there.
struct Place {
    taken: Arc<Mutex<u32>>,
}

impl Place {
    fn new(taken: &Arc<Mutex<u32>>) -> Result<Self> {
        let mut count = taken.lock();
        if *count == PLACES {
            return Err(ENOSPC);
        }
        *count += 1;
        Ok(Place {
            taken: taken.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        *self.taken.lock() -= 1;
    }
}

impl configfs::Item for House {
    type Child = Room;

    const ATTRIBUTES: &'static [Attribute<Self>] =
        &[Attribute::read_only(c"free", |house, out| {
            let taken = *house.taken.lock();
            out.line(PLACES - taken)
        })];

    fn make(&self, _name: &CStr) -> impl PinInit<Room, Error> {
        // If the room cannot be made, its place is dropped.
        Place::new(&self.taken).map(|place| Room { _place: place })
    }
}

/// What `mkdir` makes, and `rmdir` drops.
struct Room {
    _place: Place,
}

impl configfs::Item for Room {
    /// There is nothing to be made in a room.
    type Child = Self;

    const ATTRIBUTES: &'static [Attribute<Self>] =
        &[Attribute::read_only(c"beds", |_room, out| out.line(2))];
}
