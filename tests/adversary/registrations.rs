// SPDX-License-Identifier: GPL-2.0-only

//! Registrations that come and go in any order, by any thread, under odd names.
//!
//! What is to be done is written to `/proc/registrations`: one of `TRICKS`. A trick that turns out
//! otherwise than it should fails with `EPROTO`, after a line in the log.

use lkm::{
    prelude::*,
    relay, //
};

module! {
    type: Registrations,
    name: "registrations",
    authors: ["lkmpg-rs developers"],
    description: "Registrations that come and go",
    license: "GPL",
}

#[pin_data]
struct Registrations {
    #[pin]
    _control: proc_fs::File<Control>,
}

impl kernel::InPlaceModule for Registrations {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _control <- proc_fs::File::new(
                proc_fs::Options::new(c"registrations", 0o200),
                pin_init!(Control { kept <- new_mutex!(KVec::new()) }? Error),
            ),
        })
    }
}

type Trick = fn(&Control) -> Result;

const TRICKS: &[(&str, Trick)] = &[
    ("churn", |_| churn()),
    ("keep", Control::keep),
    ("let go", Control::let_go),
    ("threads", |_| threads()),
    ("twice", |_| twice()),
    ("names", |_| names()),
    ("notify", |_| notify()),
    ("modes", |_| modes()),
    ("numbers", |_| numbers()),
    ("sizes", |_| sizes()),
    #[cfg(CONFIG_NET)]
    ("socket", Control::socket),
];

#[pin_data]
struct Control {
    #[pin]
    kept: Mutex<KVec<Any>>,
}

#[vtable]
impl proc_fs::Show for Control {
    fn show(&self, _out: &mut SeqFile) -> Result {
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let message = Message::<32>::copy_from(data)?;
        let trick = TRICKS
            .iter()
            .find(|it| it.0.as_bytes() == message.as_bytes());
        trick.ok_or(EINVAL)?.1(self)?;
        Ok(length)
    }
}

impl Control {
    /// Leaves one of each to those who open it.
    fn keep(&self) -> Result {
        let all = all()?;
        *self.kept.lock() = all;
        Ok(())
    }

    /// Leaves the kernel's end of a netlink protocol.
    #[cfg(CONFIG_NET)]
    fn socket(&self) -> Result {
        let socket = netlink::Socket::new(netlink::Config::new(29), Arc::new(Value, GFP_KERNEL)?)?;
        Ok(self.kept.lock().push(Any::Socket(socket), GFP_KERNEL)?)
    }

    /// Takes them away.
    fn let_go(&self) -> Result {
        let all = core::mem::take(&mut *self.kept.lock());
        drop(all);
        Ok(())
    }
}

/// One of what can be registered.
#[expect(dead_code, reason = "they are only kept, and dropped")]
enum Any {
    Device(chrdev::Registration<File>),
    Node(proc_fs::Node<File>),
    File(Pin<KBox<proc_fs::File<Value>>>),
    Debugfs(debugfs::Node<File>),
    Number(debugfs::Number<u32>),
    Blob(debugfs::Blob),
    Directory(sysfs::Directory<Value>),
    Misc(misc::Registration<File>),
    Channel(relay::Channel),
    #[cfg(CONFIG_NET)]
    Socket(netlink::Socket<Value>),
}

/// One of each.
fn all() -> Result<KVec<Any>> {
    let data = Arc::new((), GFP_KERNEL)?;
    let value = Arc::new(Value, GFP_KERNEL)?;
    let folder = proc_fs::Directory::new(proc_fs::Options::new(c"adversary", 0o500))?;
    let file = |name| proc_fs::Options::new(name, 0o600).within(folder.clone());
    let debugfs = debugfs::Directory::new(c"adversary")?;
    let shape = relay::Options {
        subbuffer_size: 64,
        subbuffers: 2,
        mode: relay::Mode::Keep,
    };
    let mut all = KVec::new();
    for it in [
        Any::Device(chrdev::Registration::new(
            chrdev::Options::new(c"adversary").nodes(2),
            data.clone(),
        )?),
        Any::Misc(misc::Registration::new(
            c"adversary_misc",
            0o600,
            data.clone(),
        )?),
        Any::Node(proc_fs::Node::new(file(c"node"), data.clone())?),
        Any::File(KBox::pin_init(
            proc_fs::File::new(file(c"file"), Value),
            GFP_KERNEL,
        )?),
        Any::Debugfs(debugfs::Node::new(debugfs.clone(), c"node", 0o600, data)?),
        Any::Channel(relay::new_channel!(debugfs.clone(), c"ring", shape)?),
        Any::Number(debugfs::Number::new(debugfs.clone(), c"number", 0o600, 1)?),
        Any::Blob(debugfs::Blob::new(
            debugfs,
            c"blob",
            0o600,
            KVec::from_elem(7, 100, GFP_KERNEL)?,
        )?),
        Any::Directory(sysfs::Directory::new(c"adversary", value)?),
    ] {
        all.push(it, GFP_KERNEL)?;
    }
    Ok(all)
}

