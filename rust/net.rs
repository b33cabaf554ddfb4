// SPDX-License-Identifier: GPL-2.0-only

//! Network interfaces: Ethernet cards that are made of software.
//!
//! [`Interfaces`] are what `ip link` shows, one or several that know each other. A [`Packet`] has one owner:
//! who has it hands it on, or drops it.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

mod callbacks;
mod device;
mod packet;
mod port;
mod queue;

pub use self::{
    packet::Packet,
    port::{
        Port,
        Rtnl, //
    },
    queue::Queue, //
};

use self::callbacks::Inner;
use crate::{
    bindings,
    compat::errno,
    context,
    lifetime,
    name::is_name, //
};
use core::ops::RangeInclusive;
use kernel::prelude::*;

/// How long the header of a packet is, in bytes: two addresses and a protocol.
pub const HEADER: usize = bindings::ETH_HLEN as usize;

/// How long what arrives should be at most: an interface's MTU, the header, and a VLAN's four bytes. What is to be sent may be
/// longer, as of a VLAN in a VLAN, of AF_XDP, or of who was told another MTU before: compare, and drop it.
pub const fn longest(mtu: u32) -> usize {
    mtu as usize + HEADER + 4
}

/// What interfaces do. One value does it for all of them; `port` is the one that it is about.
///
/// `open` and `stop` of all of them come one after the other, under the [`Rtnl`], which adding and dropping interfaces
/// takes, too. They can neither use files nor add interfaces or [misc](crate::misc) devices (`EDEADLK`); those that they
/// drop are there a little longer. While the module is loaded or unloaded they must drop none: that would wait for itself,
/// with the `Rtnl` held, for ever. They must not register or drop a family of generic [netlink](crate::netlink), whose
/// lock others hold while they wait for the `Rtnl`. The others are called on any CPU, several at a time, and must not
/// sleep: `transmit` and [`poll`](Self::poll) in a softirq, or with softirqs off in the task that sends or polls,
/// `transmit` also with interrupts off, and `statistics` by a process. A lock that they share is one that turns
/// interrupts off (`SpinLockIrq`).
pub trait Operations: Send + Sync + 'static {
    /// The sizes of packets, without their header, that a user may set, 1,500 among them.
    const MTU: RangeInclusive<u32> = bindings::ETH_MIN_MTU..=1500;

    /// Somebody has the interface go up. May sleep.
    ///
    /// The error is the user's, `EINTR` and what would restart a system call (`ERESTARTSYS`) as `EAGAIN`. Afterwards
    /// the interface sends; it may receive, in [`poll`](Self::poll), before this returns.
    fn open(&self, port: Port<'_>, rtnl: &Rtnl) -> Result;

    /// The interface goes down. May sleep.
    ///
    /// It receives no more before it is opened again. Nor does it send, unless its queue was taken away (`tc qdisc …
    /// noqueue`) or somebody goes round it, as an AF_XDP socket does: [`transmit`](Self::transmit) may then be called a
    /// last time during this, and shortly after.
    fn stop(&self, port: Port<'_>, rtnl: &Rtnl);

    /// Sends a packet, or drops it. One at a time for each interface. C does not look whether it is [too long](longest).
    fn transmit(&self, port: Port<'_>, packet: Packet);

    /// Whether one more packet can be sent. If not, nothing is to send until [`Port::wake`]: packets stay
    /// where they are, and who sends more of them waits.
    fn has_room(&self, port: Port<'_>) -> bool;

    /// Returns a packet that has come in, which goes to those who listen. One at a time for each interface, and
    /// as often as there are some, after [`Port::schedule`].
    fn poll(&self, port: Port<'_>) -> Option<Packet>;

    /// What was counted. Interfaces that are down are asked, too.
    fn statistics(&self, port: Port<'_>) -> Statistics;
}

/// What `ip -s link` shows, since the interface was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Statistics {
    pub rx_packets: u64,
    pub rx_bytes: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_packets: u64,
    pub tx_bytes: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
}

/// Network interfaces that know each other. Dropping them takes them away, after what is being sent and
/// received.
///
/// If an interface was moved to another network namespace, it goes from there. If the namespace goes first, the
/// interface comes back to the first one, as each device does, under another name if its own is taken there.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::net::{Interfaces, Operations, Packet, Port, Rtnl, Statistics};
///
/// /// Throws away all that is sent.
/// struct Hole;
///
/// impl Operations for Hole {
///     fn open(&self, port: Port<'_>, rtnl: &Rtnl) -> Result {
///         port.set_carrier(rtnl, true);
///         Ok(())
///     }
///
///     fn stop(&self, port: Port<'_>, rtnl: &Rtnl) {
///         port.set_carrier(rtnl, false);
///     }
///
///     fn transmit(&self, _port: Port<'_>, packet: Packet) {
///         drop(packet);
///     }
///
///     fn has_room(&self, _port: Port<'_>) -> bool {
///         true
///     }
///
///     fn poll(&self, _port: Port<'_>) -> Option<Packet> {
///         None
///     }
///
///     fn statistics(&self, _port: Port<'_>) -> Statistics {
///         Statistics::default()
///     }
/// }
///
/// fn hole() -> Result<Interfaces<Hole>> {
///     Interfaces::new(&[c"hole0"], Hole)
/// }
/// ```
pub struct Interfaces<T: Operations> {
    /// Taken by the drop.
    inner: Option<Pin<KBox<Inner<T>>>>,
}

impl<T: Operations> Drop for Interfaces<T> {
    fn drop(&mut self) {
        if !context::may_register() {
            if let Some(inner) = self.inner.take() {
                lifetime::drop_later(inner);
            }
        }
    }
}

impl<T: Operations> Interfaces<T> {
    /// Adds interfaces with these names, and addresses of their own. They are down, and have no carrier.
    /// As soon as one is there others may use it.
    ///
    /// Fails with `EINVAL` if a name is none that an interface can have or has more than 15 bytes, `EEXIST` if it is
    /// taken, `EINTR` if the process is being killed, `EDEADLK` where a [misc](crate::misc::Registration::new)
    /// device fails so, or `ENOMEM`. May sleep (`register_netdev`).
    pub fn new<E>(names: &[&'static CStr], operations: impl PinInit<T, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        if !names.iter().all(|name| is_interface(name)) {
            return Err(EINVAL);
        }
        if !context::may_register() {
            return Err(errno(bindings::EDEADLK));
        }
        Ok(Self {
            inner: Some(Inner::new(names, operations)?),
        })
    }
}

/// Whether an interface can have that name. To C, a `%` in it stands for a number. Of the last three, sysctl has two
/// for all interfaces, and the bonding driver has a file of that name beside them.
fn is_interface(name: &CStr) -> bool {
    // What `isspace` says of Latin-1 is among them.
    let odd = |byte: &u8| matches!(byte, b':' | b'%' | b' ' | b'\t'..=b'\r' | 0xa0);
    let bytes = name.to_bytes();
    is_name(name)
        && bytes.len() < bindings::IFNAMSIZ as usize
        && !bytes.iter().any(odd)
        && !matches!(bytes, b"all" | b"default" | b"bonding_masters")
}
