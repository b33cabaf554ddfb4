// SPDX-License-Identifier: GPL-2.0-only

//! Channels: netlink, messages both ways.
//!
//! ```console
//! # insmod chan_netlink.ko
//! chan_netlink: Talk to netlink protocol 31, or the family chan_netlink
//! # genl ctrl get name chan_netlink
//! ...
//! Name: chan_netlink
//! ...
//! # chan netlink echo hello 1 2 39              # by name: the generic family
//! text: hello
//! sum: 42
//! served: 1
//! # chan netlink --classic echo hello           # by number: a protocol of its own
//! text: hello
//! sum: 0
//! served: 2
//! # rmmod chan_netlink
//! ```
//!
//! netlink is a socket with the kernel at the other end. A message is a list of attributes, each with
//! a number, a length and a value, so a new one can be added later and old programs skip it. The
//! kernel checks types and lengths before the module sees the message. One request gets an answer, and
//! an event goes to everybody who joined a group.
//!
//! Here a text and lists of numbers come back with their sum (`echo`), and a process with privileges
//! can have a text sent to everybody who listens (`publish`, `listen`).
//!
//! Programs find a *family* by its name: this file. Before there were families, a module took a
//! protocol *number* of its own: `netlink_classic.rs`. There are only 32 numbers.
//!
//! The kernel loads the module when any user opens a socket of the number, or asks for the family: that
//! is what the aliases are for, as with the kernel's own protocols. `blacklist chan_netlink` in a file
//! of `/etc/modprobe.d` prevents it. `LKMPG_ADD=/usr/sbin/genl make vm` brings along the tool of the
//! second line.
//!
//! Changed from the survey: it has "only a constant to add to netlink.h". A family needs none.
//!
//! Where to look: `net/netlink/genetlink.c`, and `kernel/taskstats.c` for a family of the kernel's own.

use lkm::{
    netlink::{
        Attributes,
        Command,
        Commands,
        Config,
        GenlInfo,
        Key,
        Nested,
        Packet,
        Policy,
        Registration,
        Socket,
        Str, //
    },
    prelude::*, //
};

#[path = "netlink_classic.rs"]
mod classic;
#[allow(dead_code, reason = "the client needs more of it")]
#[path = "netlink_protocol.rs"]
mod protocol;

use protocol::{
    ECHO,
    EVENT,
    PUBLISH, //
};

module! {
    type: ChanNetlink,
    name: "chan_netlink",
    authors: ["lkmpg-rs developers"],
    description: "Talks to user space by netlink",
    license: "GPL",
    alias: ["net-pf-16-proto-31", "net-pf-16-proto-16-family-chan_netlink"],
}

module_params! {
    protocol_number: u8 {
        default: protocol::PROTOCOL,
        description: "The number of the classic socket's protocol",
        permissions: 0o444,
    },
}

// What a message may have in it: numbers that stand for these types.
// ANCHOR: keys
const TEXT: Key<Str<4096>> = Key::new(protocol::TEXT);
const LIST: Key<Nested> = Key::new(protocol::LIST);
const NUMBER: Key<u32> = Key::new(protocol::NUMBER);
const SUM: Key<u64> = Key::new(protocol::SUM);
const SERVED: Key<u64> = Key::new(protocol::SERVED);
// ANCHOR_END: keys

/// The classic socket's only group, which has a number only.
const GROUP: u32 = 1;

netlink::family! {
    static FAMILY: Channel;
}

struct ChanNetlink {
    _family: Registration<Channel>,
    _socket: Socket<Channel>,
}

impl kernel::Module for ChanNetlink {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let channel = Arc::new(
            Channel {
                served: Atomic::new(0),
            },
            GFP_KERNEL,
        )?;
        let number = protocol_number.value();
        let config = Config::new(number).groups(GROUP).open_groups();
        let module = ChanNetlink {
            _family: FAMILY.register(channel.clone())?,
            _socket: Socket::new(config, channel).inspect_err(|_| {
                pr_alert!("Sorry, there is no netlink protocol {number}, or somebody has it\n");
            })?,
        };
        pr_info!("Talk to netlink protocol {number}, or the family chan_netlink\n");
        Ok(module)
    }
}

/// What both ways lead to.
struct Channel {
    served: Atomic<u64>,
}

// ANCHOR: family
/// The family: its name, what a message may have in it, and a function for each command.
impl Commands for Channel {
    const NAME: &'static CStr = c"chan_netlink";
    const VERSION: u8 = 1;
    const ATTRIBUTES: &'static [Policy] = &[TEXT.policy(), LIST.policy()];
    const GROUPS: &'static [&'static CStr] = &[c"events"];
    const COMMANDS: &'static [Command<Self>] = &[
        Command::new(ECHO, Channel::on_echo),
        Command::new(PUBLISH, Channel::on_publish).privileged(),
    ];
}

impl Channel {
    fn on_echo(&self, request: &GenlInfo<'_>) -> Result {
        let mut reply = request.reply(ECHO)?;
        self.echo(request.attributes(), &mut reply)?;
        request.send(reply)
    }

    fn on_publish(&self, request: &GenlInfo<'_>) -> Result {
        let mut event = request.message(EVENT)?;
        self.publish(request.attributes(), &mut event)?;
        request.multicast(0, event).map(|_| ())
    }
}
// ANCHOR_END: family

impl Channel {
    // ANCHOR: echo
    fn echo(&self, request: Attributes<'_>, reply: &mut Packet) -> Result {
        let text = request.require(TEXT)?;
        let sum = match request.get(LIST)? {
            Some(list) => sum(list)?,
            None => 0,
        };
        reply.put(TEXT, text)?;
        reply.put(SUM, sum)?;
        reply.put(SERVED, self.served.fetch_add(1, Relaxed) + 1)
    }
    // ANCHOR_END: echo

    fn publish(&self, request: Attributes<'_>, event: &mut Packet) -> Result {
        event.put(TEXT, request.require(TEXT)?)?;
        event.put(SERVED, self.served.fetch_add(1, Relaxed) + 1)
    }
}

/// Adds up the numbers in a list, and in lists in it. How deep they may be is limited.
fn sum(list: Attributes<'_>) -> Result<u64> {
    let mut total = 0;
    for attribute in list {
        let attribute = attribute?;
        total += match attribute.number() {
            protocol::NUMBER => attribute.value(NUMBER)?.into(),
            protocol::LIST => sum(attribute.value(LIST)?)?,
            _ => return Err(EINVAL),
        };
    }
    Ok(total)
}
