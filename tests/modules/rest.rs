// SPDX-License-Identifier: GPL-2.0-only

//! What `lkm` has and no sample needs. `/proc/rest/all` shows it, and changes what others show.

use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc, //
    },
};
use lkm::{
    debugfs,
    irq::{
        self,
        Flags,
        IrqReturn, //
    },
    kthread, proc_fs,
    seq_file::SeqFile,
    sysfs::{
        self,
        Attribute,
        Group,
        ShowBuf, //
    },
};

module! {
    type: Rest,
    name: "rest",
    authors: ["lkmpg-rs developers"],
    description: "Uses what lkm has and no sample needs",
    license: "GPL",
}

lkm::module_params! {
    text: str {
        default: c"as built",
        description: "A text that root may change",
        permissions: 0o644,
    },
    numbers: [u16; 2] {
        default: [1, 2],
        description: "Two numbers that root may change",
        permissions: 0o644,
    },
}

/// The keyboard's, which others share.
const LINE: u32 = 1;

#[pin_data]
struct Rest {
    #[pin]
    _file: proc_fs::File<Shown>,
}

impl kernel::InPlaceModule for Rest {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(|| {
            let folder = proc_fs::Options::new(c"rest", 0o500).owner(1000, 1000);
            let folder = proc_fs::Directory::new(folder)?;
            Ok(try_pin_init!(Self {
                _file <- proc_fs::File::new(
                    proc_fs::Options::new(c"all", 0o400).owner(1000, 5).within(folder),
                    Shown::new()?,
                ),
            }))
        })
    }
}

struct Shown {
    line: Pin<KBox<irq::Registration<Interrupts>>>,
    number: debugfs::Number<u32>,
    blob: debugfs::Blob,
    directory: sysfs::Directory<Count>,
    thread: kthread::Thread<()>,
}

impl Shown {
    fn new() -> Result<Self> {
        // Nobody would unmask the line again.
        let oneshot = irq::Registration::new(LINE, Flags::ONESHOT, c"rest too", Interrupts::new());
        if KBox::pin_init(oneshot, GFP_KERNEL).err() != Some(EINVAL) {
            return Err(EINVAL);
        }
        let line = irq::Registration::new(LINE, Flags::SHARED, c"rest", Interrupts::new());
        let files = debugfs::Directory::new(c"rest")?;
        let count = Arc::new(Count(Atomic::new(0)), GFP_KERNEL)?;
        let mut bytes = KVec::new();
        bytes.extend_from_slice(b"a blob", GFP_KERNEL)?;
        Ok(Self {
            line: KBox::pin_init(line, GFP_KERNEL)?,
            number: debugfs::Number::new(files.clone(), c"number", 0o600, 7)?,
            blob: debugfs::Blob::new(files, c"blob", 0o600, bytes)?,
            directory: sysfs::Directory::new(c"rest", count)?,
            thread: kthread::spawn(c"rest", |me| while me.park() {})?,
        })
    }
}

#[vtable]
impl proc_fs::Show for Shown {
    fn show(&self, out: &mut SeqFile) -> Result {
        let mut blob = [0; 4];
        let length = self.blob.read(2, &mut blob);
        let blob = blob.get(..length).unwrap_or_default();
        kernel::seq_print!(out, "interrupts {}\n", self.line.0.load(Relaxed));
        kernel::seq_print!(out, "number {}\n", self.number.get());
        kernel::seq_print!(out, "blob {}\n", core::str::from_utf8(blob).unwrap_or("?"));
        let params = lkm::params::lock();
        let (line, pair) = (text.get(&params), numbers.get(&params));
        kernel::seq_print!(out, "text {line}\nnumbers {pair:?}\n");
        drop(params);
        kernel::seq_print!(out, "thread {}\n", self.thread.task().pid());
        self.number.set(self.number.get() + 1);
        self.directory.data().0.fetch_add(1, Relaxed);
        self.directory.notify(None, c"count");
        Ok(())
    }
}

/// How many there were on the line.
struct Interrupts(Atomic<u64>);

impl Interrupts {
    fn new() -> Self {
        Self(Atomic::new(0))
    }
}

impl irq::Handler for Interrupts {
    fn handle(&self) -> IrqReturn {
        self.0.fetch_add(1, Relaxed);
        IrqReturn::None
    }
}

/// `/sys/kernel/rest`: how often all was shown.
struct Count(Atomic<u64>);

impl sysfs::Attributes for Count {
    const GROUPS: &'static [Group<Self>] =
        &[Group::new(&[Attribute::read_only(c"count", |it, out| {
            ShowBuf::line(out, it.0.load(Relaxed))
        })])];
}
