// SPDX-License-Identifier: GPL-2.0-only

//! A netlink family that sends a text back.

use lkm::{
    netlink::{
        Command,
        Commands,
        GenlInfo,
        Key,
        Policy,
        Registration,
        Str, //
    },
    prelude::*,
};

module! {
    type: NetlinkUpper,
    name: "netlink_upper",
    authors: ["lkmpg-rs developers"],
    description: "Sends a text back",
    license: "GPL",
}

const ECHO: u8 = 16;
const TEXT: Key<Str<256>> = Key::new(1);
const SUM: Key<u64> = Key::new(4);

netlink::family! {
    static FAMILY: Upper;
}

struct NetlinkUpper {
    _family: Registration<Upper>,
}

impl kernel::Module for NetlinkUpper {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        Ok(NetlinkUpper {
            _family: FAMILY.register(Arc::new(Upper, GFP_KERNEL)?)?,
        })
    }
}

struct Upper;

impl Commands for Upper {
    const NAME: &'static CStr = c"chan_netlink";
    const VERSION: u8 = 1;
    const ATTRIBUTES: &'static [Policy] = &[TEXT.policy()];
    const GROUPS: &'static [&'static CStr] = &[c"events"];
    const COMMANDS: &'static [Command<Self>] = &[Command::new(ECHO, Upper::on_echo)];
}

impl Upper {
    fn on_echo(&self, request: &GenlInfo<'_>) -> Result {
        let text = request.attributes().require(TEXT)?;
        let mut upper = Message::<256>::new();
        let mut changed = 0_u64;
        for byte in text.bytes() {
            changed += u64::from(byte.is_ascii_lowercase());
            upper.push(&[byte.to_ascii_uppercase()]);
        }
        let upper = core::str::from_utf8(upper.as_bytes()).map_err(|_| EINVAL)?;
        let mut reply = request.reply(ECHO)?;
        reply.put(TEXT, upper)?;
        reply.put(SUM, changed)?;
        request.send(reply)
    }
}
