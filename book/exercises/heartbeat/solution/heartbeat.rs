// SPDX-License-Identifier: GPL-2.0-only

//! A number that grows as long as the module is loaded.

use kernel::time::msecs_to_jiffies;
use lkm::{
    new_timer,
    prelude::*,
    timer::{
        Timer,
        TimerRestart, //
    },
};

module! {
    type: Heartbeat,
    name: "heartbeat",
    authors: ["lkmpg-rs developers"],
    description: "A number that grows",
    license: "GPL",
}

module_params! {
    period_ms: u32 {
        default: 1000,
        description: "Milliseconds from one beat to the next",
        permissions: 0o444,
    },
}

#[pin_data]
struct Heartbeat {
    _beats: Arc<Atomic<u64>>,
    #[pin]
    _file: proc_fs::File<Beats>,
    #[pin]
    _timer: Timer<Heart>,
}

impl kernel::InPlaceModule for Heartbeat {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pr_info!("One beat every {} ms.\n", period_ms.value());
        let options = proc_fs::Options::new(c"heartbeat", 0o444);
        try_pin_init!(Self {
            _beats: Arc::new(Atomic::new(0), GFP_KERNEL)?,
            _file <- proc_fs::File::new(options, Beats(_beats.clone())),
            _timer <- new_timer!(Heart(_beats.clone()), "heartbeat"),
            _: { _timer.start(msecs_to_jiffies(period_ms.value())) },
        })
    }
}

/// What the timer calls.
struct Heart(Arc<Atomic<u64>>);

impl timer::Handler for Heart {
    fn expired(&self) -> TimerRestart {
        self.0.fetch_add(1, Relaxed);
        TimerRestart::After(msecs_to_jiffies(period_ms.value()))
    }
}

/// How often it has beaten.
struct Beats(Arc<Atomic<u64>>);

#[vtable]
impl proc_fs::Show for Beats {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{}\n", self.0.load(Relaxed));
        Ok(())
    }
}
