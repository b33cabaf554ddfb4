// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 13, about readers: four ways to share what is read often and written seldom.
//!
//! Two numbers belong together: the second one is always twice the first. Some threads read both,
//! and one writes. A read that sees one number from before a write and one from after it is *torn*. Each
//! of the ways prevents that. They differ in what a read costs, most of all with many readers.
//!
//! ```console
//! # insmod locks.ko
//! # cat /proc/lock_costs
//! readers     mutex     rwsem   seqlock       RCU
//! [..]1 [..]
//! ...
//! 0 of [..] reads were torn
//! # rmmod locks
//! ```
//!
//! There is a line for one reader, one for two, and so on, up to as many as there are processors. The
//! numbers are nanoseconds that a read took. `cat` has the threads start, and waits for them.
//!
//! - **mutex**: one reader at a time.
//! - **rwsem**, a reader-writer lock: readers let each other in. But each of them adds 1 to the number
//!   of readers and takes it away again, so the CPUs still pass that number around.
//! - **seqlock**: readers write nothing. They look at a counter that a writer changes before and after
//!   its work, and read again if it has changed. A writer does not wait for readers.
//! - **RCU**: readers never read again. A writer makes a new copy, and frees the old one when no reader
//!   can see it any more, milliseconds later. It serves for structures, not only for a few numbers.
//!
//! In C the lock and what it protects are two variables, and nothing checks that a function takes the
//! right lock, or any. Here the numbers are inside the lock.
//!
//! `impl Shared for` shows how to read and write with each of them; the rest has the threads start
//! together. Where to look: `Documentation/locking/`, and `Documentation/RCU/whatisRCU.rst`.

use kernel::{
    sync::rcu,
    time::{
        Instant,
        Monotonic, //
    },
};
use lkm::{
    completion::Completion,
    new_rw_semaphore,
    new_seqlock,
    percpu,
    prelude::*,
    rcu::Rcu,
    rwsem::RwSemaphore,
    seqlock::SeqLock,
    wait, //
};

module! {
    type: Locks,
    name: "locks",
    authors: ["lkmpg-rs developers"],
    description: "Four ways to share what is read often",
    license: "GPL",
}

module_params! {
    reads: u32 {
        default: 100_000,
        description: "How often each thread reads",
        permissions: 0o644,
    },
}

struct Locks {
    _file: proc_fs::Node<Session>,
}

impl kernel::Module for Locks {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let busy = Arc::pin_init(new_mutex!(()), GFP_KERNEL)?;
        Ok(Locks {
            _file: proc_fs::Node::new(proc_fs::Options::new(c"lock_costs", 0o400), busy)?,
        })
    }
}

/// Two numbers, of which the second one is twice the first.
trait Shared: Send + Sync + 'static {
    fn read(&self) -> [usize; 2];
    fn write(&self, numbers: [usize; 2]) -> Result;
}

impl Shared for Mutex<[usize; 2]> {
    fn read(&self) -> [usize; 2] {
        *self.lock()
    }

    fn write(&self, numbers: [usize; 2]) -> Result {
        *self.lock() = numbers;
        Ok(())
    }
}

impl Shared for RwSemaphore<[usize; 2]> {
    fn read(&self) -> [usize; 2] {
        *RwSemaphore::read(self)
    }

    fn write(&self, numbers: [usize; 2]) -> Result {
        *RwSemaphore::write(self) = numbers;
        Ok(())
    }
}

impl Shared for SeqLock<2> {
    fn read(&self) -> [usize; 2] {
        SeqLock::read(self)
    }

    fn write(&self, numbers: [usize; 2]) -> Result {
        SeqLock::write(self, |it| *it = numbers);
        Ok(())
    }
}

impl Shared for Rcu<[usize; 2]> {
    fn read(&self) -> [usize; 2] {
        *Rcu::read(self, &rcu::read_lock())
    }

    fn write(&self, numbers: [usize; 2]) -> Result {
        self.update(|_| numbers)
    }
}

/// What the threads of one race share.
#[pin_data]
struct Race<T> {
    #[pin]
    shared: T,
    #[pin]
    go: Completion,
}

