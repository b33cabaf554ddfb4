// SPDX-License-Identifier: GPL-2.0-only

//! Channels: sysfs, one value per file.
//!
//! ```console
//! # insmod chan_sysfs.ko
//! chan_sysfs: Talk to /sys/kernel/chan_sysfs
//! # cd /sys/kernel/chan_sysfs
//! # cat value stores
//! 0
//! 0
//! # echo 42 > value; cat value stores
//! 42
//! 1
//! # echo 4711 > value
//! bash: echo: write error: Numerical result out of range
//! # cat limits/max
//! 1000
//! # printf 'any bytes' > raw/bytes; head -c 16 raw/bytes | hexdump -C
//! 00000000  61 6e 79 20 62 79 74 65  73 00 00 00 00 00 00 00  |any bytes.......|
//! 00000010
//! # cd /; rmmod chan_sysfs
//! ```
//!
//! A value has a file of its own, so there is nothing to parse, and permissions are for each. A
//! process can poll `value`. When the module goes, it waits for those who are in a file.
//!
//! sysfs is the tree of the kernel's devices, buses and classes: a folder is an object (`kobject`), a
//! file is an attribute of it, a link is a relation. This object is nobody's device, so it is a bare
//! one in `/sys/kernel`. The survey tells of ReiserFS' plan to show what is known of any file in such
//! a way (`file/uid`). The kernel never took it, and a module cannot add it to other file systems.
//!
//! Where to look: `fs/sysfs/file.c`, `samples/kobject/`, and `Documentation/ABI` for what is promised.

use lkm::{
    prelude::*,
    sysfs::{
        Attribute,
        Attributes,
        Binary,
        Directory,
        Group,
        ReadBuf,
        ShowBuf,
        StoreBuf, //
    },
};

module! {
    type: ChanSysfs,
    name: "chan_sysfs",
    authors: ["lkmpg-rs developers"],
    description: "Talks to user space by attributes in sysfs",
    license: "GPL",
}

struct ChanSysfs {
    _directory: Directory<State>,
}

// ANCHOR: init
impl kernel::Module for ChanSysfs {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let state = Arc::pin_init(State::new(), GFP_KERNEL)?;
        let directory = Directory::new(c"chan_sysfs", state)?;
        pr_info!("Talk to /sys/kernel/chan_sysfs\n");
        Ok(ChanSysfs {
            _directory: directory,
        })
    }
}
// ANCHOR_END: init

/// How long `raw/bytes` is.
const BYTES: usize = 6000;

#[pin_data]
struct State {
    #[pin]
    value: Mutex<Value>,
    stores: Atomic<u64>,
    #[pin]
    bytes: Mutex<KVec<u8>>,
}

struct Value {
    now: i32,
    min: i32,
    max: i32,
}

impl State {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            value <- new_mutex!(Value { now: 0, min: -1000, max: 1000 }),
            stores: Atomic::new(0),
            bytes <- new_mutex!(KVec::from_elem(0, BYTES, GFP_KERNEL)?),
        })
    }
}

// ANCHOR: groups
impl Attributes for State {
    const GROUPS: &'static [Group<Self>] = &[
        Group::new(&[
            Attribute::read_write(c"value", State::show_value, State::store_value).notify(),
            Attribute::read_only(c"stores", State::show_stores),
        ]),
        Group::new(&[
            Attribute::read_write(c"min", State::show_min, State::store_min),
            Attribute::read_write(c"max", State::show_max, State::store_max),
        ])
        .named(c"limits"),
        Group::new(&[]).named(c"raw").binaries(&[Binary::read_write(
            c"bytes",
            BYTES,
            State::read_bytes,
            State::write_bytes,
        )]),
    ];
}
// ANCHOR_END: groups

impl State {
    // ANCHOR: value
    fn show_value(&self, out: &mut ShowBuf<'_>) -> Result {
        out.line(self.value.lock().now)
    }

    fn store_value(&self, input: StoreBuf<'_>) -> Result {
        let new = input.parse()?;
        let mut value = self.value.lock();
        if new < value.min || new > value.max {
            return Err(ERANGE);
        }
        value.now = new;
        self.stores.fetch_add(1, Relaxed);
        Ok(())
    }

    fn show_stores(&self, out: &mut ShowBuf<'_>) -> Result {
        out.line(self.stores.load(Relaxed))
    }
    // ANCHOR_END: value

    fn show_min(&self, out: &mut ShowBuf<'_>) -> Result {
        out.line(self.value.lock().min)
    }

    fn store_min(&self, input: StoreBuf<'_>) -> Result {
        self.set_limits(Some(input.parse()?), None)
    }

    fn show_max(&self, out: &mut ShowBuf<'_>) -> Result {
        out.line(self.value.lock().max)
    }

    fn store_max(&self, input: StoreBuf<'_>) -> Result {
        self.set_limits(None, Some(input.parse()?))
    }

    /// Sets the limits that are given, if the value is still within.
    fn set_limits(&self, min: Option<i32>, max: Option<i32>) -> Result {
        let mut value = self.value.lock();
        let (min, max) = (min.unwrap_or(value.min), max.unwrap_or(value.max));
        if value.now < min || value.now > max {
            return Err(EINVAL);
        }
        (value.min, value.max) = (min, max);
        Ok(())
    }

    fn read_bytes(&self, offset: u64, out: &mut ReadBuf<'_>) -> Result {
        let bytes = self.bytes.lock();
        out.push(bytes.get(offset as usize..).unwrap_or_default());
        Ok(())
    }

    fn write_bytes(&self, offset: u64, new: &[u8]) -> Result<usize> {
        let mut bytes = self.bytes.lock();
        let to = bytes.get_mut(offset as usize..).ok_or(EFBIG)?;
        for (to, from) in to.iter_mut().zip(new) {
            *to = *from;
        }
        Ok(new.len().min(to.len()))
    }
}
