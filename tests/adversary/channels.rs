// SPDX-License-Identifier: GPL-2.0-only

//! Relay, netlink and firmware with what nobody means: the load fails if one of them takes it.

use kernel::{
    new_spinlock,
    str::CString,
    sync::SpinLock, //
};
#[cfg(CONFIG_KPROBES)]
use lkm::kprobe;
use lkm::{
    debugfs::Directory,
    firmware::{
        self,
        Device,
        Fallback,
        Image,
        Receiver,
        Request, //
    },
    netlink::{
        Bytes,
        Command,
        Commands,
        Config,
        GenlInfo,
        Key,
        Nested,
        Packet,
        Policy,
        Protocol,
        Registration,
        Socket, //
    },
    new_timer,
    prelude::*,
    relay::{
        new_channel,
        Channel,
        Mode,
        Options, //
    },
    ring::Ring,
    timer::{
        self,
        Timer,
        TimerRestart, //
    },
};

module! {
    type: Channels,
    name: "channels",
    authors: ["lkmpg-rs developers"],
    description: "Relay, netlink and firmware with what nobody means",
    license: "GPL",
}

/// Dropped in this order, with a question open and a socket of its own.
struct Channels {
    _request: Request<Nobody>,
    _image: Request<InInterrupt>,
    _socket: Socket<Talk>,
    _family: Registration<Talk>,
}

impl kernel::Module for Channels {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        rings()?;
        relay()?;
        #[cfg(CONFIG_KPROBES)]
        probed()?;
        let (family, socket) = netlink()?;
        Ok(Self {
            _request: firmware()?,
            _image: in_interrupt()?,
            _socket: socket,
            _family: family,
        })
    }
}

const SIZES: [usize; 10] = [
    0,
    1,
    16,
    4095,
    4096,
    4 << 20,
    i32::MAX as usize,
    1 << 31,
    isize::MAX as usize,
    usize::MAX,
];

/// Says what went wrong: that something did not.
fn refused<T>(what: &str, result: Result<T>, error: Error) -> Result {
    match result {
        Err(e) if e == error => Ok(()),
        Err(e) => {
            pr_err!("{what}: {e:?} instead of {error:?}\n");
            Err(EDOM)
        }
        Ok(_) => {
            pr_err!("{what} was taken.\n");
            Err(EDOM)
        }
    }
}

fn rings() -> Result {
    for size in SIZES {
        match Ring::new(size) {
            Ok(ring) if (1..=1 << 16).contains(&size) => {
                // A position of another ring, far ahead.
                let mut ahead = ring.end();
                for _ in 0..100 {
                    ring.push(0);
                }
                let other = Ring::new(1)?;
                while ring.next(&mut ahead).is_some() {}
                holds(other.next(&mut ahead).is_none())?;
            }
            result => refused("a ring", result, EINVAL)?,
        }
    }
    Ok(())
}

fn holds(fact: bool) -> Result {
    if fact {
        Ok(())
    } else {
        pr_err!("A count is not what it should be.\n");
        Err(EDOM)
    }
}

fn relay() -> Result {
    let directory = Directory::new(c"channels")?;
    for mode in [Mode::Keep, Mode::Overwrite] {
        for subbuffer_size in SIZES {
            for subbuffers in SIZES {
                let options = Options {
                    subbuffer_size,
                    subbuffers,
                    mode,
                };
                let bytes = subbuffer_size.checked_mul(subbuffers);
                if (2..=1 << 19).contains(&subbuffers)
                    && bytes.is_some_and(|it| (1..1 << 31).contains(&it))
                {
                    // Only root asks for the others, which take all memory.
                    if bytes.is_some_and(|it| it <= 64 << 10) {
                        one_channel(&directory, options)?;
                    }
                    continue;
                }
                refused("a channel", channel(&directory, c"cpu", options), EINVAL)?;
            }
        }
    }
    let options = Options {
        subbuffer_size: 16,
        subbuffers: 2,
        mode: Mode::Keep,
    };
    // The name is that of the other.
    let first = channel(&directory, c"cpu", options)?;
    refused("a name", channel(&directory, c"cpu", options), EEXIST)?;
    // More than C has memory for in one piece.
    let mut huge = KVVec::from_elem(b'x', 5 << 20, GFP_KERNEL)?;
    huge.push(0, GFP_KERNEL)?;
    let huge = CStr::from_bytes_with_nul(&huge).map_err(|_| EDOM)?;
    refused("a huge name", channel(&directory, huge, options), EINVAL)?;
    // Gone in another order than they came.
    let mut many = KVec::new();
    for number in 0..100 {
        let name = CString::try_from_fmt(fmt!("{number}_"))?;
        many.push(channel(&directory, &name, options)?, GFP_KERNEL)?;
    }
    drop(first);
    while many.len() > 1 {
        drop(many.remove(many.len() / 2));
    }
    Ok(())
}

