// SPDX-License-Identifier: GPL-2.0-only

//! Data that is read without locks, and replaced rather than changed.
//!
//! Upstream has the read lock ([`kernel::sync::rcu`]); [`Rcu`] is what it protects.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)
//!
//! Reference: chapter 13 of the guide.

use crate::{
    bindings,
    compat, //
};
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
    types::Opaque, //
};

/// A value that readers see without waiting for anybody, and writers replace.
///
/// A reader sees the value that was there when it looked, for as long as it holds the read lock.
/// Values that were replaced are dropped when all who can see them have let go.
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
/// # Invariants
///
/// `current` is a valid node that this value owns. Who takes it out leaves another one there, and
/// frees it only after a grace period.
pub struct Rcu<T: Send + Sync + 'static> {
    current: Atomic<*mut Node<T>>,
}

/// A value, and what RCU needs to free it later.
struct Node<T> {
    head: Opaque<bindings::callback_head>,
    value: T,
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
        // INVARIANT: The node was just made.
        Ok(Self {
            current: Atomic::new(Node::new(value)?),
        })
    }

    /// Returns the value.
    ///
    /// Callable from any context in which the read lock can be taken (`rcu_dereference`).
    #[inline]
    pub fn read<'a>(&'a self, _lock: &'a rcu::Guard) -> &'a T {
        // SAFETY: By the type invariants; the grace period does not end before `_lock` goes.
        unsafe { &(*self.current.load(Acquire)).value }
    }

    /// Replaces the value by one made of it.
    ///
    /// If another writer was faster, `new` is called again, with what that one wrote: no update is
    /// lost. It runs with the read lock held, and must not sleep. The old value is dropped in
    /// softirq context, where it must not sleep either. Fails with `ENOMEM`, and leaves the value
    /// as it is. May sleep (`call_rcu`), so the caller must not hold the read lock: without
    /// preemptible RCU, a reference that it protects could outlive the value.
    pub fn update(&self, mut new: impl FnMut(&T) -> T) -> Result {
        let room = KBox::<Node<T>>::new_uninit(GFP_KERNEL)?;
        let room = KBox::into_raw(room).cast::<Node<T>>();
        let lock = rcu::read_lock();
        loop {
            let old = self.current.load(Acquire);
            // SAFETY: By the type invariants; the grace period does not end before `lock` goes.
            let value = new(unsafe { &(*old).value });
            // SAFETY: `room` is ours, and big enough.
            unsafe { room.write(Node::from(value)) };
            // INVARIANT: On success `room` is a valid node, and `old` is freed by `call_rcu`.
            if self.current.cmpxchg(old, room, Full).is_ok() {
                drop(lock);
                // SAFETY: The node was taken out, by us, so nobody else does this.
                unsafe { bindings::call_rcu((*old).head.get(), Some(Node::<T>::free)) };
                return Ok(());
            }
            // SAFETY: The value was written above, and nobody has seen it.
            unsafe { room.drop_in_place() };
        }
    }
}

impl<T: Send + Sync> Drop for Rcu<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. Readers borrow this value, so there are none.
        drop(unsafe { KBox::from_raw(self.current.load(Acquire)) });
        // What was replaced is dropped by code of the module, which must stay until then.
        compat::rcu_barrier();
    }
}

impl<T: Send + Sync> Node<T> {
    /// Makes a node on the heap.
    fn new(value: T) -> Result<*mut Self> {
        Ok(KBox::into_raw(KBox::new(Self::from(value), GFP_KERNEL)?))
    }

    /// Frees a node: a `rcu_callback_t`.
    ///
    /// # Safety
    ///
    /// `head` must be that of a node on the heap that nobody uses any more.
    unsafe extern "C" fn free(head: *mut bindings::callback_head) {
        let node = kernel::container_of!(Opaque::cast_from(head), Self, head);
        // SAFETY: `update` took the node out, and the readers that could see it are gone.
        drop(unsafe { KBox::from_raw(node.cast_mut()) });
    }
}

impl<T> From<T> for Node<T> {
    fn from(value: T) -> Self {
        Self {
            head: Opaque::uninit(),
            value,
        }
    }
}
