// SPDX-License-Identifier: GPL-2.0-only

//! A button on a line of a GPIO chip, whose edges are interrupts.
//!
//! `gpio-sim` makes the chip. Writing to its file `pull` presses the button:
//!
//! ```console /sys/bus/platform/drivers/gpio-sim
//! # mount -t configfs none /sys/kernel/config
//! # cd /sys/kernel/config/gpio-sim
//! # mkdir -p board/bank
//! # echo 2 > board/bank/num_lines
//! # echo board > board/bank/label
//! # echo 1 > board/live
//! # insmod /modules/gpio_button.ko chip=board line=1 debounce_ms=5
//! faux_driver button: on line 1 of board
//! # grep button /proc/interrupts
//! [..]irq_sim[..]button
//! # exec 3< /dev/button
//! # cd /sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio1
//! # echo pull-up > pull    # press
//! gpio_button: Press 1
//! # echo pull-down > pull
//! # head -n 1 <&3
//! 1
//! # exec 3<&-
//! # rmmod gpio_button
//! # cd /sys/kernel/config/gpio-sim
//! # echo 0 > board/live
//! # rmdir board/bank board
//! # cd /modules; umount /sys/kernel/config
//! ```
//!
//! The driver handles a press in three steps. Each step does what the one before must not:
//!
//! 1. `Edges::handle` is the *handler*. It runs in the interrupt, where nobody may sleep, so it cannot even
//!    look at the line: the chip may be behind a slow bus. It notes the time.
//! 2. `Edges::handle_threaded` is the *threaded handler*, in a thread of its own. A contact bounces, so it
//!    sleeps until the line has been quiet, and then looks.
//! 3. `Press::run` is *BH work*, what became of tasklets. It logs, and wakes the readers. The thread could do
//!    that as well: this shows how an interrupt's work goes on where there is no thread. Work that is
//!    started twice before it runs, runs once. So the thread does the counting.
//!
//! `/dev/button` has a line with a number for each press since it was opened. Reading waits for the next
//! one, and so does poll(2). When the chip goes, readers get `ENODEV`. `presses.rs` has this file.
//!
//! The kernel's own module `button` is the driver of a PC's power button, which is why this one is called
//! otherwise: of two modules with one name only one is found, and only one can be loaded.
//!
//! A button for users belongs to the input subsystem (`drivers/input/keyboard/gpio_keys.c`), where it is a
//! key like others: see `vinput`.
//!
//! Where to look: `Documentation/driver-api/gpio/consumer.rst`, `kernel/irq/manage.c`.

use kernel::{
    time::{
        Instant,
        Monotonic, //
    },
    workqueue,
};
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
    new_work,
    prelude::*,
    work::{
        self,
        Work, //
    }, //
};

mod presses;

use presses::Session;

module! {
    type: ButtonModule,
    name: "gpio_button",
    authors: ["lkmpg-rs developers"],
    description: "A button on a GPIO line",
    license: "GPL",
}

module_params! {
    chip: str {
        default: c"board",
        description: "The label of the chip",
        permissions: 0o444,
    },
    line: u16 {
        default: 1,
        description: "The number of the line",
        permissions: 0o444,
    },
    active_low: bool {
        default: false,
        description: "Whether the button is pressed when the line is low",
        permissions: 0o444,
    },
    debounce_ms: u16 {
        default: 20,
        description: "How long the line must be quiet, in milliseconds, at most 1000",
        permissions: 0o444,
    },
}

// Torn down in this order: nobody opens it, no edge comes in, the line is given back.
struct ButtonModule {
    _node: misc::Registration<Session>,
    _interrupt: Pin<KBox<Interrupt<Edges>>>,
    _device: faux::Registration,
}

