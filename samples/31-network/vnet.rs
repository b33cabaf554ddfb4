// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 17: two network interfaces, and a wire between them.
//!
//! What goes into `vnet0` comes out of `vnet1`, and the other way round. No program opens a network card. The
//! kernel decides by addresses and routes which packet goes to which card, and the driver gets it.
//!
//! A kernel needs no card to reach an address of its own. So for a `ping` through the wire, the other end must be in
//! another network. `unshare -n` starts a shell in one, which then fetches `vnet1` from where its parent is:
//!
//! ```console
//! # insmod vnet.ko
//! # ip addr add 10.9.8.1/24 dev vnet0
//! # ip link set vnet0 up
//! # cat /sys/class/net/vnet0/carrier
//! 0
//! # unshare -n sh
//! ...
//! # nsenter -t $PPID -n ip link set vnet1 netns $$
//! # ip addr add 10.9.8.2/24 dev vnet1
//! # ip link set vnet1 up
//! # ping -c 1 10.9.8.1
//! PING 10.9.8.1 (10.9.8.1): 56 data bytes
//! 64 bytes from 10.9.8.1: seq=0 ttl=64 time=[..] ms
//! ...
//! # exit
//! # rmmod vnet
//! ```
//!
//! - **A packet has one owner.** `transmit` gets it, and puts it into the other end's inbox. `poll` takes it from there
//!   and gives it away. Counting comes first: afterwards the packet belongs to somebody else.
//! - **No interrupt, no waiting.** `transmit` must not sleep, and does not do the receiver's work. It asks for a
//!   *poll* (NAPI), in which the kernel takes up to 64 packets at a time.
//! - **Back-pressure**: an inbox has room for 256 packets. When it is full the sender's queue is stopped, sockets fill
//!   up, and programs wait in `write`. When half of it is free the sender is woken.
//! - **Carrier**: if nobody listens at the far end of a wire, there is no carrier. When one end goes down, the packets
//!   in its inbox are dropped. A sender that waits for room there must be woken.
//! - **Packets that are too long** for the receiver are dropped there and counted as errors, as a card does.
//!
//! In C, the driver fills in a `struct net_device_ops`, stops its queue with `netif_stop_queue()` and has to look a second time
//! after that, hands up packets with `netif_receive_skb()`, and says `napi_complete_done()`. `lkm::net` does that.
//!
//! Where to look: `drivers/net/veth.c`, which makes as many pairs as you like, and `Documentation/networking/`.

use kernel::static_lock_class;
use lkm::{
    net::{
        longest,
        Interfaces,
        Operations,
        Packet,
        Port,
        Queue,
        Rtnl,
        Statistics, //
    },
    percpu::Counter,
    prelude::*, //
};

module! {
    type: Vnet,
    name: "vnet",
    authors: ["lkmpg-rs developers"],
    description: "Two network interfaces and a wire between them",
    license: "GPL",
}

/// How many packets an inbox has room for.
const ROOM: u32 = 256;

struct Vnet {
    _interfaces: Interfaces<Wire>,
}

impl kernel::Module for Vnet {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            _interfaces: Interfaces::new(&[c"vnet0", c"vnet1"], Wire::new())?,
        })
    }
}

// ANCHOR: wire
#[pin_data]
struct Wire {
    #[pin]
    first: End,
    #[pin]
    second: End,
}

/// What one of the interfaces has.
#[pin_data]
struct End {
    #[pin]
    inbox: Queue,
    sent: Count,
    received: Count,
    too_long: Counter,
    dropped: Counter,
}

struct Count {
    packets: Counter,
    bytes: Counter,
}
// ANCHOR_END: wire

impl Wire {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            first <- End::new(),
            second <- End::new(),
        })
    }

    fn end(&self, port: Port<'_>) -> &End {
        if port.number() == 0 {
            &self.first
        } else {
            &self.second
        }
    }
}

fn peer(port: Port<'_>) -> Port<'_> {
    port.other(1 - port.number()).unwrap_or(port)
}

impl End {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            inbox <- Queue::new(static_lock_class!()),
            sent: Count::new()?,
            received: Count::new()?,
            too_long: Counter::new()?,
            dropped: Counter::new()?,
        })
    }
}

impl Count {
    fn new() -> Result<Self> {
        Ok(Self {
            packets: Counter::new()?,
            bytes: Counter::new()?,
        })
    }

    fn add(&self, packet: &Packet) {
        self.packets.add(1);
        self.bytes.add(packet.len() as u64);
    }
}

impl Operations for Wire {
    const MTU: core::ops::RangeInclusive<u32> = 68..=9000;

    // ANCHOR: open
    fn open(&self, port: Port<'_>, rtnl: &Rtnl) -> Result {
        self.end(port).inbox.open();
        if peer(port).is_up(rtnl) {
            port.set_carrier(rtnl, true);
            peer(port).set_carrier(rtnl, true);
        }
        Ok(())
    }

    fn stop(&self, port: Port<'_>, rtnl: &Rtnl) {
        port.set_carrier(rtnl, false);
        peer(port).set_carrier(rtnl, false);
        let end = self.end(port);
        end.dropped.add(end.inbox.close());
        // It may wait for room.
        peer(port).wake();
    }
    // ANCHOR_END: open

    // ANCHOR: transmit
    fn transmit(&self, port: Port<'_>, packet: Packet) {
        self.end(port).sent.add(&packet);
        let end = self.end(peer(port));
        if packet.len() > longest(peer(port).mtu()) {
            end.too_long.add(1);
            return;
        }
        end.dropped.add(end.inbox.push(packet));
        peer(port).schedule();
    }

    fn has_room(&self, port: Port<'_>) -> bool {
        self.end(peer(port)).inbox.len() < ROOM
    }
    // ANCHOR_END: transmit

    // ANCHOR: poll
    fn poll(&self, port: Port<'_>) -> Option<Packet> {
        let end = self.end(port);
        let packet = end.inbox.pop()?;
        end.received.add(&packet);
        if end.inbox.len() <= ROOM / 2 {
            peer(port).wake();
        }
        Some(packet)
    }
    // ANCHOR_END: poll

    fn statistics(&self, port: Port<'_>) -> Statistics {
        let end = self.end(port);
        Statistics {
            rx_packets: end.received.packets.sum(),
            rx_bytes: end.received.bytes.sum(),
            rx_errors: end.too_long.sum(),
            rx_dropped: end.dropped.sum(),
            tx_packets: end.sent.packets.sum(),
            tx_bytes: end.sent.bytes.sum(),
            ..Statistics::default()
        }
    }
}
