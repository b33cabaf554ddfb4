// SPDX-License-Identifier: GPL-2.0-only

//! A module that calls its `init` again, when that was freed: `/proc/again` shows what came of it.

use lkm::prelude::*;

struct Again {
    _file: Pin<KBox<proc_fs::File<Caller>>>,
}

static CALLED: Atomic<bool> = Atomic::new(false);

lkm::init_only! {
    module! {
        type: Again,
        name: "again",
        authors: ["lkmpg-rs developers"],
        description: "Calls its init again",
        license: "GPL",
    }

    impl kernel::Module for Again {
        static MODE: u16 = 0o400;

        fn init(_module: &'static ThisModule) -> Result<Self> {
            if CALLED.xchg(true, Relaxed) {
                return Err(EILSEQ);
            }
            let file = proc_fs::File::new(proc_fs::Options::new(c"again", MODE), Caller);
            Ok(Self {
                _file: KBox::pin_init(file, GFP_KERNEL)?,
            })
        }
    }
}

/// Neither the linker nor modpost looks in here.
static INIT: [fn(&'static ThisModule) -> Result<Again>; 1] = [<Again as kernel::Module>::init];

struct Caller;

#[vtable]
impl proc_fs::Show for Caller {
    fn show(&self, out: &mut SeqFile) -> Result {
        let result = INIT[0](lkm::this_module());
        seq_print!(out, "{:?}\n", result.err());
        Ok(())
    }
}
