// SPDX-License-Identifier: GPL-2.0-only

//! Keeps words.

use lkm::prelude::*;
use pin_init::pin_init_scope;

module! {
    type: Polite,
    name: "polite",
    authors: ["lkmpg-rs developers"],
    description: "Keeps words",
    license: "GPL",
}

module_params! {
    slots: u32 {
        default: 4,
        description: "How many words to keep, from 1 to 1024",
        permissions: 0o444,
    },
}

#[pin_data]
struct Polite {
    #[pin]
    _file: proc_fs::File<Words>,
}

impl kernel::InPlaceModule for Polite {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init_scope(|| {
            let count = slots.value();
            if !(1..=1024).contains(&count) {
                pr_err!("slots must be from 1 to 1024, not {count}\n");
                return Err(EINVAL);
            }
            let options = proc_fs::Options::new(c"polite", 0o644);
            Ok(try_pin_init!(Self {
                _file <- proc_fs::File::new(options, Words::new(count as usize)),
            }))
        })
    }
}

#[pin_data]
struct Words {
    room: usize,
    #[pin]
    kept: Mutex<KVec<Message<16>>>,
}

impl Words {
    fn new(count: usize) -> impl PinInit<Self> {
        pin_init!(Self {
            room: count,
            kept <- new_mutex!(KVec::new(), "polite"),
        })
    }
}

#[vtable]
impl proc_fs::Show for Words {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{} of {}\n", self.kept.lock().len(), self.room);
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let word = Message::copy_from(data)?;
        let mut kept = self.kept.lock();
        if kept.len() >= self.room {
            return Err(ENOSPC);
        }
        kept.push(word, GFP_KERNEL)?;
        Ok(length)
    }
}