/// Many, that go in another order each time.
fn churn() -> Result {
    for round in 0..20 {
        let mut all = all()?;
        while !all.is_empty() {
            drop(all.remove(round % all.len()));
        }
    }
    Ok(())
}

/// Some that another thread takes away.
fn threads() -> Result {
    let all = all()?;
    let thread = kthread::spawn(c"adversary", move |_| drop(all))?;
    thread.join().ok_or(EPROTO)?;
    // They are gone, so there can be others.
    self::all().map(drop)
}

/// What is there cannot be registered, and stays as it is.
fn twice() -> Result {
    let _all = all()?;
    for _ in 0..3 {
        check("twice", all().map(drop), &[EBUSY, EEXIST])?;
        let options = chrdev::Options::new(c"adversary");
        let data = Arc::new((), GFP_KERNEL)?;
        check(
            "class",
            chrdev::Registration::<File>::new(options, data).map(drop),
            &[EEXIST],
        )?;
        check(
            "debugfs",
            debugfs::Directory::new(c"adversary").map(drop),
            &[EEXIST],
        )?;
        let value = Arc::new(Value, GFP_KERNEL)?;
        check(
            "sysfs",
            sysfs::Directory::new(c"adversary", value).map(drop),
            &[EEXIST],
        )?;
        let data = Arc::new((), GFP_KERNEL)?;
        let misc = misc::Registration::<File>::new(c"adversary_misc", 0o600, data);
        check("misc", misc.map(drop), &[EEXIST])?;
    }
    Ok(())
}

/// Names that no file can have.
fn names() -> Result {
    const LONG: &CStr = {
        const BYTES: [u8; 257] = {
            let mut bytes = [b'n'; 257];
            bytes[256] = 0;
            bytes
        };
        match CStr::from_bytes_with_nul(&BYTES) {
            Ok(name) => name,
            Err(_) => panic!(),
        }
    };
    let errors = &[EINVAL, EACCES, ENAMETOOLONG, EEXIST, EBUSY];
    let data = Arc::new((), GFP_KERNEL)?;
    let value = Arc::new(Value, GFP_KERNEL)?;
    let folder = debugfs::Directory::new(c"adversary")?;
    for name in [
        c"",
        c".",
        c"..",
        c"/",
        c"a/b",
        c"../adversary",
        c"/etc",
        LONG,
    ] {
        let options = proc_fs::Options::new(name, 0o600);
        check(
            "proc directory",
            proc_fs::Directory::new(options.clone()).map(drop),
            errors,
        )?;
        check(
            "proc node",
            proc_fs::Node::<File>::new(options, data.clone()).map(drop),
            errors,
        )?;
        check(
            "sysfs",
            sysfs::Directory::new(name, value.clone()).map(drop),
            errors,
        )?;
        let device = chrdev::Registration::<File>::new(chrdev::Options::new(name), data.clone());
        check("device", device.map(drop), errors)?;
        let misc = misc::Registration::<File>::new(name, 0o600, data.clone());
        check("misc", misc.map(drop), errors)?;
        check(
            "debugfs directory",
            debugfs::Directory::new(name).map(drop),
            errors,
        )?;
        let node = debugfs::Node::<File>::new(folder.clone(), name, 0o600, data.clone());
        check("debugfs node", node.map(drop), errors)?;
        let number = debugfs::Number::<u8>::new(folder.clone(), name, 0o600, 0);
        check("debugfs number", number.map(drop), errors)?;
        let blob = debugfs::Blob::new(folder.clone(), name, 0o600, KVec::new());
        check("debugfs blob", blob.map(drop), errors)?;
    }
    for name in [
        c"1",
        c"42",
        c"self",
        c"uptime",
        c"net",
        c"mdstat",
        c"crypto",
        c"megaraid",
    ] {
        let options = proc_fs::Options::new(name, 0o600);
        check("proc", proc_fs::Directory::new(options).map(drop), errors)?;
    }
    for name in [c"ath12k", c"tsens"] {
        check(
            "debugfs directory",
            debugfs::Directory::new(name).map(drop),
            errors,
        )?;
    }
    // Odd, but names.
    for name in [c" ", c"%s%n", c"\xff\xfe", c"...", c"a\nb"] {
        drop(proc_fs::Directory::new(proc_fs::Options::new(name, 0o600))?);
        drop(sysfs::Directory::new(name, value.clone())?);
        drop(debugfs::Directory::new(name)?);
        drop(misc::Registration::<File>::new(name, 0o600, data.clone())?);
        drop(chrdev::Registration::<File>::new(
            chrdev::Options::new(name),
            data.clone(),
        )?);
    }
    Ok(())
}

