// SPDX-License-Identifier: GPL-2.0-only

//! A disk whose sectors say their numbers, and that nobody can write to.

use core::ops::Range;
use kernel::static_lock_class;
use lkm::{
    block::{
        Disk,
        Operations,
        Options,
        Segment, //
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
    fn read(&self, _position: u64, segment: &mut Segment<'_>) -> Result {
        segment.clear();
        Ok(())
    }

    fn write(&self, _position: u64, _segment: &Segment<'_>) -> Result {
        Ok(())
    }

    fn discard(&self, _range: Range<u64>) -> Result {
        Err(EOPNOTSUPP)
    }
}
