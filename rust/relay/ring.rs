// SPDX-License-Identifier: GPL-2.0-only

//! The ring of one CPU.

use super::{
    Mode,
    Options,
    State, //
};
use crate::{
    bindings,
    context::Context,
    fops::{
        Events,
        PollTable, //
    },
    memory::MAY_FAIL,
    mmap::Area,
    percpu::is_active,
    wait::WaitQueue, //
};
use core::{
    cell::UnsafeCell,
    ops::Range,
    ptr::NonNull, //
};
use kernel::{
    alloc::allocator::Vmalloc,
    cpu::CpuId,
    page::{
        page_align,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full,
            Relaxed, //
        },
        Arc,
        LockClassKey, //
    },
    task::Task,
    types::Opaque, //
};

/// How often an NMI tries to get the lock: some milliseconds.
const NMI_TRIES: usize = 1 << 20;

/// The ring of one CPU, and those who wait for it.
///
/// # Invariants
///
/// `wake` is initialised, and its function is [`Self::wake_readers`].
#[pin_data(PinnedDrop)]
pub(super) struct Ring {
    options: Options,
    #[pin]
    content: RawSpinLock<Content>,
    #[pin]
    readers: WaitQueue,
    /// Somebody has looked since the last time that the readers were woken. To wake one calls functions that may be
    /// probed by somebody who writes: that must not be a reason to wake it again, for ever.
    waited: Atomic<bool>,
    // Who writes may hold the scheduler's locks, so the readers are woken from an interrupt.
    #[pin]
    wake: Opaque<bindings::irq_work>,
}

// SAFETY: An `irq_work` may be queued and waited for by any thread.
unsafe impl Send for Ring {}
// SAFETY: As above.
unsafe impl Sync for Ring {}

impl Ring {
    /// Creates a ring of a shape that was checked.
    pub(super) fn new(
        options: Options,
        keys: [Pin<&'static LockClassKey>; 2],
    ) -> Result<Arc<Self>> {
        let content = Content::new(options)?;
        let ring = pin_init!(Self {
            options,
            content <- RawSpinLock::new(content, keys[0]),
            readers <- WaitQueue::new(c"lkm::relay", keys[1]),
            waited: Atomic::new(false),
            // SAFETY: The slot is valid for writes, and a member of C's that is not given is 0.
            // INVARIANT: This is what `init_irq_work` does.
            wake <- Opaque::ffi_init(|slot: *mut bindings::irq_work| unsafe {
                slot.write_bytes(0, 1);
                (*slot).func = Some(Self::wake_readers);
            }),
        });
        Arc::pin_init(ring, GFP_KERNEL)
    }

    /// Appends to the sub-buffer that is begun, or begins the next.
    pub(super) fn write(&self, bytes: &[u8]) -> Result {
        if bytes.len() > self.options.subbuffer_size {
            return Err(EMSGSIZE);
        }
        let result = self.content.with(|content| {
            if content.has_room(bytes.len()) {
                return (content.append(bytes), false);
            }
            let finished = content.finish();
            let result = content.begin().and_then(|()| content.append(bytes));
            (result, finished)
        });
        let (result, finished) = result.ok_or(EBUSY)?;
        self.tell(finished);
        result
    }

    /// Finishes the sub-buffer that is begun, if there is something in it.
    pub(super) fn flush(&self) {
        let finished = self.content.with(|content| {
            let finished = content.written() > 0 && content.finish();
            if finished {
                // A full ring is no loss: nobody wants to write.
                content.try_begin();
            }
            finished
        });
        self.tell(finished.unwrap_or(false));
    }

    /// Has the readers woken if a sub-buffer is finished. Not with the lock held, since what this
    /// calls may be probed by somebody who writes.
    fn tell(&self, finished: bool) {
        // A reader looks at the content after it has said so, so one that does not see the end of this
        // sub-buffer has said so by now. A CPU that is going down would not get the interrupt any more, or not run its
        // thread on PREEMPT_RT, and `drop` would wait for it: the next sub-buffer tells.
        if finished && is_active(CpuId::current()) && self.waited.xchg(false, Full) {
            // SAFETY: By the type invariants; `drop` waits for it.
            unsafe { bindings::irq_work_queue(self.wake.get()) };
        }
    }

    /// `irq_work::func`.
    ///
    /// # Safety
    ///
    /// To be called by C, with the member of a ring.
    unsafe extern "C" fn wake_readers(work: *mut bindings::irq_work) {
        let ring = kernel::container_of!(Opaque::cast_from(work), Self, wake);
        // SAFETY: The ring's `drop` waits for this call.
        unsafe { &*ring }.readers.wake_all();
    }

    /// Tells those who poll that nothing will come any more.
    pub(super) fn close(&self) {
        self.content.with(|content| content.closed = true);
        self.readers.wake_all();
    }

    /// What a poller is told, whom `table` puts into the queue first.
    pub(super) fn poll<'a>(&'a self, table: &PollTable<'a>) -> Events {
        table.watch(&self.readers);
        self.waited.xchg(true, Full);
        let events = self.content.with(|content| {
            if content.closed {
                Events::ERROR
            } else {
                Events::READABLE.when(content.state.produced > content.state.consumed)
            }
        });
        events.unwrap_or(Events::ERROR)
    }

