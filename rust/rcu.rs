// SPDX-License-Identifier: GPL-2.0-only

//! Data that is read without locks, and replaced rather than changed.
//!
//! Upstream has the read lock ([`kernel::sync::rcu`]); [`Rcu`] is what it protects.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)
//!
//! Reference: chapter 13 of the guide.

use crate::compat;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full, //
        },
        rcu, //
    },
};

/// A value that readers see without waiting for anybody, and writers replace.
///
/// A reader sees the value that was there when it looked, for as long as it holds the read lock.
/// A writer waits until all who can see the old value have let go, and drops it.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::rcu};
/// # use lkm::rcu::Rcu;
/// #[derive(Clone, Copy)]
/// struct Route {
///     gateway: u32,
///     metric: u32,
/// }
///
/// fn prefer(route: &Rcu<Route>, gateway: u32) -> Result {
///     route.update(|old| Route { gateway, metric: old.metric + 1 })
/// }
///
/// fn gateway(route: &Rcu<Route>) -> u32 {
///     route.read(&rcu::read_lock()).gateway
/// }
/// ```
///
/// ```compile_fail,E0505
/// # use kernel::sync::rcu;
/// # use lkm::rcu::Rcu;
/// fn too_late(value: &Rcu<u32>) -> u32 {
///     let lock = rcu::read_lock();
///     let seen = value.read(&lock);
///     drop(lock);
///     *seen
/// }
/// ```
///
/// # Invariants
///
/// `current` is from [`KBox::into_raw`], and this value owns it. Who takes it out leaves another one
/// there, and drops it only after a grace period.
pub struct Rcu<T: Send + Sync + 'static> {
    current: Atomic<*mut T>,
}

// SAFETY: The value is owned, and `Send`.
unsafe impl<T: Send + Sync> Send for Rcu<T> {}
// SAFETY: The value is shared with readers, and dropped by any thread.
unsafe impl<T: Send + Sync> Sync for Rcu<T> {}

impl<T: Send + Sync> Rcu<T> {
    /// Creates the first value.
    ///
    /// Fails with `ENOMEM`. May sleep.
    pub fn new(value: T) -> Result<Self> {
        // INVARIANT: The box was just made.
        Ok(Self {
            current: Atomic::new(KBox::into_raw(KBox::new(value, GFP_KERNEL)?)),
        })
    }

    /// Returns the value.
    ///
    /// Callable from any context in which the read lock can be taken (`rcu_dereference`).
    #[inline]
    pub fn read<'a>(&'a self, _lock: &'a rcu::Guard) -> &'a T {
        // SAFETY: By the type invariants; the grace period does not end before `_lock` goes.
        unsafe { &*self.current.load(Acquire) }
    }

    /// Replaces the value by one made of it, and drops the old one when nobody sees it any more.
    ///
    /// If another writer was faster, `new` is called again, with what that one wrote: no update is
    /// lost. It runs with the read lock held, and must not sleep. Fails with `ENOMEM`, and leaves
    /// the value as it is. Sleeps for some milliseconds (`synchronize_rcu`), so the caller must not
    /// hold the read lock: that would be to wait for itself, or to have it free what is being read.
    pub fn update(&self, mut new: impl FnMut(&T) -> T) -> Result {
        let mut room = KBox::<T>::new_uninit(GFP_KERNEL)?;
        let old = loop {
            let lock = rcu::read_lock();
            let old = self.current.load(Acquire);
            // SAFETY: By the type invariants; the grace period does not end before `lock` goes.
            let value = new(unsafe { &*old });
            let next = KBox::into_raw(KBox::write(room, value));
            // INVARIANT: On success `next` is the box that is there, and `old` is dropped below.
            let replaced = self.current.cmpxchg(old, next, Full);
            drop(lock);
            if replaced.is_ok() {
                break old;
            }
            // SAFETY: Nobody has seen the box that was made above.
            room = KBox::drop_contents(unsafe { KBox::from_raw(next) });
        };
        compat::synchronize_rcu();
        // SAFETY: The box was taken out, by us, and those who saw it are gone.
        drop(unsafe { KBox::from_raw(old) });
        Ok(())
    }
}

impl<T: Send + Sync> Drop for Rcu<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. Readers borrow this value, so there are none.
        drop(unsafe { KBox::from_raw(self.current.load(Acquire)) });
    }
}
