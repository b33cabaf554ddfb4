// SPDX-License-Identifier: GPL-2.0-only

//! Messages of a limited size.

use kernel::{
    fmt,
    iov::IovIterSource,
    prelude::*, //
};

/// Up to `N` bytes, which are 1,024 at most: they are on the stack.
///
/// What several chapters of the guide keep in a `char[80]`: here the length is known, no
/// terminating zero is needed, and nothing is written past the end.
///
/// # Invariants
///
/// `length` is at most `N`.
#[derive(Clone, Copy)]
pub struct Message<const N: usize> {
    length: usize,
    bytes: [u8; N],
}

impl<const N: usize> Message<N> {
    /// An empty message.
    #[inline]
    pub const fn new() -> Self {
        const { assert!(N <= 1024, "too much for the kernel's stack") };
        // INVARIANT: 0 is at most `N`.
        Self {
            length: 0,
            bytes: [0; N],
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
    #[inline]
    pub fn concat(parts: &[&[u8]]) -> Self {
        let mut message = Self::new();
        message.set(parts);
        message
    }

    /// Replaces the content by as much of `parts`, one after the other, as fits.
    #[inline]
    pub fn set(&mut self, parts: &[&[u8]]) {
        self.length = 0;
        for part in parts {
            self.push(part);
        }
    }

    /// As much of formatted text as fits.
    pub fn format(text: fmt::Arguments<'_>) -> Self {
        let mut message = Self::new();
        message.append(text);
        message
    }

    /// Appends as much of formatted text as fits.
    pub fn append(&mut self, text: fmt::Arguments<'_>) {
        // What fails is what does not fit.
        let _ = core::fmt::Write::write_fmt(self, text);
    }

    /// Appends as much of `bytes` as fits. Returns how much that was.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        let taken = room.len().min(bytes.len());
        if let (Some(room), Some(bytes)) = (room.get_mut(..taken), bytes.get(..taken)) {
            room.copy_from_slice(bytes);
        }
        // INVARIANT: No more than there was room.
        self.length = self.length.wrapping_add(taken);
        taken
    }

    /// Takes what a process writes. What does not fit is dropped, so that it can be told that all was
    /// taken: were it told less, it would write the rest, which would pass for a message.
    ///
    /// Fails with `EFAULT` if one of the bytes that fit cannot be read. May sleep, so no lock should
    /// be held that others wait for.
    #[inline]
    pub fn copy_from(data: &mut IovIterSource<'_>) -> Result<Self> {
        let mut message = Self::new();
        let wanted = data.len().min(N);
        // INVARIANT: No more is copied than there is room.
        message.length = data.copy_from_iter(&mut message.bytes);
        if message.length < wanted {
            return Err(EFAULT);
        }
        Ok(message)
    }

    /// Has `fill` write to the first `length` bytes, or to all, and takes so many as it says.
    ///
    /// Fails with `EINVAL` if there are not as many, or as `fill` does.
    #[inline]
    pub(crate) fn filled(
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize>,
    ) -> Result<Self> {
        let mut message = Self::new();
        let room = message.bytes.get_mut(..length).ok_or(EINVAL)?;
        // INVARIANT: It is at most `N`.
        message.length = fill(room)?.min(N);
        Ok(message)
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// The number of bytes, at most `N`.
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are no bytes.
    #[inline]
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
