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
    prelude::*, //
};

module! {
    type: SinkModule,
    name: "sink",
    authors: ["lkmpg-rs developers"],
    description: "A network interface with a hole at the end of its cable",
    license: "GPL",
}

struct SinkModule {
    _interface: Interfaces<Sink>,
}

impl kernel::Module for SinkModule {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(SinkModule {
            _interface: Interfaces::new(&[c"sink0"], Sink)?,
        })
    }
}

struct Sink;

impl Operations for Sink {
    fn open(&self, port: Port<'_>, rtnl: &Rtnl) -> Result {
        port.set_carrier(rtnl, true);
        Ok(())
    }

    fn stop(&self, port: Port<'_>, rtnl: &Rtnl) {
        port.set_carrier(rtnl, false);
    }

    fn transmit(&self, _port: Port<'_>, packet: Packet) {
        packet.consume();
    }

    fn has_room(&self, _port: Port<'_>) -> bool {
        true
    }

    fn poll(&self, _port: Port<'_>) -> Option<Packet> {
        None
    }

    fn statistics(&self, _port: Port<'_>) -> Statistics {
        Statistics::default()
    }
}