/// What came out for one thread, or for several.
#[derive(Default)]
struct Outcome {
    nanoseconds: u64,
    reads: u64,
    torn: u64,
}

impl<T: Shared> Race<T> {
    /// Has a number of threads read, each on a CPU of its own, while the caller writes.
    fn run<E>(shared: impl PinInit<T, E>, readers: usize) -> Result<Outcome>
    where
        Error: From<E>,
    {
        let race = try_pin_init!(Self {
            shared <- shared,
            go <- Completion::new(),
        });
        let race = Arc::pin_init::<Error>(race, GFP_KERNEL)?;
        let mut threads = KVec::new();
        for cpu in percpu::online_cpus().take(readers) {
            let race = race.clone();
            let builder = kthread::Builder::new(c"locks").on(cpu);
            threads.push(builder.spawn(move |me| race.read(me))?, GFP_KERNEL)?;
        }
        race.go.complete_all();
        // Written seldom: once in a millisecond, and at least once.
        let mut n = 0;
        while n == 0 || !threads.iter().all(kthread::Thread::has_ended) {
            if wait::is_killed() {
                return Err(EINTR);
            }
            n += 1;
            race.shared.write([n, 2 * n])?;
            fsleep(Delta::from_millis(1));
        }
        let mut sum = Outcome::default();
        for thread in threads {
            let outcome = thread.join().unwrap_or_default();
            sum.nanoseconds += outcome.nanoseconds;
            sum.reads += outcome.reads;
            sum.torn += outcome.torn;
        }
        Ok(sum)
    }

    fn read(&self, me: &kthread::Current<'_>) -> Outcome {
        let mut outcome = Outcome::default();
        // A thread that is to stop does not wait any longer.
        if self.go.wait_interruptible().is_err() {
            return outcome;
        }
        let start = Instant::<Monotonic>::now();
        for n in 0..reads.value() {
            let [one, two] = self.shared.read();
            outcome.reads += 1;
            outcome.torn += u64::from(two != 2 * one);
            if n % 1024 == 0 {
                if me.should_stop() {
                    break;
                }
                me.schedule();
            }
        }
        outcome.nanoseconds = start.elapsed().as_nanos() as u64;
        outcome
    }
}

/// The most readers that there is a line for.
const LINES: usize = 8;

/// An open file: the table.
struct Session(Message<{ (LINES + 2) * 50 }>);

impl Session {
    fn new() -> Result<Self> {
        let (mut table, mut all, mut torn) = (Message::new(), 0, 0);
        table.append(fmt!("readers     mutex     rwsem   seqlock       RCU\n"));
        for readers in 1..=percpu::online_cpus().count().min(LINES) {
            let outcomes = [
                Race::<Mutex<_>>::run(new_mutex!([0; 2]), readers)?,
                Race::<RwSemaphore<_>>::run(new_rw_semaphore!([0; 2], "locks"), readers)?,
                Race::<SeqLock<2>>::run(new_seqlock!([0; 2], "locks::seqlock"), readers)?,
                Race::<Rcu<_>>::run(Rcu::new([0; 2])?, readers)?,
            ];
            let [mutex, rwsem, seqlock, rcu] = outcomes
                .each_ref()
                .map(|it| it.nanoseconds / it.reads.max(1));
            table.append(fmt!(
                "{readers:>7} {mutex:>9} {rwsem:>9} {seqlock:>9} {rcu:>9}\n"
            ));
            all += outcomes.iter().map(|it| it.reads).sum::<u64>();
            torn += outcomes.iter().map(|it| it.torn).sum::<u64>();
        }
        table.append(fmt!("{torn} of {all} reads were torn\n"));
        Ok(Session(table))
    }
}

#[vtable]
impl FileOperations for Session {
    /// For one race at a time.
    type Data = Mutex<()>;

    fn open(busy: ArcBorrow<'_, Mutex<()>>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        let _one = busy.try_lock().ok_or(EBUSY)?;
        Session::new()
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        read_from_buffer(out, pos, self.0.as_bytes())
    }

    fn size(&self) -> Offset {
        self.0.len() as Offset
    }
}
