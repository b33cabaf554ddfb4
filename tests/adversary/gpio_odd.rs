// SPDX-License-Identifier: GPL-2.0-only

//! Interrupts of a line that nobody can have. Loading it tries them, and fails if something is not as it
//! should be; the log says what. The first line of `chip` must be free.

use lkm::{
    faux,
    gpio::{
        self,
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
    type: GpioOdd,
    name: "gpio_odd",
    authors: ["lkmpg-rs developers"],
    description: "Asks for interrupts of a line as nobody should",
    license: "GPL",
}

module_params! {
    chip: str {
        default: c"board",
        description: "The label of the chip",
        permissions: 0o444,
    },
}

struct GpioOdd;

impl kernel::Module for GpioOdd {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let device = faux::Registration::new(c"gpio_odd")?;
        let line = gpio::Options::new(chip.value(), 0).input(device.as_ref())?;
        let line = Arc::new(line, GFP_KERNEL)?;
        let ask = |flags| {
            let interrupt = Interrupt::new(line.clone(), flags, c"odd", Nobody);
            KBox::pin_init(interrupt, GFP_KERNEL).map(drop)
        };
        let both = Flags::RISING | Flags::FALLING;
        let odd = [
            Flags::NONE,
            Flags::ONESHOT,
            Flags::SHARED,
            Flags::HIGH,
            Flags::LOW,
            Flags::RISING | Flags::HIGH,
            Flags::RISING | Flags::LOW,
            Flags::RISING | Flags::SHARED,
            both | Flags::HIGH | Flags::LOW,
            both | Flags::SHARED,
        ];
        for (number, flags) in odd.into_iter().enumerate() {
            let result = ask(flags);
            if result != Err(EINVAL) {
                pr_err!("Of the odd flags, number {number}: {result:?}\n");
                return Err(EDOM);
            }
        }
        for flags in [Flags::RISING, Flags::FALLING, both] {
            ask(flags)?;
        }
        Ok(GpioOdd)
    }
}

struct Nobody;

impl ThreadedHandler for Nobody {
    fn handle(&self) -> ThreadedIrqReturn {
        ThreadedIrqReturn::WakeThread
    }

    fn handle_threaded(&self) -> IrqReturn {
        IrqReturn::Handled
    }
}