fn channel(directory: &Arc<Directory>, name: &CStr, options: Options) -> Result<Channel> {
    new_channel!(directory.clone(), name, options)
}

fn one_channel(directory: &Arc<Directory>, options: Options) -> Result {
    let channel = channel(directory, c"cpu", options)?;
    let mut bytes = KVVec::new();
    bytes.resize(options.subbuffer_size + 1, 0xaa, GFP_KERNEL)?;
    refused("a long write", channel.write(&bytes), EMSGSIZE)?;
    for length in [0, 1, options.subbuffer_size] {
        for _ in 0..3 {
            let _ = channel.write(bytes.get(..length).ok_or(EDOM)?);
            channel.flush();
        }
    }
    for cpu in [0, 1, u32::MAX] {
        for number in [0, 1, usize::MAX / 2, usize::MAX] {
            let _ = channel.padding(cpu, number);
            let state = channel.state(cpu);
            let _ = channel.consume(cpu, number);
            if let (Some(before), Some(after)) = (state, channel.state(cpu)) {
                holds(before.produced == after.produced && after.consumed <= after.produced)?;
            }
        }
    }
    Ok(())
}

/// Writes from within a write.
#[cfg(CONFIG_KPROBES)]
struct Again {
    channel: Arc<Channel>,
    refused: Atomic<u32>,
}

#[cfg(CONFIG_KPROBES)]
impl kprobe::Handler for Again {
    type Arguments = (usize,);

    fn entered(&self, _arguments: (usize,)) {
        if self.channel.write(b"again") == Err(EBUSY) {
            self.refused.fetch_add(1, Relaxed);
        }
    }
}

#[cfg(CONFIG_KPROBES)]
fn probed() -> Result {
    let options = Options {
        subbuffer_size: 16,
        subbuffers: 2,
        mode: Mode::Overwrite,
    };
    let channel = channel(&Directory::new(c"channels")?, c"cpu", options)?;
    let channel = Arc::new(channel, GFP_KERNEL)?;
    for symbol in [c"_raw_spin_unlock_irqrestore", c"_raw_spin_lock_irqsave"] {
        let again = Again {
            channel: channel.clone(),
            refused: Atomic::new(0),
        };
        let again = KBox::pin_init(kprobe::Probe::new(symbol, again), GFP_KERNEL)?;
        for _ in 0..100 {
            channel.write(b"once")?;
        }
        // With the lock still held. What a debug kernel does meanwhile may take locks of its own.
        let is_unlock = symbol == c"_raw_spin_unlock_irqrestore";
        holds(!is_unlock || again.refused.load(Relaxed) > 0)?;
    }
    Ok(())
}

const LIST: Key<Nested> = Key::new(1);
const BYTES: Key<Bytes<65535>> = Key::new(2);
const NUMBER: Key<u32> = Key::new(3);
const GROUP: u32 = 1;

struct Talk;

netlink::family! {
    static FAMILY: Talk;
}

impl Commands for Talk {
    const NAME: &'static CStr = c"channels";
    const VERSION: u8 = 1;
    const ATTRIBUTES: &'static [Policy] = &[LIST.policy(), BYTES.policy()];
    const GROUPS: &'static [&'static CStr] = &[c"all"];
    const COMMANDS: &'static [Command<Self>] = &[Command::new(1, |_talk, info: &GenlInfo<'_>| {
        // As many answers to one question as there is room for.
        while info.send(info.reply(1)?).is_ok() {}
        info.set_err_msg(c"");
        Err(Error::from_errno(-4095))
    })];
}

impl Protocol for Talk {
    fn receive(&self, request: &netlink::Request<'_>) -> Result {
        while request.send(request.reply(u16::MAX)?).is_ok() {}
        Err(Error::from_errno(-4095))
    }
}

fn netlink() -> Result<(Registration<Talk>, Socket<Talk>)> {
    let talk = Arc::new(Talk, GFP_KERNEL)?;
    for _ in 0..100 {
        let family = FAMILY.register(talk.clone())?;
        refused("a family twice", FAMILY.register(talk.clone()), EBUSY)?;
        for group in [1, 2, 255, u32::MAX] {
            refused(
                "a group",
                family.multicast(group, family.message(255)?),
                EINVAL,
            )?;
        }
        family.multicast(0, family.message(0)?)?;
    }
    for number in 0..=255 {
        // User space's own, the kernel's, or beyond the last.
        if matches!(number, 2 | 16 | 32..) {
            let error = if number == 16 { EBUSY } else { EINVAL };
            refused(
                "a protocol",
                Socket::new(Config::new(number), talk.clone()),
                error,
            )?;
        }
    }
    for groups in [65_537, u32::MAX] {
        let config = Config::new(30).groups(groups);
        refused("groups", Socket::new(config, talk.clone()), EINVAL)?;
    }
    let socket = Socket::new(Config::new(30).groups(1 << 16).open_groups(), talk.clone())?;
    for group in [0, GROUP, 32, 1 << 16, u32::MAX] {
        socket.multicast(group, packet()?)?;
    }
    small_parts()?;
    Ok((FAMILY.register(talk)?, socket))
}

