// SPDX-License-Identifier: GPL-2.0-only

//! What the module `chan_relay` and its client agree on: this file is part of both.

/// What is written to the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The process that asked for it, by a number of its choice.
    pub(crate) source: u32,
    /// Which of them it is, from 0.
    pub(crate) number: u64,
}

impl Event {
    /// Its length, in bytes.
    pub(crate) const SIZE: usize = 16;

    /// The bytes, with a check that is never zero.
    #[allow(dead_code, reason = "the client only reads")]
    pub(crate) fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..8].copy_from_slice(&self.number.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.source.to_ne_bytes());
        bytes[12..].copy_from_slice(&self.check().to_ne_bytes());
        bytes
    }

    /// What the bytes are, if they are an event.
    #[allow(dead_code, reason = "the module only writes")]
    pub(crate) fn from_bytes(bytes: [u8; Self::SIZE]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i, j, k, l, check @ ..] = bytes;
        let event = Self {
            number: u64::from_ne_bytes([a, b, c, d, e, f, g, h]),
            source: u32::from_ne_bytes([i, j, k, l]),
        };
        (u32::from_ne_bytes(check) == event.check()).then_some(event)
    }

    fn check(self) -> u32 {
        let mixed =
            (self.number ^ u64::from(self.source) << 40).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 32) as u32 | 1
    }
}
