// SPDX-License-Identifier: GPL-2.0-only

//! Bytes from an interrupt handler to any number of readers.
//!
//! Each reader has a [`Position`] of its own, and sees every byte once, in order. The writer waits
//! for nobody: a reader that is more than the ring behind loses the oldest bytes, and is told how
//! many. There is no lock, so writer and readers may be in any context.

use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
};

/// The last bytes that were written, up to a fixed number.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::ring::{Next, Ring};
/// fn demonstrate() -> Result {
///     let ring = Ring::new(2)?;
///     let mut position = ring.end();
///     for byte in b"abc" {
///         ring.push(*byte);
///     }
///     assert_eq!(ring.next(&mut position), Some(Next::Lost(1)));
///     assert_eq!(ring.next(&mut position), Some(Next::Byte(b'b')));
///     assert_eq!(ring.next(&mut position), Some(Next::Byte(b'c')));
///     assert_eq!(ring.next(&mut position), None);
///     Ok(())
/// }
/// ```
pub struct Ring {
    /// Each byte with its number above it, by which a reader sees that it was overwritten.
    slots: KVVec<Atomic<u64>>,
    /// How many bytes were written.
    count: Atomic<u64>,
}

/// Where a reader is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position(u64);

/// What a reader finds next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// A byte.
    Byte(u8),
    /// So many bytes were overwritten before they could be read.
    Lost(u64),
}

impl Ring {
    /// Creates a ring for `size` bytes, from 1 to 65,536.
    ///
    /// Fails with `EINVAL`, or `ENOMEM`. May sleep.
    pub fn new(size: usize) -> Result<Self> {
        if !(1..=1 << 16).contains(&size) {
            return Err(EINVAL);
        }
        // There may be no piece of memory for a large one.
        let mut slots = KVVec::new();
        for _ in 0..size {
            slots.push(Atomic::new(0), GFP_KERNEL)?;
        }
        Ok(Self {
            slots,
            count: Atomic::new(0),
        })
    }

    /// Writes a byte. Callable from any context, by one at a time: bytes that are written at
    /// the same moment may be lost, or counted as lost.
    pub fn push(&self, byte: u8) {
        let n = self.count.load(Relaxed);
        if let Some(slot) = self.slot(n) {
            slot.store(n << 8 | u64::from(byte), Release);
        }
        self.count.store(n + 1, Release);
    }

    /// Returns the position behind the last byte. Callable from any context.
    pub fn end(&self) -> Position {
        Position(self.count.load(Acquire))
    }

    /// Whether there is something at the position or behind it. Callable from any context.
    pub fn has_next(&self, position: &Position) -> bool {
        position.0 < self.count.load(Acquire)
    }

    /// Returns what comes next, and moves the position behind it; `None` if there is nothing yet.
    /// Callable from any context.
    pub fn next(&self, position: &mut Position) -> Option<Next> {
        let (at, size) = (position.0, self.slots.len() as u64);
        let count = self.count.load(Acquire);
        // A position of another ring may be ahead.
        if at >= count {
            return None;
        }
        let mut oldest = count.saturating_sub(size);
        if at >= oldest {
            let slot = self.slot(at)?.load(Acquire);
            if slot >> 8 == at {
                position.0 = at + 1;
                return Some(Next::Byte(slot as u8));
            }
            // It was overwritten since `count` was read.
            oldest = ((slot >> 8) + 1).saturating_sub(size).max(at + 1);
        }
        position.0 = oldest;
        Some(Next::Lost(oldest - at))
    }

    fn slot(&self, n: u64) -> Option<&Atomic<u64>> {
        self.slots
            .get(n.checked_rem(self.slots.len() as u64)? as usize)
    }
}
