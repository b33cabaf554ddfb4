// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 11, side by side: the ways to have something done later.
//!
//! An interrupt handler has no time, and a function that holds a spinlock must not sleep. So the
//! kernel has ways to leave work to somebody else. This module runs the same handler by each of them,
//! and shows what it found out:
//!
//! ```console /sys/bus/serio
//! # insmod defer.ko
//! # cat /proc/defer
//! way            context  cpu  microseconds
//! timer          softirq  [..]
//! hrtimer        hardirq  [..]
//! work           task     [..]
//! delayed work   task     [..]
//! BH work        softirq  [..]
//! threaded IRQ   task     [..]
//! # rmmod defer
//! ```
//!
//! The timers and the delayed work are asked to wait 10 milliseconds, the others to come soon. The
//! context says what the handler may do: only a *task* may sleep.
//!
//! - A **timer** counts in ticks. It is cheap, and comes late by up to a tick or two.
//! - An **hrtimer** has the hardware interrupt the CPU at the very time. Its handler runs in that
//!   interrupt, so it must be short. On a kernel that is built for real time it runs in a softirq.
//! - **Work** is done by a thread that the kernel keeps for everybody. Its handler may take a mutex,
//!   wait for a disk, allocate memory with patience.
//! - **Delayed work** is a timer that starts work.
//! - **BH work** is what became of tasklets, the *bottom halves* of interrupts: it comes right after
//!   the interrupt, before the task goes on.
//! - A **threaded IRQ** is an interrupt handler with a thread of its own. Here no interrupt comes: the
//!   module shares the keyboard's line and wakes the thread itself. A machine without that line has
//!   no such row. `intrpt` and `gpio_button` show the whole of it.
//!
//! The handlers run while the file is being opened, by one opener at a time. Another one meanwhile gets `EBUSY`: two
//! interrupt handlers of one name on a line want the same folder in `/proc/irq`.
//!
//! A handler that sleeps in the wrong context compiles, in C and in Rust. `KERNEL=debug` finds it.
//!
//! When the module goes, nothing of it may still run. In C that takes `timer_shutdown_sync()`,
//! `hrtimer_cancel()`, `cancel_work_sync()` and `free_irq()`, in the right order. Here dropping each of
//! them does it.
//!
//! Where to look: `kernel/workqueue.c`, `kernel/time/`, and `Documentation/core-api/workqueue.rst`.

use kernel::{
    cpu::CpuId,
    sync::SetOnce,
    time::{
        msecs_to_jiffies,
        Instant,
        Monotonic, //
    },
    workqueue,
};
use lkm::{
    completion::Completion,
    context::Context,
    irq::{
        Flags,
        IrqReturn,
        ThreadedIrqReturn,
        ThreadedRegistration, //
    },
    new_timer,
    new_work,
    prelude::*,
    timer::TimerRestart,
    work, //
};

mod precise;

module! {
    type: Defer,
    name: "defer",
    authors: ["lkmpg-rs developers"],
    description: "The ways to have something done later",
    license: "GPL",
}

struct Defer {
    _file: proc_fs::Node<Session>,
}

impl kernel::Module for Defer {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let busy = Arc::pin_init(new_mutex!(()), GFP_KERNEL)?;
        Ok(Defer {
            _file: proc_fs::Node::new(proc_fs::Options::new(c"defer", 0o444), busy)?,
        })
    }
}

/// When the timers are to go off, in milliseconds.
const DELAY: u32 = 10;

/// A PC has it, and the keyboard's driver shares it.
const KEYBOARD_IRQ: u32 = 1;

type Table = Message<400>;

// ANCHOR: ways
/// Has a handler called in each way, and fills the table.
fn try_all(table: &mut Table) -> Result {
    let timer = KBox::pin_init(new_timer!(Probe::new(), "defer"), GFP_KERNEL)?;
    timer.start(msecs_to_jiffies(DELAY));
    timer.tell("timer", table)?;

    let timer = precise::start(Delta::from_millis(DELAY.into()))?;
    timer.tell("hrtimer", table)?;

    let queue = workqueue::system_highpri();
    let work = KBox::pin_init(new_work!(Probe::new(), queue, "defer"), GFP_KERNEL)?;
    work.start();
    work.tell("work", table)?;

    let delayed = KBox::pin_init(new_work!(Probe::new(), queue, "defer"), GFP_KERNEL)?;
    delayed.start_after(msecs_to_jiffies(DELAY));
    delayed.tell("delayed work", table)?;

    let queue = workqueue::system_bh();
    let half = KBox::pin_init(new_work!(Probe::new(), queue, "defer"), GFP_KERNEL)?;
    half.start();
    half.tell("BH work", table)?;

    let line = ThreadedRegistration::new(KEYBOARD_IRQ, Flags::SHARED, c"defer", Probe::new());
    match KBox::pin_init(line, GFP_KERNEL) {
        Ok(line) => {
            line.wake_thread();
            line.tell("threaded IRQ", table)
        }
        // There is no such line, or its driver does not share it.
        Err(EINVAL | EBUSY) => Ok(()),
        Err(error) => Err(error),
    }
}
// ANCHOR_END: ways

/// What the handler finds out.
struct Found {
    context: Context,
    cpu: u32,
    delay: Delta,
}

#[pin_data]
struct Probe {
    start: Instant<Monotonic>,
    found: SetOnce<Found>,
    #[pin]
    done: Completion,
}

impl Probe {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            start: Instant::now(),
            found: SetOnce::new(),
            done <- Completion::new(),
        })
    }

    // ANCHOR: handle
    /// The handler, in each of the ways.
    fn handle(&self) {
        self.found.populate(Found {
            context: Context::current(),
            cpu: CpuId::current().as_u32(),
            delay: self.start.elapsed(),
        });
        self.done.complete_all();
    }
    // ANCHOR_END: handle

    /// Waits until the handler has been called, and appends a line to the table.
    fn tell(&self, way: &str, table: &mut Table) -> Result {
        self.done.wait_timeout(10_000)?;
        let found = self.found.as_ref().ok_or(EIO)?;
        let (context, cpu) = (found.context.name(), found.cpu);
        let delay = found.delay.as_micros_ceil();
        table.append(fmt!("{way:<14} {context:<8} {cpu:>3} {delay:>13}\n"));
        Ok(())
    }
}

impl timer::Handler for Probe {
    fn expired(&self) -> TimerRestart {
        self.handle();
        TimerRestart::NoRestart
    }
}

impl work::Handler for Probe {
    fn run(&self) {
        self.handle();
    }
}

impl irq::ThreadedHandler for Probe {
    /// A key was pressed: that is for others.
    fn handle(&self) -> ThreadedIrqReturn {
        ThreadedIrqReturn::None
    }

    fn handle_threaded(&self) -> IrqReturn {
        Probe::handle(self);
        IrqReturn::Handled
    }
}

/// An open file: the table.
struct Session(Table);

#[vtable]
impl FileOperations for Session {
    /// For one opener at a time.
    type Data = Mutex<()>;

    fn open(busy: ArcBorrow<'_, Mutex<()>>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        let _one = busy.try_lock().ok_or(EBUSY)?;
        let mut table = Table::new();
        table.append(fmt!("way            context  cpu  microseconds\n"));
        try_all(&mut table)?;
        Ok(Session(table))
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        read_from_buffer(out, pos, self.0.as_bytes())
    }

    fn size(&self) -> Offset {
        self.0.len() as Offset
    }
}
