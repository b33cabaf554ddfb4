// SPDX-License-Identifier: GPL-2.0-only

//! Seeing what comes from a PC's keyboard and mouse controller.
//!
//! The controller hands out each byte once, and its driver takes it, in its own interrupt handler.
//! A second handler on the same line finds the byte gone, or worse, takes the next one. A
//! [`Filter`] is called by the driver with every byte, before it goes on to the keyboard's or the
//! mouse's driver.
//!
//! C header: [`include/linux/i8042.h`](srctree/include/linux/i8042.h)
//!
//! Reference: chapter 12 of the guide.

use crate::bindings;
use core::{
    arch::asm,
    marker::PhantomPinned, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// Whether the controller has a byte that its driver has not taken yet (port 0x64, `inb`).
///
/// Callable from any context. There is no function here to read any port: what a device says when it
/// is asked, its driver does not hear any more.
pub fn has_byte() -> bool {
    let status: u8;
    // SAFETY: This is the controller's status, which reading does not change, and touches no memory.
    unsafe {
        asm!("in al, 0x64", out("al") status, options(nomem, nostack, preserves_flags));
    }
    u32::from(status) & bindings::I8042_STR_OBF != 0
}

/// A byte that came from the controller.
#[derive(Clone, Copy)]
pub struct Byte {
    /// The byte.
    pub data: u8,
    status: u8,
}

impl Byte {
    /// Whether the byte is the mouse's; else it is the keyboard's.
    pub fn is_auxiliary(&self) -> bool {
        u32::from(self.status) & bindings::I8042_STR_AUXDATA != 0
    }

    /// Whether the byte may be wrong: it arrived late, or its parity does not fit.
    pub fn is_damaged(&self) -> bool {
        let damage = bindings::I8042_STR_TIMEOUT | bindings::I8042_STR_PARITY;
        u32::from(self.status) & damage != 0
    }
}

/// What becomes of a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on to the driver of its device.
    Pass,
    /// Nobody else sees it.
    Drop,
}

/// What sees the bytes.
pub trait Filter: Send + Sync + 'static {
    /// A byte came.
    ///
    /// Runs in hard interrupt context, with interrupts off and the controller's lock held, once
    /// for each byte, in order; on PREEMPT_RT in the interrupt's thread, with interrupts on. It must not sleep, and must not talk to the controller, nor install or
    /// remove a filter.
    fn byte(&self, byte: Byte) -> Verdict;
}

/// A filter that is installed. There can be one in the system.
///
/// Dropping it removes it, and returns when it cannot run any more. Callable from any context but
/// NMI, and with PREEMPT_RT only where one may sleep (`i8042_remove_filter`), as far as the filter itself can be dropped there, but not [in its own
/// callback](crate#pitfalls).
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
/// # use lkm::i8042::{self, Byte, Verdict};
/// struct Counter(Atomic<u64>);
///
/// impl i8042::Filter for Counter {
///     fn byte(&self, _byte: Byte) -> Verdict {
///         self.0.fetch_add(1, Relaxed);
///         Verdict::Pass
///     }
/// }
///
/// fn count() -> Result<Pin<KBox<i8042::Registration<Counter>>>> {
///     KBox::pin_init(i8042::Registration::new(Counter(Atomic::new(0))), GFP_KERNEL)
/// }
/// ```
///
/// # Invariants
///
/// `function` is installed with a pointer to `filter`.
#[pin_data(PinnedDrop)]
pub struct Registration<T: Filter> {
    /// Kept, since the controller's driver compares it, and a function may have several addresses.
    function: bindings::i8042_filter_t,
    #[pin]
    filter: T,
    #[pin]
    _pin: PhantomPinned,
}

impl<T: Filter> Registration<T> {
    /// Installs a filter.
    ///
    /// Fails with `EBUSY` if there is one; some laptops' drivers have one for their hot keys. May sleep
    /// if the filter's initialiser does (`i8042_install_filter`).
    pub fn new<'a, E>(filter: impl PinInit<T, E> + 'a) -> impl PinInit<Self, Error> + 'a
    where
        T: 'a,
        E: 'a,
        Error: From<E>,
    {
        // INVARIANT: Initialisation succeeds only if the filter was installed.
        try_pin_init!(&this in Self {
            function: Some(Self::byte),
            filter <- filter,
            _pin: PhantomPinned,
            _: {
                // SAFETY: The filter was initialised, is pinned, and is removed before it goes.
                // The function fits it.
                to_result(unsafe {
                    let filter = &raw mut (*this.as_ptr()).filter;
                    bindings::i8042_install_filter(*function, filter.cast())
                })?;
            },
        })
    }

    /// `i8042_filter_t`.
    ///
    /// # Safety
    ///
    /// To be called by the controller's driver, with the filter of a [`Registration<T>`].
    unsafe extern "C" fn byte(
        data: u8,
        status: u8,
        _port: *mut bindings::serio,
        filter: *mut c_void,
    ) -> bool {
        // SAFETY: This is the filter that `new` gave, and `drop` waits for the controller's lock.
        let filter = unsafe { &*filter.cast::<T>() };
        filter.byte(Byte { data, status }) == Verdict::Drop
    }
}

impl<T: Filter> core::ops::Deref for Registration<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.filter
    }
}

#[pinned_drop]
impl<T: Filter> PinnedDrop for Registration<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants. The function takes the lock that the filter runs with.
        unsafe { bindings::i8042_remove_filter(self.function) };
    }
}
