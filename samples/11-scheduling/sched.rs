// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 11: a function that the clock calls again and again.
//!
//! ```console
//! # insmod sched.ko
//! # cat /proc/sched
//! Timer called [..] times so far
//! # sleep 1; cat /proc/sched
//! Timer called [..] times so far
//! # rmmod sched
//! ```
//!
//! A timer is an entry in a list that the clock's interrupt looks at. When its time has come, the
//! kernel calls its function once, between two instructions of whatever runs: the function belongs to
//! no process, must not sleep, and should be short. This one counts, and asks to be called again when a
//! tick has passed. A whole one: the rest of the current tick does not count, so that is at every second
//! tick. The file in `/proc` shows the count. Timer and file run at the same time, on two CPUs
//! if there are two, so the count is an atomic.
//!
//! A `timer_list` is what became of the guide's `tq_timer`: both count in ticks. For a time that is
//! shorter than a tick there is the hrtimer, and for work that sleeps the work queue.
//!
//! Changed from the guide: it slept in `rmmod` until the function had seen a flag, and the timer
//! interrupt could still be in the code that was being freed. Here dropping the timer waits until
//! the function has returned for the last time. `ls` shows the size 0, not the guide's 80.
//!
//! Where to look: `kernel/time/timer.c`.

use lkm::{
    new_timer,
    prelude::*,
    timer::{
        Timer,
        TimerRestart, //
    },
};

module! {
    type: Sched,
    name: "sched",
    authors: ["lkmpg-rs developers"],
    description: "A function that the clock calls again and again",
    license: "GPL",
}

#[pin_data]
struct Sched {
    _calls: Arc<Atomic<u64>>,
    #[pin]
    _file: proc_fs::File<Count>,
    #[pin]
    _timer: Timer<Tick>,
}

// ANCHOR: timer
impl kernel::InPlaceModule for Sched {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _calls: Arc::new(Atomic::new(0), GFP_KERNEL)?,
            _file <- proc_fs::File::new(
                proc_fs::Options::new(c"sched", 0o444),
                Count(_calls.clone()),
            ),
            _timer <- new_timer!(Tick(_calls.clone()), "sched"),
            // No field: this is done when those above are made.
            _: { _timer.start(1) },
        })
    }
}

/// What the timer calls.
struct Tick(Arc<Atomic<u64>>);

impl timer::Handler for Tick {
    fn expired(&self) -> TimerRestart {
        self.0.fetch_add(1, Relaxed);
        TimerRestart::After(1)
    }
}
// ANCHOR_END: timer

/// What the file shows.
struct Count(Arc<Atomic<u64>>);

#[vtable]
impl proc_fs::Show for Count {
    fn show(&self, out: &mut SeqFile) -> Result {
        let calls = self.0.load(Relaxed);
        seq_print!(out, "Timer called {calls} times so far\n");
        Ok(())
    }
}
