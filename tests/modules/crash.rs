// SPDX-License-Identifier: GPL-2.0-only

//! Does what no module may do, to see that the VM runner notices.
//!
//! ```sh
//! insmod crash.ko how=1    # A Rust panic; the others are below.
//! ```

use kernel::{
    new_mutex, new_spinlock,
    prelude::*,
    sync::{
        Completion,
        Mutex, //
    },
    time::{
        delay::{
            fsleep,
            udelay, //
        },
        Delta, //
    },
    warn_on,
};

module! {
    type: Crash,
    name: "crash",
    authors: ["lkmpg-rs developers"],
    description: "Does what no module may do",
    license: "GPL",
    params: {
        how: u8 {
            default: 0,
            description: "1: panics, 2: warns, 3: sleeps in atomic context, 4: inverts locks, \
                5: leaks, 6: waits for ever, 7: hangs, others: looks as if it did",
        },
    },
}

struct Crash;

impl kernel::Module for Crash {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        match module_parameters::how.value() {
            1 => panic!("as asked"),
            2 => drop(warn_on!(true)),
            3 => sleep_in_atomic_context()?,
            4 => invert_locks()?,
            5 => leak()?,
            6 => wait_for_ever()?,
            7 => loop {
                udelay(Delta::from_micros(100));
            },
            // All of it is at the beginning of what a message says, and none of it is a report.
            _ => pr_warn!("WARNING: no BUG: no Oops: no Kernel panic - not syncing\n"),
        }
        Ok(Crash)
    }
}

fn sleep_in_atomic_context() -> Result {
    let lock = KBox::pin_init(new_spinlock!(()), GFP_KERNEL)?;
    let _guard = lock.lock();
    fsleep(Delta::from_millis(20));
    Ok(())
}

/// Only lockdep can see this: nobody is there to meet us halfway.
fn invert_locks() -> Result {
    let a: Pin<KBox<Mutex<()>>> = KBox::pin_init(new_mutex!((), "a"), GFP_KERNEL)?;
    let b: Pin<KBox<Mutex<()>>> = KBox::pin_init(new_mutex!((), "b"), GFP_KERNEL)?;
    {
        let _a = a.lock();
        let _b = b.lock();
    }
    let _b = b.lock();
    let _a = a.lock();
    Ok(())
}

fn leak() -> Result {
    for _ in 0..16 {
        core::mem::forget(KBox::new([0u8; 1000], GFP_KERNEL)?);
    }
    Ok(())
}

fn wait_for_ever() -> Result {
    let never = KBox::pin_init(Completion::new(), GFP_KERNEL)?;
    never.wait_for_completion();
    Ok(())
}
