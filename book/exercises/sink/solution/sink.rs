// SPDX-License-Identifier: GPL-2.0-only

//! A network interface with a hole at the end of its cable.

use lkm::{
    net::{
        Interfaces,
        Operations,
        Packet,
        Port,
        Rtnl,
        Statistics, //
    },
    percpu::Counter,
    prelude::*, //
};

module! {
    type: SinkModule,
    name: "sink",
    authors: ["lkmpg-rs developers"],
    description: "A network interface with a hole at the end of its cable",
    license: "GPL",
}

/// How long a packet may be, in bytes, with its header.
const LONGEST: usize = 200;

struct SinkModule {
    _interface: Interfaces<Sink>,
}

impl kernel::Module for SinkModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let sink = Sink {
            packets: Counter::new()?,
            bytes: Counter::new()?,
            too_long: Counter::new()?,
        };
        Ok(SinkModule {
            _interface: Interfaces::new(&[c"sink0"], sink)?,
        })
    }
}

struct Sink {
    packets: Counter,
    bytes: Counter,
    too_long: Counter,
}

impl Operations for Sink {
    fn open(&self, port: Port<'_>, rtnl: &Rtnl) -> Result {
        port.set_carrier(rtnl, true);
        Ok(())
    }

    fn stop(&self, port: Port<'_>, rtnl: &Rtnl) {
        port.set_carrier(rtnl, false);
    }

    fn transmit(&self, _port: Port<'_>, packet: Packet) {
        if packet.len() > LONGEST {
            self.too_long.add(1);
            return;
        }
        self.packets.add(1);
        self.bytes.add(packet.len() as u64);
        packet.consume();
    }

    fn has_room(&self, _port: Port<'_>) -> bool {
        true
    }

    fn poll(&self, _port: Port<'_>) -> Option<Packet> {
        None
    }

    fn statistics(&self, _port: Port<'_>) -> Statistics {
        Statistics {
            tx_packets: self.packets.sum(),
            tx_bytes: self.bytes.sum(),
            tx_dropped: self.too_long.sum(),
            ..Statistics::default()
        }
    }
}
