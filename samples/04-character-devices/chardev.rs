// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 4: a character device that says how often it was opened.
//!
//! ```sh
//! insmod chardev.ko && ls -l /dev/chardev && grep chardev /proc/devices
//! cat /dev/chardev; cat /dev/chardev
//! echo hi > /dev/chardev       # "Invalid argument", and a line in the log
//! rmmod chardev
//! ```
//!
//! Changed from the guide: two processes that open the device at the same moment cannot both get
//! in, the message and the position in it belong to the open file (two threads that read from it at
//! the same moment may get the same bytes, as from any device), and the kernel creates the node in
//! `/dev`. Any user may open it, and keep it for as long as they like, from root as well. A node of
//! your own, made with the `mknod` line in the log, works too, even after `rmmod`: opening it has
//! the kernel run `modprobe`, which finds the module by its aliases (major numbers from 234 to 254
//! are those that the kernel assigns).

use lkm::prelude::*;

module! {
    type: Chardev,
    name: "chardev",
    authors: ["lkmpg-rs developers"],
    description: "A character device that says how often it was opened",
    license: "GPL",
    alias: ["char-major-23[4-9]-*", "char-major-24[0-9]-*", "char-major-25[0-4]-*"],
}

struct Chardev {
    _device: chrdev::Registration<Reader>,
}

impl kernel::Module for Chardev {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"chardev").mode(0o444);
        let visits = Visits {
            taken: Atomic::new(false),
            count: Atomic::new(0),
        };
        let visits = Arc::new(visits, GFP_KERNEL)?;
        let device = chrdev::Registration::new(options, visits)
            .inspect_err(|e| pr_alert!("Registering the character device failed: {e:?}\n"))?;

        let major = device.major();
        pr_alert!("I was assigned major number {major}. To talk to the driver, use /dev/chardev\n");
        pr_alert!("or create a dev file with 'mknod /dev/hello c {major} 0'.\n");
        Ok(Chardev { _device: device })
    }
}

/// What all openers share.
struct Visits {
    taken: Atomic<bool>,
    count: Atomic<u32>,
}

/// The one process that has the device open.
struct Reader {
    visits: Arc<Visits>,
    message: Message<80>,
}

#[vtable]
impl FileOperations for Reader {
    type Data = Visits;

    fn open(visits: ArcBorrow<'_, Visits>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        if visits.taken.xchg(true, Acquire) {
            return Err(EBUSY);
        }
        let count = visits.count.fetch_add(1, Relaxed);
        Ok(Reader {
            visits: visits.into(),
            message: Message::format(fmt!("I already told you {count} times Hello world!\n")),
        })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        read_from_buffer(out, pos, self.message.as_bytes())
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        _data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        pr_alert!("Sorry, this operation isn't supported.\n");
        Err(EINVAL)
    }

    fn size(&self) -> Offset {
        self.message.len() as Offset
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.visits.taken.store(false, Release);
    }
}
