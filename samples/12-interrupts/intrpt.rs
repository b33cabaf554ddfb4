// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 12: what the keyboard sends, seen in its interrupt.
//!
//! ```console
//! # insmod intrpt.ko
//! # grep keyboard /proc/interrupts
//! [..]i8042, test_keyboard_irq_handler
//! # head -n 2 /dev/scancode    # now press A
//! intrpt: Scan Code 1e Pressed.
//! intrpt: Scan Code 1e Released.
//! 1e
//! 9e
//! # rmmod intrpt
//! intrpt: Saw [..] interrupts, [..] with the next scan code already there
//! ```
//!
//! An interrupt is a device's call for attention. The CPU stops what it does, and runs the handlers of
//! that line. A handler belongs to no process, must not sleep, and holds up everything else. So it does
//! only what cannot wait, the *top half*: here, to keep the byte before the next one comes. It leaves
//! the rest to the *bottom half*, which runs soon after, in a thread, and may take its time: here, to
//! write to the log. When a key is pressed, this happens:
//!
//! 1. The keyboard's driver, which has interrupt 1, reads the byte from the controller, and shows it to
//!    `TopHalf::byte`, still in the interrupt. That puts it into a ring, and wakes the readers of
//!    `/dev/scancode` and the bottom half.
//! 2. `Line::handle` is a handler of our own on the same line, which is shared. It counts.
//! 3. `Line::handle_threaded` is the bottom half.
//!
//! `/dev/scancode` shows each scan code as a line with two hexadecimal digits, the high bit saying
//! that the key was released; poll(2) sleeps until there is one (no signal comes, though `O_ASYNC`
//! is accepted: the kernel sets that flag for any file). Every reader sees all that came since it
//! opened the file. One that is more than 1,024 behind loses the oldest, and reads `lost` and their
//! number instead. This file shows passwords, too, so only root may open it.
//!
//! The log has the same keys, as in the guide, and passwords among them. The module has no say in who may
//! read that: root, and everybody if `/proc/sys/kernel/dmesg_restrict` is 0. What copies the log to a file
//! has rules of its own. A real driver logs nothing of what is typed.
//!
//! Changed from the guide: it throws the keyboard's driver out, and the PC must be rebooted. Here the
//! driver stays, and gets every key. So our handler does not read the scan code (port 0x60): the
//! controller gives out each one once, and the driver would miss it. It may read the status (port 0x64).
//! What the keyboard says to its driver (acknowledge, resend) is left out. While the driver sets the
//! keyboard up, after boot, it says more than that, which is shown as scan codes.
//!
//! The guide's flag `SA_SHIRQ` is `Flags::SHARED` now. `SA_INTERRUPT` asked for a "fast" handler, which
//! runs with interrupts off. All handlers do since 2.6.35, and the flag is gone.
//!
//! Where to look: `drivers/input/serio/i8042.c`, the keyboard's driver, and `kernel/irq/manage.c`.

use lkm::{
    i8042::{
        self,
        Byte,
        Verdict, //
    },
    irq::{
        Flags,
        IrqReturn,
        ThreadedIrqReturn,
        ThreadedRegistration, //
    },
    prelude::*,
    ring::{
        Next,
        Position,
        Ring, //
    },
};

mod scancode;

module! {
    type: Intrpt,
    name: "intrpt",
    authors: ["lkmpg-rs developers"],
    description: "Shows what the keyboard sends",
    license: "GPL",
}

/// As `/proc/interrupts` shows it.
const NAME: &CStr = c"test_keyboard_irq_handler";
const KEYBOARD_IRQ: u32 = 1;
const ACKNOWLEDGE: u8 = 0xfa;
const RESEND: u8 = 0xfe;
const RELEASED: u8 = 0x80;

// ANCHOR: order
// Torn down in this order: nobody reads, nothing comes in, the bottom half has returned.
struct Intrpt {
    _device: chrdev::Registration<scancode::Session>,
    _filter: Pin<KBox<i8042::Registration<TopHalf>>>,
    line: Arc<ThreadedRegistration<Line>>,
}
// ANCHOR_END: order

