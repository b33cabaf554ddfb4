// SPDX-License-Identifier: GPL-2.0-only

//! Relay channels: much data, from any context, to user space.
//!
//! A [`Channel`] has a ring buffer for each CPU, and each ring is a file in debugfs: `<name>0`,
//! `<name>1` and so on. A ring consists of sub-buffers. A writer fills the one of the CPU it
//! runs on; a reader gets finished ones through poll(2) and mmap(2), or whatever there is through
//! read(2). A write never crosses the end of a sub-buffer; what is left over there is padding.
//!
//! read(2) keeps count of what it took. A reader that maps a ring has to be told how far the
//! writers are ([`Channel::state`], [`Channel::padding`]), and to say what it has taken
//! ([`Channel::consume`]); there is no file for that. A ring is for one reader that maps it, or for
//! any number that read.
//!
//! The module cannot be unloaded while a ring is open or mapped. Dropping the channel removes the
//! files and wakes those that poll, who get `EPOLLERR`; a ring that is open or mapped stays, with
//! its content, until the last user lets go.
//!
//! This is what relay does in C, with rings of its own. C's mapping shows kernel memory behind the
//! ring, its file can be opened before there is a ring, and its read(2) looks without a lock:
//! `docs/upstream.md`.
//!
//! C header: [`include/linux/relay.h`](srctree/include/linux/relay.h)

mod ring;

use crate::{
    bindings,
    debugfs::{
        Directory,
        Node, //
    },
    fops::{
        Events,
        FileOperations,
        OpenFile,
        PollTable, //
    },
    mmap::Area,
    name::Path,
    wait, //
};
use kernel::{
    cpu::{
        nr_cpu_ids,
        CpuId, //
    },
    fs::file::Offset,
    iov::IovIterDest,
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        LockClassKey, //
    },
};
use ring::Ring;

/// Opens a [`Channel`], with lock classes of its own.
#[macro_export]
macro_rules! new_channel {
    ($directory:expr, $name:expr, $options:expr $(,)?) => {
        $crate::relay::Channel::new(
            $directory,
            $name,
            $options,
            [
                ::kernel::static_lock_class!(),
                ::kernel::static_lock_class!(),
            ],
        )
    };
}
pub use new_channel;

/// What happens to a write when the ring is full: all sub-buffers wait for the reader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is refused, and counted ([`State::lost`]): the oldest is kept.
    Keep,
    /// It takes the place of the oldest sub-buffer, which is counted ([`State::overwritten`]): the
    /// newest is kept. Such a ring cannot be mapped, since what is there may change at any moment.
    Overwrite,
}

/// The shape of a channel.
#[derive(Clone, Copy)]
pub struct Options {
    /// Bytes in a sub-buffer, at least 1. The largest write.
    pub subbuffer_size: usize,
    /// Sub-buffers in a ring, from 2 to 524,288. The two sizes multiplied must be below 2³¹.
    pub subbuffers: usize,
    /// What to do when a ring is full.
    pub mode: Mode,
}

impl Options {
    fn are_valid(&self) -> bool {
        let size = self.subbuffer_size.checked_mul(self.subbuffers);
        (2..=1 << 19).contains(&self.subbuffers)
            && size.is_some_and(|size| (1..=i32::MAX as usize).contains(&size))
    }
}

/// How far a ring is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// Sub-buffers that were finished since the channel was made.
    pub produced: usize,
    /// Sub-buffers that the reader is done with, or that were overwritten. The others up to
    /// `produced` are there.
    pub consumed: usize,
    /// Writes that found no room.
    pub lost: u64,
    /// Sub-buffers that were overwritten before the reader was done with them.
    pub overwritten: u64,
}

/// A relay channel.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::{debugfs::Directory, new_channel, relay::{Channel, Mode, Options}};
///
/// fn trace() -> Result {
///     let options = Options { subbuffer_size: 4096, subbuffers: 8, mode: Mode::Keep };
///     let channel = new_channel!(Directory::new(c"trace")?, c"cpu", options)?;
///     channel.write(b"Hello")?;
///     channel.flush();
///     Ok(())
/// }
/// ```
pub struct Channel {
    options: Options,
    // For each CPU that the machine can have, by number.
    rings: KVec<Arc<Ring>>,
    files: KVec<Node<Reader>>,
}

