// SPDX-License-Identifier: GPL-2.0-only

//! Sockets with a protocol number.

use super::{
    Attributes,
    Header,
    Message,
    Messages,
    Packet,
    Sender, //
};
use crate::{
    bindings,
    callback::Caller,
    compat::{
        errno,
        synchronize_rcu, //
    },
    context,
    lifetime::{
        self,
        this_module,
        References, //
    },
};
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
};

/// What a [`Socket`] does with requests.
pub trait Protocol: Send + Sync + 'static {
    /// Handles a request.
    ///
    /// If it fails, the sender gets an error message with the errno: `EAGAIN` for `EINTR` and what would
    /// restart a system call (`ERESTARTSYS`). If not, and the sender asked for it, it gets an
    /// acknowledgement, after what was sent here. Runs in the context of the sender, may sleep, and may
    /// run at the same time for several senders.
    fn receive(&self, request: &Request<'_>) -> Result;
}

/// A message that asks the module for something.
pub struct Request<'a> {
    message: Message<'a>,
    sender: Sender<'a>,
}

impl<'a> Request<'a> {
    /// What the message begins with.
    pub fn header(&self) -> Header {
        self.message.header()
    }

    /// What follows the header.
    pub fn payload(&self) -> &'a [u8] {
        self.message.payload()
    }

    /// The payload as attributes.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(self.payload())
    }

    /// Whether the sender may administer the network: it, and the process that opened its socket,
    /// have `CAP_NET_ADMIN` (`netlink_capable`).
    pub fn is_privileged(&self) -> bool {
        self.sender.is_privileged()
    }

    /// Begins an answer. May sleep.
    pub fn reply(&self, kind: u16) -> Result<Packet> {
        Packet::begin(Header {
            length: 0,
            kind,
            flags: 0,
            sequence: self.header().sequence,
            port: self.sender.port(),
        })
    }

    /// Sends an answer.
    ///
    /// Fails with `EAGAIN` if the sender's queue is full, because it does not read, and
    /// `ECONNREFUSED` if it is gone. May sleep, but does not wait for the sender
    /// (`netlink_unicast`).
    pub fn send(&self, packet: Packet) -> Result {
        self.sender.send(packet)
    }

    /// Sends a message to a group, as [`Socket::multicast`] does.
    pub fn multicast(&self, group: u32, packet: Packet) -> Result<bool> {
        // SAFETY: The socket exists while it is handling a message.
        unsafe { packet.multicast(self.sender.socket(), group) }
    }
}

/// A protocol number, and how to use it.
#[derive(Clone, Copy)]
pub struct Config {
    number: u8,
    groups: u32,
    open_groups: bool,
}

impl Config {
    /// The protocol `number`, from 0 to 31, of which those below 23 are given away in
    /// `include/uapi/linux/netlink.h`. User space has 2 for itself (`NETLINK_USERSOCK`).
    pub const fn new(number: u8) -> Self {
        Self {
            number,
            groups: 0,
            open_groups: false,
        }
    }

    /// Has the groups 1 to `groups`, but at least 32, and at most 65,536. Root may join them.
    pub const fn groups(mut self, groups: u32) -> Self {
        self.groups = groups;
        self
    }

    /// Lets everybody join the groups.
    pub const fn open_groups(mut self) -> Self {
        self.open_groups = true;
        self
    }
}

/// The kernel's end of a netlink protocol, in the first network namespace.
///
/// A process that has a socket of the protocol open keeps the module. Dropping the value waits for
/// requests that are being handled; senders that come later get `ECONNREFUSED`.
///
/// Must not be dropped [in its own callback](crate#pitfalls), [`Protocol::receive`].
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::Arc};
/// use lkm::netlink::{Config, Protocol, Request, Socket};
///
/// struct Echo;
///
/// impl Protocol for Echo {
///     fn receive(&self, request: &Request<'_>) -> Result {
///         request.send(request.reply(request.header().kind)?)
///     }
/// }
///
/// fn echo() -> Result<Socket<Echo>> {
///     Socket::new(Config::new(30), Arc::new(Echo, GFP_KERNEL)?)
/// }
/// ```
///
/// # Invariants
///
/// `socket` is a kernel-side socket that this value owns, whose user data is `_protocol`.
pub struct Socket<T: Protocol> {
    socket: NonNull<bindings::sock>,
    _protocol: Arc<T>,
}

