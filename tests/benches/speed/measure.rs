// SPDX-License-Identifier: GPL-2.0-only

//! Clocks.

use rustix::time::{ClockId, clock_gettime};
use std::{
    env,
    process::{self, Command},
    time::Duration,
};

/// Does something so many times, and says how long that took.
pub type Operation = Box<dyn FnMut(u32) -> Duration>;

/// What time is taken from.
#[derive(Clone, Copy)]
pub struct Clock(ClockId);

impl Clock {
    /// With a clock that counts instructions, those of this process: waiting is none. Otherwise
    /// the time that passes.
    pub fn of_this_guest() -> Self {
        Self(if env::var_os("LKMPG_ICOUNT").is_some() {
            ClockId::ProcessCPUTime
        } else {
            ClockId::Monotonic
        })
    }

    /// Has instructions counted for the same one each time: nobody else gets the processor but
    /// while this process waits, and whom it wakes runs after it.
    pub fn settle(self) {
        if self.0 == ClockId::ProcessCPUTime {
            let pid = process::id().to_string();
            let chrt = Command::new("chrt").args(["-f", "-p", "1", &pid]).status();
            assert!(chrt.is_ok_and(|it| it.success()), "chrt -f -p 1 {pid}");
        }
    }

    /// The time.
    pub fn now(self) -> Duration {
        clock_gettime(self.0).try_into().expect("a time")
    }
}

/// Times a loop.
pub fn repeat(clock: Clock, mut once: impl FnMut() + 'static) -> Operation {
    Box::new(move |times| {
        let start = clock.now();
        for _ in 0..times {
            once();
        }
        clock.now() - start
    })
}
