// SPDX-License-Identifier: GPL-2.0-only

//! Uses a file in what C calls with a lock that a file may take, too.

use core::fmt::Write as _;
use kernel::{
    devres::Devres,
    error::to_result,
    str::CString, //
};
use lkm::{
    configfs::{
        self,
        Attribute,
        Item,
        Subsystem, //
    },
    faux, file,
    hwmon::{
        self,
        Chip,
        Temperature, //
    },
    mmap::{
        Area,
        SharedPage, //
    },
    prelude::*,
    sysfs::{
        self,
        Attributes,
        Binary,
        Group, //
    },
};

module! {
    type: Inside,
    name: "inside",
    authors: ["lkmpg-rs developers"],
    description: "Reads a file where it must not",
    license: "GPL",
}

module_params! {
    look: u8 {
        default: 0,
        description: "Look at a file when this is set",
        permissions: 0o644,
        on_set: |_| {
            pr_info!("look: {}, more: {}\n", errno(), more());
            file::read(c"/proc/version", 4096).map(drop)
        },
    },
}

struct Inside {
    _opening: Pin<KBox<proc_fs::File<Opening>>>,
    _looking: Pin<KBox<proc_fs::File<Looking>>>,
    _listing: Pin<KBox<proc_fs::Listing<Looking>>>,
    _directory: sysfs::Directory<Looking>,
    _device: misc::Registration<Opened>,
    _configfs: Subsystem<Folder>,
    // Before what it is registered for.
    _hwmon: Devres<hwmon::Registration<Zero>>,
    _sensors: faux::Registration,
}

impl kernel::Module for Inside {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let sensors = faux::Registration::new(c"inside")?;
        let other = misc::Registration::new(c"inside_other", 0o600, Arc::new((), GFP_KERNEL)?)?;
        let kept = pin_init!(Kept {
            other <- new_mutex!(Some(other)),
            file <- new_mutex!(None),
        });
        let kept = Arc::pin_init(kept, GFP_KERNEL)?;
        let opening = proc_fs::Options::new(c"inside", 0o444);
        let looking = proc_fs::Options::new(c"inside_looks", 0o444);
        let listing = proc_fs::Options::new(c"inside_lists", 0o444);
        let looks = Arc::new(Looking, GFP_KERNEL)?;
        let zero = Arc::new(Zero, GFP_KERNEL)?;
        Ok(Self {
            _opening: KBox::pin_init(proc_fs::File::new(opening, Opening), GFP_KERNEL)?,
            _looking: KBox::pin_init(proc_fs::File::new(looking, Looking), GFP_KERNEL)?,
            _listing: KBox::pin_init(proc_fs::Listing::new(listing, Looking), GFP_KERNEL)?,
            _directory: sysfs::Directory::new(c"inside", looks)?,
            _device: misc::Registration::new(c"inside", 0o600, kept)?,
            _configfs: configfs::new_subsystem!(c"inside", Folder)?,
            _hwmon: hwmon::Registration::new(sensors.as_ref(), c"inside", zero)?,
            _sensors: sensors,
        })
    }
}

/// The number of the error that any file fails with there.
fn errno() -> c_long {
    let read = file::read(c"/proc/version", 4096);
    read.err().map_or(0, |e| e.to_errno() as c_long)
}

/// The number of the error that another device fails with there.
fn more() -> c_int {
    let data = Arc::new((), GFP_KERNEL);
    let more = data
        .map_err(Error::from)
        .and_then(|data| misc::Registration::<Other>::new(c"inside_more", 0o600, data));
    more.err().map_or(0, Error::to_errno)
}

struct Folder;

impl Item for Folder {
    type Child = Self;
    const ATTRIBUTES: &'static [Attribute<Self>] =
        &[Attribute::read_only(c"errno", |_, out| out.line(errno()))];

    fn make(&self, name: &CStr) -> impl PinInit<Self, Error> {
        pr_info!("{name}: {}\n", errno());
        Ok(Folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        pr_info!("Gone: {}\n", errno());
    }
}

struct Zero;

impl Chip for Zero {
    const READ: &'static [Temperature] = &[Temperature::Input];

