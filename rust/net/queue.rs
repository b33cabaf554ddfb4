// SPDX-License-Identifier: GPL-2.0-only

//! Packets that wait.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use super::Packet;
use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        LockClassKey, //
    },
    types::Opaque, //
};

/// Packets in the order in which they came. They need no memory for it, so there is always room: who adds them
/// looks at [`len`](Self::len). All of it is callable from any context but an NMI, and
/// with PREEMPT_RT not with preemption or interrupts off.
///
/// It is closed at first. What comes to a closed queue is dropped, and none stays in it.
///
/// # Invariants
///
/// The packets in `head` are owned by this, and each was a [`Packet`].
#[pin_data(PinnedDrop)]
pub struct Queue {
    #[pin]
    head: Opaque<bindings::sk_buff_head>,
    is_open: Atomic<bool>,
}

// SAFETY: Packets may go to any CPU.
unsafe impl Send for Queue {}
// SAFETY: C has a lock for it.
unsafe impl Sync for Queue {}

impl Queue {
    /// Creates a queue. `key` is `static_lock_class!()`.
    pub fn new(key: Pin<&'static LockClassKey>) -> impl PinInit<Self> {
        pin_init!(Self {
            head <- Opaque::ffi_init(move |head: *mut bindings::sk_buff_head| {
                // SAFETY: The slot is valid for writes, and pinned. C has the head be one of the list's packets,
                // with its two pointers first.
                unsafe {
                    let links = head.cast::<*mut bindings::sk_buff>();
                    links.write(head.cast());
                    links.add(1).write(head.cast());
                    (&raw mut (*head).qlen).write(0);
                    let lock = &raw mut (*head).lock;
                    bindings::__spin_lock_init(lock, c"lkm::net::Queue".as_char_ptr(), key.as_ptr());
                }
            }),
            is_open: Atomic::new(false),
        })
    }

    /// Takes packets from now on.
    pub fn open(&self) {
        self.is_open.store(true, Relaxed);
    }

    /// Takes no more packets, and drops those that are there. Returns how many.
    pub fn close(&self) -> u64 {
        self.is_open.store(false, Relaxed);
        self.clear()
    }

    /// Adds a packet. Returns how many were dropped, since the queue is closed: mostly 0.
    pub fn push(&self, packet: Packet) -> u64 {
        // SAFETY: By the type invariants. INVARIANT: It was a packet.
        unsafe { bindings::skb_queue_tail(self.head.get(), packet.into_raw()) };
        // Who closes it either finds the packet, or has closed it before this.
        // SAFETY: It is a barrier.
        unsafe { bindings::smp_mb() };
        if self.is_open.load(Relaxed) {
            0
        } else {
            self.clear()
        }
    }

    /// Returns the packet that has waited longest.
    pub fn pop(&self) -> Option<Packet> {
        // SAFETY: By the type invariants.
        let skb = NonNull::new(unsafe { bindings::skb_dequeue(self.head.get()) })?;
        // SAFETY: As above.
        Some(unsafe { Packet::from_raw(skb) })
    }

    /// How many packets there are.
    #[allow(clippy::len_without_is_empty, reason = "nobody asks")]
    pub fn len(&self) -> u32 {
        // SAFETY: By the type invariants. C changes it with single stores.
        unsafe {
            let length = &raw const (*self.head.get()).qlen;
            (*length.cast::<Atomic<u32>>()).load(Relaxed)
        }
    }

    fn clear(&self) -> u64 {
        // SAFETY: It is a barrier; `push` has the other one.
        unsafe { bindings::smp_mb() };
        core::iter::from_fn(|| self.pop()).count() as u64
    }
}

#[pinned_drop]
impl PinnedDrop for Queue {
    fn drop(self: Pin<&mut Self>) {
        self.clear();
    }
}
