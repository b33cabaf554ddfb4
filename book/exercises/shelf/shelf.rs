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

struct Shelf {
    _shelf: Thing,
    _boxes: KVec<Thing>,
}

impl kernel::Module for Shelf {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let shelf = Thing(faux::Registration::new(c"shelf", None)?);
        let mut boxes = KVec::new();
        for number in 0..2 {
            let name = CString::try_from_fmt(fmt!("box{number}"))?;
            boxes.push(Thing(faux::Registration::new(&name, None)?), GFP_KERNEL)?;
        }
        Ok(Shelf {
            _shelf: shelf,
            _boxes: boxes,
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
