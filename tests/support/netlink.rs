// SPDX-License-Identifier: GPL-2.0-only

//! A client of netlink that can also say what none would.

use crate::errno_of;
use netlink_sys::{Socket, SocketAddr};
use rustix::io::Errno;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
};

/// `NLM_F_REQUEST`.
pub const REQUEST: u16 = 1;
/// `NLM_F_ACK`.
pub const ACK: u16 = 4;
/// `NLM_F_CAPPED`.
pub const CAPPED: u16 = 0x100;
/// `NLM_F_DUMP`.
pub const DUMP: u16 = 0x300;
/// `NLMSG_ERROR`.
pub const ERROR: u16 = 2;
/// `NLMSG_DONE`.
pub const DONE: u16 = 3;
/// `NLA_F_NESTED`.
pub const NESTED: u16 = 0x8000;

/// The controller of generic netlink.
pub const CONTROL: u16 = 16;
/// `CTRL_CMD_GETFAMILY`.
pub const GET_FAMILY: u8 = 3;
/// `CTRL_CMD_GETPOLICY`.
pub const GET_POLICY: u8 = 10;
/// `CTRL_ATTR_FAMILY_ID`.
pub const FAMILY_ID: u16 = 1;
/// `CTRL_ATTR_FAMILY_NAME`.
const FAMILY_NAME: u16 = 2;

/// The protocols that the kernel serves, as `netlink:NUMBER`.
pub fn protocols() -> BTreeSet<String> {
    let sockets = fs::read_to_string("/proc/net/netlink").unwrap_or_default();
    let protocols = sockets.lines().skip(1).filter_map(|line| {
        let mut words = line.split_whitespace().skip(1);
        let (protocol, port) = (words.next()?, words.next()?);
        (port == "0").then(|| format!("netlink:{protocol}"))
    });
    protocols.collect()
}

/// The families of generic netlink, as `genetlink:NAME`, with their numbers.
pub fn families() -> BTreeMap<String, u16> {
    // Not every kernel has it.
    let Ok(connection) = Connection::open(CONTROL as isize) else {
        return BTreeMap::new();
    };
    let replies = connection.ask(&message(
        CONTROL,
        REQUEST | DUMP,
        1,
        &command(GET_FAMILY, &[]),
    ));
    let families = replies.iter().filter(|it| it.kind == CONTROL).map(|it| {
        let mut attributes = it.attributes(4);
        let id = attributes.remove(&FAMILY_ID).expect("its number");
        let name = attributes.remove(&FAMILY_NAME).expect("its name");
        let name = String::from_utf8_lossy(&name);
        let id = u16::from_ne_bytes([id[0], id[1]]);
        (format!("genetlink:{}", name.trim_end_matches('\0')), id)
    });
    families.collect()
}

/// An attribute.
pub fn attribute(number: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = ((value.len() + 4) as u16).to_ne_bytes().to_vec();
    bytes.extend(number.to_ne_bytes());
    bytes.extend(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// A message.
pub fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = ((payload.len() + 16) as u32).to_ne_bytes().to_vec();
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0_u32.to_ne_bytes());
    bytes.extend(payload);
    bytes
}

/// What a message of generic netlink begins with, and its attributes.
pub fn command(command: u8, attributes: &[u8]) -> Vec<u8> {
    [&[command, 1, 0, 0], attributes].concat()
}

/// Takes attributes apart.
pub fn attributes(mut rest: &[u8]) -> HashMap<u16, Vec<u8>> {
    let mut attributes = HashMap::new();
    while let [a, b, c, d, ..] = *rest {
        let length = usize::from(u16::from_ne_bytes([a, b]));
        let number = u16::from_ne_bytes([c, d]) & !NESTED;
        attributes.insert(number, rest[4..length].to_vec());
        rest = &rest[length.next_multiple_of(4).min(rest.len())..];
    }
    assert!(rest.is_empty(), "{rest:x?} is left");
    attributes
}