impl Channel {
    /// Opens a channel: creates a ring, and a file with permissions 0400, for each CPU that the
    /// machine can have. Use [`new_channel!`].
    ///
    /// Fails with `EINVAL` if the sizes are not within their limits, or the name is none, `EEXIST` if
    /// it is taken, or `ENOMEM`. May sleep (`relay_open`).
    pub fn new(
        directory: Arc<Directory>,
        name: &CStr,
        options: Options,
        keys: [Pin<&'static LockClassKey>; 2],
    ) -> Result<Self> {
        // The name is copied before anybody else looks at it.
        if !options.are_valid() || name.to_bytes().len() > bindings::NAME_MAX as usize {
            return Err(EINVAL);
        }
        let mut rings = KVec::new();
        for _ in 0..nr_cpu_ids() {
            rings.push(Ring::new(options, keys)?, GFP_KERNEL)?;
        }
        // Who reads one of them hears of its end, should the next one fail.
        let mut channel = Self {
            options,
            rings,
            files: KVec::new(),
        };
        for (cpu, ring) in channel.rings.iter().enumerate() {
            // As bytes: shown, what is not ASCII would be escaped.
            let mut name = Path::concat(&[name.to_bytes()]);
            name.append(fmt!("{cpu}\0"));
            let name = CStr::from_bytes_with_nul(name.as_bytes()).map_err(|_| EINVAL)?;
            let file = Node::new(directory.clone(), name, 0o400, ring.clone())?;
            channel.files.push(file, GFP_KERNEL)?;
        }
        Ok(channel)
    }

    /// Writes to the ring of the CPU that this runs on.
    ///
    /// Fails with `EMSGSIZE` if the bytes do not fit a sub-buffer, with `ENOSPC` if the ring is full,
    /// which is counted, and with `EBUSY` in a probe of what this calls itself, or in an NMI if others
    /// keep the ring busy for long. Callable from any context, even with interrupts off (`relay_write`).
    pub fn write(&self, bytes: &[u8]) -> Result {
        // The task may move to another CPU before the lock is taken; it may write there, too.
        self.ring(CpuId::current().as_u32())
            .ok_or(ENOSPC)?
            .write(bytes)
    }

    /// Finishes the sub-buffers that have something in them, so that readers need not wait for
    /// more. Callable from any context but an NMI (`relay_flush`).
    pub fn flush(&self) {
        for ring in &self.rings {
            ring.flush();
        }
    }

    /// Tells how far the ring of a CPU is. There is none if the machine has no such CPU.
    ///
    /// Callable from any context but an NMI.
    pub fn state(&self, cpu: u32) -> Option<State> {
        self.ring(cpu)?.state()
    }

    /// Returns how many bytes at the end of a sub-buffer are not data.
    ///
    /// `subbuffer` counts as [`State::produced`] does. If it does not wait for a reader, there is no
    /// answer. Callable from any context but an NMI.
    pub fn padding(&self, cpu: u32, subbuffer: usize) -> Option<usize> {
        self.ring(cpu)?.padding(subbuffer)
    }

    /// Gives sub-buffers back that a reader has taken from memory, oldest first
    /// (`relay_subbufs_consumed`).
    ///
    /// Fails with `EINVAL` if fewer are waiting, and `ENODEV` if there is no such ring. Callable
    /// from any context but an NMI.
    pub fn consume(&self, cpu: u32, subbuffers: usize) -> Result {
        self.ring(cpu).ok_or(ENODEV)?.consume(subbuffers)
    }

    /// The shape.
    pub fn options(&self) -> Options {
        self.options
    }

    fn ring(&self, cpu: u32) -> Option<&Ring> {
        self.rings.get(cpu as usize).map(|ring| &**ring)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        // Those who poll get the last data.
        for ring in &self.rings {
            ring.flush();
            ring.close();
        }
    }
}

/// A ring that is open.
struct Reader {
    ring: Arc<Ring>,
}

#[vtable]
impl FileOperations for Reader {
    type Data = Ring;

    fn open(ring: ArcBorrow<'_, Ring>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Self { ring: ring.into() })
    }

    fn read(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        out: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        let mut piece = KVec::with_capacity(out.len().min(PAGE_SIZE), GFP_KERNEL)?;
        let mut done = 0;
        while !out.is_empty() {
            let Some(position) = self.ring.peek(&mut piece) else {
                break;
            };
            let copied = out.copy_to_iter(&piece);
            if !self.ring.take(position, copied) {
                // SAFETY: So much was just copied.
                unsafe { out.revert(copied) };
                // Who writes faster than this reads may do so for long.
                if done > 0 {
                    break;
                }
                if wait::is_killed() {
                    return Err(EINTR);
                }
                continue;
            }
            done += copied;
            if copied < piece.len() {
                return if done > 0 { Ok(done) } else { Err(EFAULT) };
            }
        }
        Ok(done)
    }

    fn poll<'a>(&'a self, _file: &OpenFile, table: &PollTable<'a>) -> Events {
        self.ring.poll(table)
    }

    fn mmap(&self, _file: &OpenFile, area: &Area) -> Result {
        self.ring.map(area)
    }
}