/// Many small attributes take as much memory as one large one.
fn small_parts() -> Result {
    let mut packet = Packet::new(1)?;
    for number in 0..5_000 {
        packet.put(NUMBER, number)?;
    }
    Ok(())
}

/// A packet of which every part is as long as it can be, or longer.
fn packet() -> Result<Packet> {
    let mut packet = Packet::new(u16::MAX)?;
    let mut bytes = KVVec::new();
    bytes.resize(65_536, 0, GFP_KERNEL)?;
    for length in [0, 1, 65_531] {
        packet.put(BYTES, bytes.get(..length).ok_or(EDOM)?)?;
    }
    for length in [65_532, 65_536] {
        let put = packet.put(BYTES, bytes.get(..length).ok_or(EDOM)?);
        refused("a long attribute", put, EMSGSIZE)?;
    }
    nest(&mut packet, 50)?;
    let failed = packet.nest(LIST, |packet| {
        packet.append(b"half")?;
        Err(EDOM)
    });
    refused("half an attribute", failed, EDOM)?;
    Ok(packet)
}

fn nest(packet: &mut Packet, depth: u32) -> Result {
    match depth.checked_sub(1) {
        Some(rest) => packet.nest(LIST, |packet| nest(packet, rest)),
        None => Ok(()),
    }
}

struct Nobody;

impl Receiver for Nobody {
    fn receive(&self, _image: Option<Image>) {}
}

/// Drops an image in an interrupt.
#[pin_data]
struct InInterrupt {
    #[pin]
    timer: Timer<Holder>,
}

#[pin_data]
struct Holder {
    #[pin]
    image: SpinLock<Option<Image>>,
}

impl timer::Handler for Holder {
    fn expired(&self) -> TimerRestart {
        // Whoever else takes the lock is done.
        if let Some(mut image) = self.image.try_lock() {
            *image = None;
            pr_info!("The image is gone.\n");
        }
        TimerRestart::NoRestart
    }
}

impl Receiver for InInterrupt {
    fn receive(&self, image: Option<Image>) {
        *self.timer.image.lock() = image;
        self.timer.start(1);
    }
}

fn in_interrupt() -> Result<Request<InInterrupt>> {
    let holder = pin_init!(Holder {
        image <- new_spinlock!(None),
    });
    let receiver = Arc::pin_init(
        try_pin_init!(InInterrupt {
            timer <- new_timer!(holder, "channels"),
        }),
        GFP_KERNEL,
    )?;
    let device = Device::new(c"channels image")?;
    Request::new(device, c"image.bin", Fallback::UserSpace, receiver)
}

fn firmware() -> Result<Request<Nobody>> {
    let long = CString::try_from_fmt(fmt!("{:0>256}", 0))?;
    let names = [
        c"", c".", c"..", c"/", c"/a", c"a/", c"a//b", c"./a", c"a/..", &long,
    ];
    for name in names {
        refused("a device", Device::new(name), EINVAL)?;
    }
    let device = Device::new(c"channels")?;
    refused("a device's name again", Device::new(c"channels"), EEXIST)?;
    let nobody = Arc::new(Nobody, GFP_KERNEL)?;
    let ask = |name| Request::new(device.clone(), name, Fallback::UserSpace, nobody.clone());
    for name in names {
        refused("a question", ask(name), EINVAL)?;
        refused("an image", Image::request((*device).as_ref(), name), EINVAL)?;
        refused("a name to abort", firmware::abort(name), EINVAL)?;
    }
    // Taken back before it is asked, while it is, or after.
    for _ in 0..20 {
        drop(ask(c"channels.bin")?);
    }
    // One at a time, or the kernel would have no workers left.
    let first = ask(c"same.bin")?;
    refused("a second question", ask(c"other.bin"), EBUSY)?;
    // Several of one name at once.
    let other = Device::new(c"other channels")?;
    let second = Request::new(other, c"same.bin", Fallback::UserSpace, nobody.clone())?;
    drop(first);
    drop(second);
    // A device may have these names.
    for name in [c"a!b", c"timeout"] {
        refused("a question of a device's name", ask(name), EINVAL)?;
    }
    ask(c"%s\xff")
}