    pub(super) fn state(&self) -> Option<State> {
        self.content.with(|content| content.state)
    }

    pub(super) fn padding(&self, subbuffer: usize) -> Option<usize> {
        self.content.with(|content| content.padding(subbuffer))?
    }

    pub(super) fn consume(&self, subbuffers: usize) -> Result {
        let result = self.content.with(|content| {
            let State {
                produced, consumed, ..
            } = content.state;
            if subbuffers > produced.wrapping_sub(consumed) {
                return Err(EINVAL);
            }
            if subbuffers > 0 {
                content.advance(consumed.wrapping_add(subbuffers));
            }
            Ok(())
        });
        result.ok_or(EBUSY)?
    }

    /// Copies what comes next to `out`, as much as it has room for, and returns where it was.
    ///
    /// Nothing is taken yet: that is for [`Self::take`], when the bytes are where they are to go.
    pub(super) fn peek(&self, out: &mut KVec<u8>) -> Option<Position> {
        out.clear();
        self.content.with(|content| {
            let (position, range) = content.next()?;
            let length = range.len().min(out.capacity());
            let piece = content.bytes.get(range)?.get(..length)?;
            // There is room, so this does not allocate.
            out.extend_from_slice(piece, GFP_NOWAIT).ok()?;
            Some(position)
        })?
    }

    /// Takes bytes that were found at a position, unless somebody else has, or has overwritten them.
    pub(super) fn take(&self, position: Position, length: usize) -> bool {
        let taken = self.content.with(|content| {
            let still = content.position() == position;
            if still {
                content.read = content.read.wrapping_add(length);
                content.give_back();
            }
            still
        });
        taken.unwrap_or(false)
    }

    /// Maps the whole ring, to be read.
    #[expect(
        clippy::disallowed_methods,
        reason = "the ring is for whoever may read its file"
    )]
    pub(super) fn map(&self, area: &Area) -> Result {
        // What is mapped changes when somebody writes; that must not be what was not read yet.
        if self.options.mode == Mode::Overwrite {
            return Err(ENODEV);
        }
        let (start, length) = self
            .content
            .with(|content| (content.bytes.as_mut_ptr(), content.bytes.len()))
            .ok_or(EBUSY)?;
        if area.first() != 0 || area.pages() != length / PAGE_SIZE {
            return Err(EINVAL);
        }
        // The bytes are the kernel's: who opened the file for writing, as root may, is refused, too.
        area.deny_write()?;
        area.vma().set_dontexpand();
        let vma = area.vma().set_mixedmap();
        for offset in (0..length).step_by(PAGE_SIZE) {
            let address = NonNull::new(start.wrapping_add(offset)).ok_or(EINVAL)?;
            // SAFETY: The address is within the bytes, which are allocated by vmalloc, and are not
            // moved or freed before the ring is, which the file refers to.
            let page = unsafe { Vmalloc::to_page(address) };
            vma.vm_insert_page(vma.start().wrapping_add(offset), &page)?;
        }
        Ok(())
    }
}

