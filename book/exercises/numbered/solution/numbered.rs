// SPDX-License-Identifier: GPL-2.0-only

//! A disk whose sectors say their numbers, and that nobody can write to.

use core::ops::Range;
use kernel::static_lock_class;
use lkm::{
    block::{
        Disk,
        Operations,
        Options,
        Segment,
        SECTOR, //
    },
    prelude::*, //
};

module! {
    type: NumberedModule,
    name: "numbered",
    authors: ["lkmpg-rs developers"],
    description: "A disk whose sectors say their numbers",
    license: "GPL",
}

struct NumberedModule {
    _disk: Disk<Numbered>,
}

impl kernel::Module for NumberedModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = Options {
            sectors: 2048,
            queues: 1,
        };
        Ok(NumberedModule {
            _disk: Disk::new(c"numbered", options, Numbered, static_lock_class!())?,
        })
    }
}

struct Numbered;

impl Operations for Numbered {
    fn read(&self, position: u64, segment: &mut Segment<'_>) -> Result {
        let mut bytes = KVec::zeroed(segment.len(), GFP_KERNEL)?;
        let sectors = bytes.chunks_mut(SECTOR as usize);
        for (number, sector) in (position / SECTOR..).zip(sectors) {
            let text = Message::<32>::format(fmt!("Sector {number}\n"));
            for (to, from) in sector.iter_mut().zip(text.as_bytes()) {
                *to = *from;
            }
        }
        segment.copy_from(&bytes)
    }

    fn write(&self, _position: u64, _segment: &Segment<'_>) -> Result {
        Err(EIO)
    }

    fn discard(&self, _range: Range<u64>) -> Result {
        Err(EOPNOTSUPP)
    }
}
