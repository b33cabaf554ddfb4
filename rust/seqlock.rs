// SPDX-License-Identifier: GPL-2.0-only

//! Numbers that belong together, and are read without a lock.
//!
//! C's `seqlock_t` lets a reader copy what a writer may be changing, and throw the copy away. In Rust
//! that would be a data race, so each number is an atomic one here. And there are two copies of each, as
//! in C's `seqcount_latch_t`: a reader that has interrupted a writer would wait for it for ever.
//!
//! C header: [`include/linux/seqlock.h`](srctree/include/linux/seqlock.h)

use kernel::{
    prelude::*,
    str::CStr,
    sync::{
        LockClassKey,
        SpinLock, //
    },
};
use latch::Latch;

mod latch;

/// Creates a [`SeqLock`] of these numbers, with a lock class of its own.
///
/// The second argument is a name for lockdep's reports.
#[macro_export]
macro_rules! new_seqlock {
    ($numbers:expr, $name:literal) => {
        $crate::seqlock::SeqLock::new(
            $numbers,
            ::kernel::optional_name!($name),
            ::kernel::static_lock_class!(),
        )
    };
}

/// `N` numbers. A reader gets all of them as one writer left them.
///
/// Readers write nothing, so they do not hinder each other, nor a writer. One that meets a writer tries
/// again: right for what is written seldom.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::{new_seqlock, seqlock::SeqLock};
/// fn origin() -> Result<Pin<KBox<SeqLock<2>>>> {
///     KBox::pin_init(new_seqlock!([0, 0], "place"), GFP_KERNEL)
/// }
///
/// fn move_to(place: &SeqLock<2>, x: usize, y: usize) {
///     place.write(|place| *place = [x, y]);
/// }
///
/// fn distance(place: &SeqLock<2>) -> usize {
///     let [x, y] = place.read();
///     x + y
/// }
/// ```
#[pin_data]
pub struct SeqLock<const N: usize> {
    numbers: Latch<N>,
    #[pin]
    writer: SpinLock<()>,
}

impl<const N: usize> SeqLock<N> {
    /// Creates the numbers. `name` and `key` are lockdep's; see [`new_seqlock!`](crate::new_seqlock).
    pub fn new(
        numbers: [usize; N],
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self> {
        // They are copied on the stack.
        const { assert!(N <= 64) };
        pin_init!(Self {
            numbers: Latch::new(numbers),
            writer <- SpinLock::new((), name, key),
        })
    }

    /// Returns the numbers. Callable from any context, also from what has interrupted a writer.
    #[inline]
    pub fn read(&self) -> [usize; N] {
        self.numbers.read()
    }

    /// Has `change` change the numbers. It must not sleep, nor read them.
    ///
    /// Callable from process context. Does not sleep, except on PREEMPT_RT.
    pub fn write(&self, change: impl FnOnce(&mut [usize; N])) {
        let _writer = self.writer.lock();
        self.numbers.write(change);
    }
}
