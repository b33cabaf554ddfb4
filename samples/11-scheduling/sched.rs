// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 11: a function that is called at every tick.
//!
//! ```sh
//! insmod sched.ko && cat /proc/sched && sleep 1 && cat /proc/sched; rmmod sched
//! ```
//!
//! A `timer_list` is what became of the guide's `tq_timer`: it counts in ticks, and the next tick
//! is what is wanted. An hrtimer would program the hardware for a time of its own, for nothing. A
//! work item would have a thread woken for each tick, only needed by work that sleeps.
//!
//! Changed from the guide: it slept in `rmmod` until the function had seen a flag, and the timer
//! interrupt could still be in the code that was being freed. Here dropping the timer waits until
//! the function has returned for the last time. It may run on one CPU while another shows the
//! count, which therefore is an atomic.

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
    description: "A function that is called at every tick",
    license: "GPL",
}

#[pin_data]
struct Sched {
    #[pin]
    _file: proc_fs::File<Ticks>,
}

impl kernel::InPlaceModule for Sched {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(proc_fs::Options::new(c"sched", 0o444), Ticks::new()),
            _: { _file.timer.start(1) },
        })
    }
}

/// What the file shows. The timer stops when the file is gone.
#[pin_data]
struct Ticks {
    #[pin]
    timer: Timer<Calls>,
}

impl Ticks {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            timer <- new_timer!(Calls(Atomic::new(0)), "sched"),
        })
    }
}

#[vtable]
impl proc_fs::Show for Ticks {
    fn show(&self, out: &SeqFile) -> Result {
        let calls = self.timer.0.load(Relaxed);
        seq_print!(out, "Timer called {calls} times so far\n");
        Ok(())
    }
}

/// How often the timer called.
struct Calls(Atomic<u64>);

impl timer::Handler for Calls {
    fn expired(&self) -> TimerRestart {
        self.0.fetch_add(1, Relaxed);
        TimerRestart::After(1)
    }
}
