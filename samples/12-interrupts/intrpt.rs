// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 12: what the keyboard sends, seen in its interrupt.
//!
//! ```sh
//! insmod intrpt.ko && cat /dev/scancode    # type on the PC's own keyboard, end with Ctrl-C
//! grep keyboard /proc/interrupts; dmesg | tail
//! rmmod intrpt
//! ```
//!
//! `/dev/scancode` shows each scan code as a line with two hexadecimal digits, the high bit saying
//! that the key was released; poll(2) sleeps until there is one (no signal comes, though `O_ASYNC`
//! is accepted: the kernel sets that flag for any file). Every reader sees all that came since it
//! opened the file. One that is more than 1,024 behind loses the oldest, and reads `lost` and their
//! number instead. Who can read it reads passwords: only root can.
//!
//! Changed from the guide: the keyboard's driver stays, and gets every key. So interrupt 1 is
//! shared, and its handler here does no more than the line allows: it counts. It may read the
//! controller's status (port 0x64) but not the scan code (port 0x60): the controller gives that out
//! once, to the driver, or if it is asked again, the next one, which the driver then misses. The
//! scan code comes from the driver, by its filter, in the same interrupt. The bottom half is the
//! interrupt's thread. What the keyboard says to its driver (acknowledge, resend) is left out; only
//! while that one sets it up, after boot, more such answers pass for scan codes.

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

// Torn down in this order: nobody reads, nothing comes in, the bottom half has returned.
struct Intrpt {
    _device: chrdev::Registration<scancode::Reader>,
    _filter: Pin<KBox<i8042::Registration<TopHalf>>>,
    line: Arc<ThreadedRegistration<Line>>,
}

impl kernel::Module for Intrpt {
    fn init(_module: &'static ThisModule) -> Result<Self> {
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

/// What the keyboard's driver calls for each byte, in its interrupt.
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

impl irq::ThreadedHandler for Line {
    fn handle(&self) -> ThreadedIrqReturn {
        self.interrupts.fetch_add(1, Relaxed);
        if i8042::has_byte() {
            self.busy.fetch_add(1, Relaxed);
        }
        // The device is not ours.
        ThreadedIrqReturn::None
    }

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