// SAFETY: Sockets may be used and released by any thread.
unsafe impl<T: Protocol> Send for Socket<T> {}
// SAFETY: Sockets have their own locks.
unsafe impl<T: Protocol> Sync for Socket<T> {}

impl<T: Protocol> Socket<T> {
    /// Opens the kernel's end.
    ///
    /// Fails with `EBUSY` if there is one of that number (C does not tell this from lack of
    /// memory), or if the module is loaded and somebody has a file or a socket of it open; or `EINVAL` if there is no such number, or more groups than
    /// there can be, or `EDEADLK` in what answers a [disk's](crate::block::Operations) requests. May sleep
    /// (`netlink_kernel_create`).
    ///
    /// An open socket of this protocol keeps the module, and a load that fails waits until it is
    /// closed.
    pub fn new(options: Config, protocol: Arc<T>) -> Result<Self> {
        let number = u32::from(options.number);
        if number >= bindings::MAX_LINKS
            || number == bindings::NETLINK_USERSOCK
            || options.groups > 1 << 16
        {
            return Err(EINVAL);
        }
        if context::works_for_others() {
            return Err(errno(bindings::EDEADLK));
        }
        // C makes a socket that can be found before it is marked as the kernel's: who sends in that
        // moment meets a `BUG`. By user space's own number anybody can. By others only who has a socket
        // from an earlier time of the number can, and that keeps the module. While it is being loaded, an
        // earlier end has waited for those.
        let _turn = Turn::new();
        if lifetime::is_in_use() {
            return Err(EBUSY);
        }
        let mut config: bindings::netlink_kernel_cfg = pin_init::zeroed();
        config.groups = options.groups;
        config.input = Some(Self::input);
        if options.open_groups {
            config.flags = bindings::NL_CFG_F_NONROOT_RECV;
        }
        // SAFETY: The first network namespace always exists, and the configuration is copied.
        // `input` expects what is done next, or nothing.
        let socket = unsafe {
            bindings::__netlink_kernel_create(
                &raw mut bindings::init_net,
                number as c_int,
                this_module().as_ptr(),
                &mut config,
            )
        };
        let socket = NonNull::new(socket).ok_or(EBUSY)?;
        // SAFETY: The socket is ours.
        unsafe { user_data(socket.as_ptr()) }
            .store(Arc::as_ptr(&protocol).cast_mut().cast(), Release);
        // INVARIANT: The socket was just created, and has its user data.
        Ok(Self {
            socket,
            _protocol: protocol,
        })
    }

    /// Sends a message to a group. Returns `false` if nobody got it.
    ///
    /// A receiver whose queue is full does not get the message; its next read fails with `ENOBUFS`. If
    /// it wants senders to know of that (`NETLINK_BROADCAST_ERROR`), this returns `true` all the same.
    /// May sleep (`netlink_broadcast`).
    pub fn multicast(&self, group: u32, packet: Packet) -> Result<bool> {
        // SAFETY: By the type invariants.
        unsafe { packet.multicast(self.socket.as_ptr(), group) }
    }

