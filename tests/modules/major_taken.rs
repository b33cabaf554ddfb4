// SPDX-License-Identifier: GPL-2.0-only

//! Has a major number that another module wants, as the sample `ioctl` wants 100.

use kernel::{
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    },
};
use lkm::{
    chrdev,
    fops::{
        FileOperations,
        OpenFile, //
    },
};

module! {
    type: MajorTaken,
    name: "major_taken",
    authors: ["lkmpg-rs developers"],
    description: "Has a major number that another module wants",
    license: "GPL",
}

lkm::module_params! {
    major: u32 {
        default: 100,
        description: "The major number",
        permissions: 0o444,
    },
}

struct MajorTaken {
    _device: chrdev::Registration<Nothing>,
}

impl kernel::Module for MajorTaken {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"major_taken")
            .major(major.value())
            .nodes(0);
        let nothing = Arc::new((), GFP_KERNEL)?;
        Ok(MajorTaken {
            _device: chrdev::Registration::new(options, nothing)?,
        })
    }
}

struct Nothing;

#[vtable]
impl FileOperations for Nothing {
    type Data = ();

    fn open(_data: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Nothing)
    }
}