/// Attributes that are groups, none, or somebody else's.
fn notify() -> Result {
    let directory = sysfs::Directory::new(c"adversary", Arc::new(Value, GFP_KERNEL)?)?;
    let names = [c"", c".", c"..", c"value", c"group", c"a/b"];
    for name in names {
        directory.notify(None, name);
        for group in names {
            directory.notify(Some(group), name);
        }
    }
    Ok(())
}

/// Modes that are none, or more.
fn modes() -> Result {
    let data = Arc::new((), GFP_KERNEL)?;
    let folder = debugfs::Directory::new(c"adversary")?;
    for mode in [
        0,
        0o1000,
        0o4755,
        0o7777,
        0o060_666,
        0o120_777,
        0o170_644,
        u16::MAX,
    ] {
        let options = proc_fs::Options::new(c"adversary", mode);
        check(
            "proc",
            proc_fs::Directory::new(options.clone()).map(drop),
            &[EINVAL],
        )?;
        check(
            "node",
            proc_fs::Node::<File>::new(options, data.clone()).map(drop),
            &[EINVAL],
        )?;
        let options = chrdev::Options::new(c"adversary").mode(mode);
        let device = chrdev::Registration::<File>::new(options, data.clone());
        check("device", device.map(drop), &[EINVAL])?;
        let misc = misc::Registration::<File>::new(c"adversary_misc", mode, data.clone());
        check("misc", misc.map(drop), &[EINVAL])?;
        let node = debugfs::Node::<File>::new(folder.clone(), c"node", mode, data.clone());
        check("debugfs", node.map(drop), &[EINVAL])?;
        let number = debugfs::Number::<u8>::new(folder.clone(), c"number", mode, 0);
        check("number", number.map(drop), &[EINVAL])?;
        let blob = debugfs::Blob::new(folder.clone(), c"blob", mode, KVec::new());
        check("blob", blob.map(drop), &[EINVAL])?;
    }
    Ok(())
}

/// Device numbers that there cannot be.
fn numbers() -> Result {
    let data = Arc::new((), GFP_KERNEL)?;
    let options = chrdev::Options::new(c"adversary");
    for options in [
        options.major(512),
        options.major(u32::MAX),
        options.minors(0),
        options.minors((1 << 20) + 1),
        options.minors(u32::MAX),
        options.nodes(257),
        options.nodes(u32::MAX),
        options.minors(1 << 20).nodes(4097),
    ] {
        let device = chrdev::Registration::<File>::new(options, data.clone());
        check("device", device.map(drop), &[EINVAL])?;
    }
    for options in [
        options.nodes(0),
        options.minors(1 << 20),
        options.major(511).minors(1 << 20),
    ] {
        drop(chrdev::Registration::<File>::new(options, data.clone())?);
    }
    Ok(())
}

/// Blobs without a byte, and with many.
fn sizes() -> Result {
    let folder = debugfs::Directory::new(c"adversary")?;
    for size in [0, 1, 4095, 4096, 1 << 20] {
        let bytes = KVec::from_elem(7, size, GFP_KERNEL)?;
        let blob = debugfs::Blob::new(folder.clone(), c"blob", 0o600, bytes)?;
        let mut out = [0; 8];
        for offset in [0, size, size + 1, isize::MAX as usize, usize::MAX] {
            blob.read(offset, &mut out);
        }
    }
    Ok(())
}

fn check(what: &str, result: Result, errors: &[Error]) -> Result {
    match result {
        Err(e) if errors.contains(&e) => Ok(()),
        other => {
            pr_err!("{what}: {other:?}\n");
            Err(EPROTO)
        }
    }
}

struct File;

#[vtable]
impl FileOperations for File {
    type Data = ();

    fn open(_data: ArcBorrow<'_, ()>, file: &OpenFile) -> impl PinInit<Self, Error> {
        // There is nothing yet to be rewound.
        file.rewind();
        Ok(Self)
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        read_from_buffer(out, pos, b"here")
    }
}

struct Value;

#[vtable]
impl proc_fs::Show for Value {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "here");
        Ok(())
    }
}

impl sysfs::Attributes for Value {
    const GROUPS: &'static [sysfs::Group<Self>] =
        &[sysfs::Group::new(&[sysfs::Attribute::read_only(
            c"value",
            |_, out| out.push(b"here"),
        )])];
}

#[cfg(CONFIG_NET)]
impl netlink::Protocol for Value {
    fn receive(&self, _request: &netlink::Request<'_>) -> Result {
        Ok(())
    }
}
