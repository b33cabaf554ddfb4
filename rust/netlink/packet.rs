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
use crate::bindings;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// A message that is being written.
///
/// If something cannot be appended, the packet stays as it was.
pub struct Packet {
    bytes: KVec<u8>,
}

impl Packet {
    /// Begins a message of its own accord, for a group. May sleep.
    pub fn event(kind: u16) -> Result<Self> {
        Self::begin(Header {
            length: 0,
            kind,
            flags: 0,
            sequence: 0,
            port: 0,
        })
    }

    pub(super) fn begin(header: Header) -> Result<Self> {
        let mut packet = Self {
            bytes: KVec::with_capacity(256, GFP_KERNEL)?,
        };
        packet.append(&header.length.to_ne_bytes())?;
        packet.append(&header.kind.to_ne_bytes())?;
        packet.append(&header.flags.to_ne_bytes())?;
        packet.append(&header.sequence.to_ne_bytes())?;
        packet.append(&header.port.to_ne_bytes())?;
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
        packet.append(&to.length.to_ne_bytes())?;
        packet.append(&to.kind.to_ne_bytes())?;
        packet.append(&to.flags.to_ne_bytes())?;
        packet.append(&to.sequence.to_ne_bytes())?;
        packet.append(&to.port.to_ne_bytes())?;
        Ok(packet)
    }

    /// Appends bytes as they are.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result {
        Ok(self.bytes.extend_from_slice(bytes, GFP_KERNEL)?)
    }

    /// Appends an attribute.
    ///
    /// Fails with `EMSGSIZE` if it would be longer than 65,535 bytes, or `ENOMEM`. May sleep
    /// (`nla_put`).
    pub fn put<V: Put>(&mut self, key: Key<V>, value: V::Ref<'_>) -> Result {
        self.attribute(key.number(), |packet| V::encode(value, &mut packet.bytes))
    }

    /// Appends an attribute, and what `f` appends as attributes within it.
    ///
    /// Fails as [`put`](Self::put) does, and as `f` does. May sleep (`nla_nest_start`).
    pub fn nest(&mut self, key: Key<Nested>, f: impl FnOnce(&mut Self) -> Result) -> Result {
        self.attribute(key.number() | attribute::NESTED, f)
    }

    fn attribute(&mut self, number: u16, f: impl FnOnce(&mut Self) -> Result) -> Result {
        let start = self.bytes.len();
        let result = self.try_attribute(start, number, f);
        if result.is_err() {
            self.bytes.truncate(start);
        }
        result
    }

    fn try_attribute(
        &mut self,
        start: usize,
        number: u16,
        f: impl FnOnce(&mut Self) -> Result,
    ) -> Result {
        self.append(&[0; 2])?;
        self.append(&number.to_ne_bytes())?;
        f(self)?;
        let end = self.bytes.len();
        let length = u16::try_from(end - start).map_err(|_| EMSGSIZE)?;
        self.bytes.resize(align(end), 0, GFP_KERNEL)?;
        self.overwrite(start, &length.to_ne_bytes())
    }

    fn overwrite(&mut self, at: usize, bytes: &[u8]) -> Result {
        let room = self.bytes.as_mut_slice();
        let room = room.get_mut(at..at + bytes.len()).ok_or(EINVAL)?;
        room.copy_from_slice(bytes);
        Ok(())
    }

    /// Makes an `sk_buff` of the message. The caller owns it.
    fn into_raw(mut self) -> Result<*mut bindings::sk_buff> {
        let length = u32::try_from(self.bytes.len()).map_err(|_| EMSGSIZE)?;
        self.overwrite(0, &length.to_ne_bytes())?;
        // SAFETY: Any size will do.
        let skb = unsafe { bindings::__alloc_skb(length, bindings::GFP_KERNEL, 0, -1) };
        if skb.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: There was room for `length` bytes, and `skb_put` returns where they go.
        unsafe {
            let to = bindings::skb_put(skb, length).cast::<u8>();
            core::ptr::copy_nonoverlapping(self.bytes.as_ptr(), to, self.bytes.len());
        }
        Ok(skb)
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

    /// Sends the message to a group. Returns whether somebody got it.
    ///
    /// # Safety
    ///
    /// `socket` must be a kernel-side netlink socket.
    pub(super) unsafe fn broadcast(self, socket: *mut bindings::sock, group: u32) -> Result<bool> {
        let skb = self.into_raw()?;
        // SAFETY: As in `unicast`; nobody else knows the message yet.
        let result = unsafe {
            (*control_block(skb)).dst_group = group;
            bindings::netlink_broadcast(socket, skb, 0, group, bindings::GFP_KERNEL)
        };
        heard(result)
    }

    /// Sends the message to a group of a family. Returns whether somebody got it.
    ///
    /// Fails with `EINVAL` if there is no such group.
    ///
    /// # Safety
    ///
    /// `family` must be registered.
    pub(super) unsafe fn multicast(
        self,
        family: *const bindings::genl_family,
        group: u32,
    ) -> Result<bool> {
        // SAFETY: By the safety requirements; the number does not change.
        if group >= unsafe { (*family).n_mcgrps }.into() {
            return Err(EINVAL);
        }
        let skb = self.into_raw()?;
        // SAFETY: By the safety requirements. The function consumes the message in any case.
        heard(unsafe { bindings::genlmsg_multicast_allns(family, skb, 0, group) })
    }
}

/// That nobody listens is no error.
fn heard(result: c_int) -> Result<bool> {
    match to_result(result) {
        Err(e) if e == ESRCH => Ok(false),
        other => other.map(|()| true),
    }
}
