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
        Ok(ConfigRooms {
            _house: configfs::new_subsystem!(c"rooms", House {})?,
        })
    }
}

/// The directory in which rooms are made.
struct House {}

impl configfs::Item for House {
    type Child = Room;

    const ATTRIBUTES: &'static [Attribute<Self>] =
        &[Attribute::read_only(c"free", |_house, out| {
            out.line(PLACES)
        })];

    fn make(&self, _name: &CStr) -> impl PinInit<Room, Error> {
        Ok(Room {})
    }
}

/// What `mkdir` makes, and `rmdir` drops.
struct Room {}

impl configfs::Item for Room {
    /// There is nothing to be made in a room.
    type Child = Self;

    const ATTRIBUTES: &'static [Attribute<Self>] =
        &[Attribute::read_only(c"beds", |_room, out| out.line(2))];
}