#[pinned_drop]
impl PinnedDrop for Ring {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants. Nobody writes any more.
        unsafe { bindings::irq_work_sync(self.wake.get()) };
    }
}

/// What is in a ring.
///
/// Of the sub-buffers `state.consumed..state.produced` are finished and wait; the one after them is
/// being written, if the ring is not full. Sub-buffer `n` is at `n % subbuffers`.
struct Content {
    options: Options,
    /// All sub-buffers, and zeroes up to the end of the page.
    bytes: VVec<u8>,
    /// For each sub-buffer, how many bytes at its end are not data.
    paddings: KVVec<u32>,
    state: State,
    /// Where in `bytes` the next write goes, up to the end of its sub-buffer; `None` if the ring is
    /// full.
    room: Option<Range<usize>>,
    /// How many bytes of sub-buffer `state.consumed` a reader has taken.
    read: usize,
    /// Nobody writes any more.
    closed: bool,
}

/// Where a reader is: a sub-buffer, and a byte in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Position(usize, usize);

impl Content {
    fn new(options: Options) -> Result<Self> {
        let size = options.subbuffer_size.checked_mul(options.subbuffers);
        let size = size.and_then(page_align).ok_or(EINVAL)?;
        Ok(Self {
            options,
            bytes: VVec::from_elem(0, size, MAY_FAIL)?,
            paddings: KVVec::from_elem(0, options.subbuffers, MAY_FAIL)?,
            state: State::default(),
            room: Some(0..options.subbuffer_size),
            read: 0,
            closed: false,
        })
    }

    fn index(&self, subbuffer: usize) -> usize {
        subbuffer.checked_rem(self.options.subbuffers).unwrap_or(0)
    }

    /// Whether so many bytes fit in the sub-buffer that is begun.
    fn has_room(&self, length: usize) -> bool {
        self.room.as_ref().is_some_and(|room| length <= room.len())
    }

    /// How many bytes are in the sub-buffer that is begun.
    fn written(&self) -> usize {
        let written = |room: &Range<usize>| self.options.subbuffer_size.saturating_sub(room.len());
        self.room.as_ref().map_or(0, written)
    }

    fn append(&mut self, bytes: &[u8]) -> Result {
        let room = self.room.as_mut().ok_or(ENOSPC)?;
        let to = self.bytes.get_mut(room.clone()).ok_or(EINVAL)?;
        let to = to.get_mut(..bytes.len()).ok_or(EINVAL)?;
        to.copy_from_slice(bytes);
        room.start += bytes.len();
        Ok(())
    }

    /// Finishes the sub-buffer that is begun. Returns whether there was one.
    fn finish(&mut self) -> bool {
        let Some(room) = self.room.take() else {
            return false;
        };
        let index = self.index(self.state.produced);
        if let Some(padding) = self.paddings.get_mut(index) {
            *padding = room.len() as u32;
        }
        self.state.produced = self.state.produced.wrapping_add(1);
        self.give_back();
        true
    }

    /// Begins the next sub-buffer, for somebody who wants to write.
    fn begin(&mut self) -> Result {
        if !self.try_begin() {
            self.state.lost += 1;
            return Err(ENOSPC);
        }
        Ok(())
    }

    fn try_begin(&mut self) -> bool {
        let waiting = self.state.produced.wrapping_sub(self.state.consumed);
        if waiting >= self.options.subbuffers {
            if self.options.mode == Mode::Keep {
                return false;
            }
            self.state.overwritten += 1;
            self.advance(self.state.consumed.wrapping_add(1));
        }
        let start = self.index(self.state.produced) * self.options.subbuffer_size;
        self.room = Some(start..start + self.options.subbuffer_size);
        true
    }

    fn advance(&mut self, consumed: usize) {
        self.state.consumed = consumed;
        self.read = 0;
    }

