// SPDX-License-Identifier: GPL-2.0-only

//! Messages both ways: by the family's name, or by the protocol's number.

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand};
use netlink_packet_core::{
    DecodeError, DefaultNla, Emitable, ErrorMessage, NLM_F_ACK, NLM_F_REQUEST,
    NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable, Nla,
    NlaBuffer, NlasIterator, Parseable, ParseableParametrized, emit_u32, parse_string, parse_u64,
};
use netlink_packet_generic::{
    GenlFamily, GenlHeader, GenlMessage,
    ctrl::{
        GenlCtrl, GenlCtrlCmd,
        nlas::{GenlCtrlAttrs, McastGrpAttrs},
    },
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_GENERIC};
use std::{fmt::Debug, io::ErrorKind};

#[allow(dead_code, reason = "the module needs more of it")]
#[path = "../netlink_protocol.rs"]
mod protocol;

#[derive(Args)]
pub struct Arguments {
    /// Use the protocol's number instead of the family's name.
    #[arg(long)]
    classic: bool,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
pub enum Action {
    /// Have a text come back, and the sum of numbers.
    Echo {
        /// The text.
        text: String,
        /// The numbers.
        numbers: Vec<u32>,
    },
    /// Have a text published to those who listen. Only root may.
    Publish {
        /// The text.
        text: String,
    },
    /// Print what is published.
    Listen {
        /// End after so many.
        #[arg(long)]
        count: Option<u64>,
    },
}

pub fn run(arguments: Arguments) -> Result<()> {
    if arguments.classic {
        let connection = Connection::open(protocol::PROTOCOL.into()).context(
            "there is no such protocol: is the module loaded? Try: modprobe chan_netlink",
        )?;
        act(connection, arguments.action, |body| body, 1)
    } else {
        let mut connection = Connection::open(NETLINK_GENERIC)?;
        let (family, group) = find(&mut connection)?;
        let pack = |body| {
            let mut message = GenlMessage::from_payload(body);
            message.set_resolved_family_id(family);
            message
        };
        act(connection, arguments.action, pack, group)
    }
}

/// The longest text that the module takes, in bytes.
const LONGEST: usize = 4096;
/// As many numbers as one attribute can hold, whose length has 16 bits.
const MOST: usize = (u16::MAX as usize - 4) / 8;

/// Does the same on both kinds of sockets; `pack` makes a message of the one kind.
fn act<M: WithBody>(
    mut connection: Connection,
    action: Action,
    pack: impl Fn(Body) -> M,
    group: u32,
) -> Result<()> {
    match action {
        Action::Echo { text, .. } | Action::Publish { text } if text.len() > LONGEST => {
            bail!("the text has {} bytes: it can have {LONGEST}", text.len());
        }
        Action::Echo { numbers, .. } if numbers.len() > MOST => {
            bail!("there are {} numbers: there can be {MOST}", numbers.len());
        }
        Action::Echo { text, numbers } => {
            let mut attributes = vec![Attribute::Text(text)];
            if !numbers.is_empty() {
                attributes.push(Attribute::List(numbers));
            }
            let request = Body {
                command: protocol::ECHO,
                attributes,
            };
            let reply: M = connection
                .ask(pack(request), 0)?
                .context("the kernel sent no answer")?;
            print(reply.body());
        }
        Action::Publish { text } => {
            let request = Body {
                command: protocol::PUBLISH,
                attributes: vec![Attribute::Text(text)],
            };
            connection.ask(pack(request), NLM_F_ACK)?;
        }
        Action::Listen { count } => {
            connection
                .socket
                .add_membership(group)
                .context("cannot listen")?;
            for _ in 0..count.unwrap_or(u64::MAX) {
                let NetlinkPayload::InnerMessage(event) = connection.receive::<M>()?.payload else {
                    bail!("the kernel sent something else than an event");
                };
                print(event.body());
            }
        }
    }
    Ok(())
}

fn print(body: &Body) {
    for attribute in &body.attributes {
        match attribute {
            Attribute::Text(text) => println!("text: {text}"),
            Attribute::Sum(sum) => println!("sum: {sum}"),
            Attribute::Served(served) => println!("served: {served}"),
            other => println!("{other:?}"),
        }
    }
}

/// Asks for the family's number, and that of its group.
fn find(connection: &mut Connection) -> Result<(u16, u32)> {
    let request = GenlMessage::from_payload(GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName(protocol::FAMILY.to_owned())],
    });
    let reply = connection
        .ask(request, 0)
        .with_context(|| {
            format!(
                "there is no family {}: is the module loaded? Try: modprobe chan_netlink",
                protocol::FAMILY
            )
        })?
        .context("the kernel sent no answer")?;
    let (mut family, mut group) = (None, None);
    for attribute in reply.payload.nlas {
        match attribute {
            GenlCtrlAttrs::FamilyId(id) => family = Some(id),
            GenlCtrlAttrs::McastGroups(groups) => {
                let ours = groups
                    .into_iter()
                    .find(|it| it.contains(&McastGrpAttrs::Name(protocol::GROUP.to_owned())));
                group = ours.into_iter().flatten().find_map(|it| match it {
                    McastGrpAttrs::Id(id) => Some(id),
                    _ => None,
                });
            }
            _ => {}
        }
    }
    family
        .zip(group)
        .ok_or_else(|| anyhow!("the kernel does not tell the family's numbers"))
}

