// SPDX-License-Identifier: GPL-2.0-only

//! Waiting for a condition.
//!
//! A [`WaitQueue`] is the kernel's `wait_queue_head`. A waiter names the lock that protects the
//! condition and a closure that checks it with the lock held; the queue takes and drops the lock
//! around the sleep. A thread that changes the condition wakes one waiter or all of them.
//!
//! Two properties set it apart from [`kernel::sync::CondVar`]. The condition is checked once more
//! when a signal arrives, so that a waiter that was chosen by [`WaitQueue::wake_one`] and is
//! killed at that moment takes what it was woken for instead of losing it. And it can be polled, by
//! as many as like to, who take no waiter's turn.
//!
//! C header: [`include/linux/wait.h`](srctree/include/linux/wait.h)
//!
//! Reference: chapter 9 of the guide.

use crate::{
    bindings,
    compat,
    context,
    fops::Events, //
};
use kernel::{
    error::code::ERESTARTSYS,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        lock::{
            Backend,
            Lock, //
        },
        LockClassKey, //
    },
    task::{
        Task,
        MAX_SCHEDULE_TIMEOUT,
        TASK_NORMAL, //
    },
    time::{
        msecs_to_jiffies,
        Msecs, //
    },
    types::{
        Opaque,
        ScopeGuard, //
    },
};

mod turn;

pub use turn::TurnQueue;

/// Whether the calling process is being killed, by `SIGKILL` or another signal that ends it. For loops
/// that take long: whatever they return, nobody will see it. Callable from process context
/// (`fatal_signal_pending`).
pub fn is_killed() -> bool {
    // SAFETY: A task that runs has its signals, which others set with single stores.
    let pending = unsafe {
        let task = Task::current_raw();
        (&raw const (*task).pending.signal.sig[0]).read_volatile()
    };
    pending & 1 << (bindings::SIGKILL - 1) != 0
}

/// Creates a [`WaitQueue`] initialiser with a lock class of its own.
#[macro_export]
macro_rules! new_wait_queue {
    ($name:literal) => {
        $crate::wait::WaitQueue::new(
            ::kernel::optional_name!($name),
            ::kernel::static_lock_class!(),
        )
    };
}

/// How a waiter stands in the queue.
#[derive(Clone, Copy)]
enum Kind {
    /// Every wake-up reaches it.
    Shared = 0,
    /// [`WaitQueue::wake_one`] reaches only the first of these.
    Exclusive = bindings::WQ_FLAG_EXCLUSIVE as isize,
}

/// A queue of tasks that wait for a condition.
///
/// In [what answers a disk's requests](crate::block::Operations) no signal ends a wait.
///
/// If the queue was ever polled, dropping it may sleep: a poller keeps its file open, but the files of a
/// [`proc_fs::Node`](crate::proc_fs::Node) go with the node, and their pollers have yet to leave.
///
/// # Examples
///
/// ```
/// # use kernel::{new_mutex, prelude::*, sync::Mutex};
/// # use lkm::{new_wait_queue, wait::WaitQueue};
/// #[pin_data]
/// struct Mailbox {
///     #[pin]
///     letter: Mutex<Option<u32>>,
///     #[pin]
///     arrived: WaitQueue,
/// }
///
/// impl Mailbox {
///     fn new() -> impl PinInit<Self> {
///         pin_init!(Self {
///             letter <- new_mutex!(None),
///             arrived <- new_wait_queue!("Mailbox::arrived"),
///         })
///     }
///
///     fn put(&self, letter: u32) {
///         *self.letter.lock() = Some(letter);
///         self.arrived.wake_one();
///     }
///
///     fn take(&self) -> Result<u32> {
///         self.arrived.wait_exclusive(&self.letter, Option::take)
///     }
/// }
/// ```
///
/// # Invariants
///
/// `head` and `pollers` are initialised.
#[pin_data(PinnedDrop)]
pub struct WaitQueue {
    #[pin]
    head: Opaque<bindings::wait_queue_head>,
    /// Those of poll(2), epoll and io_uring. With `EPOLLEXCLUSIVE` they may stay in their queue, before all who come later,
    /// and each time be the one that is woken.
    #[pin]
    pollers: Opaque<bindings::wait_queue_head>,
    /// Whether a poller was ever there.
    polled: Atomic<bool>,
}