    fn read(&self, _what: Temperature) -> Result<c_long> {
        Ok(errno())
    }
}

/// Reads itself, and others of its kind, where C has locked what is read, and a file that is none of these.
struct Looking;

/// The numbers of the errors.
fn reading() -> [c_int; 4] {
    let files = [
        c"/proc/inside_looks",
        c"/sys/kernel/inside/errors",
        c"/sys/kernel/debug/devices_deferred",
        c"/init",
    ];
    files.map(|file| {
        let read = file::Options::new().read().open(file);
        let read = read.and_then(|mut it| it.size().and(it.read(&mut [0; 9])));
        read.err().map_or(0, Error::to_errno)
    })
}

#[vtable]
impl proc_fs::Show for Looking {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{:?}\n", reading());
        Ok(())
    }
}

#[vtable]
impl proc_fs::Sequence for Looking {
    type Locked<'a> = [c_int; 4];

    fn lock(&self) -> [c_int; 4] {
        reading()
    }

    fn next(_locked: &[c_int; 4], from: u64) -> Option<u64> {
        (from == 0 && reading() == reading()).then_some(0)
    }

    fn show(locked: &[c_int; 4], _key: u64, out: &mut SeqFile) -> Result {
        seq_print!(out, "{locked:?} {:?}\n", reading());
        Ok(())
    }
}

impl Attributes for Looking {
    const GROUPS: &'static [Group<Self>] = &[Group::new(&[sysfs::Attribute::read_write(
        c"errors",
        |_, out| writeln!(out, "{:?}", reading()).map_err(|_| EFBIG),
        |_, _| to_result(reading()[1]),
    )])
    .binaries(&[Binary::read_write(
        c"bytes",
        0,
        |_, _, _| to_result(reading()[1]),
        |_, _, bytes| to_result(reading()[0]).map(|()| bytes.len()),
    )])];
}

/// What its `open` drops.
struct Other;

#[vtable]
impl FileOperations for Other {
    type Data = ();

    fn open(_data: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Other)
    }
}

/// Opens what is there, which may be a FIFO that its reader has locked, or creates it.
struct Opening;

#[vtable]
impl proc_fs::Show for Opening {
    fn show(&self, out: &mut SeqFile) -> Result {
        let there = file::Options::new().read().write();
        let [there, created] = [there, there.create()].map(|options| {
            let opened = options.open(c"/tmp/inside");
            opened.err().map_or(0, Error::to_errno)
        });
        seq_print!(out, "{there} {created}\n");
        Ok(())
    }
}

/// What the next `open` drops.
#[pin_data]
struct Kept {
    #[pin]
    other: Mutex<Option<misc::Registration<Other>>>,
    #[pin]
    file: Mutex<Option<file::File>>,
}

struct Opened {
    /// Those of `poll`, `mmap` and `fault`, which `read` returns.
    errors: [Atomic<i32>; 3],
    kept: Arc<Kept>,
}

#[vtable]
impl FileOperations for Opened {
    type Data = Kept;

    fn open(kept: ArcBorrow<'_, Kept>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        pr_info!("open: {}, more: {}\n", errno(), more());
        drop((kept.other.lock().take(), kept.file.lock().take()));
        Ok(Opened {
            errors: [const { Atomic::new(0) }; 3],
            kept: kept.into(),
        })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let [poll, mmap, fault] = &self.errors;
        let errors = (poll.load(Relaxed), mmap.load(Relaxed), fault.load(Relaxed));
        let text = CString::try_from_fmt(fmt!("{errors:?}"))?;
        read_from_buffer(out, pos, text.to_bytes())
    }

    /// Appends to what is there, which has to be copied first if it is in a layer below.
    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let there = file::Options::new().append().open(c"/tmp/inside")?;
        let written = there.write_from(data, &mut 0);
        *self.kept.file.lock() = Some(there);
        written
    }

    fn size(&self) -> Offset {
        0
    }

    fn poll<'a>(&'a self, _file: &OpenFile, _table: &PollTable<'a>) -> Events {
        self.errors[0].store(errno() as i32, Relaxed);
        Events::NONE
    }

    fn mmap(&self, _file: &OpenFile, _area: &Area) -> Result {
        self.errors[1].store(errno() as i32, Relaxed);
        Ok(())
    }

    fn fault(&self, _file: &OpenFile, _page: usize) -> Result<SharedPage> {
        self.errors[2].store(errno() as i32, Relaxed);
        SharedPage::new()
    }
}
