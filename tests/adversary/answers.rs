// SPDX-License-Identifier: GPL-2.0-only

//! Callbacks that answer whatever they are told to.
//!
//! What is written to `/proc/answers/control` is the answer of all others: an error number if it is
//! negative, else a count. After `skip` a read advances over its buffer without a write.

use kernel::{
    devres::Devres,
    error::Error, //
};
use lkm::{
    faux,
    hwmon::{
        self,
        Temperature, //
    },
    ioctl,
    mmap::{
        Area,
        SharedPage, //
    },
    prelude::*, //
};

module! {
    type: Answers,
    name: "answers",
    authors: ["lkmpg-rs developers"],
    description: "Callbacks that answer whatever they are told to",
    license: "GPL",
}

static ANSWER: Atomic<i64> = Atomic::new(0);
static SKIP: Atomic<bool> = Atomic::new(false);

fn answer() -> Result<i64> {
    let answer = ANSWER.load(Relaxed);
    if answer < 0 {
        Err(Error::from_errno(answer as i32))
    } else {
        Ok(answer)
    }
}

#[pin_data]
struct Answers {
    _device: chrdev::Registration<Operations>,
    _misc: misc::Registration<Operations>,
    _node: proc_fs::Node<Operations>,
    _open: proc_fs::Node<Operations>,
    _debugfs: debugfs::Node<Operations>,
    _sysfs: sysfs::Directory<Values>,
    _configfs: configfs::Subsystem<Values>,
    // Goes before what is registered for it.
    _sensors: faux::Registration,
    _hwmon: Devres<hwmon::Registration<Values>>,
    #[pin]
    _show: proc_fs::File<Values>,
    #[pin]
    _control: proc_fs::File<Control>,
}

impl kernel::InPlaceModule for Answers {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        pin_init::pin_init_scope(move || {
            let folder = proc_fs::Directory::new(proc_fs::Options::new(c"answers", 0o500))?;
            let file = |name| proc_fs::Options::new(name, 0o600).within(folder.clone());
            let late = Arc::new(false, GFP_KERNEL)?;
            let device = chrdev::Registration::new(chrdev::Options::new(c"answers"), late.clone())?;
            let misc = misc::Registration::new(c"answers_misc", 0o600, late.clone())?;
            let node = proc_fs::Node::new(file(c"node"), late.clone())?;
            let open = proc_fs::Node::new(file(c"open"), Arc::new(true, GFP_KERNEL)?)?;
            let debugfs = debugfs::Directory::new(c"answers")?;
            let debugfs = debugfs::Node::new(debugfs, c"node", 0o600, late)?;
            let sysfs = sysfs::Directory::new(c"answers", Arc::new(Values, GFP_KERNEL)?)?;
            let configfs = configfs::new_subsystem!(c"answers", Values)?;
            let sensors = faux::Registration::new(c"answers")?;
            let values = Arc::new(Values, GFP_KERNEL)?;
            let hwmon = hwmon::Registration::new(sensors.as_ref(), c"answers", values)?;
            let (show, control) = (file(c"show"), file(c"control"));
            Ok(try_pin_init!(Self {
                _device: device,
                _misc: misc,
                _node: node,
                _open: open,
                _debugfs: debugfs,
                _sysfs: sysfs,
                _configfs: configfs,
                _sensors: sensors,
                _hwmon: hwmon,
                _show <- proc_fs::File::new(show, Values),
                _control <- proc_fs::File::new(control, Control),
            }))
        })
    }
}

struct Operations;

#[vtable]
impl FileOperations for Operations {
    /// Whether `open` is what answers.
    type Data = bool;

    fn open(early: ArcBorrow<'_, bool>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        if *early {
            answer()?;
        }
        Ok(Self)
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let count = answer()?;
        if SKIP.load(Relaxed) {
            out.advance(out.len());
        } else {
            *pos = count;
        }
        Ok(count as usize)
    }

    fn write(
        &self,
        _file: &OpenFile,
        pos: &mut Offset,
        _data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let count = answer()?;
        *pos = -count;
        Ok(count as usize)
    }

    fn size(&self) -> Offset {
        ANSWER.load(Relaxed)
    }

    fn poll(&self, _file: &OpenFile, _table: &PollTable<'_>) -> Events {
        Events::READABLE | Events::WRITABLE | Events::ERROR | Events::HANG_UP
    }

    fn ioctl(&self, _file: &OpenFile, _request: ioctl::Request) -> Result<isize> {
        // The numbers that a count stands for are errors, too, that nobody meant.
        answer().map(|count| -count as isize)
    }

    fn mmap(&self, _file: &OpenFile, area: &Area) -> Result {
        // There from now on, whatever is answered, and for whoever else had such a page.
        area.insert(0, &SharedPage::new()?)?;
        for index in [area.pages(), usize::MAX >> 12, usize::MAX] {
            if area.insert(index, &SharedPage::new()?) != Err(EINVAL) {
                return Err(EDOM);
            }
        }
        answer().map(drop)
    }
}

struct Values;

#[vtable]
impl proc_fs::Show for Values {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "shown");
        answer().map(drop)
    }

    fn write(&self, _data: &mut IovIterSource<'_>) -> Result<usize> {
        answer().map(|count| count as usize)
    }
}

/// How an attribute is read and written.
const VALUE: sysfs::Attribute<Values> = sysfs::Attribute::read_write(
    c"value",
    |_, out| {
        out.push(b"shown")?;
        answer().map(drop)
    },
    |_, _| answer().map(drop),
);

impl configfs::Item for Values {
    type Child = Self;
    const ATTRIBUTES: &'static [configfs::Attribute<Self>] = &[VALUE];

    fn make(&self, _name: &CStr) -> impl PinInit<Self, Error> {
        answer().map(|_| Values)
    }
}

impl hwmon::Chip for Values {
    const READ: &'static [Temperature] = &[Temperature::Input, Temperature::Input];
    const WRITE: &'static [Temperature] = &[Temperature::Max, Temperature::Input];

    fn read(&self, _what: Temperature) -> Result<c_long> {
        answer().map(|count| count as c_long)
    }

    fn write(&self, _what: Temperature, _value: c_long) -> Result {
        answer().map(drop)
    }
}

impl sysfs::Attributes for Values {
    const GROUPS: &'static [sysfs::Group<Self>] = &[sysfs::Group::new(&[VALUE]).binaries(&[
        sysfs::Binary::read_write(
            c"bytes",
            usize::MAX,
            |_, _, room| {
                room.push(b"shown");
                answer().map(drop)
            },
            |_, _, _| answer().map(|count| count as usize),
        ),
    ])];
}

struct Control;

#[vtable]
impl proc_fs::Show for Control {
    fn show(&self, _out: &mut SeqFile) -> Result {
        Ok(())
    }

    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = data.len();
        let message = Message::<32>::copy_from(data)?;
        let text = core::str::from_utf8(message.as_bytes()).map_err(|_| EINVAL)?;
        SKIP.store(text == "skip", Relaxed);
        if text != "skip" {
            ANSWER.store(text.parse().map_err(|_| EINVAL)?, Relaxed);
        } else {
            ANSWER.store(i64::MAX, Relaxed);
        }
        Ok(length)
    }
}
