// SPDX-License-Identifier: GPL-2.0-only

//! Devices made of memory: they keep what is written to them.
//!
//! ```console
//! # insmod scull.ko
//! # echo hello > /dev/scull0
//! # cat /dev/scull0
//! hello
//! # echo end | dd of=/dev/scull1 bs=4 seek=1000000 2> /dev/null
//! # wc -c < /dev/scull1
//! 4000004
//! # ls -1 /dev/scull*
//! /dev/scull0
//! /dev/scull1
//! /dev/scull2
//! /dev/scull3
//! /dev/scull_single
//! /dev/scull_user
//! # rmmod scull
//! ```
//!
//! A driver is a few functions for open files, and something behind them. Here it is memory, the
//! simplest thing that there is. What is left is what every driver for a device file must think about:
//!
//! - **The position.** Each open file has one. `read` and `write` begin there, and move it. A program
//!   may set it (`dd seek=`), also behind the end. The gap takes no memory, and reads as zeros.
//! - **How much at a time.** A caller may ask for one byte or for a gigabyte. A call may do less than
//!   it was asked for, if it says how much. Here a call does at most a page. It copies to a page of its
//!   own first, so that nobody else waits while a caller's memory is fetched from a disk.
//! - **Opening for writing** empties the device, as the shell expects of `>`. With `>>`
//!   (`O_APPEND`) it goes on at the end. Opening for both keeps what is there, unless the program says
//!   otherwise (`O_TRUNC`).
//! - **Limits.** The kernel has no other memory than the machine. A device takes `limit` bytes, and
//!   then there is `No space left on device`. What is kept beside the bytes counts, too: a quantum of
//!   less than 64 bytes is taken for 64, and so a device has at most about three times its limit.
//! - **Several openers.** All share what is in the device. A mutex lets one of them in at a time.
//! - **Who may open it.** `scull0` to `scull3` are for everybody. `scull_single` is open once at a
//!   time. `scull_user` belongs to the user who has it open. That user may open it again; others get
//!   `Device or resource busy`.
//!
//! `content.rs` has the memory itself. This file has the functions of the open files.
//!
//! Where to look: `drivers/char/mem.c`, and `mm/shmem.c`, whose files are made of memory as well.

use core::mem;
use kernel::{
    fs::file::flags::{
        O_ACCMODE,
        O_APPEND,
        O_TRUNC,
        O_WRONLY, //
    },
    page::PAGE_SIZE,
    task::Kuid, //
};
use lkm::prelude::*;

mod bytes;
mod content;

use content::Content;

module! {
    type: Scull,
    name: "scull",
    authors: ["lkmpg-rs developers"],
    description: "Devices that keep what is written to them",
    license: "GPL",
}

module_params! {
    quantum: u32 {
        default: 4000,
        description: "How many bytes are stored in a row, up to 1048576",
        permissions: 0o444,
        on_set: |bytes| if (1..=1 << 20).contains(&bytes) { Ok(()) } else { Err(EINVAL) },
    },
    qset: u32 {
        default: 1000,
        description: "How many of these are a set, up to 65536",
        permissions: 0o444,
        on_set: |quanta| if (1..=1 << 16).contains(&quanta) { Ok(()) } else { Err(EINVAL) },
    },
    limit: u32 {
        default: 16 << 20,
        description: "How many bytes a device takes; a quantum of less than 64 counts as 64",
        permissions: 0o644,
    },
}

struct Scull {
    _devices: chrdev::Registration<Session>,
    _single: chrdev::Registration<Session>,
    _user: chrdev::Registration<Session>,
}

impl kernel::Module for Scull {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let register = |name, count, access| {
            let options = chrdev::Options::new(name).minors(count).nodes(count);
            chrdev::Registration::new(options.mode(0o666), Devices::new(count, access)?)
        };
        Ok(Scull {
            _devices: register(c"scull", 4, Access::Everybody)?,
            _single: register(c"scull_single", 1, Access::Once)?,
            _user: register(c"scull_user", 1, Access::OneUser)?,
        })
    }
}

/// The devices of a major number, by their minor numbers.
struct Devices(KVec<Arc<Device>>);

impl Devices {
    fn new(count: u32, access: Access) -> Result<Arc<Self>> {
        let mut devices = KVec::new();
        for _ in 0..count {
            let device = Arc::pin_init(Device::new(access), GFP_KERNEL)?;
            devices.push(device, GFP_KERNEL)?;
        }
        Ok(Arc::new(Devices(devices), GFP_KERNEL)?)
    }
}

#[pin_data]
struct Device {
    access: Access,
    #[pin]
    holders: Mutex<Holders>,
    #[pin]
    content: Mutex<Content>,
}

impl Device {
    fn new(access: Access) -> impl PinInit<Self> {
        pin_init!(Self {
            access,
            holders <- new_mutex!(Holders { count: 0, user: Kuid::current_euid() }),
            content <- new_mutex!(Content::new()),
        })
    }

    // ANCHOR: enter
    /// Lets the caller in, if the device is for them now.
    fn enter(&self) -> Result {
        let mut holders = self.holders.lock();
        let user = Kuid::current_euid();
        let free = holders.count == 0;
        match self.access {
            Access::Everybody => {}
            Access::Once if free => {}
            Access::OneUser if free || holders.user == user => {}
            _ => return Err(EBUSY),
        }
        holders.count += 1;
        holders.user = user;
        Ok(())
    }
    // ANCHOR_END: enter
}

/// Who may have a device open at the same time.
#[derive(Clone, Copy)]
enum Access {
    Everybody,
    Once,
    OneUser,
}

/// How many have it open, and who was the last one to do so.
struct Holders {
    count: usize,
    user: Kuid,
}

/// An open file.
struct Session {
    device: Arc<Device>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Devices;

    // ANCHOR: open
    fn open(devices: ArcBorrow<'_, Devices>, file: &OpenFile) -> impl PinInit<Self, Error> {
        let device = devices.0.get(file.minor() as usize).ok_or(ENXIO)?.clone();
        device.enter()?;
        // From here on the drop of this leaves the device.
        let session = Session { device };
        let flags = file.flags();
        let overwrites = flags & O_ACCMODE == O_WRONLY && flags & O_APPEND == 0;
        if overwrites || flags & O_TRUNC != 0 {
            let old = mem::replace(&mut *session.device.content.lock(), Content::new());
            // To free much takes long, and needs no lock.
            drop(old);
        }
        Ok(session)
    }
    // ANCHOR_END: open

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let mut piece = KVec::from_elem(0, out.len().min(PAGE_SIZE), GFP_KERNEL)?;
        let length = self.device.content.lock().read(*pos, &mut piece);
        // The lock is free again. The caller's memory may be bad, or slow.
        let copied = read_from_buffer(out, &mut 0, piece.get(..length).unwrap_or_default())?;
        *pos += copied as Offset;
        Ok(copied)
    }

    fn write(
        &self,
        file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let mut piece = KVec::from_elem(0, data.len().min(PAGE_SIZE), GFP_KERNEL)?;
        let copied = data.copy_from_iter(&mut piece);
        if copied == 0 && !piece.is_empty() {
            return Err(EFAULT);
        }
        let mut content = self.device.content.lock();
        if file.flags() & O_APPEND != 0 {
            *pos = content.size();
        }
        content.write(pos, piece.get(..copied).unwrap_or_default())
    }

    fn size(&self) -> Offset {
        self.device.content.lock().size()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.device.holders.lock().count -= 1;
    }
}
