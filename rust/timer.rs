// SPDX-License-Identifier: GPL-2.0-only

//! Timers that go off some ticks from now.
//!
//! A [`Timer`] counts in jiffies, the kernel's ticks (1 to 10 ms, by its configuration), and is
//! cheap to start and to move: right for what happens every so often, or when something has not
//! happened for too long. For less than a tick, or for exact times, upstream has
//! [`kernel::time::hrtimer`]; for work that sleeps, [`kernel::workqueue`].
//!
//! C header: [`include/linux/timer.h`](srctree/include/linux/timer.h)
//!
//! Reference: chapter 11 of the guide.

use crate::bindings;
use core::convert::Infallible;
use kernel::{
    prelude::*,
    sync::LockClassKey,
    time::Jiffies,
    types::Opaque, //
};

/// Creates a [`Timer`] initialiser with a lock class of its own.
#[macro_export]
macro_rules! new_timer {
    ($handler:expr, $name:literal) => {
        $crate::timer::Timer::new(
            $handler,
            ::kernel::optional_name!($name),
            ::kernel::static_lock_class!(),
        )
    };
}

/// What a timer does after it went off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerRestart {
    /// It waits to be started again.
    NoRestart,
    /// It goes off again when so many jiffies have passed, as by [`Timer::start`]: 1 is every second tick.
    After(Jiffies),
}

/// What a timer calls.
pub trait Handler: Send + Sync + 'static {
    /// The timer went off.
    ///
    /// Runs in softirq context, on any CPU, but not twice at a time. It must not sleep: no
    /// `Mutex`, no allocation with `GFP_KERNEL`, none of [`vmalloc`](crate#pitfalls) at all, as for a `KVVec`, no copy to or
    /// from user space. It must not take a
    /// `SpinLock` that is also taken in process context, where the timer could interrupt the
    /// holder (a `SpinLockIrq` will do, from 7.3 on). Atomics and waking a
    /// [`WaitQueue`](crate::wait::WaitQueue) are always right.
    fn expired(&self) -> TimerRestart;
}

/// A timer.
///
/// Dropping it stops it, waits until the handler has returned, and keeps it from being started
/// again: no handler runs afterwards. That may sleep, and must not happen with a lock held that
/// the handler takes (`timer_shutdown_sync`), nor [in its own callback](crate#pitfalls).
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
/// # use lkm::{new_timer, timer::{self, Timer, TimerRestart}};
/// struct Blinker(Atomic<bool>);
///
/// impl timer::Handler for Blinker {
///     fn expired(&self) -> TimerRestart {
///         let on = self.0.load(Relaxed);
///         self.0.store(!on, Relaxed);
///         TimerRestart::After(kernel::time::msecs_to_jiffies(500))
///     }
/// }
///
/// fn blink() -> Result<Pin<KBox<Timer<Blinker>>>> {
///     let blinker = new_timer!(Blinker(Atomic::new(false)), "blinker");
///     let timer = KBox::pin_init(blinker, GFP_KERNEL)?;
///     timer.start(1);
///     Ok(timer)
/// }
/// ```
///
/// # Invariants
///
/// `timer` is initialised with [`Self::expired`], and not shut down.
#[pin_data(PinnedDrop)]
pub struct Timer<T: Handler> {
    #[pin]
    timer: Opaque<bindings::timer_list>,
    #[pin]
    handler: T,
}

// SAFETY: A `timer_list` may be started and stopped by any thread.
unsafe impl<T: Handler> Send for Timer<T> {}

// SAFETY: `mod_timer` locks, and the handler is `Sync`.
unsafe impl<T: Handler> Sync for Timer<T> {}

