// SPDX-License-Identifier: GPL-2.0-only

//! A lock that many may read under at the same time, or one may write.
//!
//! To take it to read still writes to it, to count the readers, and the CPUs pass that count around.
//! So it pays only if readers keep it for long. For short reads see [`rcu`](crate::rcu) and
//! [`seqlock`](crate::seqlock).
//!
//! C header: [`include/linux/rwsem.h`](srctree/include/linux/rwsem.h)

use crate::bindings;
use core::{
    cell::UnsafeCell,
    marker::PhantomPinned,
    ops::{
        Deref,
        DerefMut, //
    },
};
use kernel::{
    prelude::*,
    sync::LockClassKey,
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

/// Creates an [`RwSemaphore`] initialiser with a lock class of its own.
///
/// [`RwSemaphore`]: crate::rwsem::RwSemaphore
#[macro_export]
macro_rules! new_rw_semaphore {
    ($value:expr, $name:literal) => {
        $crate::rwsem::RwSemaphore::new(
            $value,
            ::kernel::optional_name!($name),
            ::kernel::static_lock_class!(),
        )
    };
}

/// A value that many may read at the same time, or one may write. Who comes late sleeps.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::{new_rw_semaphore, rwsem::RwSemaphore};
/// fn count() -> Result<u32> {
///     let count = KBox::pin_init(new_rw_semaphore!(0, "count"), GFP_KERNEL)?;
///     *count.write() += 1;
///     let seen = *count.read();
///     Ok(seen)
/// }
/// ```
///
/// # Invariants
///
/// `semaphore` is initialised.
#[pin_data]
pub struct RwSemaphore<T> {
    #[pin]
    semaphore: Opaque<bindings::rw_semaphore>,
    value: UnsafeCell<T>,
    #[pin]
    _pin: PhantomPinned,
}

// SAFETY: The value is owned.
unsafe impl<T: Send> Send for RwSemaphore<T> {}
// SAFETY: Readers share the value, and a writer may take it out.
unsafe impl<T: Send + Sync> Sync for RwSemaphore<T> {}

impl<T> RwSemaphore<T> {
    /// Creates a lock that nobody has. Use [`new_rw_semaphore!`](crate::new_rw_semaphore).
    pub fn new(
        value: T,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        // INVARIANT: It is initialised here.
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes, and `name` and `key` are static.
            semaphore <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_rwsem(slot, name.as_char_ptr(), key.as_ptr())
            }),
            value: UnsafeCell::new(value),
            _pin: PhantomPinned,
        })
    }

    /// Waits until nobody writes. May sleep (`down_read`).
    ///
    /// To read twice in the same thread may wait for ever: a writer that comes in between is waited
    /// for, and waits for the first one.
    pub fn read(&self) -> ReadGuard<'_, T> {
        // SAFETY: By the type invariants.
        unsafe { bindings::down_read(self.semaphore.get()) };
        // INVARIANT: The lock was just taken to read.
        Guard {
            lock: self,
            _here: NotThreadSafe,
        }
    }

    /// Waits until nobody reads or writes. May sleep (`down_write`).
    pub fn write(&self) -> WriteGuard<'_, T> {
        // SAFETY: By the type invariants.
        unsafe { bindings::down_write(self.semaphore.get()) };
        // INVARIANT: The lock was just taken to write.
        Guard {
            lock: self,
            _here: NotThreadSafe,
        }
    }
}

/// One of those who read.
pub type ReadGuard<'a, T> = Guard<'a, T, false>;

/// The one who writes.
pub type WriteGuard<'a, T> = Guard<'a, T, true>;

/// Gives the value of an [`RwSemaphore`], and the lock back when it is dropped.
///
/// # Invariants
///
/// The lock is held by this task, to write if `WRITES`, else to read.
#[must_use = "the lock is given back when this is dropped"]
pub struct Guard<'a, T, const WRITES: bool> {
    lock: &'a RwSemaphore<T>,
    _here: NotThreadSafe,
}

// SAFETY: A shared reference gives no more than one to the value.
unsafe impl<T: Sync, const WRITES: bool> Sync for Guard<'_, T, WRITES> {}

impl<T, const WRITES: bool> Deref for Guard<'_, T, WRITES> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariants nobody else writes, and this does not while it is borrowed.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: By the type invariants nobody else has the value.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T, const WRITES: bool> Drop for Guard<'_, T, WRITES> {
    fn drop(&mut self) {
        let semaphore = self.lock.semaphore.get();
        // SAFETY: By the type invariants.
        unsafe {
            if WRITES {
                bindings::up_write(semaphore);
            } else {
                bindings::up_read(semaphore);
            }
        }
    }
}
