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
    level: Mutex<u8>,
}

impl Lamp {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            level <- new_mutex!(0),
        })
    }
}

impl Attributes for Lamp {
    const GROUPS: &'static [Group<Self>] = &[Group::new(&[Attribute::read_write(
        c"level",
        Lamp::show_level,
        Lamp::store_level,
    )])];
}

impl Lamp {
    fn show_level(&self, out: &mut ShowBuf<'_>) -> Result {
        out.line(*self.level.lock())
    }

    fn store_level(&self, input: StoreBuf<'_>) -> Result {
        *self.level.lock() = input.parse()?;
        Ok(())
    }
}