    /// `netlink_kernel_cfg::input`.
    ///
    /// # Safety
    ///
    /// To be called by netlink, with a message to a socket of this type.
    unsafe extern "C" fn input(skb: *mut bindings::sk_buff) {
        // SAFETY: The message was received by our socket, and is freed after this call.
        let sender = unsafe { Sender::new(skb) };
        // SAFETY: The sender has a reference to the socket during this call, for which `Socket::drop`
        // waits before the protocol goes. The user data is null or `Socket::_protocol`.
        let protocol = unsafe {
            let protocol = user_data(sender.socket()).load(Acquire);
            protocol.cast::<T>().as_ref()
        };
        for message in Messages::new(sender.bytes()) {
            match message {
                Ok(message) => answer(protocol, message, sender),
                Err(malformed) => {
                    // Without a header there is nobody to tell, and no question.
                    if let Some(header) = malformed.header {
                        let error = errno(bindings::EBADMSG);
                        let _ = Packet::error(header, sender.port(), error)
                            .and_then(|packet| sender.send(packet));
                    }
                }
            }
        }
    }
}

/// Handles a message, and says how it went.
///
/// There is no protocol yet if the socket is just being opened.
fn answer<T: Protocol>(protocol: Option<&T>, message: Message<'_>, sender: Sender<'_>) {
    let header = message.header();
    // As for all protocols: what is no request, or is about netlink itself, needs no handling.
    let is_request =
        header.has(bindings::NLM_F_REQUEST) && u32::from(header.kind) >= bindings::NLMSG_MIN_TYPE;
    let result = match protocol {
        Some(protocol) if is_request => protocol.receive(&Request { message, sender }),
        Some(_) => Ok(()),
        None => Err(errno(bindings::ECONNREFUSED)),
    };
    if result.is_ok() && !header.has(bindings::NLM_F_ACK) {
        return;
    }
    let error = Caller::Netlink.status(result);
    let raw = message.bytes.as_ptr();
    // SAFETY: The message has all the bytes that its header says. C looks at it only to repeat it,
    // and aligned: messages begin at multiples of 4.
    unsafe { bindings::netlink_ack(sender.skb, raw.cast_mut().cast(), error, core::ptr::null()) };
}

impl<T: Protocol> Drop for Socket<T> {
    fn drop(&mut self) {
        let socket = self.socket.as_ptr();
        // SAFETY: By the type invariants. The reference keeps the memory until `sk_free`, and the
        // member is an `atomic_t` within.
        let references: &Atomic<c_int> =
            unsafe { Atomic::from_ptr(socket.byte_add(bindings::LKM_SOCK_REFCNT).cast()) };
        references.add(1, Relaxed);
        let turn = Turn::new();
        // SAFETY: By the type invariants.
        unsafe { bindings::netlink_kernel_release(socket) };
        drop(turn);
        // C gives back its own reference after a grace period, when no sender can find the socket.
        synchronize_rcu();
        // Each of those who had found it has a reference until it has left this module, which it need
        // not hold: it may have opened its own end when the number was another module's.
        while references.load(Acquire) > 1 {
            fsleep(Delta::from_millis(1));
        }
        references.store(0, Relaxed);
        // SAFETY: The last reference, which was ours, was just given back.
        unsafe { bindings::sk_free(socket) };
        drop(References);
    }
}

/// Held by who makes an end, or takes one away. Who makes one of a number that another module is just
/// taking away would have C keep the other as its owner, also when that has gone. It is the lock for the
/// parameters of what is no module, since all modules know that one.
struct Turn;

impl Turn {
    fn new() -> Self {
        // SAFETY: The caller may sleep. Without a module it is the kernel's own.
        unsafe { bindings::kernel_param_lock(core::ptr::null_mut()) };
        Self
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // SAFETY: The lock is held, by `new`, and by this task, since nobody else gets this value.
        unsafe { bindings::kernel_param_unlock(core::ptr::null_mut()) };
    }
}

/// `sock::sk_user_data`.
///
/// # Safety
///
/// `socket` must be valid for the lifetime of the result.
unsafe fn user_data<'a>(socket: *mut bindings::sock) -> &'a Atomic<*mut c_void> {
    // SAFETY: By the safety requirements; this is where the member is.
    unsafe { Atomic::from_ptr(socket.byte_add(bindings::LKM_SOCK_USER_DATA).cast()) }
}
