// SPDX-License-Identifier: GPL-2.0-only

//! The ring of one CPU, as writers and readers see it with its lock held.

use super::{
    Mode,
    Options,
    State, //
};
use crate::bindings;
use core::{
    cell::UnsafeCell,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// Where a ring is, once there is one.
///
/// A raw spinlock protects it, so that a ring may be used with interrupts off also on a kernel
/// where other locks sleep, and by a CPU that is not its own. Only within a `swait_queue_head` is
/// there one that can be initialised whatever the configuration.
///
/// # Invariants
///
/// After `init`, the slot does not move. The other members are only used with the lock held.
pub(super) struct Slot {
    lock: Opaque<bindings::swait_queue_head>,
    buffer: UnsafeCell<*mut bindings::rchan_buf>,
    lost: UnsafeCell<u64>,
    overwritten: UnsafeCell<u64>,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self {
            lock: Opaque::uninit(),
            buffer: UnsafeCell::new(core::ptr::null_mut()),
            lost: UnsafeCell::new(0),
            overwritten: UnsafeCell::new(0),
        }
    }

    /// Makes the lock usable. Of `key` lockdep only uses the address.
    pub(super) fn init(&self, key: &'static bindings::rchan_callbacks) {
        // SAFETY: The lock is valid for writes, and the key is in the module, as it must be.
        unsafe {
            bindings::__init_swait_queue_head(
                self.lock.get(),
                c"lkm::relay".as_char_ptr(),
                core::ptr::from_ref(key).cast_mut().cast(),
            )
        };
    }

    /// Notes where the ring is, which must be complete.
    pub(super) fn fill(&self, buffer: *mut bindings::rchan_buf) {
        let _locked = self.lock();
        // SAFETY: The lock is held.
        unsafe { *self.buffer.get() = buffer };
    }

    /// Whether this is where the ring is. When it is, the ring is complete.
    pub(super) fn is_filled_with(&self, buffer: *mut bindings::rchan_buf) -> bool {
        core::ptr::eq(*self.lock(), buffer)
    }

    /// Locks the ring, if there is one.
    ///
    /// # Safety
    ///
    /// What the slot was filled with must be valid, with the shape `options`.
    pub(super) unsafe fn ring<'a>(&'a self, options: &'a Options) -> Option<Ring<'a>> {
        let slot = self.lock();
        let buffer = NonNull::new(*slot)?;
        // INVARIANT: By the safety requirements.
        Some(Ring {
            buffer,
            slot,
            options,
        })
    }

    /// Counts a sub-buffer that is overwritten.
    ///
    /// # Safety
    ///
    /// The caller must hold the lock, by a [`Ring`].
    pub(super) unsafe fn count_overwritten(&self) {
        // SAFETY: By the safety requirements.
        unsafe { *self.overwritten.get() += 1 };
    }

    fn lock(&self) -> Locked<'_> {
        // SAFETY: `init` has run.
        let flags = unsafe { bindings::_raw_spin_lock_irqsave(&raw mut (*self.lock.get()).lock) };
        Locked { slot: self, flags }
    }
}

/// A slot that is locked, with interrupts off.
struct Locked<'a> {
    slot: &'a Slot,
    flags: c_ulong,
}

impl core::ops::Deref for Locked<'_> {
    type Target = *mut bindings::rchan_buf;

    fn deref(&self) -> &Self::Target {
        // SAFETY: The lock is held.
        unsafe { &*self.slot.buffer.get() }
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: `Slot::lock` took the lock, and gave the flags.
        unsafe {
            let lock = &raw mut (*self.slot.lock.get()).lock;
            bindings::_raw_spin_unlock_irqrestore(lock, self.flags);
        }
    }
}

/// A ring with its slot locked.
///
/// # Invariants
///
/// `buffer` is valid.
pub(super) struct Ring<'a> {
    buffer: NonNull<bindings::rchan_buf>,
    slot: Locked<'a>,
    options: &'a Options,
}

