// SPDX-License-Identifier: GPL-2.0-only

//! What `lkm::netlink` has and the sample `chan_netlink` does not need: the generic family `rest`.

use kernel::{
    iov::IovIterSource,
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        Mutex, //
    },
};
use lkm::{
    netlink::{
        self,
        Bytes,
        Command,
        Commands,
        Flag,
        GenlInfo,
        Key,
        Nested,
        Policy,
        Registration, //
    },
    proc_fs,
    seq_file::SeqFile,
};

module! {
    type: Rest,
    name: "family",
    authors: ["lkmpg-rs developers"],
    description: "A netlink family that explains itself",
    license: "GPL",
}

const BYTES: Key<Bytes<8>> = Key::new(1);
const REFUSE: Key<Flag> = Key::new(2);
const LIST: Key<Nested> = Key::new(3);
const ECHO: u8 = 1;
const NEWS: u8 = 2;

#[pin_data]
struct Rest {
    #[pin]
    _file: proc_fs::File<Publisher>,
}

impl kernel::InPlaceModule for Rest {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let family = FAMILY.register(Arc::new(Talk, GFP_KERNEL)?)?;
            let file = proc_fs::Options::new(c"family", 0o644);
            Ok(try_pin_init!(Self {
                _file <- proc_fs::File::new(file, Publisher::new(family)),
            }))
        })
    }
}

struct Talk;

netlink::family! {
    static FAMILY: Talk;
}

impl Commands for Talk {
    const NAME: &'static CStr = c"rest";
    const VERSION: u8 = 1;
    /// More than one message tells.
    const ATTRIBUTES: &'static [Policy] = &{
        let mut all = [REFUSE.policy(); 200];
        let mut number = 3;
        while number <= all.len() {
            all[number - 1] = Key::<Bytes<8>>::new(number as u16).policy();
            number += 1;
        }
        all[0] = BYTES.policy();
        all
    };
    const GROUPS: &'static [&'static CStr] = &[c"news"];
    const COMMANDS: &'static [Command<Self>] = &[Command::new(ECHO, Talk::echo)];
}

impl Talk {
    /// Puts the bytes into a list, where the sequence number has a flag beside them if it is odd.
    fn echo(&self, call: &GenlInfo<'_>) -> Result {
        let request = call.attributes();
        if request.get(REFUSE)?.is_some() {
            call.set_err_msg(c"it was asked to refuse");
            return Err(EPERM);
        }
        let bytes = request.require(BYTES)?;
        let mut reply = call.reply(ECHO)?;
        reply.nest(LIST, |list| {
            if call.header().sequence % 2 == 1 {
                list.put(REFUSE, ())?;
            }
            list.put(BYTES, bytes)
        })?;
        call.send(reply)
    }
}

/// `/proc/family`: whoever reads it has the group told, and whoever writes to it ends the family.
#[pin_data]
struct Publisher {
    #[pin]
    family: Mutex<Option<Registration<Talk>>>,
}

impl Publisher {
    fn new(family: Registration<Talk>) -> impl PinInit<Self> {
        pin_init!(Self {
            family <- new_mutex!(Some(family)),
        })
    }
}

#[vtable]
impl proc_fs::Show for Publisher {
    fn show(&self, out: &mut SeqFile) -> Result {
        let family = self.family.lock();
        let family = family.as_ref().ok_or(ENODEV)?;
        let mut news = family.message(NEWS)?;
        news.put(BYTES, b"news")?;
        let heard = family.multicast(0, news)?;
        kernel::seq_print!(out, "{heard}\n");
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        *self.family.lock() = None;
        Ok(data.len())
    }
}
