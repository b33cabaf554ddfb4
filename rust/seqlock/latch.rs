// SPDX-License-Identifier: GPL-2.0-only

//! Numbers of which there are two copies: one to be read while the other one is written
//! (`seqcount_latch_t`).
//!
//! `tests/model` tries this file in all interleavings.

use core::{
    array,
    hint, //
};
use kernel::sync::atomic::{
    Acquire,
    Atomic,
    Full,
    Relaxed, //
};

/// `N` numbers, written by one at a time.
pub(super) struct Latch<const N: usize> {
    /// Its lowest bit says which copy readers use, while a writer changes the other one.
    sequence: Atomic<usize>,
    copies: [[Atomic<usize>; N]; 2],
}

impl<const N: usize> Latch<N> {
    pub(super) fn new(numbers: [usize; N]) -> Self {
        Self {
            sequence: Atomic::new(0),
            copies: [numbers.map(Atomic::new), numbers.map(Atomic::new)],
        }
    }

    #[inline]
    pub(super) fn read(&self) -> [usize; N] {
        loop {
            let before = self.sequence.load(Acquire);
            let [even, odd] = &self.copies;
            let copy = if before & 1 == 0 { even } else { odd };
            // Nothing that comes later is done before these: a writer that is seen in one of them is
            // seen in the sequence.
            let numbers = array::from_fn(|n| copy.get(n).map_or(0, |number| number.load(Acquire)));
            if self.sequence.load(Relaxed) == before {
                return numbers;
            }
            hint::spin_loop();
        }
    }

    pub(super) fn write(&self, change: impl FnOnce(&mut [usize; N])) {
        let [even, odd] = &self.copies;
        let mut numbers = array::from_fn(|n| even.get(n).map_or(0, |number| number.load(Relaxed)));
        change(&mut numbers);
        // Readers go to the copy that is not written to, and so never wait for a writer.
        for copy in [even, odd] {
            self.sequence.fetch_add(1, Full);
            for (number, new) in copy.iter().zip(numbers) {
                number.store(new, Relaxed);
            }
        }
    }
}
