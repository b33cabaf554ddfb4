// SPDX-License-Identifier: GPL-2.0-only

//! Numbers that belong together, and are read without a lock.
//!
//! C's `seqlock_t` lets a reader copy what a writer may be changing, and throw the copy away. In Rust
//! that would be a data race, so each number is an atomic one here.
//!
//! C header: [`include/linux/seqlock.h`](srctree/include/linux/seqlock.h)

use core::array;
use kernel::{
    new_spinlock,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed, //
        },
        SpinLock, //
    },
};

/// `N` numbers. A reader gets all of them as one writer left them.
///
/// Readers write nothing, so they do not hinder each other, nor a writer. One that meets a writer tries
/// again: right for what is written seldom.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::seqlock::SeqLock;
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
    /// Odd while somebody writes.
    sequence: Atomic<usize>,
    numbers: [Atomic<usize>; N],
    #[pin]
    writer: SpinLock<()>,
}

impl<const N: usize> SeqLock<N> {
    /// Creates the numbers.
    pub fn new(numbers: [usize; N]) -> impl PinInit<Self> {
        pin_init!(Self {
            sequence: Atomic::new(0),
            numbers: numbers.map(Atomic::new),
            writer <- new_spinlock!((), "SeqLock::writer"),
        })
    }

    /// Returns the numbers. Does not sleep.
    ///
    /// Not to be called where it may have interrupted a writer on its own CPU, as in an interrupt
    /// handler: it would wait for it for ever.
    #[inline]
    pub fn read(&self) -> [usize; N] {
        loop {
            let before = self.sequence.load(Acquire);
            // Nothing that comes later is done before these: a writer that is seen in one of them is
            // seen in the sequence.
            let numbers =
                array::from_fn(|n| self.numbers.get(n).map_or(0, |number| number.load(Acquire)));
            if before & 1 == 0 && self.sequence.load(Relaxed) == before {
                return numbers;
            }
            core::hint::spin_loop();
        }
    }

    /// Has `change` change the numbers. It must not sleep, nor read them.
    ///
    /// Callable from process context. Does not sleep.
    pub fn write(&self, change: impl FnOnce(&mut [usize; N])) {
        let _writer = self.writer.lock();
        let mut numbers =
            array::from_fn(|n| self.numbers.get(n).map_or(0, |number| number.load(Relaxed)));
        change(&mut numbers);
        self.sequence.fetch_add(1, Full);
        for (number, new) in self.numbers.iter().zip(numbers) {
            number.store(new, Relaxed);
        }
        self.sequence.fetch_add(1, Full);
    }
}
