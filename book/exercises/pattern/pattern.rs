// SPDX-License-Identifier: GPL-2.0-only

//! A device that gives the bytes 0 to 255, again and again.

use lkm::prelude::*;

module! {
    type: Pattern,
    name: "pattern",
    authors: ["lkmpg-rs developers"],
    description: "Gives the bytes 0 to 255, again and again",
    license: "GPL",
}

struct Pattern {
    _device: misc::Registration<Session>,
}

impl kernel::Module for Pattern {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let shared = Arc::new((), GFP_KERNEL)?;
        Ok(Pattern {
            _device: misc::Registration::new(c"pattern", 0o444, shared)?,
        })
    }
}

/// An open file.
struct Session;

#[vtable]
impl FileOperations for Session {
    type Data = ();

    fn open(_shared: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok::<_, Error>(Session)
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let byte = *pos as u8;
        pr_info!("byte {byte} is read\n");
        if out.copy_to_iter(&[byte]) == 0 {
            return Err(EFAULT);
        }
        *pos += 1;
        Ok(1)
    }
}
