// SPDX-License-Identifier: GPL-2.0-only

//! Waiting in line.

use super::WaitQueue;
use crate::{
    bindings,
    context, //
};
use kernel::{
    error::code::ERESTARTSYS,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        lock::{
            Backend,
            Guard, //
        },
        LockClassKey, //
    },
    task::{
        MAX_SCHEDULE_TIMEOUT,
        TASK_NORMAL, //
    },
    types::{
        Opaque,
        ScopeGuard, //
    },
};

/// Creates a [`TurnQueue`] initialiser with a lock class of its own.
///
/// [`TurnQueue`]: crate::wait::TurnQueue
#[macro_export]
macro_rules! new_turn_queue {
    ($name:literal) => {
        $crate::wait::TurnQueue::new(
            ::kernel::optional_name!($name),
            ::kernel::static_lock_class!(),
        )
    };
}

/// A queue in which one task at a time gets what all want, in order of arrival.
///
/// Who gives the thing back hands it to the first in the queue, so that nobody who comes later can
/// take it in between. Handing over costs the same however long the queue is.
///
/// # Examples
///
/// ```
/// # use kernel::{new_mutex, prelude::*, sync::Mutex};
/// # use lkm::{new_turn_queue, wait::TurnQueue};
/// #[pin_data]
/// struct Chair {
///     #[pin]
///     taken: Mutex<bool>,
///     #[pin]
///     queue: TurnQueue,
/// }
///
/// impl Chair {
///     fn new() -> impl PinInit<Self> {
///         pin_init!(Self {
///             taken <- new_mutex!(false),
///             queue <- new_turn_queue!("Chair::queue"),
///         })
///     }
///
///     fn sit_down(&self) -> Result {
///         let mut taken = self.taken.lock();
///         if *taken {
///             return self.queue.wait(taken);
///         }
///         *taken = true;
///         Ok(())
///     }
///
///     fn stand_up(&self) {
///         let mut taken = self.taken.lock();
///         *taken = self.queue.hand_over();
///     }
/// }
/// ```
#[pin_data]
pub struct TurnQueue {
    #[pin]
    queue: WaitQueue,
}

impl TurnQueue {
    /// Creates an empty queue. Use [`new_turn_queue!`](crate::new_turn_queue).
    pub fn new(name: &'static CStr, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self { queue <- WaitQueue::new(name, key) })
    }

    /// Joins the queue, unlocks, and sleeps until it is the caller's turn.
    ///
    /// The caller must have found the thing taken with the lock held, so that the queue's order is
    /// that of the lock. Fails with `ERESTARTSYS` if a signal arrives first; a signal that comes
    /// together with the turn leaves the caller with the turn. In what answers a disk's requests none ends the wait. May
    /// sleep.
    pub fn wait<T: ?Sized, B: Backend>(&self, guard: Guard<'_, T, B>) -> Result {
        let head = self.queue.head.get();
        let entry = Opaque::<bindings::wait_queue_entry>::uninit();
        // SAFETY: `entry` is valid for writes, and does not move from here on.
        unsafe {
            bindings::init_wait_entry(entry.get(), bindings::WQ_FLAG_EXCLUSIVE as c_int);
            (*entry.get()).func = Some(take_turn);
        }
        let _leave = ScopeGuard::new(|| {
            // SAFETY: `entry` was initialised, and may or may not be in this queue. If it is,
            // this takes the queue's lock, under which `take_turn` runs.
            unsafe { bindings::finish_wait(head, entry.get()) }
        });

        let mut guard = Some(guard);
        let state = context::interruptible();
        loop {
            // SAFETY: `entry` was initialised, and stays where it is until `_leave` has taken it
            // out of the queue again.
            let interrupted =
                unsafe { bindings::prepare_to_wait_event(head, entry.get(), state) } != 0;
            // The turn is given with the queue locked. If it had not been given when the call
            // above found a signal and took the entry out, it will not be given any more.
            if has_turn(&entry) {
                return Ok(());
            }
            if interrupted {
                return Err(ERESTARTSYS);
            }
            drop(guard.take());
            // SAFETY: Switches to another task.
            unsafe { bindings::schedule_timeout(MAX_SCHEDULE_TIMEOUT) };
        }
    }

    /// Gives the turn to the first in the queue. Returns whether there was one.
    ///
    /// To be called with the lock held that the waiters come with. Callable from any context in
    /// which that lock is, and in which [`WaitQueue::wake_one`] is (`wake_up`).
    pub fn hand_over(&self) -> bool {
        // SAFETY: By the queue's invariants.
        let woken = unsafe {
            bindings::__wake_up(self.queue.head.get(), TASK_NORMAL, 1, core::ptr::null_mut())
        };
        woken > 0
    }
}

/// Whether [`take_turn`] has run on the entry.
fn has_turn(entry: &Opaque<bindings::wait_queue_entry>) -> bool {
    // SAFETY: The entry is initialised, and its flags are an aligned word.
    let flags = unsafe { Atomic::from_ptr(&raw mut (*entry.get()).flags) };
    flags.load(Acquire) & bindings::WQ_FLAG_DONE != 0
}

/// `wait_queue_entry::func`: gives the turn to a waiter, whether it sleeps or just woke up.
///
/// The waiter takes itself out of the queue. Until then it is passed over.
///
/// # Safety
///
/// To be called by `__wake_up`, for an entry of [`TurnQueue::wait`] in its queue.
unsafe extern "C" fn take_turn(
    entry: *mut bindings::wait_queue_entry,
    mode: c_uint,
    wake_flags: c_int,
    key: *mut c_void,
) -> c_int {
    // SAFETY: The entry is in the queue, which is locked, so its waiter has not left.
    let flags = unsafe { Atomic::from_ptr(&raw mut (*entry).flags) };
    let old = flags.load(Relaxed);
    if old & bindings::WQ_FLAG_DONE != 0 {
        return 0;
    }
    flags.store(old | bindings::WQ_FLAG_DONE, Release);
    // SAFETY: As above; `init_wait_entry` made the current task the entry's.
    unsafe { bindings::default_wake_function(entry, mode, wake_flags, key) };
    1
}