    fn padding(&self, subbuffer: usize) -> Option<usize> {
        if !(self.state.consumed..self.state.produced).contains(&subbuffer) {
            return None;
        }
        let padding = self.paddings.get(self.index(subbuffer))?;
        Some(*padding as usize)
    }

    fn position(&self) -> Position {
        Position(self.state.consumed, self.read)
    }

    /// Gives the oldest sub-buffer back, if it is finished and all of it was read: who polls is told of data only.
    fn give_back(&mut self) {
        let padding = self.padding(self.state.consumed);
        if padding.is_some_and(|padding| self.read + padding >= self.options.subbuffer_size) {
            self.advance(self.state.consumed.wrapping_add(1));
        }
    }

    /// Finds what comes next: where it is, and which bytes.
    fn next(&self) -> Option<(Position, Range<usize>)> {
        let size = self.options.subbuffer_size;
        let subbuffer = self.state.consumed;
        let end = match self.padding(subbuffer) {
            Some(padding) => size.saturating_sub(padding),
            None => self.written(),
        };
        let start = self.index(subbuffer) * size;
        (self.read < end).then(|| (self.position(), start + self.read..start + end))
    }
}

/// A lock that spins with interrupts off, whatever the configuration: on a kernel where other locks
/// sleep, too.
///
/// Only within a `swait_queue_head` is there one that can be initialised from here.
///
/// # Invariants
///
/// `head` is initialised, and `value` is only used with its lock held.
#[pin_data]
struct RawSpinLock<T> {
    #[pin]
    head: Opaque<bindings::swait_queue_head>,
    /// Who has the lock: the task, and in the lowest bits what runs instead of it.
    holder: Atomic<usize>,
    value: UnsafeCell<T>,
}

// SAFETY: The value may go to any thread, and so may the lock.
unsafe impl<T: Send> Send for RawSpinLock<T> {}
// SAFETY: One thread at a time uses the value.
unsafe impl<T: Send> Sync for RawSpinLock<T> {}

impl<T> RawSpinLock<T> {
    fn new(value: T, key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The slot is valid for writes, and does not move; name and key are static.
            head <- Opaque::ffi_init(|slot| unsafe {
                bindings::__init_swait_queue_head(slot, c"lkm::relay".as_char_ptr(), key.as_ptr())
            }),
            holder: Atomic::new(0),
            value: UnsafeCell::new(value),
        })
    }

    /// Runs `f` with the lock held. Returns `None` if the caller has it: what `f` calls, or the unlocking,
    /// may be probed by somebody who comes here. Likewise in an NMI, if the lock is not free for long.
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        let context = Context::current();
        let task = Task::current_raw().addr();
        let caller = task | context as usize;
        let holder = self.holder.load(Relaxed);
        // But for arm64, a breakpoint is like an NMI, whatever it has interrupted.
        if holder == caller || context == Context::Nmi && holder & !3 == task {
            return None;
        }
        // SAFETY: By the type invariants.
        let lock = unsafe { &raw mut (*self.head.get()).lock };
        let flags = if context == Context::Nmi {
            // Interrupts are off. To wait could be for ever: this may have interrupted who is about
            // to have the lock.
            // SAFETY: As above.
            let try_lock = |_| unsafe { bindings::_raw_spin_trylock(lock) } != 0;
            if !(0..NMI_TRIES).any(try_lock) {
                return None;
            }
            None
        } else {
            // SAFETY: As above.
            Some(unsafe { bindings::_raw_spin_lock_irqsave(lock) })
        };
        self.holder.store(caller, Relaxed);
        // SAFETY: The lock is held, and `f` cannot keep the reference.
        let result = f(unsafe { &mut *self.value.get() });
        match flags {
            // SAFETY: The lock was taken above, which gave the flags.
            Some(flags) => unsafe { bindings::_raw_spin_unlock_irqrestore(lock, flags) },
            // SAFETY: The lock was taken above.
            None => unsafe { bindings::_raw_spin_unlock(lock) },
        }
        // Unless somebody else has it now.
        let _ = self.holder.cmpxchg(caller, 0, Relaxed);
        Some(result)
    }
}
