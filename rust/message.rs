// SPDX-License-Identifier: GPL-2.0-only

//! Messages of a limited size.

use crate::{
    bindings,
    uaccess, //
};
use core::mem::MaybeUninit;
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
    uaccess::UserPtr,
};

/// Up to `N` bytes.
///
/// What several chapters of the guide keep in a `char[80]`: here the length is known, no
/// terminating zero is needed, and nothing is written past the end.
///
/// # Invariants
///
/// `length` is at most `N`, and so many bytes are initialised.
#[derive(Clone, Copy)]
pub struct Message<const N: usize> {
    length: usize,
    bytes: [MaybeUninit<u8>; N],
}

impl<const N: usize> Message<N> {
    /// An empty message.
    #[inline]
    pub const fn new() -> Self {
        // INVARIANT: No byte needs to be initialised.
        Self {
            length: 0,
            bytes: [MaybeUninit::uninit(); N],
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

    /// As much of formatted text as fits into `N - 1` bytes (`scnprintf`).
    pub fn format(text: fmt::Arguments<'_>) -> Self {
        let mut message = Self::new();
        // SAFETY: The function writes at most `N` bytes there, the last one a zero. `%pA` takes a
        // pointer to `fmt::Arguments`.
        let length = unsafe {
            bindings::scnprintf(
                message.bytes.as_mut_ptr().cast(),
                N,
                c"%pA".as_char_ptr(),
                (&raw const text).cast::<c_void>(),
            )
        };
        // INVARIANT: So many bytes were written, not counting the zero.
        message.length = length as usize;
        message
    }

    /// Appends as much of `bytes` as fits. Returns how much that was.
    #[inline]
    pub fn push(&mut self, bytes: &[u8]) -> usize {
        let taken = N.wrapping_sub(self.length).min(bytes.len());
        // SAFETY: By the type invariants there is room for `taken` bytes from `length` on. What
        // is borrowed for reading cannot be part of what is borrowed for writing.
        unsafe {
            let end = self.bytes.as_mut_ptr().add(self.length);
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), end.cast(), taken);
        }
        // INVARIANT: The bytes were just copied, and fit.
        self.length = self.length.wrapping_add(taken);
        taken
    }

    /// Takes up to `N` bytes of what a process writes.
    ///
    /// Fails with `EFAULT` if one of them cannot be read. May sleep.
    #[inline]
    pub fn copy_from(data: &mut IovIterSource<'_>) -> Result<Self> {
        let mut message = Self::new();
        message.fill(data)?;
        Ok(message)
    }

    /// Does what [`copy_from`](Self::copy_from) does, in place.
    #[inline(always)]
    fn fill(&mut self, data: &mut IovIterSource<'_>) -> Result {
        let wanted = data.len().min(N);
        // INVARIANT: `copy_from_iter_raw` says how many bytes it wrote.
        self.length = data.copy_from_iter_raw(&mut self.bytes).len();
        if self.length < wanted {
            return Err(EFAULT);
        }
        Ok(())
    }

    /// Takes the first `N` bytes of a C string of the calling process, without its zero, in place
    /// of what was there.
    ///
    /// Fails with `EFAULT`, and leaves the message empty. May sleep (`strncpy_from_user`).
    #[inline]
    pub fn take_string(&mut self, text: UserPtr) -> Result {
        self.length = 0;
        // INVARIANT: So many bytes were written.
        self.length = uaccess::copy_string_in(&mut self.bytes, text)?;
        Ok(())
    }

    /// Takes `length` bytes of the calling process, in place of what was there.
    ///
    /// Fails with `EINVAL` if they are too many, or `EFAULT`, and leaves the message empty. May
    /// sleep (`copy_from_user`).
    #[inline]
    pub fn take_bytes(&mut self, from: UserPtr, length: usize) -> Result {
        self.length = 0;
        uaccess::copy_in(self.bytes.get_mut(..length).ok_or(EINVAL)?, from)?;
        // INVARIANT: So many bytes were written.
        self.length = length;
        Ok(())
    }

    /// Copies the bytes to the calling process, which must have room for them.
    ///
    /// Fails with `EFAULT`. May sleep (`copy_to_user`).
    #[inline]
    pub fn copy_to_user(&self, to: UserPtr) -> Result {
        uaccess::copy_out(to, self.as_bytes())
    }

    /// The bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        // SAFETY: By the type invariants.
        unsafe { core::slice::from_raw_parts(self.bytes.as_ptr().cast(), self.length) }
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

/// Takes messages from the writers of one open file.
///
/// A write takes as much as fits a message, and says so by a short count, as the guide has it. A
/// writer like `echo` then writes the rest; were that a message of its own, it would replace the
/// one that it belongs to. So what comes next is dropped if it has the length of what was cut off.
pub struct Inbox {
    /// How many bytes were cut off what was written last.
    cut: Atomic<usize>,
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
            cut: Atomic::new(0),
        }
    }

    /// Has the next write be a message of its own, whatever was cut.
    pub fn forget(&self) {
        self.cut.store(0, Relaxed);
    }

    /// Takes what a process writes, and puts it into `message` unless it is the rest of a message
    /// that was cut. Returns the number of bytes taken.
    ///
    /// Fails with `EFAULT` if what fits cannot be read; `message` then stays as it was.
    /// `message` is locked only once the bytes are there. May sleep.
    pub fn take<const N: usize>(
        &self,
        data: &mut IovIterSource<'_>,
        message: &Mutex<Message<N>>,
    ) -> Result<usize> {
        let offered = data.len();
        let cut = self.cut.xchg(0, Relaxed);
        if cut > 0 && cut == offered {
            data.advance(offered);
            return Ok(offered);
        }
        let mut new = Message::new();
        new.fill(data)?;
        // No more was taken than was offered.
        self.cut.store(offered.wrapping_sub(new.len()), Relaxed);
        // In an order that needs one copy only.
        let mut message = message.lock();
        *message = new;
        Ok(message.len())
    }
}
