// SPDX-License-Identifier: GPL-2.0-only

//! Rooms that a user makes, in `/sys/kernel/config/rooms`.

use kernel::{
    configfs,
    configfs_attrs,
    page::PAGE_SIZE,
    str::CString, //
};
use lkm::prelude::*;

module! {
    type: ConfigRooms,
    name: "config_rooms",
    authors: ["lkmpg-rs developers"],
    description: "Rooms that a user makes",
    license: "GPL",
}

/// How many rooms there may be.
const PLACES: u32 = 4;

#[pin_data]
struct ConfigRooms {
    #[pin]
    _house: configfs::Subsystem<House>,
}

impl kernel::InPlaceModule for ConfigRooms {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let kind = configfs_attrs! {
            container: configfs::Subsystem<House>,
            data: House,
            child: Room,
            attributes: [
                free: 0,
            ],
        };
        let house = try_pin_init!(House {
            taken: Arc::pin_init(new_mutex!(0), GFP_KERNEL)?,
        });
        try_pin_init!(Self {
            _house <- configfs::Subsystem::new(c"rooms", kind, house),
        })
    }
}

/// The directory in which rooms are made.
#[pin_data]
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

#[vtable]
impl configfs::GroupOperations for House {
    type Child = Room;

    fn make_group(&self, name: &CStr) -> Result<impl PinInit<configfs::Group<Room>, Error>> {
        let kind = configfs_attrs! {
            container: configfs::Group<Room>,
            data: Room,
            attributes: [
                beds: 0,
            ],
        };
        // If the room cannot be made, this is dropped.
        let room = Room {
            _place: Place::new(&self.taken)?,
        };
        let name = CString::try_from(name)?;
        Ok(configfs::Group::new(name, kind, Ok(room)))
    }
}

#[vtable]
impl configfs::AttributeOperations<0> for House {
    type Data = House;

    fn show(house: &House, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        let taken = *house.taken.lock();
        Ok(show(PLACES - taken, page))
    }
}

/// What `mkdir` makes, and `rmdir` drops.
struct Room {
    _place: Place,
}

#[vtable]
impl configfs::AttributeOperations<0> for Room {
    type Data = Room;

    fn show(_room: &Room, page: &mut [u8; PAGE_SIZE]) -> Result<usize> {
        Ok(show(2, page))
    }
}

/// Writes a line with a number to the page that a file shows. Returns its length.
fn show(number: u32, page: &mut [u8; PAGE_SIZE]) -> usize {
    let line = Message::<16>::format(fmt!("{number}\n"));
    for (to, from) in page.iter_mut().zip(line.as_bytes()) {
        *to = *from;
    }
    line.len()
}