impl Ring<'_> {
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result {
        let buffer = self.buffer.as_ptr();
        let last = self
            .options
            .subbuffer_size
            .checked_sub(bytes.len())
            .ok_or(EMSGSIZE)?;
        // SAFETY: By the type invariants, and since the lock is held; here and below.
        let mut offset = unsafe { (*buffer).offset };
        if offset > last {
            // SAFETY: The lock keeps others from doing the same.
            if unsafe { bindings::relay_switch_subbuf(buffer, bytes.len()) } != bytes.len() {
                // SAFETY: The lock is held.
                unsafe { *self.slot.slot.lost.get() += 1 };
                return Err(ENOSPC);
            }
            // SAFETY: As above.
            offset = unsafe { (*buffer).offset };
        }
        // SAFETY: From `offset` on there is room for the bytes in the sub-buffer at `data`.
        // Readers do not look beyond `offset`.
        unsafe {
            let to = (*buffer).data.cast::<u8>().add(offset);
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len());
            (*buffer).offset = offset + bytes.len();
        }
        Ok(())
    }

    pub(super) fn flush(&mut self) {
        let buffer = self.buffer.as_ptr();
        // SAFETY: By the type invariants. An offset beyond the end means that the ring is full.
        let offset = unsafe { (*buffer).offset };
        if (1..=self.options.subbuffer_size).contains(&offset) {
            // SAFETY: As above; the lock keeps others from writing.
            unsafe { bindings::relay_switch_subbuf(buffer, 0) };
        }
    }

    pub(super) fn state(&self) -> State {
        let buffer = self.buffer.as_ptr();
        // SAFETY: By the type invariants, and since the lock is held.
        unsafe {
            State {
                produced: (*buffer).subbufs_produced,
                consumed: (*buffer).subbufs_consumed,
                lost: *self.slot.slot.lost.get(),
                overwritten: *self.slot.slot.overwritten.get(),
            }
        }
    }

    pub(super) fn padding(&self, subbuffer: usize) -> Option<usize> {
        let age = self.state().produced.checked_sub(subbuffer)?;
        // SAFETY: By the type invariants. An offset beyond the end means that nobody writes to
        // the sub-buffer that comes next, which is the oldest.
        let full = unsafe { (*self.buffer.as_ptr()).offset } > self.options.subbuffer_size;
        if age == 0 || age > self.options.subbuffers - usize::from(!full) {
            return None;
        }
        let index = subbuffer.checked_rem(self.options.subbuffers)?;
        // SAFETY: By the type invariants; there is an entry for each sub-buffer.
        Some(unsafe { *(*self.buffer.as_ptr()).padding.add(index) })
    }

    pub(super) fn consume(&mut self, subbuffers: usize) -> Result {
        let state = self.state();
        if subbuffers > state.produced - state.consumed {
            return Err(EINVAL);
        }
        self.advance(state.consumed + subbuffers, 0);
        Ok(())
    }

    /// Finds what a reader gets next.
    pub(super) fn next(&mut self) -> Option<Piece> {
        let buffer = self.buffer.as_ptr();
        let (size, count) = (self.options.subbuffer_size, self.options.subbuffers);
        loop {
            let state = self.state();
            let mut subbuffer = state.consumed;
            // SAFETY: By the type invariants, and since the lock is held; here and below.
            let mut start = unsafe { (*buffer).bytes_consumed };
            if self.options.mode == Mode::Overwrite && state.produced - subbuffer >= count {
                // The oldest that is not being overwritten.
                (subbuffer, start) = (state.produced - count + 1, 0);
            }
            let index = subbuffer % count;
            let end = if subbuffer == state.produced {
                // SAFETY: As above. Beyond the end means that the ring is full, so it was not begun.
                Some(unsafe { (*buffer).offset })
                    .filter(|end| *end <= size)
                    .unwrap_or(0)
            } else {
                // SAFETY: As above; there is an entry for each sub-buffer.
                size - unsafe { *(*buffer).padding.add(index) }
            };
            if start < end {
                // SAFETY: As above; the sub-buffers follow each other from `start` on.
                let address = unsafe { (*buffer).start.cast::<u8>().add(index * size + start) };
                return Some(Piece {
                    subbuffer,
                    start,
                    address,
                    length: end - start,
                });
            }
            if subbuffer == state.produced {
                return None;
            }
            self.advance(subbuffer + 1, 0);
        }
    }

    /// Notes that a reader has taken `length` bytes of a piece. Returns whether they were still
    /// what they had been when the piece was found: not overwritten, and not given back.
    pub(super) fn taken(&mut self, piece: &Piece, length: usize) -> bool {
        let state = self.state();
        let overwritten = self.options.mode == Mode::Overwrite
            && state.produced - piece.subbuffer >= self.options.subbuffers;
        if overwritten || state.consumed > piece.subbuffer {
            return false;
        }
        self.advance(piece.subbuffer, piece.start + length);
        true
    }

    fn advance(&mut self, subbuffer: usize, bytes: usize) {
        let buffer = self.buffer.as_ptr();
        // SAFETY: By the type invariants, and since the lock is held. C's `poll` looks at the
        // count without it.
        unsafe {
            (&raw mut (*buffer).subbufs_consumed).write_volatile(subbuffer);
            (*buffer).bytes_consumed = bytes;
        }
    }
}

/// A part of a sub-buffer that a reader has not seen yet.
pub(super) struct Piece {
    subbuffer: usize,
    start: usize,
    pub(super) address: *const u8,
    pub(super) length: usize,
}
