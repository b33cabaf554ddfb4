// SPDX-License-Identifier: GPL-2.0-only

//! Just enough of netlink for an echo.

use lkmpg_tests::netlink::{self, REQUEST, attribute, command, message};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};
use protocol::{ECHO, TEXT};
pub(crate) use protocol::{FAMILY, PROTOCOL};

#[path = "../../../samples/18-channels/netlink_protocol.rs"]
#[allow(dead_code, reason = "it has more than is measured")]
mod protocol;

/// `CTRL_ATTR_FAMILY_ID`.
const FAMILY_ID: u16 = 1;

/// A socket, and what its messages begin with.
pub struct Connection {
    socket: Socket,
    kind: u16,
    generic: bool,
}

impl Connection {
    /// To the protocol with a number.
    pub fn classic(protocol: u8) -> Self {
        Self::open(protocol.into(), ECHO.into(), false)
    }

    /// To the family with a name.
    pub fn generic(family: &str) -> Self {
        let control = netlink::Connection::open(NETLINK_GENERIC).expect("generic netlink");
        let id = control.family(family)[&FAMILY_ID][..]
            .try_into()
            .expect("a number");
        Self::open(NETLINK_GENERIC, u16::from_ne_bytes(id), true)
    }

    fn open(protocol: isize, kind: u16, generic: bool) -> Self {
        let mut socket = Socket::new(protocol).expect("a socket");
        socket.bind_auto().expect("bind");
        socket.connect(&SocketAddr::new(0, 0)).expect("connect");
        Self {
            socket,
            kind,
            generic,
        }
    }

    /// Sends a text of a length, and gets it back.
    pub fn echo(&self, size: usize) {
        let text = attribute(TEXT, &[b'x'; 4096][..size]);
        let reply = self.ask(&self.message(ECHO, &text));
        assert!(reply.len() >= 16 + size, "{reply:x?}");
    }

    fn ask(&self, message: &[u8]) -> Vec<u8> {
        assert_eq!(self.socket.send(message, 0).expect("send"), message.len());
        let mut reply = Vec::with_capacity(8192);
        self.socket.recv(&mut reply, 0).expect("recv");
        reply
    }

    fn message(&self, number: u8, attributes: &[u8]) -> Vec<u8> {
        let generic = self.generic.then(|| command(number, attributes));
        message(
            self.kind,
            REQUEST,
            0,
            generic.as_deref().unwrap_or(attributes),
        )
    }
}