impl<T: Handler> Timer<T> {
    /// Creates a timer that is not started. Use [`new_timer!`](crate::new_timer).
    pub fn new<E: From<Infallible>>(
        handler: impl PinInit<T, E>,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self, E> {
        // INVARIANT: The timer is initialised below.
        pin_init!(Self {
            handler <- handler,
            // SAFETY: `slot` is valid for writes; `name` and `key` are static. The function fits
            // a timer that is this field.
            timer <- Opaque::ffi_init(|slot| unsafe { init(slot, Self::expired, 0, name, key) }),
        }? E)
    }

    /// Has the timer go off when so many jiffies have passed, whether it was started or not.
    ///
    /// What is left of the current tick does not count: 1 is the second tick from now. From 63 on it may
    /// come up to an eighth later. Zero counts as one. Callable from any context but NMI, also from the
    /// handler (`mod_timer`).
    #[inline]
    pub fn start(&self, jiffies: Jiffies) {
        // As far as the counter can tell the future from the past.
        let jiffies = jiffies.clamp(1, (Jiffies::MAX >> 1) - 1);
        // SAFETY: `jiffies` is a word that always has a value.
        let now = unsafe { (&raw const bindings::jiffies).read_volatile() };
        // SAFETY: By the type invariants; it is pinned, and is shut down before it goes.
        unsafe { bindings::mod_timer(self.timer.get(), now.wrapping_add(jiffies)) };
    }

    /// `timer_list::function`.
    ///
    /// # Safety
    ///
    /// `timer` must be that of a [`Timer<T>`] that has not been shut down.
    unsafe extern "C" fn expired(timer: *mut bindings::timer_list) {
        let this = kernel::container_of!(Opaque::cast_from(timer), Self, timer);
        // SAFETY: `new` gave the function to a timer that is part of a `Self`, whose `drop` waits
        // until this function has returned.
        let this = unsafe { &*this };
        if let TimerRestart::After(jiffies) = this.handler.expired() {
            this.start(jiffies);
        }
    }
}

impl<T: Handler> core::ops::Deref for Timer<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.handler
    }
}

#[pinned_drop]
impl<T: Handler> PinnedDrop for Timer<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants.
        unsafe { bindings::timer_shutdown_sync(self.timer.get()) };
        // SAFETY: `new` initialised it, and it was just shut down.
        #[cfg(CONFIG_DEBUG_OBJECTS_TIMERS)]
        unsafe {
            end(self.timer.get())
        };
    }
}

/// Initialises a timer, where it is: kernels that look after timers (`CONFIG_DEBUG_OBJECTS`) want to know
/// of those on a stack.
///
/// # Safety
///
/// `timer` must be valid for writes, and the function fit it. It must be given to `end` before it goes, by the
/// task whose stack it is on, if it is on one.
pub(crate) unsafe fn init(
    timer: *mut bindings::timer_list,
    function: unsafe extern "C" fn(*mut bindings::timer_list),
    flags: u32,
    name: &'static CStr,
    key: Pin<&'static LockClassKey>,
) {
    let (function, name, key) = (Some(function), name.as_char_ptr(), key.as_ptr());
    // SAFETY: By the safety requirements; the name and the key are static. Each call is a direct one: for rustc the type
    // of a function that takes an `Option` is not C's (`CONFIG_CFI`).
    unsafe {
        #[cfg(CONFIG_DEBUG_OBJECTS_TIMERS)]
        if crate::context::stack().contains(&timer.addr()) {
            return bindings::timer_init_key_on_stack(timer, function, flags, name, key);
        }
        bindings::timer_init_key(timer, function, flags, name, key);
    }
}

/// Says that a timer goes.
///
/// # Safety
///
/// [`init`] initialised it, it does not wait, and is not used any more.
#[cfg(CONFIG_DEBUG_OBJECTS_TIMERS)]
pub(crate) unsafe fn end(timer: *mut bindings::timer_list) {
    if crate::context::stack().contains(&timer.addr()) {
        // SAFETY: By the safety requirements.
        unsafe { bindings::timer_destroy_on_stack(timer) };
    }
}
