// SPDX-License-Identifier: GPL-2.0-only

//! Just enough of netlink for an echo.

use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};
use protocol::{ECHO, TEXT};
pub(crate) use protocol::{FAMILY, PROTOCOL};

#[path = "../../../samples/18-channels/netlink_protocol.rs"]
#[allow(dead_code, reason = "it has more than is measured")]
mod protocol;

/// `NLM_F_REQUEST`.
const REQUEST: u16 = 1;
/// Generic netlink's own family, with which its messages begin.
const CONTROL: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;

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
        let control = Self::open(NETLINK_GENERIC, CONTROL, true);
        let name = attribute(FAMILY_NAME, format!("{family}\0").as_bytes());
        let reply = control.ask(&control.message(GET_FAMILY, &name));
        let mut rest = &reply[20..];
        let id = loop {
            let length = usize::from(u16::from_ne_bytes([rest[0], rest[1]]));
            if u16::from_ne_bytes([rest[2], rest[3]]) == FAMILY_ID {
                break u16::from_ne_bytes([rest[4], rest[5]]);
            }
            rest = &rest[length.next_multiple_of(4)..];
        };
        Self {
            kind: id,
            ..control
        }
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

    fn message(&self, command: u8, attributes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 16];
        bytes[4..6].copy_from_slice(&self.kind.to_ne_bytes());
        bytes[6..8].copy_from_slice(&REQUEST.to_ne_bytes());
        if self.generic {
            bytes.extend([command, 1, 0, 0]);
        }
        bytes.extend(attributes);
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes
    }
}

fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = ((value.len() + 4) as u16).to_ne_bytes().to_vec();
    bytes.extend(number.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}
