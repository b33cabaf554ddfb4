// SPDX-License-Identifier: GPL-2.0-only

//! A module that keeps a parameter's value when the parameters are not all read yet. It does not load if
//! that has changed, or if it gets a device then.

use kernel::sync::SetOnce;
use lkm::prelude::*;

module! {
    type: Kept,
    name: "kept",
    authors: ["lkmpg-rs developers"],
    description: "Keeps a string that is given again",
    license: "GPL",
}

module_params! {
    port: str {
        default: c"none",
        description: "What is kept",
        permissions: 0o444,
    },
    keep: u8 {
        default: 0,
        description: "When it is kept",
        permissions: 0,
        on_set: |_| {
            KEPT.populate(port.value());
            let device = chrdev::Options::new(c"kept");
            match chrdev::Registration::<Opened>::new(device, Arc::new((), GFP_KERNEL)?) {
                Err(e) if e == EBUSY => Ok(()),
                other => other.and(Err(EILSEQ)),
            }
        },
    },
}

static KEPT: SetOnce<&'static CStr> = SetOnce::new();

struct Kept;

impl kernel::Module for Kept {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        match KEPT.copy() {
            None => Ok(Kept),
            Some(kept) if kept == c"one" => Ok(Kept),
            Some(kept) => {
                pr_err!("What was kept is {kept} now.\n");
                Err(EILSEQ)
            }
        }
    }
}

struct Opened;

#[vtable]
impl FileOperations for Opened {
    type Data = ();

    fn open(_data: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Self)
    }
}
