// SPDX-License-Identifier: GPL-2.0-only

//! Counts what goes to a disk.

use lkm::{
    kprobe::{
        self,
        Probe, //
    },
    prelude::*,
};

module! {
    type: ToDisk,
    name: "to_disk",
    authors: ["lkmpg-rs developers"],
    description: "Counts what goes to a disk",
    license: "GPL",
}

struct ToDisk {
    _file: Pin<KBox<proc_fs::File<Traffic>>>,
}

impl kernel::Module for ToDisk {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let traffic = Traffic {
            ended: count(c"bio_endio")?,
            begun: count(c"submit_bio")?,
        };
        let options = proc_fs::Options::new(c"to_disk", 0o444);
        let file = proc_fs::File::new(options, traffic);
        Ok(ToDisk {
            _file: KBox::pin_init(file, GFP_KERNEL)?,
        })
    }
}

/// How often a function was called.
struct Calls(Atomic<u64>);

impl kprobe::Handler for Calls {
    type Arguments = (usize,);

    fn entered(&self, _: (usize,)) {
        self.0.fetch_add(1, Relaxed);
    }
}

fn count(function: &'static CStr) -> Result<Pin<KBox<Probe<Calls>>>> {
    KBox::pin_init(Probe::new(function, Calls(Atomic::new(0))), GFP_KERNEL)
}

/// `/proc/to_disk`. A probe gives access to its handler, here `Calls`.
struct Traffic {
    ended: Pin<KBox<Probe<Calls>>>,
    begun: Pin<KBox<Probe<Calls>>>,
}

#[vtable]
impl proc_fs::Show for Traffic {
    fn show(&self, out: &mut SeqFile) -> Result {
        let ended = self.ended.0.load(Relaxed);
        let begun = self.begun.0.load(Relaxed);
        seq_print!(out, "{begun} begun, {ended} ended\n");
        Ok(())
    }
}
