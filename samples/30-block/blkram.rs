// SPDX-License-Identifier: GPL-2.0-only

//! A block device: a disk made of memory.
//!
//! A driver for a character device gets each `read` and `write` as the program made it. A driver for a
//! disk never does. Programs read and write files, or `/dev/blkram`, and the kernel keeps what they wrote
//! in its memory (the *page cache*). Some time later the block layer makes *requests* of it: a position, a
//! direction, and pieces of memory. It merges neighbours, and has a queue of requests for each processor
//! (*blk-mq*). The driver only answers requests. Its disk can be partitioned, formatted and mounted like
//! any other:
//!
//! ```console
//! # insmod blkram.ko size=8
//! # cat /sys/block/blkram/size
//! 16384
//! # mke2fs /dev/blkram > /dev/null
//! # mkdir /tmp/disk
//! # mount -t ext2 /dev/blkram /tmp/disk
//! ...
//! # echo kept > /tmp/disk/file
//! # rmmod blkram
//! rmmod: ERROR: Module blkram is in use
//! # umount /tmp/disk
//! ...
//! # mount -t ext2 /dev/blkram /tmp/disk
//! ...
//! # cat /tmp/disk/file
//! kept
//! # umount /tmp/disk
//! ...
//! # rmdir /tmp/disk
//! # rmmod blkram
//! ```
//!
//! (16384 sectors of 512 bytes, whatever the device's own blocks are.)
//!
//! - **The first write to a page takes memory for it.** The disk gives it back when the file system says that
//!   it does not need the page any more (*discard*: `mount -o discard`, `fstrim`, `blkdiscard`). A page that was
//!   never written reads as zeroes. If there is no memory left, the write fails (`MAY_FAIL`), and the file
//!   system learns of it. With `GFP_KERNEL` alone the kernel would kill processes until there is some.
//! - **Answering must not write to a disk**, not even to find memory: it could be this one. In C, a driver
//!   asks for memory with `GFP_NOIO`; here `lkm::block` has `GFP_KERNEL` mean that while a request is answered.
//! - **An error comes late.** `write` has long returned when its request fails. `fsync` gets the error, and so
//!   does the log. To see it, `fail=10` has each tenth piece that is written fail.
//! - **The module stays** while somebody has the disk open or mounted. Its content goes with it.
//!
//! In C the driver fills in a `struct blk_mq_tag_set` and a `struct gendisk`, and goes through the pieces with
//! `rq_for_each_segment()`. `lkm::block` does that. A piece may be the memory of a process (`O_DIRECT`), which
//! may change it at any moment: so it can only be copied.
//!
//! Where to look: `Documentation/block/blk-mq.rst`, and `drivers/block/brd.c`, the kernel's own RAM disk.

use core::ops::Range;
use kernel::{
    page::PAGE_SIZE,
    static_lock_class, //
};
use lkm::{
    block::{
        Disk,
        Operations,
        Options,
        Segment,
        SECTOR, //
    },
    memory::MAY_FAIL,
    prelude::*,
    xarray::{
        AllocKind,
        XArray, //
    },
};

module! {
    type: RamDisk,
    name: "blkram",
    authors: ["lkmpg-rs developers"],
    description: "A disk made of memory",
    license: "GPL",
}

module_params! {
    size: u32 {
        default: 16,
        description: "How large the disk is, in MiB: 1 to 65536",
        permissions: 0o444,
        on_set: |mib| if (1..=1 << 16).contains(&mib) { Ok(()) } else { Err(EINVAL) },
    },
    queues: u32 {
        default: 4,
        description: "How many queues of requests there are: 1 to 64",
        permissions: 0o444,
        on_set: |count| if (1..=64).contains(&count) { Ok(()) } else { Err(EINVAL) },
    },
    fail: u32 {
        default: 0,
        description: "How many pieces are written until one fails; 0 for never",
        permissions: 0o644,
    },
}

struct RamDisk {
    _disk: Disk<Memory>,
}

impl kernel::Module for RamDisk {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = Options {
            sectors: u64::from(size.value()) << 20 >> SECTOR.trailing_zeros(),
            queues: queues.value(),
        };
        Ok(Self {
            _disk: Disk::new(c"blkram", options, Memory::new(), static_lock_class!())?,
        })
    }
}

// ANCHOR: memory
/// A page of the disk.
type Page = KBox<[u8; PAGE_SIZE]>;

/// What was written, by the number of its page.
#[pin_data]
struct Memory {
    #[pin]
    pages: XArray<Page>,
    /// Held to put a page there, or to take one away.
    #[pin]
    change: Mutex<()>,
    written: Atomic<u32>,
}
// ANCHOR_END: memory

impl Memory {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            pages <- XArray::new(AllocKind::Alloc),
            change <- new_mutex!(()),
            written: Atomic::new(0),
        })
    }
}

/// Where a position is: in which page, and where in it.
fn place(position: u64, length: usize) -> (usize, Range<usize>) {
    let page = PAGE_SIZE as u64;
    let start = (position % page) as usize;
    ((position / page) as usize, start..start + length)
}

impl Operations for Memory {
    // ANCHOR: read
    fn read(&self, position: u64, segment: &mut Segment<'_>) -> Result {
        let (index, bytes) = place(position, segment.len());
        let pages = self.pages.lock();
        match pages.get(index) {
            Some(page) => segment.copy_from(page.get(bytes).ok_or(EIO)?),
            None => {
                segment.clear();
                Ok(())
            }
        }
    }
    // ANCHOR_END: read

    // ANCHOR: write
    fn write(&self, position: u64, segment: &Segment<'_>) -> Result {
        let every = fail.value();
        let written = self.written.fetch_add(1, Relaxed).wrapping_add(1);
        if written.checked_rem(every) == Some(0) {
            return Err(EIO);
        }
        let (index, bytes) = place(position, segment.len());
        if let Some(page) = self.pages.lock().get_mut(index) {
            return segment.copy_to(page.get_mut(bytes).ok_or(EIO)?);
        }
        let mut new: Page = KBox::init(pin_init::init_zeroed(), MAY_FAIL)?;
        let _change = self.change.lock();
        // Somebody may have put one there meanwhile.
        if let Some(page) = self.pages.lock().get_mut(index) {
            return segment.copy_to(page.get_mut(bytes).ok_or(EIO)?);
        }
        segment.copy_to(new.get_mut(bytes).ok_or(EIO)?)?;
        self.pages.lock().store(index, new, MAY_FAIL)?;
        Ok(())
    }
    // ANCHOR_END: write

    fn discard(&self, range: Range<u64>) -> Result {
        let _change = self.change.lock();
        let mut position = range.start;
        while position < range.end {
            let (index, _) = place(position, 0);
            let next = (index as u64 + 1) * PAGE_SIZE as u64;
            let length = next.min(range.end) - position;
            if length == PAGE_SIZE as u64 {
                self.pages.lock().remove(index);
            } else if let Some(page) = self.pages.lock().get_mut(index) {
                let (_, bytes) = place(position, length as usize);
                page.get_mut(bytes).ok_or(EIO)?.fill(0);
            }
            position += length;
        }
        Ok(())
    }
}
