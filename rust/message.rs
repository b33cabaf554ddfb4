// SPDX-License-Identifier: GPL-2.0-only

//! Messages of a limited size.

use kernel::{
    fmt,
    iov::IovIterSource,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Mutex, //
    },
};

/// Up to `N` bytes.
///
/// What several chapters of the guide keep in a `char[80]`: here the length is known, no
/// terminating zero is needed, and nothing is written past the end.
#[derive(Clone, Copy)]
pub struct Message<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Message<N> {
    /// An empty message.
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    /// As much of `parts`, one after the other, as fits.
    ///
    /// # Examples
    ///
    /// ```
    /// let message = lkm::message::Message::<8>::concat(&[b"ninety", b"-nine"]);
    /// assert_eq!(message.as_bytes(), b"ninety-n");
    /// ```
    pub fn concat(parts: &[&[u8]]) -> Self {
        let mut message = Self::new();
        for part in parts {
            message.push(part);
        }
        message
    }

    /// As much of formatted text as fits.
    pub fn format(text: fmt::Arguments<'_>) -> Self {
        let mut message = Self::new();
        // Fails when the message is full, which is what is wanted.
        let _ = core::fmt::Write::write_fmt(&mut message, text);
        message
    }

    /// Appends as much of `bytes` as fits. Returns how much that was.
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        let taken = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.length += taken;
        taken
    }

    /// Takes up to `N` bytes of what a process writes, in place of what was there.
    ///
    /// Returns the number of bytes taken. If none can be read, it fails with `EFAULT` and the
    /// message stays as it was. May sleep.
    pub fn copy_from(data: &mut IovIterSource<'_>) -> Result<Self> {
        let mut message = Self::new();
        let offered = data.len();
        message.length = data.copy_from_iter(&mut message.bytes);
        if message.length == 0 && offered > 0 {
            return Err(EFAULT);
        }
        Ok(message)
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The number of bytes, at most `N`.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }
}

impl<const N: usize> Default for Message<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> core::fmt::Write for Message<N> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        if self.push(text.as_bytes()) == text.len() {
            Ok(())
        } else {
            Err(core::fmt::Error)
        }
    }
}

/// Takes messages from the writers of one open file.
///
/// A write takes as much as fits a message, and says so by a short count, as the guide has it. A
/// writer like `echo` then writes the rest; were that a message of its own, it would replace the
/// one that it belongs to. So the rest of a message that was cut is dropped.
pub struct Inbox {
    cut: Atomic<bool>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Inbox {
    /// Creates an inbox for a file that is being opened.
    pub const fn new() -> Self {
        Self {
            cut: Atomic::new(false),
        }
    }

    /// Takes what a process writes, and puts it into `message` unless it is the rest of a message
    /// that was cut. Returns the number of bytes taken.
    ///
    /// Fails with `EFAULT` if the first bytes cannot be read; `message` then stays as it was.
    /// `message` is locked only once the bytes are there. May sleep.
    pub fn take<const N: usize>(
        &self,
        data: &mut IovIterSource<'_>,
        message: &Mutex<Message<N>>,
    ) -> Result<usize> {
        let offered = data.len();
        if self.cut.xchg(false, Relaxed) {
            data.advance(offered);
            return Ok(offered);
        }
        let new = Message::copy_from(data)?;
        self.cut.store(new.len() < offered, Relaxed);
        *message.lock() = new;
        Ok(new.len())
    }
}
