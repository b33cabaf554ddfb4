// SPDX-License-Identifier: GPL-2.0-only

//! Counts the interrupts on the keyboard's line, in `/proc/irq_count`.

use lkm::{
    irq::{
        Flags,
        IrqReturn, //
    },
    prelude::*,
};

module! {
    type: IrqCount,
    name: "irq_count",
    authors: ["lkmpg-rs developers"],
    description: "Counts the keyboard's interrupts",
    license: "GPL",
}

const KEYBOARD_IRQ: u32 = 1;

struct IrqCount {
    _file: Pin<KBox<proc_fs::File<Shown>>>,
}

impl kernel::Module for IrqCount {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let line = Line {
            interrupts: Atomic::new(0),
        };
        let line = irq::Registration::new(KEYBOARD_IRQ, Flags::SHARED, c"irq_count", line);
        let shown = Shown {
            line: Arc::pin_init(line, GFP_KERNEL)?,
        };
        let options = proc_fs::Options::new(c"irq_count", 0o444);
        Ok(IrqCount {
            _file: KBox::pin_init(proc_fs::File::new(options, shown), GFP_KERNEL)?,
        })
    }
}

/// Our part in the interrupt line.
struct Line {
    interrupts: Atomic<u64>,
}

impl irq::Handler for Line {
    fn handle(&self) -> IrqReturn {
        self.interrupts.fetch_add(1, Relaxed);
        IrqReturn::None
    }
}

/// `/proc/irq_count`. A registration gives access to its handler, here `Line`.
struct Shown {
    line: Arc<irq::Registration<Line>>,
}

#[vtable]
impl proc_fs::Show for Shown {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{}\n", self.line.interrupts.load(Relaxed));
        Ok(())
    }
}
