// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 11, side by side: the ways to have something done later.
//!
//! An interrupt handler has no time, and a function that holds a spinlock must not sleep. So the
//! kernel has ways to leave work to somebody else. This module runs the same handler by each of them,
//! and shows what it found out:
//!
//! ```console
//! # insmod defer.ko
//! # cat /proc/defer
//! way            context  cpu  microseconds
//! timer          softirq  [..]
//! hrtimer        hardirq  [..]
//! work           task     [..]
//! delayed work   task     [..]
//! BH work        softirq  [..]
//! # rmmod defer
//! ```
//!
//! (The timers and the delayed work were asked for 10 milliseconds, the others for *soon*.)
//!
//! - A **timer** counts in ticks. It is cheap, and comes late by up to a tick or two.
//! - An **hrtimer** has the hardware interrupt the CPU at the very time. Its handler runs right in
//!   there, so it must be short.
//! - **Work** is done by a thread of the kernel's. Only here the handler may sleep: take a mutex, wait
//!   for a disk, allocate memory with patience.
//! - **Delayed work** is a timer that starts work.
//! - **BH work** is what became of tasklets, the *bottom halves* of interrupts: it comes right after
//!   the interrupt, before the task goes on, and must not sleep.
//!
//! A handler that sleeps in the wrong context compiles, in C and in Rust. `KERNEL=debug` finds it.
//!
//! A threaded interrupt handler is one more way. It needs an interrupt: see `intrpt`.
//!
//! When the module goes, nothing of it may still run. In C that takes `timer_shutdown_sync()`,
//! `hrtimer_cancel()` and `cancel_work_sync()`, in the right order. Here dropping each of them does
//! it.

use kernel::{
    cpu::CpuId,
    impl_has_hr_timer,
    time::{
        hrtimer::{
            ArcHrTimerHandle,
            HrTimer,
            HrTimerCallback,
            HrTimerCallbackContext,
            HrTimerPointer,
            HrTimerRestart,
            RelativeMode, //
        },
        msecs_to_jiffies,
        Instant,
        Monotonic, //
    },
    workqueue,
};
use lkm::{
    completion::Completion,
    context::Context,
    new_timer,
    new_work,
    prelude::*,
    timer::TimerRestart,
    work, //
};

module! {
    type: Defer,
    name: "defer",
    authors: ["lkmpg-rs developers"],
    description: "The ways to have something done later",
    license: "GPL",
}

struct Defer {
    _file: proc_fs::Node<Report>,
}

impl kernel::Module for Defer {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Defer {
            _file: proc_fs::Node::new(
                proc_fs::Options::new(c"defer", 0o444),
                Arc::new((), GFP_KERNEL)?,
            )?,
        })
    }
}

/// What the handler finds out.
#[pin_data]
struct Probe {
    start: Instant<Monotonic>,
    found: [Atomic<u64>; 3],
    #[pin]
    done: Completion,
}

impl Probe {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            start: Instant::now(),
            found: [const { Atomic::new(0) }; 3],
            done <- Completion::new(),
        })
    }

    // ANCHOR: handle
    /// The handler, whoever calls it.
    fn handle(&self) {
        let found = [
            Context::current() as u64,
            CpuId::current().as_u32().into(),
            self.start.elapsed().as_micros_ceil() as u64,
        ];
        for (slot, found) in self.found.iter().zip(found) {
            slot.store(found, Relaxed);
        }
        self.done.complete_all();
    }
    // ANCHOR_END: handle

    /// Waits until the handler has been called, and appends a line to the table.
    fn tell(&self, way: &str, table: &mut Table) -> Result {
        self.done.wait_timeout(10_000)?;
        let [context, cpu, delay] = self.found.each_ref().map(|it| it.load(Relaxed));
        let all = [
            Context::Task,
            Context::SoftIrq,
            Context::HardIrq,
            Context::Nmi,
        ];
        let context = all.iter().find(|it| **it as u64 == context);
        let context = context.map_or("?", |it| it.name());
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

/// The kernel crate's own timers are part of what they call.
#[pin_data]
struct Precise {
    #[pin]
    timer: HrTimer<Self>,
    #[pin]
    probe: Probe,
}

impl HrTimerCallback for Precise {
    type Pointer<'a> = Arc<Self>;

    fn run(
        this: ArcBorrow<'_, Self>,
        _context: HrTimerCallbackContext<'_, Self>,
    ) -> HrTimerRestart {
        this.probe.handle();
        HrTimerRestart::NoRestart
    }
}

impl_has_hr_timer! {
    impl HasHrTimer<Self> for Precise {
        mode: RelativeMode<Monotonic>,
        field: self.timer,
    }
}

type Table = Message<400>;

/// An open file: the table.
struct Report(Table);

impl Report {
    fn new() -> Result<Self> {
        /// When the timers are to go off.
        const DELAY: u32 = 10;

        let mut table = Table::new();
        table.append(fmt!("way            context  cpu  microseconds\n"));

        // ANCHOR: ways
        let timer = KBox::pin_init(new_timer!(Probe::new(), "defer"), GFP_KERNEL)?;
        timer.start(msecs_to_jiffies(DELAY));
        timer.tell("timer", &mut table)?;

        let precise = pin_init!(Precise {
            timer <- HrTimer::new(),
            probe <- Probe::new(),
        });
        let precise = Arc::pin_init(precise, GFP_KERNEL)?;
        let _stop: ArcHrTimerHandle<_> = precise.clone().start(Delta::from_millis(DELAY.into()));
        precise.probe.tell("hrtimer", &mut table)?;

        let queue = workqueue::system_highpri();
        let work = KBox::pin_init(new_work!(Probe::new(), queue, "defer"), GFP_KERNEL)?;
        work.start();
        work.tell("work", &mut table)?;

        let delayed = KBox::pin_init(new_work!(Probe::new(), queue, "defer"), GFP_KERNEL)?;
        delayed.start_after(msecs_to_jiffies(DELAY));
        delayed.tell("delayed work", &mut table)?;

        let queue = workqueue::system_bh();
        let half = KBox::pin_init(new_work!(Probe::new(), queue, "defer"), GFP_KERNEL)?;
        half.start();
        half.tell("BH work", &mut table)?;
        // ANCHOR_END: ways
        Ok(Report(table))
    }
}

#[vtable]
impl FileOperations for Report {
    type Data = ();

    fn open(_data: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Report::new()
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        read_from_buffer(out, pos, self.0.as_bytes())
    }

    fn size(&self) -> Offset {
        self.0.len() as Offset
    }
}