impl kernel::Module for Intrpt {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // ANCHOR: init
        let keyboard = Arc::pin_init(Keyboard::new(), GFP_KERNEL)?;

        let line = Line::new(keyboard.clone());
        let line = ThreadedRegistration::new(KEYBOARD_IRQ, Flags::SHARED, NAME, line);
        let line = Arc::pin_init(line, GFP_KERNEL)
            .inspect_err(|e| pr_alert!("Interrupt {KEYBOARD_IRQ} cannot be shared: {e:?}\n"))?;

        let top_half = TopHalf {
            keyboard: keyboard.clone(),
            line: line.clone(),
        };
        let filter = KBox::pin_init(i8042::Registration::new(top_half), GFP_KERNEL)
            .inspect_err(|e| pr_alert!("Another driver filters the keyboard: {e:?}\n"))?;
        // ANCHOR_END: init

        let options = chrdev::Options::new(c"scancode").mode(0o400);
        Ok(Intrpt {
            _device: chrdev::Registration::new(options, keyboard)?,
            _filter: filter,
            line,
        })
    }
}

impl Drop for Intrpt {
    fn drop(&mut self) {
        let line = &self.line;
        pr_info!(
            "Saw {} interrupts, {} with the next scan code already there\n",
            line.interrupts.load(Relaxed),
            line.busy.load(Relaxed),
        );
    }
}

/// What came in, and who waits for it.
#[pin_data]
struct Keyboard {
    codes: Ring,
    #[pin]
    arrived: WaitQueue,
}

impl Keyboard {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            codes: Ring::new(1024)?,
            arrived <- new_wait_queue!("intrpt"),
        })
    }
}

// ANCHOR: top
/// The top half: what the keyboard's driver calls for each byte, in its interrupt.
struct TopHalf {
    keyboard: Arc<Keyboard>,
    line: Arc<ThreadedRegistration<Line>>,
}

impl i8042::Filter for TopHalf {
    fn byte(&self, byte: Byte) -> Verdict {
        if !byte.is_auxiliary() && !matches!(byte.data, ACKNOWLEDGE | RESEND) {
            self.keyboard.codes.push(byte.data);
            self.keyboard.arrived.wake_all();
            self.line.wake_thread();
        }
        Verdict::Pass
    }
}
// ANCHOR_END: top

/// Our part in the interrupt line.
#[pin_data]
struct Line {
    keyboard: Arc<Keyboard>,
    interrupts: Atomic<u64>,
    busy: Atomic<u64>,
    #[pin]
    logged: Mutex<Position>,
}

impl Line {
    fn new(keyboard: Arc<Keyboard>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            logged <- new_mutex!(keyboard.codes.end()),
            keyboard,
            interrupts: Atomic::new(0),
            busy: Atomic::new(0),
        })
    }
}

// ANCHOR: halves
impl irq::ThreadedHandler for Line {
    /// In the interrupt, after the driver's handler.
    fn handle(&self) -> ThreadedIrqReturn {
        self.interrupts.fetch_add(1, Relaxed);
        if i8042::has_byte() {
            self.busy.fetch_add(1, Relaxed);
        }
        // The device is not ours.
        ThreadedIrqReturn::None
    }

    /// The bottom half.
    fn handle_threaded(&self) -> IrqReturn {
        let mut logged = self.logged.lock();
        while let Some(next) = self.keyboard.codes.next(&mut logged) {
            match next {
                Next::Byte(code) if code & RELEASED == 0 => {
                    pr_info!("Scan Code {code:x} Pressed.\n");
                }
                Next::Byte(code) => pr_info!("Scan Code {:x} Released.\n", code & !RELEASED),
                Next::Lost(n) => pr_info!("{n} scan codes came too fast to be logged.\n"),
            }
        }
        IrqReturn::Handled
    }
}
// ANCHOR_END: halves
