// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 13: five ways for several CPUs to count together.
//!
//! ```console
//! # insmod smp.ko increments=1000
//! # until grep done /proc/smp; do sleep 0.1; done
//! done
//! # cat /proc/smp
//! counter       count   expected  ns each
//! Mutex [..]
//! SpinLock [..]
//! atomic [..]
//! per-CPU [..]
//! RCU [..]
//! done
//! # rmmod smp
//! ```
//!
//! A thread on each CPU adds 1 to a counter, a million times unless `increments=` says otherwise. All
//! of them use the same counter at the same time, then the next one. With a plain variable some of the
//! sum would be lost: two CPUs read the same value, and both write the next. Rust refuses to build that.
//! It accepts:
//!
//! - a `Mutex`: a CPU that finds it locked sleeps;
//! - a `SpinLock`: a CPU that finds it locked tries again and again, which is allowed where sleeping
//!   is not;
//! - an atomic: the hardware adds, and passes the variable from CPU to CPU;
//! - a per-CPU counter: each CPU has a variable of its own, and the reader adds them up;
//! - RCU: a new copy each time. That is for data that is read much and seldom written. Reading is
//!   free; writing is expensive, since the writer waits for the readers, some milliseconds. So a
//!   thread that has ten thousand to add does it at once.
//!
//! The guide has no module for this chapter. `count` and `sum` are what it is about; the rest has the
//! threads start together.
//!
//! Where to look: `kernel/locking/`, `include/linux/atomic.h`, `Documentation/RCU/whatisRCU.rst`.

use kernel::{
    str::CString,
    sync::rcu,
    time::{
        Instant,
        Monotonic, //
    },
};
use lkm::{
    percpu,
    prelude::*,
    rcu::Rcu, //
};

module! {
    type: Smp,
    name: "smp",
    authors: ["lkmpg-rs developers"],
    description: "Five ways for several CPUs to count together",
    license: "GPL",
}

module_params! {
    increments: u32 {
        default: 1_000_000,
        description: "How often each CPU adds 1 to each counter",
        permissions: 0o444,
    },
}

#[pin_data]
struct Smp {
    #[pin]
    _file: proc_fs::File<Race>,
}

impl kernel::InPlaceModule for Smp {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(proc_fs::Options::new(c"smp", 0o444), Race::new()?),
        })
    }
}

// ANCHOR: counters
/// What the threads share.
#[pin_data]
struct Counters {
    #[pin]
    mutex: Mutex<u64>,
    #[pin]
    spinlock: SpinLock<u64>,
    atomic: Atomic<u64>,
    per_cpu: percpu::Counter,
    rcu: Rcu<u64>,
    /// For each kind, what the threads took together, in nanoseconds.
    spent: [Atomic<u64>; KINDS.len()],
    #[pin]
    line: Mutex<StartLine>,
    #[pin]
    go: WaitQueue,
}
// ANCHOR_END: counters

/// Where the threads wait for each other, so that all are at the same counter.
struct StartLine {
    threads: usize,
    arrived: usize,
}

/// One way to count.
#[derive(Clone, Copy)]
enum Kind {
    Mutex,
    SpinLock,
    Atomic,
    PerCpu,
    Rcu,
}

const KINDS: [(Kind, &str); 5] = [
    (Kind::Mutex, "Mutex"),
    (Kind::SpinLock, "SpinLock"),
    (Kind::Atomic, "atomic"),
    (Kind::PerCpu, "per-CPU"),
    (Kind::Rcu, "RCU"),
];

impl Counters {
    // ANCHOR: count
    /// Adds 1 to one of the counters, so many times.
    fn count(&self, kind: Kind, times: u32) -> Result {
        for _ in 0..times {
            match kind {
                Kind::Mutex => *self.mutex.lock() += 1,
                Kind::SpinLock => *self.spinlock.lock() += 1,
                Kind::Atomic => {
                    self.atomic.fetch_add(1, Relaxed);
                }
                Kind::PerCpu => self.per_cpu.add(1),
                Kind::Rcu => return self.rcu.update(|n| n + u64::from(times)),
            }
        }
        Ok(())
    }
    // ANCHOR_END: count

    fn sum(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Mutex => *self.mutex.lock(),
            Kind::SpinLock => *self.spinlock.lock(),
            Kind::Atomic => self.atomic.load(Relaxed),
            Kind::PerCpu => self.per_cpu.sum(),
            Kind::Rcu => *self.rcu.read(&rcu::read_lock()),
        }
    }
}

/// What the file shows. The threads stop when the file is gone.
struct Race {
    threads: KVec<kthread::Thread<()>>,
    counters: Arc<Counters>,
}

impl Race {
    fn new() -> Result<Self> {
        let counters = Arc::pin_init(Counters::new(), GFP_KERNEL)?;
        let mut threads = KVec::new();
        for cpu in percpu::online_cpus() {
            let (counters, cpu_number) = (counters.clone(), cpu.as_u32());
            let name = CString::try_from_fmt(fmt!("smp/{cpu_number}"))?;
            let thread = kthread::Builder::new(&name).on(cpu).spawn(move |me| {
                if let Err(e) = counters.race(me) {
                    pr_alert!("CPU {cpu_number} gave up: {e:?}\n");
                }
            })?;
            threads.push(thread, GFP_KERNEL)?;
        }
        counters.start(threads.len());
        Ok(Self { threads, counters })
    }
}

#[vtable]
impl proc_fs::Show for Race {
    fn show(&self, out: &mut SeqFile) -> Result {
        let expected = self.threads.len() as u64 * u64::from(increments.value());
        let line = self.counters.line.lock();
        seq_print!(out, "counter       count   expected  ns each\n");
        for ((kind, name), spent) in KINDS.into_iter().zip(&self.counters.spent) {
            let sum = self.counters.sum(kind);
            let each = spent.load(Relaxed) / expected.max(1);
            seq_print!(out, "{name:<8} {sum:>10} {expected:>10} {each:>8}\n");
        }
        let done = line.arrived == KINDS.len() * line.threads;
        seq_print!(out, "{}\n", if done { "done" } else { "counting" });
        Ok(())
    }
}

impl Counters {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            mutex <- new_mutex!(0),
            spinlock <- new_spinlock!(0),
            atomic: Atomic::new(0),
            per_cpu: percpu::Counter::new()?,
            rcu: Rcu::new(0)?,
            spent: [const { Atomic::new(0) }; KINDS.len()],
            line <- new_mutex!(StartLine { threads: 0, arrived: 0 }),
            go <- new_wait_queue!("smp"),
        })
    }

    /// Lets the threads start.
    fn start(&self, threads: usize) {
        self.line.lock().threads = threads;
        self.go.wake_all();
    }

    /// Waits until all threads are through with the first `kinds`, or the module is removed.
    fn wait(&self, kinds: usize, me: &kthread::Current<'_>) -> Result {
        self.go.wait(&self.line, |line| {
            let all_here = line.threads > 0 && line.arrived >= kinds * line.threads;
            (all_here || me.should_stop()).then_some(())
        })
    }

    fn race(&self, me: &kthread::Current<'_>) -> Result {
        for (n, ((kind, _), spent)) in KINDS.into_iter().zip(&self.spent).enumerate() {
            self.wait(n, me)?;
            let start = Instant::<Monotonic>::now();
            let mut left = increments.value();
            while left > 0 {
                if me.should_stop() {
                    return Ok(());
                }
                let times = left.min(10_000);
                self.count(kind, times)?;
                left -= times;
                me.schedule();
            }
            spent.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
            self.line.lock().arrived += 1;
            self.go.wake_all();
        }
        Ok(())
    }
}