impl kernel::Module for ButtonModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let (label, number) = (chip.value(), line.value());
        let device = faux::Registration::new(c"button")?;
        if debounce_ms.value() > 1000 {
            dev_err!(device.as_ref(), "debounce_ms must be at most 1000\n");
            return Err(EINVAL);
        }
        let failed = |e: &Error| {
            let see = "(see /sys/kernel/debug/gpio)";
            dev_err!(
                device.as_ref(),
                "no line {number} of {label}: {e:?} {see}\n"
            );
        };
        // ANCHOR: init
        let input = gpio::Options::new(label, number)
            .active_low(active_low.value())
            .input(device.as_ref())
            .inspect_err(failed)?;
        let input = Arc::new(input, GFP_KERNEL)?;

        let button = Arc::pin_init(Button::new(), GFP_KERNEL)?;
        let press = new_work!(Press(button.clone()), workqueue::system_bh(), "press");
        let edges = Edges {
            debounce: Delta::from_millis(debounce_ms.value().into()),
            line: input.clone(),
            pressed: Atomic::new(input.value().inspect_err(failed)?),
            press: KBox::pin_init(press, GFP_KERNEL)?,
            button: button.clone(),
        };
        let both = Flags::RISING | Flags::FALLING;
        let interrupt = Interrupt::new(input, both, c"button", edges);
        let interrupt = KBox::pin_init(interrupt, GFP_KERNEL).inspect_err(failed)?;
        // ANCHOR_END: init

        let node = misc::Registration::new(c"button", 0o444, button)?;
        dev_info!(device.as_ref(), "on line {number} of {label}\n");
        Ok(ButtonModule {
            _node: node,
            _interrupt: interrupt,
            _device: device,
        })
    }
}

/// What the halves and the readers share.
#[pin_data]
struct Button {
    loaded: Instant<Monotonic>,
    /// When the last edge was, in nanoseconds since then.
    edge: Atomic<i64>,
    /// How many presses there were, for the thread, and for everybody else.
    counted: Atomic<u64>,
    told: Atomic<u64>,
    gone: Atomic<bool>,
    #[pin]
    changed: WaitQueue,
}

impl Button {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            loaded: Instant::now(),
            edge: Atomic::new(0),
            counted: Atomic::new(0),
            told: Atomic::new(0),
            gone: Atomic::new(false),
            changed <- new_wait_queue!("button"),
        })
    }
}

// ANCHOR: halves
/// What the interrupt calls.
struct Edges {
    button: Arc<Button>,
    line: Arc<Input>,
    debounce: Delta,
    pressed: Atomic<bool>,
    press: Pin<KBox<Work<Press>>>,
}

impl ThreadedHandler for Edges {
    fn handle(&self) -> ThreadedIrqReturn {
        let now = self.button.loaded.elapsed().as_nanos();
        self.button.edge.store(now, Relaxed);
        ThreadedIrqReturn::WakeThread
    }

    fn handle_threaded(&self) -> IrqReturn {
        let edge = self.button.edge.load(Relaxed);
        fsleep(self.debounce);
        // It still bounces: the thread was woken once more.
        if edge != self.button.edge.load(Relaxed) {
            return IrqReturn::Handled;
        }
        let Ok(pressed) = self.line.value() else {
            return IrqReturn::None;
        };
        if pressed && !self.pressed.load(Relaxed) {
            self.button.counted.fetch_add(1, Release);
            self.press.start();
        }
        self.pressed.store(pressed, Relaxed);
        IrqReturn::Handled
    }
}

/// The chip goes, or the module.
impl Drop for Edges {
    fn drop(&mut self) {
        self.button.gone.store(true, Release);
        self.button.changed.wake_all();
    }
}

/// What the thread starts.
struct Press(Arc<Button>);

impl work::Handler for Press {
    fn run(&self) {
        let counted = self.0.counted.load(Acquire);
        let first = self.0.told.load(Relaxed) + 1;
        // One line, however many there are: until it is written, nothing else runs here.
        if first < counted {
            pr_info!("Presses {first} to {counted}\n");
        } else if first == counted {
            pr_info!("Press {counted}\n");
        }
        self.0.told.store(counted, Release);
        self.0.changed.wake_all();
    }
}
// ANCHOR_END: halves
