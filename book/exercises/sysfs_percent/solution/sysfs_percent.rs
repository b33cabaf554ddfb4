// SPDX-License-Identifier: GPL-2.0-only

//! A level, in `/sys/kernel/sysfs_percent`.

use lkm::{
    prelude::*,
    sysfs::{
        Attribute,
        Attributes,
        Directory,
        Group,
        ShowBuf,
        StoreBuf, //
    },
};

module! {
    type: SysfsPercent,
    name: "sysfs_percent",
    authors: ["lkmpg-rs developers"],
    description: "A level, and the highest that it was",
    license: "GPL",
}

struct SysfsPercent {
    _directory: Directory<Lamp>,
}

impl kernel::Module for SysfsPercent {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let lamp = Arc::pin_init(Lamp::new(), GFP_KERNEL)?;
        Ok(SysfsPercent {
            _directory: Directory::new(c"sysfs_percent", lamp)?,
        })
    }
}

#[pin_data]
struct Lamp {
    #[pin]
    levels: Mutex<Levels>,
}

/// One lock for both, so that nobody sees one of them without the other.
struct Levels {
    now: u8,
    highest: u8,
}

impl Lamp {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            levels <- new_mutex!(Levels { now: 0, highest: 0 }),
        })
    }
}

impl Attributes for Lamp {
    const GROUPS: &'static [Group<Self>] = &[Group::new(&[
        Attribute::read_write(c"level", Lamp::show_level, Lamp::store_level),
        Attribute::read_write(c"highest", Lamp::show_highest, Lamp::store_highest),
    ])];
}

impl Lamp {
    fn show_level(&self, out: &mut ShowBuf<'_>) -> Result {
        out.line(self.levels.lock().now)
    }

    fn store_level(&self, input: StoreBuf<'_>) -> Result {
        let level: i64 = input.parse()?;
        if !(0..=100).contains(&level) {
            return Err(ERANGE);
        }
        let level = level as u8;
        let mut levels = self.levels.lock();
        levels.now = level;
        levels.highest = levels.highest.max(level);
        Ok(())
    }

    fn show_highest(&self, out: &mut ShowBuf<'_>) -> Result {
        out.line(self.levels.lock().highest)
    }

    fn store_highest(&self, input: StoreBuf<'_>) -> Result {
        if input.text()? != "0" {
            return Err(EINVAL);
        }
        let mut levels = self.levels.lock();
        levels.highest = levels.now;
        Ok(())
    }
}
