// SPDX-License-Identifier: GPL-2.0-only

//! Bytes that wait for their turn.

use lkm::prelude::*;

/// How many there may be.
pub(crate) const SIZE: usize = 4096;

pub(crate) struct Fifo {
    bytes: KBox<[u8; SIZE]>,
    /// Where the oldest is, and how many there are.
    start: usize,
    length: usize,
}

impl Fifo {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            bytes: KBox::init(pin_init::init_zeroed(), GFP_KERNEL)?,
            start: 0,
            length: 0,
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(crate) fn room(&self) -> usize {
        SIZE - self.length
    }

    /// Adds all of these, or none if there is not enough room.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> bool {
        if bytes.len() > self.room() {
            return false;
        }
        for byte in bytes {
            let end = (self.start + self.length) % SIZE;
            if let Some(place) = self.bytes.get_mut(end) {
                *place = *byte;
            }
            self.length += 1;
        }
        true
    }

    /// Copies the oldest, as many as there are and fit.
    pub(crate) fn copy(&self, to: &mut [u8]) -> usize {
        let length = self.length.min(to.len());
        let from = self.bytes.iter().cycle().skip(self.start);
        for (to, from) in to.iter_mut().take(length).zip(from) {
            *to = *from;
        }
        length
    }

    /// Takes out so many of the oldest.
    pub(crate) fn skip(&mut self, count: usize) {
        let count = count.min(self.length);
        self.start = (self.start + count) % SIZE;
        self.length -= count;
    }
}
