// SPDX-License-Identifier: GPL-2.0-only

//! Timers and work of the far future, and who reads what is replaced.

use super::{
    counter,
    Dropped, //
};
use kernel::{
    sync::rcu,
    time::{
        Delta,
        Instant,
        Jiffies,
        Monotonic, //
    },
    workqueue, //
};
use lkm::{
    completion::Completion,
    new_timer,
    new_work,
    percpu,
    prelude::*,
    rcu::Rcu,
    timer::{
        self,
        TimerRestart, //
    },
    work, //
};

/// Says that it has run.
struct Done(Arc<Completion>);

impl timer::Handler for Done {
    fn expired(&self) -> TimerRestart {
        self.0.complete_all();
        TimerRestart::NoRestart
    }
}

impl work::Handler for Done {
    fn run(&self) {
        self.0.complete_all();
    }
}

/// What is to happen at the end of time does not happen at once, and not when it was taken back.
pub(crate) fn the_end_of_time() -> Result<bool> {
    let done = || Arc::pin_init(Completion::new(), GFP_KERNEL);
    let (never, soon) = ([done()?, done()?], [done()?, done()?]);
    let timer =
        |it: &Arc<Completion>| KBox::pin_init(new_timer!(Done(it.clone()), "later"), GFP_KERNEL);
    let work = |it: &Arc<Completion>| {
        let queue = workqueue::system_highpri();
        KBox::pin_init(new_work!(Done(it.clone()), queue, "later"), GFP_KERNEL)
    };
    let far = (timer(&never[0])?, work(&never[1])?);
    far.0.start(Jiffies::MAX);
    far.1.start_after(Jiffies::MAX);
    let near = (timer(&soon[0])?, work(&soon[1])?);
    near.0.start(0);
    near.1.start_after(0);
    for it in &soon {
        it.wait_timeout(60_000)?;
    }
    // What is late, seen from now, goes off at the next tick.
    let late = never[0].wait_timeout(50).is_ok() || never[1].wait_timeout(50).is_ok();
    let was_waiting = !far.1.start();
    drop((far, near));
    Ok(was_waiting && !late && !never.iter().any(|it| it.is_done()))
}

/// Who has begun to read sees the old value, until he is done.
pub(crate) fn readers_keep_what_they_see() -> Result<bool> {
    let mut cpus = percpu::online_cpus();
    let (Some(here), Some(there)) = (cpus.next(), cpus.next()) else {
        return Ok(true);
    };
    for _ in 0..10 {
        let dropped = counter()?;
        let value = Arc::new(Rcu::new((0, Dropped(dropped.clone())))?, GFP_KERNEL)?;
        let reads = Arc::new(Atomic::new(false), GFP_KERNEL)?;
        let is_over = Arc::new(Atomic::new(false), GFP_KERNEL)?;
        let reader = {
            let (value, reads) = (value.clone(), reads.clone());
            let (dropped, is_over) = (dropped.clone(), is_over.clone());
            kthread::Builder::new(c"reader").on(there).spawn(move |_| {
                let lock = rcu::read_lock();
                reads.store(true, Release);
                while value.read(&lock).0 == 0 && !is_over.load(Acquire) {
                    core::hint::spin_loop();
                }
                // It was replaced, by who waits for this now.
                let start = Instant::<Monotonic>::now();
                let while_read = loop {
                    let count = dropped.load(Acquire);
                    if count > 0 || start.elapsed() > Delta::from_millis(2) {
                        break count;
                    }
                };
                drop(lock);
                while_read
            })?
        };
        let writer = kthread::Builder::new(c"writer").on(here).spawn({
            let dropped = dropped.clone();
            move |me| {
                while !reads.load(Acquire) {
                    me.schedule();
                }
                let result = value.update(|old| (old.0 + 1, Dropped(dropped.clone())));
                is_over.store(true, Release);
                result.map(|()| dropped.load(Relaxed))
            }
        })?;
        let seen = (reader.join(), writer.join().ok_or(EIO)??);
        if seen != (Some(0), 1) {
            return Ok(false);
        }
    }
    Ok(true)
}
