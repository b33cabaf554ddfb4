// SPDX-License-Identifier: GPL-2.0-only

//! Messages to processes.

use super::{
    align,
    attribute,
    control_block,
    Header,
    Key,
    Nested,
    Put, //
};
use crate::{
    bindings,
    compat::errno, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// A message that is being written.
///
/// If something cannot be appended, the packet stays as it was.
///
/// # Invariants
///
/// `skb` is a buffer of which nobody else knows, all in one piece.
pub struct Packet {
    skb: NonNull<bindings::sk_buff>,
}

// SAFETY: A buffer of which nobody else knows may be used and freed by any thread.
unsafe impl Send for Packet {}
// SAFETY: Nothing can be done with a shared reference.
unsafe impl Sync for Packet {}

impl Packet {
    /// How much room a packet has at first, and gets at least when that was too little.
    const ROOM: usize = 256;

    /// Begins a message that is no answer, for a group. May sleep.
    pub fn new(kind: u16) -> Result<Self> {
        Self::begin(Header {
            length: 0,
            kind,
            flags: 0,
            sequence: 0,
            port: 0,
        })
    }

    pub(super) fn begin(header: Header) -> Result<Self> {
        // SAFETY: Any size will do.
        let skb = unsafe { bindings::__alloc_skb(Self::ROOM as u32, bindings::GFP_KERNEL, 0, -1) };
        // INVARIANT: The buffer was just allocated.
        let mut packet = Self {
            skb: NonNull::new(skb).ok_or(ENOMEM)?,
        };
        packet.append(&header.to_bytes())?;
        Ok(packet)
    }

    /// Begins the error message that a malformed message is answered with.
    pub(super) fn error(to: Header, port: u32, error: Error) -> Result<Self> {
        let mut packet = Self::begin(Header {
            length: 0,
            kind: bindings::NLMSG_ERROR as u16,
            // Of the message that it is about, only the header follows.
            flags: bindings::NLM_F_CAPPED as u16,
            sequence: to.sequence,
            port,
        })?;
        packet.append(&error.to_errno().to_ne_bytes())?;
        packet.append(&to.to_bytes())?;
        Ok(packet)
    }

    /// How many bytes there is room for behind those that were appended (`skb_tailroom`). C rounds up what it allocates,
    /// so that this is more than it was asked for.
    fn room(&self) -> usize {
        // SAFETY: By the type invariants. Both are where they are in the buffer, and the end is not before the tail.
        unsafe {
            let skb = self.skb.as_ptr();
            ((*skb).end - (*skb).tail) as usize
        }
    }

    /// Appends bytes as they are: what the value of an attribute consists of.
    ///
    /// Fails with `ENOMEM`, or `EMSGSIZE` if that makes the packet too long for any. May sleep.
    pub fn append(&mut self, bytes: &[u8]) -> Result {
        if bytes.len() > self.room() {
            let more = bytes.len().max(Self::ROOM);
            let size = c_int::try_from(more).map_err(|_| EMSGSIZE)?;
            // SAFETY: By the type invariants. If this fails, the buffer is as before.
            to_result(unsafe {
                bindings::pskb_expand_head(self.skb.as_ptr(), 0, size, bindings::GFP_KERNEL)
            })?;
        }
        // SAFETY: There is room now, and `skb_put` returns where that is.
        unsafe {
            let to = bindings::skb_put(self.skb.as_ptr(), bytes.len() as u32);
            core::ptr::copy_nonoverlapping(bytes.as_ptr(), to.cast(), bytes.len());
        }
        Ok(())
    }

    /// All that was appended.
    fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: By the type invariants; each byte was copied into the buffer.
        unsafe {
            let skb = self.skb.as_ptr();
            core::slice::from_raw_parts_mut((*skb).data, (*skb).len as usize)
        }
    }

    /// Appends an attribute.
    ///
    /// Fails with `EMSGSIZE` if it would be longer than 65,535 bytes, or `ENOMEM`. May sleep
    /// (`nla_put`).
    pub fn put<V: Put>(&mut self, key: Key<V>, value: V::Ref<'_>) -> Result {
        self.attribute(key.number(), |packet| V::encode(value, packet))
    }

    /// Appends an attribute, and what `f` appends as attributes within it.
    ///
    /// Fails as [`put`](Self::put) does, and as `f` does. May sleep (`nla_nest_start`).
    pub fn nest(&mut self, key: Key<Nested>, f: impl FnOnce(&mut Self) -> Result) -> Result {
        self.attribute(key.number() | attribute::NESTED, f)
    }

    fn attribute(&mut self, number: u16, f: impl FnOnce(&mut Self) -> Result) -> Result {
        let start = self.bytes().len();
        let result = self
            .append([[0; 2], number.to_ne_bytes()].as_flattened())
            .and_then(|()| f(self))
            .and_then(|()| self.end_attribute(start));
        if result.is_err() {
            // SAFETY: By the type invariants.
            unsafe { bindings::skb_trim(self.skb.as_ptr(), start as u32) };
        }
        result
    }

    /// Sets the length of the attribute that began at `start`, and fills up behind it.
    fn end_attribute(&mut self, start: usize) -> Result {
        let attribute = self.bytes().get_mut(start..).ok_or(EINVAL)?;
        let length = attribute.len();
        let value = u16::try_from(length).map_err(|_| EMSGSIZE)?.to_ne_bytes();
        attribute
            .get_mut(..2)
            .ok_or(EINVAL)?
            .copy_from_slice(&value);
        let padding = align(length).wrapping_sub(length);
        self.append([0; 3].get(..padding).unwrap_or_default())
    }

    /// Ends the message, and gives the buffer to the caller.
    fn into_raw(mut self) -> Result<*mut bindings::sk_buff> {
        let bytes = self.bytes();
        let length = (bytes.len() as u32).to_ne_bytes();
        bytes.get_mut(..4).ok_or(EINVAL)?.copy_from_slice(&length);
        Ok(ManuallyDrop::new(self).skb.as_ptr())
    }

    /// Sends the message to a process, without waiting for room in its queue.
    ///
    /// # Safety
    ///
    /// `socket` must be a kernel-side netlink socket.
    pub(super) unsafe fn unicast(self, socket: *mut bindings::sock, port: u32) -> Result {
        let skb = self.into_raw()?;
        // SAFETY: By the safety requirements. The function consumes the message in any case.
        let sent = unsafe {
            bindings::netlink_unicast(socket, skb, port, bindings::MSG_DONTWAIT as c_int)
        };
        to_result(sent.min(0))
    }

    /// Sends the message to a group. Returns `false` if nobody got it, as [`heard`] has it.
    ///
    /// # Safety
    ///
    /// `socket` must be a kernel-side netlink socket.
    pub(super) unsafe fn multicast(self, socket: *mut bindings::sock, group: u32) -> Result<bool> {
        let skb = self.into_raw()?;
        // SAFETY: As in `unicast`; nobody else knows the message yet.
        let result = unsafe {
            (*control_block(skb)).dst_group = group;
            bindings::netlink_broadcast(socket, skb, 0, group, bindings::GFP_KERNEL)
        };
        heard(result)
    }
}

impl Drop for Packet {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::__kfree_skb(self.skb.as_ptr()) };
    }
}

/// That nobody listens is no error. Nor is that one of those who do has no room: C tells the sender if a receiver asks
/// for it (`NETLINK_BROADCAST_ERROR`), which anybody may, and the others have the message.
fn heard(result: c_int) -> Result<bool> {
    match to_result(result) {
        Err(e) if e == ESRCH => Ok(false),
        Err(e) if e == errno(bindings::ENOBUFS) => Ok(true),
        other => other.map(|()| true),
    }
}
