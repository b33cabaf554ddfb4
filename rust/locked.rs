// SPDX-License-Identifier: GPL-2.0-only

//! A mutex that is a member of something of C's.
//!
//! C header: [`include/linux/mutex.h`](srctree/include/linux/mutex.h)

use crate::bindings;

/// The mutex, locked until this is dropped.
///
/// # Invariants
///
/// The mutex stays, and this thread has locked it.
pub(crate) struct Locked(*mut bindings::mutex);

impl Locked {
    /// Waits for it, whatever signals come (`mutex_lock`).
    ///
    /// # Safety
    ///
    /// The mutex must have been initialised, and stay until the value is dropped.
    #[cfg(CONFIG_GPIOLIB)]
    pub(crate) unsafe fn new(mutex: *mut bindings::mutex) -> Self {
        // SAFETY: By the safety requirements.
        unsafe { bindings::mutex_lock(mutex) };
        // INVARIANT: It was just locked.
        Self(mutex)
    }

    /// `None` if somebody else has locked it (`mutex_trylock`).
    ///
    /// # Safety
    ///
    /// The mutex must have been initialised, and stay until the value is dropped.
    pub(crate) unsafe fn try_new(mutex: *mut bindings::mutex) -> Option<Self> {
        // SAFETY: By the safety requirements.
        let is_locked = unsafe { bindings::mutex_trylock(mutex) } != 0;
        // INVARIANT: It was just locked. If not, there is no value: `then_some` would make one, and its drop unlock it.
        is_locked.then(|| Self(mutex))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::mutex_unlock(self.0) };
    }
}
