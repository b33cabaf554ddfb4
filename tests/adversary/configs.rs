// SPDX-License-Identifier: GPL-2.0-only

//! A subsystem of configfs that goes when `init` fails, after somebody has made a directory in it. Before
//! that it goes by itself, and is registered twice.

use lkm::{
    configfs::{
        Attribute,
        Item,
        Subsystem, //
    },
    prelude::*, //
};

module! {
    type: Configs,
    name: "configs",
    authors: ["lkmpg-rs developers"],
    description: "Goes while it is in use",
    license: "GPL",
}

static IS_USED: Atomic<bool> = Atomic::new(false);

struct Configs;

impl kernel::Module for Configs {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        for _ in 0..100 {
            drop(register(c"configs")?);
        }
        let _configs = register(c"configs")?;
        for name in [c"configs", c"", c".", c"..", c"a/b"] {
            let expected = if name == c"configs" { EEXIST } else { EINVAL };
            let error = register(name).err();
            if error != Some(expected) {
                pr_err!("{name}: {error:?}\n");
                return Err(EPROTO);
            }
        }
        let failing: Result<Subsystem<Folder>> =
            configfs::new_subsystem!(c"failing", Err::<Folder, _>(EDOM));
        if failing.err() != Some(EDOM) {
            return Err(EPROTO);
        }
        pr_info!("The directory stays.\n");
        while !IS_USED.load(Relaxed) {
            fsleep(Delta::from_millis(10));
        }
        Err(ECANCELED)
    }
}

fn register(name: &'static CStr) -> Result<Subsystem<Folder>> {
    configfs::new_subsystem!(name, Folder)
}

struct Folder;

impl Item for Folder {
    type Child = Self;

    const ATTRIBUTES: &'static [Attribute<Self>] = &[
        Attribute::read_only(c"all", |_, out| {
            // More than there is room for.
            while out.push(b"more and more ").is_ok() {}
            Ok(())
        }),
        Attribute::write_only(c"none", |_, input| {
            if input.as_bytes().is_empty() {
                return Err(EILSEQ);
            }
            Ok(())
        }),
    ];

    fn make(&self, name: &CStr) -> impl PinInit<Self, Error> {
        if name == c"odd" {
            return Err(Error::from_errno(-513));
        }
        IS_USED.store(true, Relaxed);
        Ok(Folder)
    }
}