/// A socket, and what was received in one go.
struct Connection {
    socket: Socket,
    received: Vec<u8>,
    sequence: u32,
}

impl Connection {
    fn open(protocol: isize) -> Result<Self> {
        let mut socket = Socket::new(protocol).context("cannot open a netlink socket")?;
        socket.bind_auto().context("cannot bind the socket")?;
        socket
            .connect(&SocketAddr::new(0, 0))
            .context("cannot connect to the kernel")?;
        Ok(Self {
            socket,
            received: Vec::new(),
            sequence: 0,
        })
    }

    /// Sends a request. Returns the answer, or nothing if the kernel only acknowledges.
    fn ask<M: Message>(&mut self, request: M, flags: u16) -> Result<Option<M>> {
        self.sequence += 1;
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(request));
        message.finalize();
        let mut bytes = vec![0; message.buffer_len()];
        message.serialize(&mut bytes);
        self.socket
            .send(&bytes, 0)
            .context("cannot send the request")?;
        loop {
            let reply = self.receive::<M>()?;
            if reply.header.sequence_number != self.sequence {
                continue;
            }
            return match reply.payload {
                NetlinkPayload::InnerMessage(reply) => Ok(Some(reply)),
                NetlinkPayload::Error(ErrorMessage { code: None, .. }) => Ok(None),
                NetlinkPayload::Error(error) => {
                    Err(error.to_io()).context("the kernel refused the request")
                }
                other => bail!("the kernel sent {other:?}"),
            };
        }
    }

    fn receive<M: Message>(&mut self) -> Result<NetlinkMessage<M>> {
        if self.received.is_empty() {
            self.received = loop {
                match self.socket.recv_from_full() {
                    Ok((bytes, _)) => break bytes,
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error).context("cannot receive"),
                }
            };
        }
        let message = NetlinkMessage::deserialize(&self.received)
            .map_err(|error| anyhow!("the kernel's message makes no sense: {error}"))?;
        let length = (message.header.length as usize).next_multiple_of(4);
        self.received.drain(..length.min(self.received.len()));
        Ok(message)
    }
}

/// A message of any kind.
trait Message: NetlinkSerializable + NetlinkDeserializable<Error = DecodeError> + Debug {}

impl<M: NetlinkSerializable + NetlinkDeserializable<Error = DecodeError> + Debug> Message for M {}

/// A message to or from the module.
trait WithBody: Message {
    fn body(&self) -> &Body;
}

impl WithBody for Body {
    fn body(&self) -> &Body {
        self
    }
}