/// A message that was received.
#[derive(Debug, PartialEq)]
pub struct Reply {
    /// What it is.
    pub kind: u16,
    /// What else is to be known of it.
    pub flags: u16,
    /// The number of the request that it answers.
    pub sequence: u32,
    /// The socket that it is for.
    pub port: u32,
    /// What follows the header.
    pub payload: Vec<u8>,
}

impl Reply {
    /// The error that it tells of; 0 is an acknowledgement.
    pub fn errno(&self) -> Option<i32> {
        let code = i32::from_ne_bytes(self.payload.get(..4)?.try_into().expect("4 bytes"));
        (self.kind == ERROR).then_some(-code)
    }

    /// The attributes in it, from an offset on.
    pub fn attributes(&self, skip: usize) -> HashMap<u16, Vec<u8>> {
        attributes(&self.payload[skip..])
    }
}

/// A socket to the kernel.
pub struct Connection {
    /// For what is not here.
    pub socket: Socket,
}

impl Connection {
    /// Opens one for a protocol.
    pub fn open(protocol: isize) -> Result<Self, Errno> {
        let mut socket = Socket::new(protocol).map_err(errno_of)?;
        socket.bind_auto().map_err(errno_of)?;
        socket.connect(&SocketAddr::new(0, 0)).map_err(errno_of)?;
        // The kernel answers before a send returns, so what is not there will not come.
        socket.set_non_blocking(true).map_err(errno_of)?;
        Ok(Self { socket })
    }

    /// Its number, by which the kernel knows it.
    pub fn port(&self) -> u32 {
        let mut address = SocketAddr::new(0, 0);
        self.socket.get_address(&mut address).expect("an address");
        address.port_number()
    }

    /// Sends a datagram.
    pub fn send(&self, bytes: &[u8]) -> Result<(), Errno> {
        let sent = self.socket.send(bytes, 0).map_err(errno_of)?;
        assert_eq!(sent, bytes.len());
        Ok(())
    }

    /// The messages of a datagram.
    pub fn receive(&self) -> Result<Vec<Reply>, Errno> {
        let (bytes, sender) = self.socket.recv_from_full().map_err(errno_of)?;
        assert_eq!(sender.port_number(), 0, "the kernel");
        let mut replies = Vec::new();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let u32_at =
                |at: usize| u32::from_ne_bytes(rest[at..at + 4].try_into().expect("4 bytes"));
            let length = u32_at(0) as usize;
            replies.push(Reply {
                kind: u32_at(4) as u16,
                flags: (u32_at(4) >> 16) as u16,
                sequence: u32_at(8),
                port: u32_at(12),
                payload: rest[16..length].to_vec(),
            });
            rest = &rest[length.next_multiple_of(4).min(rest.len())..];
        }
        Ok(replies)
    }

    /// All that is there.
    pub fn drain(&self) -> Vec<Reply> {
        let mut replies = Vec::new();
        loop {
            match self.receive() {
                Ok(more) => replies.extend(more),
                Err(Errno::NOBUFS) => {}
                Err(errno) => {
                    assert_eq!(errno, Errno::AGAIN);
                    return replies;
                }
            }
        }
    }

    /// Sends a datagram; returns all that comes back.
    pub fn ask(&self, bytes: &[u8]) -> Vec<Reply> {
        self.send(bytes).expect("send");
        self.drain()
    }

    /// The errno that a request is answered with; 0 for success.
    pub fn errno(&self, bytes: &[u8]) -> i32 {
        let replies = self.ask(bytes);
        assert_eq!(replies.len(), 1, "{replies:?}");
        replies[0].errno().expect("an error message")
    }

    /// What generic netlink's controller tells of a family.
    pub fn family(&self, name: &str) -> HashMap<u16, Vec<u8>> {
        let name = attribute(FAMILY_NAME, format!("{name}\0").as_bytes());
        let replies = self.ask(&message(CONTROL, REQUEST, 1, &command(GET_FAMILY, &name)));
        replies[0].attributes(4)
    }
}
