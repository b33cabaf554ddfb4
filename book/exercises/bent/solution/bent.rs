// SPDX-License-Identifier: GPL-2.0-only

//! A network interface whose cable leads back to itself.

use kernel::static_lock_class;
use lkm::{
    net::{
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
    type: BentModule,
    name: "bent",
    authors: ["lkmpg-rs developers"],
    description: "A network interface whose cable leads back to itself",
    license: "GPL",
}

struct BentModule {
    _interface: Interfaces<Bent>,
}

impl kernel::Module for BentModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(BentModule {
            _interface: Interfaces::new(&[c"bent0"], Bent::new())?,
        })
    }
}

/// How many packets the inbox has room for.
const ROOM: u32 = 256;

#[pin_data]
struct Bent {
    /// What has come back, and nobody has fetched.
    #[pin]
    inbox: Queue,
    sent: Counter,
    received: Counter,
}

impl Bent {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            inbox <- Queue::new(static_lock_class!()),
            sent: Counter::new()?,
            received: Counter::new()?,
        })
    }
}

impl Operations for Bent {
    fn open(&self, port: Port<'_>, rtnl: &Rtnl) -> Result {
        self.inbox.open();
        port.set_carrier(rtnl, true);
        Ok(())
    }

    fn stop(&self, port: Port<'_>, rtnl: &Rtnl) {
        port.set_carrier(rtnl, false);
        self.inbox.close();
    }

    fn transmit(&self, port: Port<'_>, packet: Packet) {
        self.sent.add(1);
        self.inbox.push(packet);
        port.schedule();
    }

    fn has_room(&self, _port: Port<'_>) -> bool {
        self.inbox.len() < ROOM
    }

    fn poll(&self, port: Port<'_>) -> Option<Packet> {
        let packet = self.inbox.pop()?;
        self.received.add(1);
        if self.inbox.len() <= ROOM / 2 {
            port.wake();
        }
        Some(packet)
    }

    fn statistics(&self, _port: Port<'_>) -> Statistics {
        Statistics {
            tx_packets: self.sent.sum(),
            rx_packets: self.received.sum(),
            ..Statistics::default()
        }
    }
}
