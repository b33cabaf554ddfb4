// SPDX-License-Identifier: GPL-2.0-only

//! Keeps what is written to `/proc/memory_lines`.

use core::mem;
use lkm::prelude::*;

module! {
    type: MemoryLines,
    name: "memory_lines",
    authors: ["lkmpg-rs developers"],
    description: "Keeps what is written",
    license: "GPL",
}

module_params! {
    limit: u32 {
        default: 4096,
        description: "How many bytes are kept",
        permissions: 0o444,
    },
}

#[pin_data]
struct MemoryLines {
    #[pin]
    _file: proc_fs::File<Lines>,
}

impl kernel::InPlaceModule for MemoryLines {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = proc_fs::Options::new(c"memory_lines", 0o600);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, Lines::new()),
        })
    }
}

#[pin_data]
struct Lines {
    #[pin]
    kept: Mutex<KVVec<u8>>,
}

impl Lines {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            kept <- new_mutex!(KVVec::new()),
        })
    }
}

#[vtable]
impl proc_fs::Show for Lines {
    fn show(&self, out: &mut SeqFile) -> Result {
        let kept = self.kept.lock();
        let text = core::str::from_utf8(&kept).map_err(|_| EINVAL)?;
        seq_print!(out, "{text}");
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let new = Message::<1000>::copy_from(data)?;
        if new.len() < length {
            return Err(EINVAL);
        }
        let mut kept = self.kept.lock();
        if new.as_bytes().trim_ascii() == b"clear" {
            let old = mem::replace(&mut *kept, KVVec::new());
            // To free much needs no lock.
            drop(kept);
            drop(old);
            return Ok(length);
        }
        let room = (limit.value() as usize).saturating_sub(kept.len());
        if new.len() > room {
            return Err(ENOSPC);
        }
        // If this fails, nothing has been added.
        kept.extend_from_slice(new.as_bytes(), GFP_KERNEL)?;
        Ok(length)
    }
}
