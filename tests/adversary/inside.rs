// SPDX-License-Identifier: GPL-2.0-only

//! Uses a file in what C calls with a lock that a file may take, too.

use kernel::{
    devres::Devres,
    faux,
    str::CString, //
};
use lkm::{
    configfs::{
        self,
        Attribute,
        Item,
        Subsystem, //
    },
    file,
    hwmon::{
        self,
        Chip,
        Temperature, //
    },
    mmap::{
        Area,
        SharedPage, //
    },
    prelude::*, //
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
    _device: misc::Registration<Opened>,
    _configfs: Subsystem<Folder>,
    // Before what it is registered for.
    _hwmon: Devres<hwmon::Registration<Zero>>,
    _sensors: faux::Registration,
}

impl kernel::Module for Inside {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let sensors = faux::Registration::new(c"inside", None)?;
        let other = misc::Registration::new(c"inside_other", 0o600, Arc::new((), GFP_KERNEL)?)?;
        let kept = pin_init!(Kept {
            other <- new_mutex!(Some(other)),
            file <- new_mutex!(None),
        });
        let kept = Arc::pin_init(kept, GFP_KERNEL)?;
        let opening = proc_fs::Options::new(c"inside", 0o444);
        let zero = Arc::new(Zero, GFP_KERNEL)?;
        Ok(Self {
            _opening: KBox::pin_init(proc_fs::File::new(opening, Opening), GFP_KERNEL)?,
            _device: misc::Registration::new(c"inside", 0o600, kept)?,
            _configfs: configfs::new_subsystem!(c"inside", Folder)?,
            _hwmon: hwmon::Registration::new(sensors.as_ref().as_ref(), c"inside", zero)?,
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