impl WithBody for GenlMessage<Body> {
    fn body(&self) -> &Body {
        &self.payload
    }
}

/// What the module and its clients say to each other.
#[derive(Debug)]
struct Body {
    command: u8,
    attributes: Vec<Attribute>,
}

impl Body {
    fn parse_attributes(command: u8, bytes: &[u8]) -> Result<Self, DecodeError> {
        let attributes = NlasIterator::new(bytes)
            .map(|it| Attribute::parse(&it?))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            command,
            attributes,
        })
    }
}

impl Emitable for Body {
    fn buffer_len(&self) -> usize {
        self.attributes.as_slice().buffer_len()
    }

    fn emit(&self, buffer: &mut [u8]) {
        self.attributes.as_slice().emit(buffer);
    }
}

impl NetlinkSerializable for Body {
    fn message_type(&self) -> u16 {
        self.command.into()
    }

    fn buffer_len(&self) -> usize {
        Emitable::buffer_len(self)
    }

    fn serialize(&self, buffer: &mut [u8]) {
        self.emit(buffer);
    }
}

impl NetlinkDeserializable for Body {
    type Error = DecodeError;

    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        Self::parse_attributes(header.message_type as u8, payload)
    }
}

impl GenlFamily for Body {
    fn family_name() -> &'static str {
        protocol::FAMILY
    }

    fn command(&self) -> u8 {
        self.command
    }

    fn version(&self) -> u8 {
        1
    }
}

impl ParseableParametrized<[u8], GenlHeader> for Body {
    fn parse_with_param(bytes: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        Self::parse_attributes(header.cmd, bytes)
    }
}

#[derive(Debug)]
enum Attribute {
    Text(String),
    List(Vec<u32>),
    Number(u32),
    Sum(u64),
    Served(u64),
    Other(DefaultNla),
}

impl Attribute {
    fn numbers(list: &[u32]) -> Vec<Self> {
        list.iter().copied().map(Self::Number).collect()
    }
}

impl Nla for Attribute {
    fn value_len(&self) -> usize {
        match self {
            Self::Text(text) => text.len() + 1,
            Self::List(list) => Self::numbers(list).as_slice().buffer_len(),
            Self::Number(_) => 4,
            Self::Sum(_) | Self::Served(_) => 8,
            Self::Other(other) => other.value_len(),
        }
    }

    fn kind(&self) -> u16 {
        match self {
            Self::Text(_) => protocol::TEXT,
            Self::List(_) => protocol::LIST,
            Self::Number(_) => protocol::NUMBER,
            Self::Sum(_) => protocol::SUM,
            Self::Served(_) => protocol::SERVED,
            Self::Other(other) => other.kind(),
        }
    }

    fn is_nested(&self) -> bool {
        matches!(self, Self::List(_))
    }

    fn emit_value(&self, buffer: &mut [u8]) {
        match self {
            Self::Text(text) => {
                buffer[..text.len()].copy_from_slice(text.as_bytes());
                buffer[text.len()] = 0;
            }
            Self::List(list) => Self::numbers(list).as_slice().emit(buffer),
            Self::Number(number) => emit_u32(buffer, *number).expect("the length is right"),
            Self::Sum(number) | Self::Served(number) => {
                buffer.copy_from_slice(&number.to_ne_bytes())
            }
            Self::Other(other) => other.emit_value(buffer),
        }
    }
}

impl<'a, T: AsRef<[u8]> + ?Sized> Parseable<NlaBuffer<&'a T>> for Attribute {
    fn parse(attribute: &NlaBuffer<&'a T>) -> Result<Self, DecodeError> {
        let value = attribute.value();
        Ok(match attribute.kind() {
            protocol::TEXT => Self::Text(parse_string(value)?),
            protocol::SUM => Self::Sum(parse_u64(value)?),
            protocol::SERVED => Self::Served(parse_u64(value)?),
            _ => Self::Other(DefaultNla::parse(attribute)?),
        })
    }
}
