// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 4: a character device that says how often it was opened.
//!
//! ```console
//! # insmod chardev.ko
//! chardev: I was assigned major number [..]. To talk to the driver, use /dev/chardev
//! chardev: or create a dev file with 'mknod /dev/hello c [..] 0'.
//! chardev: Try various minor numbers. Try to cat and echo to the device file.
//! chardev: Remove the device file and module when done.
//! # ls -l /dev/chardev
//! cr--r--r-- [..] root [..] /dev/chardev
//! # cat /dev/chardev
//! I already told you 0 times Hello world!
//! # dd if=/dev/chardev bs=9 count=2 status=none; echo    # short reads continue
//! I already told you
//! # exec 3< /dev/chardev                                 # one at a time
//! # cat /dev/chardev
//! cat: can't open '/dev/chardev': Device or resource busy
//! # rmmod chardev
//! rmmod: ERROR: Module chardev is in use
//! # exec 3<&-; echo hi > /dev/chardev
//! chardev: Sorry, this operation isn't supported.
//! bash: echo: write error: Invalid argument
//! # rmmod chardev
//! ```
//!
//! A node in `/dev` is a name for two numbers. By the major number the kernel finds the driver; the
//! minor number is the driver's own business, and this one treats all of them alike. What a process
//! does with the node arrives in `FileOperations`: `open` makes a `Session`, which the calls on that
//! open file get as `self`, and the last `close` drops it. This is C's `struct file` with its
//! `private_data`, and `struct file_operations`. `#[vtable]` notes which of the functions there are. To
//! the other calls the kernel answers itself.
//!
//! All openers share the `Visits`. They are lent to `open` (`ArcBorrow`), and `into` makes a share of
//! its own for the session (`Arc`). In the kernel every allocation can fail: hence the `?`. The caller
//! says whether it may sleep until there is memory. With `GFP_KERNEL` it may.
//!
//! `cat` reads twice: the first read gets the message, and the second one 0 bytes, which means the
//! end. The position is the open file's, and two threads that read one open file at the same moment
//! may get the same bytes, as from any device.
//!
//! Changed from the guide: two processes that open the device at the same moment cannot both get
//! in; the message belongs to the open file, not to the module; and the kernel makes the node, so that
//! the six lines in the log are four. A node of your own, made with the `mknod` line in the log, works
//! too, even after `rmmod`: opening it has the kernel run `modprobe`, which finds the module by its
//! aliases (major numbers from 234 to 254 are those that the kernel assigns). Any user may open the
//! device, and keep it from root.
//!
//! Where to look: `fs/char_dev.c`, and `drivers/char/mem.c` for `/dev/null` and its kin.

use lkm::prelude::*;

module! {
    type: Chardev,
    name: "chardev",
    authors: ["lkmpg-rs developers"],
    description: "A character device that says how often it was opened",
    license: "GPL",
    alias: ["char-major-23[4-9]-*", "char-major-24[0-9]-*", "char-major-25[0-4]-*"],
}

// ANCHOR: module
struct Chardev {
    _device: chrdev::Registration<Session>,
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
        pr_alert!("Try various minor numbers. Try to cat and echo to the device file.\n");
        pr_alert!("Remove the device file and module when done.\n");
        Ok(Chardev { _device: device })
    }
}
// ANCHOR_END: module

// ANCHOR: state
/// What all openers share.
struct Visits {
    taken: Atomic<bool>,
    count: Atomic<u32>,
}

/// The one open file.
struct Session {
    visits: Arc<Visits>,
    message: Message<80>,
}
// ANCHOR_END: state

#[vtable]
impl FileOperations for Session {
    type Data = Visits;

    // ANCHOR: open
    fn open(visits: ArcBorrow<'_, Visits>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        if visits.taken.xchg(true, Acquire) {
            return Err(EBUSY);
        }
        let count = visits.count.fetch_add(1, Relaxed);
        Ok(Session {
            visits: visits.into(),
            message: Message::format(fmt!("I already told you {count} times Hello world!\n")),
        })
    }
    // ANCHOR_END: open

    // ANCHOR: read
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
    // ANCHOR_END: read

    fn size(&self) -> Offset {
        self.message.len() as Offset
    }
}

// ANCHOR: drop
impl Drop for Session {
    fn drop(&mut self) {
        self.visits.taken.store(false, Release);
    }
}
// ANCHOR_END: drop
