// SPDX-License-Identifier: GPL-2.0-only

//! Netlink: messages between processes and the kernel, over sockets.
//!
//! There are two ways to be found. A [`Family`] has a name, of which processes learn the number,
//! and its attributes are described so that the kernel checks them and tools can list them: this
//! is what to use today. A [`Socket`] has one of 32 protocol numbers, and all to itself.
//!
//! Whatever a process sends is taken apart without reading past its end: [`Messages`] iterates
//! over the messages in a datagram, and [`Attributes`] over the attributes in a message, to a
//! limited depth. A [`Key`] is an attribute's number together with its type. What goes to a
//! process is a [`Packet`].
//!
//! [`kernel::net::netlink`] can send to groups of a family, from 7.3 on. It has no commands and no
//! sockets, and its `Family` cannot be extended, so nothing here builds on it; but the shape is its.
//!
//! C headers: [`include/net/netlink.h`](srctree/include/net/netlink.h),
//! [`include/net/genetlink.h`](srctree/include/net/genetlink.h)

mod attribute;
mod family;
mod packet;
mod socket;

pub use attribute::{
    Attribute,
    Attributes,
    Bytes,
    Flag,
    Key,
    Nested,
    Policy,
    Put,
    Str,
    Value, //
};
pub use family::{
    family,
    policies,
    Command,
    Commands,
    Family,
    GenlInfo,
    Registration,
    Tables, //
};
pub use packet::Packet;
pub use socket::{
    Config,
    Protocol,
    Request,
    Socket, //
};

use crate::{
    bindings,
    compat::errno, //
};
use core::marker::PhantomData;
use kernel::prelude::*;

/// The error for a request of a kind that there is none of: `EOPNOTSUPP`.
pub fn unsupported() -> Error {
    errno(bindings::EOPNOTSUPP)
}

/// Rounds up to the multiple of 4 at which the next message or attribute begins.
const fn align(length: usize) -> usize {
    length.saturating_add(3) & !3
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

/// What a message begins with (`struct nlmsghdr`).
#[derive(Clone, Copy)]
pub struct Header {
    /// Bytes in the message, with this header.
    pub length: u32,
    /// What kind of message it is.
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// A number that the answer repeats.
    pub sequence: u32,
    /// The sender's address, as it says.
    pub port: u32,
}

impl Header {
    /// Its length, in bytes.
    pub const SIZE: usize = 16;

    fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            length: u32_at(bytes, 0)?,
            kind: u16_at(bytes, 4)?,
            flags: u16_at(bytes, 6)?,
            sequence: u32_at(bytes, 8)?,
            port: u32_at(bytes, 12)?,
        })
    }

    fn to_bytes(self) -> [u8; Self::SIZE] {
        let mut bytes = [0; Self::SIZE];
        bytes[..4].copy_from_slice(&self.length.to_ne_bytes());
        bytes[4..6].copy_from_slice(&self.kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&self.flags.to_ne_bytes());
        bytes[8..12].copy_from_slice(&self.sequence.to_ne_bytes());
        bytes[12..].copy_from_slice(&self.port.to_ne_bytes());
        bytes
    }

    fn has(&self, flag: u32) -> bool {
        u32::from(self.flags) & flag != 0
    }
}

/// A message of which all bytes are there.
#[derive(Clone, Copy)]
pub struct Message<'a> {
    header: Header,
    /// All of it, with the header.
    bytes: &'a [u8],
}

impl<'a> Message<'a> {
    /// What it begins with.
    pub fn header(&self) -> Header {
        self.header
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(Header::SIZE..).unwrap_or_default()
    }
}

/// A message whose length cannot be true: less than its header, or more than is there.
///
/// Where the next message begins is not known, so it is the last.
#[derive(Clone, Copy)]
pub struct Malformed {
    /// The header, if at least that is there.
    pub header: Option<Header>,
}

/// The messages in a datagram.
///
/// # Examples
///
/// ```
/// use lkm::netlink::Messages;
///
/// // 20 bytes, type 17, no flags, sequence number 1, port 0; the payload; and half a header.
/// let datagram = b"\x14\0\0\0\x11\0\0\0\x01\0\0\0\0\0\0\0helo\x10\0\0\0";
/// let mut messages = Messages::new(datagram);
/// assert!(matches!(messages.next(), Some(Ok(it)) if it.payload() == b"helo"));
/// assert!(matches!(messages.next(), Some(Err(_))));
/// assert!(messages.next().is_none());
/// ```
#[derive(Clone)]
pub struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    /// Iterates over `datagram`.
    pub fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let bytes = core::mem::take(&mut self.rest);
        let Some(header) = Header::parse(bytes) else {
            return Some(Err(Malformed { header: None }));
        };
        let length = header.length as usize;
        let message = bytes.get(..length).filter(|it| it.len() >= Header::SIZE);
        let Some(message) = message else {
            return Some(Err(Malformed {
                header: Some(header),
            }));
        };
        self.rest = bytes.get(align(length)..).unwrap_or_default();
        Some(Ok(Message {
            header,
            bytes: message,
        }))
    }
}

/// The process that sent a message, while it is being handled.
///
/// # Invariants
///
/// `skb` is what a kernel-side socket received, and stays until the call ends.
#[derive(Clone, Copy)]
struct Sender<'a> {
    skb: *mut bindings::sk_buff,
    _call: PhantomData<&'a ()>,
}

impl<'a> Sender<'a> {
    /// # Safety
    ///
    /// `skb` must have been received by a kernel-side socket, and stay for the lifetime of the
    /// result.
    unsafe fn new(skb: *mut bindings::sk_buff) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            skb,
            _call: PhantomData,
        }
    }

    /// All bytes that were received.
    fn bytes(&self) -> &'a [u8] {
        // SAFETY: By the type invariants. What a process sends is copied into one piece of memory,
        // of which `len - data_len` bytes are at `data`; nobody changes it any more.
        unsafe {
            let skb = &*self.skb;
            core::slice::from_raw_parts(skb.data, (skb.len - skb.data_len) as usize)
        }
    }

    /// The sender's address.
    fn port(&self) -> u32 {
        // SAFETY: By the type invariants: the control block is netlink's.
        unsafe { (*control_block(self.skb)).portid }
    }

    /// The socket that received it.
    fn socket(&self) -> *mut bindings::sock {
        // SAFETY: By the type invariants: a received message belongs to its receiver.
        unsafe { (*self.skb).sk }
    }

    /// Whether the sender, and the process that opened its socket, have `CAP_NET_ADMIN`.
    fn is_privileged(&self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { bindings::netlink_capable(self.skb, bindings::CAP_NET_ADMIN as c_int) }
    }

    /// Sends `packet` to the sender.
    fn send(&self, packet: Packet) -> Result {
        // SAFETY: The socket exists while the message is being handled.
        unsafe { packet.unicast(self.socket(), self.port()) }
    }
}

/// Netlink's part of a message (`NETLINK_CB`).
fn control_block(skb: *mut bindings::sk_buff) -> *mut bindings::netlink_skb_parms {
    // SAFETY: Only computes an address within the `sk_buff`.
    unsafe { (&raw mut (*skb).cb).cast() }
}
