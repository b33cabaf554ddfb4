// SPDX-License-Identifier: GPL-2.0-only

//! A shelf, and boxes.

use kernel::{
    faux,
    str::CString, //
};
use lkm::prelude::*;

module! {
    type: Shelf,
    name: "shelf",
    authors: ["lkmpg-rs developers"],
    description: "A shelf, and boxes",
    license: "GPL",
}

module_params! {
    boxes: u32 {
        default: 2,
        description: "How many boxes, from 1 to 8",
        permissions: 0o444,
    },
}

// Dropped in this order: a box goes before what it is in.
struct Shelf {
    _boxes: KVec<Thing>,
    _shelf: Thing,
}

impl kernel::Module for Shelf {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let count = boxes.value();
        if !(1..=8).contains(&count) {
            pr_err!("boxes must be from 1 to 8, not {count}\n");
            return Err(EINVAL);
        }
        let shelf = Thing(faux::Registration::new(c"shelf", None)?);
        let mut inside = KVec::new();
        for number in 0..count {
            let name = CString::try_from_fmt(fmt!("box{number}"))?;
            let it = faux::Registration::new(&name, Some(shelf.0.as_ref().as_ref()))?;
            dev_info!(it.as_ref(), "It is empty.\n");
            inside.push(Thing(it), GFP_KERNEL)?;
        }
        Ok(Shelf {
            _boxes: inside,
            _shelf: shelf,
        })
    }
}

/// A device that says when it goes.
struct Thing(faux::Registration);

impl Drop for Thing {
    fn drop(&mut self) {
        dev_info!(self.0.as_ref(), "It is taken away.\n");
    }
}
