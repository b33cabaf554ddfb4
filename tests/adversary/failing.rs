// SPDX-License-Identifier: GPL-2.0-only

//! A module whose `init` fails, when what it registered is in use.
//!
//! It registers `/dev/failing`, `/sys/kernel/debug/failing/node`, `/proc/failing` and
//! `/sys/kernel/failing/value`, as many of them as `files` says, waits until each was used, and fails
//! with `ECANCELED`. Nobody has to use `/sys/kernel/debug/failing/other`, which comes with the second. With `files=0` it is the module itself that opens its device and its file in `/proc`,
//! and would keep these for longer than that; it fails with `EILSEQ` if it can.

use lkm::{
    file,
    prelude::*, //
};

module! {
    type: Failing,
    name: "failing",
    authors: ["lkmpg-rs developers"],
    description: "Fails to load when it is in use",
    license: "GPL",
}

module_params! {
    files: u32 {
        default: 4,
        description: "How many files are registered",
        permissions: 0,
    },
}

/// In `errno.h`, and not in the `kernel` crate.
const EDEADLK: c_int = 35;

/// Which files were read.
static USED: [Atomic<bool>; 4] = [const { Atomic::new(false) }; 4];

struct Failing;

impl kernel::Module for Failing {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let data = |number| Arc::new(number, GFP_KERNEL);
        let options = chrdev::Options::new(c"failing");
        let device = chrdev::Registration::<File>::new(options, data(0)?)?;
        if files.value() == 0 {
            let entry = proc_fs::Options::new(c"failing", 0o600);
            let entry = proc_fs::Node::<File>::new(entry, data(2)?)?;
            let open = |path| file::Options::new().read().open(path);
            let own = [open(c"/dev/failing"), open(c"/proc/failing")];
            drop((device, entry));
            return own
                .into_iter()
                .try_for_each(|it| match it {
                    Err(e) if e.to_errno() == -EDEADLK => Ok(()),
                    other => other.and(Err(EILSEQ)),
                })
                .and(Err(ECANCELED));
        }
        may_fail(1)?;
        let folder = debugfs::Directory::new(c"failing")?;
        let _other = debugfs::Node::<File>::new(folder.clone(), c"other", 0o600, data(1)?)?;
        let _node = debugfs::Node::<File>::new(folder, c"node", 0o600, data(1)?)?;
        may_fail(2)?;
        let options = proc_fs::Options::new(c"failing", 0o600);
        let _entry = proc_fs::Node::<File>::new(options, data(2)?)?;
        may_fail(3)?;
        let _directory = sysfs::Directory::new(c"failing", Arc::new(Value, GFP_KERNEL)?)?;
        may_fail(4)?;
        Ok(Self)
    }
}

fn may_fail(step: usize) -> Result {
    if step < files.value() as usize {
        return Ok(());
    }
    while !USED.iter().take(step).all(|it| it.load(Relaxed)) {
        fsleep(Delta::from_millis(10));
    }
    Err(ECANCELED)
}

struct File(Arc<usize>);

#[vtable]
impl FileOperations for File {
    type Data = usize;

    fn open(data: ArcBorrow<'_, usize>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Self(data.into()))
    }

    fn read(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        out: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        USED.get(*self.0).ok_or(EINVAL)?.store(true, Relaxed);
        Ok(out.copy_to_iter(b"here"))
    }
}

struct Value;

impl sysfs::Attributes for Value {
    const GROUPS: &'static [sysfs::Group<Self>] =
        &[sysfs::Group::new(&[sysfs::Attribute::read_only(
            c"value",
            |_, out| {
                USED[3].store(true, Relaxed);
                out.push(b"here")
            },
        )])];
}
