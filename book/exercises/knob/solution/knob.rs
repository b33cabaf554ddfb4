// SPDX-License-Identifier: GPL-2.0-only

//! A knob that turns both ways, in `/proc/knob`.

use lkm::{
    faux,
    gpio::{
        self,
        Input,
        Interrupt, //
    },
    irq::{
        Flags,
        IrqReturn,
        ThreadedHandler,
        ThreadedIrqReturn, //
    },
    prelude::*, //
};

module! {
    type: Knob,
    name: "knob",
    authors: ["lkmpg-rs developers"],
    description: "A knob that turns both ways",
    license: "GPL",
}

// Torn down in this order: nobody reads, no edge comes in, the lines are given back.
struct Knob {
    _file: Pin<KBox<proc_fs::File<Shown>>>,
    _interrupt: Pin<KBox<Interrupt<Contacts>>>,
    _device: faux::Registration,
}

impl kernel::Module for Knob {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let device = faux::Registration::new(c"knob")?;
        let line = |number| gpio::Options::new(c"knob", number).input(device.as_ref());
        let position = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let first = Arc::new(line(0)?, GFP_KERNEL)?;
        let contacts = Contacts {
            second: line(1)?,
            position: position.clone(),
        };
        let interrupt = Interrupt::new(first, Flags::RISING, c"knob", contacts);
        let interrupt = KBox::pin_init(interrupt, GFP_KERNEL)?;
        let options = proc_fs::Options::new(c"knob", 0o444);
        let file = proc_fs::File::new(options, Shown { position });
        Ok(Knob {
            _file: KBox::pin_init(file, GFP_KERNEL)?,
            _interrupt: interrupt,
            _device: device,
        })
    }
}

/// The two contacts. The first interrupts when it closes.
struct Contacts {
    second: Input,
    position: Arc<Atomic<i32>>,
}

impl ThreadedHandler for Contacts {
    fn handle(&self) -> ThreadedIrqReturn {
        ThreadedIrqReturn::WakeThread
    }

    fn handle_threaded(&self) -> IrqReturn {
        match self.second.value() {
            Ok(false) => self.position.fetch_add(1, Relaxed),
            Ok(true) => self.position.fetch_sub(1, Relaxed),
            // The chip has gone.
            Err(_) => return IrqReturn::None,
        };
        IrqReturn::Handled
    }
}

/// `/proc/knob`.
struct Shown {
    position: Arc<Atomic<i32>>,
}

#[vtable]
impl proc_fs::Show for Shown {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{}\n", self.position.load(Relaxed));
        Ok(())
    }
}
