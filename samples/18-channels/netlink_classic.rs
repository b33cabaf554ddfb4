// SPDX-License-Identifier: GPL-2.0-only

//! The classic way: a socket with a protocol number of one's own. The header's type says what a
//! message asks for. The module itself must check whether the sender may ask for it.

use crate::{
    protocol::{
        self,
        EVENT, //
    },
    Channel,
    GROUP, //
};
use lkm::{
    netlink::{
        Packet,
        Protocol, //
    },
    prelude::*, //
};

impl Protocol for Channel {
    fn receive(&self, request: &netlink::Request<'_>) -> Result {
        const ECHO: u16 = protocol::ECHO as u16;
        const PUBLISH: u16 = protocol::PUBLISH as u16;

        match request.header().kind {
            ECHO => {
                let mut reply = request.reply(ECHO)?;
                self.echo(request.attributes(), &mut reply)?;
                request.send(reply)
            }
            PUBLISH if !request.is_privileged() => Err(EPERM),
            PUBLISH => {
                let mut event = Packet::new(EVENT.into())?;
                self.publish(request.attributes(), &mut event)?;
                request.multicast(GROUP, event).map(|_| ())
            }
            _ => Err(netlink::unsupported()),
        }
    }
}
