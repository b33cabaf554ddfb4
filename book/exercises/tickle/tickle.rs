// SPDX-License-Identifier: GPL-2.0-only

//! Says something whenever a file is deleted.

use lkm::{
    kprobe::{
        self,
        Probe, //
    },
    prelude::*,
};

module! {
    type: Tickle,
    name: "tickle",
    authors: ["lkmpg-rs developers"],
    description: "Laughs when a file is deleted",
    license: "GPL",
}

struct Tickle {
    _file: Pin<KBox<proc_fs::File<Laughs>>>,
}

impl kernel::Module for Tickle {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let probe = Arc::pin_init(Probe::new(c"unlink", Skin), GFP_KERNEL)?;
        let options = proc_fs::Options::new(c"tickle", 0o444);
        let file = proc_fs::File::new(options, Laughs { _probe: probe });
        Ok(Tickle {
            _file: KBox::pin_init(file, GFP_KERNEL)?,
        })
    }
}

/// What the probe calls.
struct Skin;

impl kprobe::Handler for Skin {
    type Arguments = (usize,);

    fn entered(&self, _: (usize,)) {
        pr_info!("Tee hee, that tickles!\n");
    }
}

/// `/proc/tickle`. A probe gives access to its handler, here `Skin`.
struct Laughs {
    _probe: Arc<Probe<Skin>>,
}

#[vtable]
impl proc_fs::Show for Laughs {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{}\n", 0);
        Ok(())
    }
}