// SAFETY: A `wait_queue_head` may be used and destroyed by any thread.
unsafe impl Send for WaitQueue {}

// SAFETY: A `wait_queue_head` has a lock of its own.
unsafe impl Sync for WaitQueue {}

impl WaitQueue {
    /// Creates an empty queue. Use [`new_wait_queue!`](crate::new_wait_queue).
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // INVARIANT: This initialises it.
            //
            // SAFETY: `slot` is valid for writes, and `name` and `key` are static.
            head <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
            // SAFETY: As above.
            pollers <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_waitqueue_head(slot, name.as_char_ptr(), key.as_ptr())
            }),
            polled: Atomic::new(false),
        })
    }

    /// Sleeps until `condition` returns a value.
    ///
    /// `condition` runs with `lock` held, and must not sleep. Fails with `ERESTARTSYS` if a signal
    /// is pending and the condition does not hold. May sleep (`wait_event_interruptible`).
    pub fn wait<T, B: Backend, R>(
        &self,
        lock: &Lock<T, B>,
        condition: impl FnMut(&mut T) -> Option<R>,
    ) -> Result<R>
    where
        T: Unpin,
    {
        self.wait_for(lock, condition, Kind::Shared, MAX_SCHEDULE_TIMEOUT)
    }

    /// Sleeps as [`wait`](Self::wait) does, in a queue of which [`wake_one`](Self::wake_one) wakes
    /// only the first (`wait_event_interruptible_exclusive`).
    pub fn wait_exclusive<T, B: Backend, R>(
        &self,
        lock: &Lock<T, B>,
        condition: impl FnMut(&mut T) -> Option<R>,
    ) -> Result<R>
    where
        T: Unpin,
    {
        self.wait_for(lock, condition, Kind::Exclusive, MAX_SCHEDULE_TIMEOUT)
    }

    /// Sleeps as [`wait`](Self::wait) does, for at most `timeout` milliseconds.
    ///
    /// Fails with `ETIME` when they have passed (`wait_event_interruptible_timeout`).
    pub fn wait_timeout<T, B: Backend, R>(
        &self,
        lock: &Lock<T, B>,
        timeout: Msecs,
        condition: impl FnMut(&mut T) -> Option<R>,
    ) -> Result<R>
    where
        T: Unpin,
    {
        let jiffies = msecs_to_jiffies(timeout)
            .try_into()
            .unwrap_or(MAX_SCHEDULE_TIMEOUT);
        self.wait_for(lock, condition, Kind::Shared, jiffies)
    }

    fn wait_for<T, B: Backend, R>(
        &self,
        lock: &Lock<T, B>,
        mut condition: impl FnMut(&mut T) -> Option<R>,
        kind: Kind,
        mut jiffies: c_long,
    ) -> Result<R>
    where
        T: Unpin,
    {
        let mut guard = lock.lock();
        if let Some(value) = condition(&mut guard) {
            return Ok(value);
        }

        let entry = Opaque::<bindings::wait_queue_entry>::uninit();
        // SAFETY: `entry` is valid for writes, and does not move from here on.
        unsafe { bindings::init_wait_entry(entry.get(), kind as c_int) };
        let _leave = ScopeGuard::new(|| {
            // SAFETY: `entry` was initialised, and may or may not be in this queue.
            unsafe { bindings::finish_wait(self.head.get(), entry.get()) }
        });

        let state = context::interruptible();
        loop {
            // SAFETY: `entry` was initialised, and stays where it is until `_leave` has taken it
            // out of the queue again.
            let interrupted =
                unsafe { bindings::prepare_to_wait_event(self.head.get(), entry.get(), state) }
                    != 0;
            if let Some(value) = condition(&mut guard) {
                return Ok(value);
            }
            if interrupted {
                return Err(ERESTARTSYS);
            }
            if jiffies == 0 {
                return Err(compat::errno(bindings::ETIME));
            }
            drop(guard);
            // SAFETY: Switches to another task; any number of jiffies up to the maximum will do.
            jiffies = unsafe { bindings::schedule_timeout(jiffies) };
            guard = lock.lock();
        }
    }

    /// Wakes every waiter that is not exclusive, the first one that is, and all pollers.
    ///
    /// Callable from any context in which a `SpinLock` can be taken (`wake_up`): not from NMI, and
    /// with `CONFIG_PREEMPT_RT` not with preemption or interrupts off. The handler of a
    /// [`kprobe`](crate::kprobe) may be either.
    #[inline]
    pub fn wake_one(&self) {
        self.wake(1);
    }

    /// Wakes all waiters.
    ///
    /// Callable from the contexts of [`wake_one`](Self::wake_one) (`wake_up_all`).
    #[inline]
    pub fn wake_all(&self) {
        self.wake(0);
    }

    /// Puts a poller into the queue; called by [`PollTable::watch`](crate::fops::PollTable::watch).
    ///
    /// # Safety
    ///
    /// `file` must be the file that is being polled, and `table` what its `poll` was given. Once
    /// this queue is being dropped, that `poll` must not be called any more, and the file must be
    /// ready for whatever the poller waits for.
    pub(crate) unsafe fn poll(&self, file: *mut bindings::file, table: *mut bindings::poll_table) {
        self.polled.store(true, Relaxed);
        // SAFETY: By the safety requirements; `drop` waits until the entry has left.
        unsafe { bindings::poll_wait(file, self.pollers.get(), table) };
    }

    fn wake(&self, exclusive: c_int) {
        // SAFETY: By the type invariants.
        unsafe {
            bindings::__wake_up(
                self.head.get(),
                TASK_NORMAL,
                exclusive,
                core::ptr::null_mut(),
            )
        };
        // Who comes to poll says so first, and then looks whether he has to wait. There is the other barrier in `poll_wait`.
        //
        // SAFETY: It may be called anywhere.
        unsafe { bindings::smp_mb() };
        if self.polled.load(Relaxed) {
            self.wake_pollers(0);
        }
    }

    /// Wakes all pollers, and says that these events have come; 0 for any.
    fn wake_pollers(&self, events: usize) {
        let key = core::ptr::without_provenance_mut(events);
        // SAFETY: By the type invariants; the key is a mask of events.
        unsafe { bindings::__wake_up(self.pollers.get(), TASK_NORMAL, 0, key) };
    }

    /// Whether nobody polls (`waitqueue_active`).
    fn is_left(&self) -> bool {
        // SAFETY: By the type invariants. Others change the list with single stores.
        unsafe {
            let list = &raw mut (*self.pollers.get()).head;
            core::ptr::read_volatile(&raw const (*list).next) == list
        }
    }
}

/// The queue goes, too (`POLLFREE`).
const POLLFREE: usize = 0x4000;

#[pinned_drop]
impl PinnedDrop for WaitQueue {
    fn drop(self: Pin<&mut Self>) {
        if !self.polled.load(Relaxed) {
            return;
        }
        // Waiters borrow the queue, pollers do not: poll(2) and epoll keep entries in it while
        // they sleep. The file's operations are no longer called, so nobody comes any more, and
        // who waits in poll(2) finds the file ready: a queue that goes before its file is that of
        // a `proc_fs::Node`. Tell epoll to let go, wake poll(2), and wait until both have. This is
        // what `__wake_up_pollfree` does, which warns if poll(2) takes a moment.
        let events = Events::ERROR | Events::HANG_UP;
        while !self.is_left() {
            self.wake_pollers(events.0 as usize | POLLFREE);
            // SAFETY: The caller may sleep.
            unsafe { bindings::schedule_timeout_uninterruptible(1) };
        }
        // epoll reads the head under RCU, and who has left may be about to unlock it. With the PREEMPT_RT of before 7.3.4
        // it is in no RCU section then: who takes the lock once more comes after it.
        self.wake_pollers(0);
        compat::synchronize_rcu();
    }
}
