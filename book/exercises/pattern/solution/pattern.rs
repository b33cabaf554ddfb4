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

/// What is copied from.
static BYTES: [u8; 256] = {
    let mut bytes = [0; 256];
    let mut at = 0;
    while at < bytes.len() {
        bytes[at] = at as u8;
        at += 1;
    }
    bytes
};

/// An open file.
struct Session;

#[vtable]
impl FileOperations for Session {
    type Data = ();

    fn open(_shared: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok::<_, Error>(Session)
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let mut copied = 0;
        while !out.is_empty() {
            let rest = BYTES.get(usize::from(*pos as u8)..).unwrap_or_default();
            let length = out.copy_to_iter(rest);
            *pos += length as Offset;
            copied += length;
            // Either there is no more room, or the reader's memory ends here.
            if length < rest.len() {
                break;
            }
        }
        if copied == 0 && !out.is_empty() {
            return Err(EFAULT);
        }
        Ok(copied)
    }
}
