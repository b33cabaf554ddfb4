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
//! A driver is a few functions for open files, and a memory behind them. This memory is the simplest
//! one that there is, so all that is left is what every driver for a device file has to think about:
//!
//! - **The position.** Each open file has one. `read` and `write` begin there, and move it. A program
//!   may set it (`dd seek=`), also behind the end. Nothing is stored for the gap, and it reads as
//!   zeros.
//! - **How much at a time.** A caller may ask for one byte or for a gigabyte. A call may do less than
//!   it was asked for, if it says how much. These do at most a page: what they copy goes through a page
//!   of their own, so that nobody else waits while a caller's memory is fetched from a disk.
//! - **Opening for writing** empties the device, as the shell expects of `>`. With `>>`
//!   (`O_APPEND`) it goes on at the end.
//! - **Limits.** The kernel has no other memory than the machine. A device takes `limit` bytes, and
//!   then there is `No space left on device`.
//! - **Several openers.** All share what is in the device. A mutex lets one of them in at a time.
//! - **Who may open it.** `scull0` to `scull3` are for everybody. `scull_single` is open once at a
//!   time. `scull_user` belongs to the user who has it open, who may open it again; others get
//!   `Device or resource busy`.
//!
//! The memory comes in pieces, quanta, since a large one in a row is hard to get. `qset` quanta are a
//! set. A device is a tree of sets, so that what was never written costs nothing:
//!
//! ```text
//! RBTree        set 0 ------------ set 7 ...
//! KVVec           |- quantum 0       |- (never written)
//!                 |- quantum 1       |- quantum 1
//! ```
//!
//! C frees each quantum, each set and the tree, in loops, wherever something goes wrong. Here the tree
//! owns the sets and they own the quanta. To empty a device is to put an empty tree there.

use core::mem;
use kernel::{
    fs::file::flags::{
        O_ACCMODE,
        O_APPEND,
        O_WRONLY, //
    },
    page::PAGE_SIZE,
    rbtree::RBTree,
    task::Kuid, //
};
use lkm::prelude::*;

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
        description: "How many bytes a device takes",
        permissions: 0o644,
    },
}

struct Scull {
    _devices: chrdev::Registration<Opened>,
    _single: chrdev::Registration<Opened>,
    _user: chrdev::Registration<Opened>,
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
struct Opened {
    device: Arc<Device>,
}

#[vtable]
impl FileOperations for Opened {
    type Data = Devices;

    // ANCHOR: open
    fn open(devices: ArcBorrow<'_, Devices>, file: &OpenFile) -> impl PinInit<Self, Error> {
        let device = devices.0.get(file.minor() as usize).ok_or(ENXIO)?.clone();
        device.enter()?;
        // From here on the drop of this leaves the device.
        let opened = Opened { device };
        if file.flags() & O_ACCMODE == O_WRONLY && file.flags() & O_APPEND == 0 {
            let old = mem::replace(&mut *opened.device.content.lock(), Content::new());
            // To free much takes long, and needs no lock.
            drop(old);
        }
        Ok(opened)
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
            *pos = content.size;
        }
        content.write(pos, piece.get(..copied).unwrap_or_default())
    }

    fn size(&self) -> Offset {
        self.device.content.lock().size
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.device.holders.lock().count -= 1;
    }
}

/// What was written to a device.
struct Content {
    sets: RBTree<Offset, Set>,
    size: Offset,
}

/// Quanta. Those that were never written are not there.
type Set = KVVec<Option<KVVec<u8>>>;

/// Where a position is: in which set, which quantum of it, and where in there.
struct Place {
    set: Offset,
    quantum: usize,
    offset: usize,
}

impl Place {
    fn of(pos: Offset) -> Self {
        let (bytes, quanta) = (Offset::from(quantum.value()), Offset::from(qset.value()));
        Place {
            set: pos / bytes / quanta,
            quantum: (pos / bytes % quanta) as usize,
            offset: (pos % bytes) as usize,
        }
    }
}

impl Content {
    fn new() -> Self {
        Content {
            sets: RBTree::new(),
            size: 0,
        }
    }

    /// Fills the room, which is zeros, with what there is from `pos` on. Returns how much that is.
    fn read(&self, pos: Offset, room: &mut [u8]) -> usize {
        let length = room.len().min((self.size - pos).max(0) as usize);
        let mut done = 0;
        while done < length {
            let place = Place::of(pos + done as Offset);
            let quanta = self.sets.get(&place.set);
            let written =
                quanta.and_then(|it| it.get(place.quantum)?.as_ref()?.get(place.offset..));
            let room = room.get_mut(done..length).unwrap_or_default();
            for (to, from) in room.iter_mut().zip(written.unwrap_or_default()) {
                *to = *from;
            }
            done += quantum.value() as usize - place.offset;
        }
        length
    }

    // ANCHOR: write
    fn write(&mut self, pos: &mut Offset, bytes: &[u8]) -> Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            match self.write_some(*pos, bytes.get(done..).unwrap_or_default()) {
                Ok(written) => {
                    *pos += written as Offset;
                    done += written;
                    self.size = self.size.max(*pos);
                }
                // What was written before counts. The next call gets the error.
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
    // ANCHOR_END: write

    /// Writes to one quantum, which is made if it is not there.
    fn write_some(&mut self, pos: Offset, new: &[u8]) -> Result<usize> {
        let left = (Offset::from(limit.value()) - pos).max(0) as usize;
        if left == 0 {
            return Err(ENOSPC);
        }
        let place = Place::of(pos);
        if self.sets.get(&place.set).is_none() {
            self.sets
                .try_create_and_insert(place.set, Set::new(), GFP_KERNEL)?;
        }
        let quanta = self.sets.get_mut(&place.set).ok_or(ENOMEM)?;
        while quanta.len() <= place.quantum {
            quanta.push(None, GFP_KERNEL)?;
        }
        let slot = quanta.get_mut(place.quantum).ok_or(ENOMEM)?;
        let bytes = match slot {
            Some(bytes) => bytes,
            None => slot.insert(KVVec::from_elem(0, quantum.value() as usize, GFP_KERNEL)?),
        };
        let mut written = 0;
        for (to, from) in bytes.iter_mut().skip(place.offset).zip(new).take(left) {
            *to = *from;
            written += 1;
        }
        Ok(written)
    }
}
