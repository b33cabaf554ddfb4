// SPDX-License-Identifier: GPL-2.0-only

//! The operations on an open file, for character devices and for `/proc`.
//!
//! [`FileOperations`] is implemented by the state of one open file. [`chrdev`](crate::chrdev) and
//! [`proc_fs`](crate::proc_fs) make a node out of it.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h)
//!
//! Reference: chapter 4.1.1 of the guide.

use crate::{
    bindings,
    fasync::Subscribers,
    ioctl,
    mmap::{
        Area,
        SharedPage, //
    },
    wait::WaitQueue, //
};
use core::marker::PhantomData;
use kernel::{
    error::VTABLE_DEFAULT_ERROR,
    fs::file::{
        flags::{
            O_APPEND,
            O_NONBLOCK, //
        },
        Offset, //
    },
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    prelude::*,
    sync::ArcBorrow, //
};

mod shims;

pub(crate) use shims::{
    member,
    with_user_source,
    Shims, //
};

/// What can be done with an open file. The implementor is the state of one open file.
///
/// All operations run in the context of the calling process and may sleep, unless said otherwise: a
/// [`fault`](Self::fault) may be a debugger's, or KVM's, and the state is dropped by anybody ([`open`](Self::open)).
/// What is left out behaves as the kernel documents it: `read`, `write` and `ioctl` fail
/// (`EINVAL` or `EIO`, `ENOTTY`), the file is always ready, and seeking fails with `ESPIPE`, as do
/// pread(2) and pwrite(2).
///
/// An error is the process'. What would restart the system call (`ERESTARTSYS`) is `EINTR` if no signal has come,
/// `ENOIOCTLCMD` is `ENOTTY`, and the other numbers that only the kernel has are `EIO`.
#[vtable]
pub trait FileOperations: Sized + Send + Sync + 'static {
    /// What all open files of a node share.
    type Data: Send + Sync + 'static;

    /// Opens the file. Its state is dropped when the last reference to the open file goes. That may be in any process,
    /// such as another one that ends, or in a kernel thread, with root's rights, as for a descriptor that was sent by a
    /// socket and never received. What the state needs [files](mod@crate::file) for, it opens here, with the rights of
    /// who calls, and not in its drop.
    ///
    /// The module cannot be unloaded while a file is open or being opened. The state counts as memory of the caller's group
    /// (`GFP_KERNEL_ACCOUNT`); what it refers to does if the module says so.
    fn open(data: ArcBorrow<'_, Self::Data>, file: &OpenFile) -> impl PinInit<Self, Error>;

    /// Reads at `pos` and advances it. Returns the number of bytes, 0 at the end.
    fn read(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        _out: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Writes at `pos` and advances it. Returns the number of bytes, which may be fewer than given.
    ///
    /// [`OpenFile::flags`] says whether to append (`O_APPEND`).
    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        _data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Returns where the content ends, in bytes. Implementing it makes the file seekable, and splice(2) and
    /// sendfile(2) work: `read` and `write` should not wait for long then.
    fn size(&self) -> Offset {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Returns what the file is ready for, after watching what will change that. It can neither
    /// use [files](mod@crate::file) nor register [misc](crate::misc) devices or interfaces: `EDEADLK`.
    fn poll<'a>(&'a self, _file: &OpenFile, _table: &PollTable<'a>) -> Events {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Returns where those are kept who want a signal (`O_ASYNC`). The first answer counts for as long
    /// as the file is open; files in `/proc` have no signals.
    fn subscribers(&self) -> &Subscribers {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Handles an ioctl, of 64-bit and 32-bit processes alike. A number that is negative or above `i32::MAX` is `EIO`.
    fn ioctl(&self, _file: &OpenFile, _request: ioctl::Request) -> Result<isize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Sets up a new mapping of the file. Without it, any is taken if there is `fault`, else none.
    ///
    /// Called with the process' list of mappings locked, so it must not take a lock under which others copy to or from
    /// user space, nor can it do what [`poll`](Self::poll) cannot. Nothing should be registered or dropped here, nor in
    /// [`fault`](Self::fault), that others use: a thread of the process that is in a file of it may wait for that list.
    fn mmap(&self, _file: &OpenFile, _area: &Area) -> Result {
        build_error!(VTABLE_DEFAULT_ERROR)
    }

    /// Returns the page with this number in the file, when a process touches it and it is not mapped.
    ///
    /// If it fails, be it with whatever, or the page is in 2^28 places, the process gets `SIGBUS`. The process may be
    /// in a `read` or `write`, of this file or another, with its own memory mapped: this must take no lock that is held
    /// while such memory is copied, and cannot do what [`poll`](Self::poll) cannot.
    fn fault(&self, _file: &OpenFile, _page: usize) -> Result<SharedPage> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A file during one of its operations.
///
/// # Invariants
///
/// `file` is valid, and stays open while this value exists.
pub struct OpenFile {
    file: *mut bindings::file,
    /// What a read or a write is to be (`IOCB_*`), whatever the file was opened for.
    call: Option<c_int>,
}

impl OpenFile {
    /// # Safety
    ///
    /// `file` must be valid, and in one of its operations as long as the result exists.
    pub(crate) unsafe fn from_raw(file: *mut bindings::file) -> Self {
        // INVARIANT: By the safety requirements.
        Self { file, call: None }
    }

    /// The same, in a read or a write with these flags.
    pub(crate) fn in_call(self, flags: c_int) -> Self {
        let call = Some(flags);
        Self { call, ..self }
    }

    /// Returns the `struct file`.
    pub fn as_raw(&self) -> *mut bindings::file {
        self.file
    }

    /// Returns the `O_*` flags: those that the file has now, as set by `open` and `fcntl`. In a read or a write
    /// `O_APPEND` and `O_NONBLOCK` are what that call is to be (`RWF_APPEND`, `RWF_NOAPPEND`, and io_uring, which
    /// never waits at first).
    #[inline]
    pub fn flags(&self) -> u32 {
        // SAFETY: By the type invariants. `fcntl` may change the flags meanwhile; as in C, each
        // reader sees the old or the new word.
        let flags = unsafe { core::ptr::read_volatile(&raw const (*self.file).f_flags) };
        let Some(call) = self.call else {
            return flags;
        };
        let when = |call_has: c_int, flag| if call & call_has != 0 { flag } else { 0 };
        flags & !O_APPEND
            | when(bindings::LKM_IOCB_APPEND, O_APPEND)
            | when(bindings::LKM_IOCB_NOWAIT, O_NONBLOCK)
    }

    /// Tells whether the caller wants `EAGAIN` rather than to wait.
    #[inline]
    pub fn nonblocking(&self) -> bool {
        self.flags() & O_NONBLOCK != 0
    }

    /// Has the next read or write start at 0, as lseek(2) does. Does nothing in `open`, nor to a file
    /// that cannot be sought in. Calls [`FileOperations::size`]; may sleep (`vfs_llseek`).
    ///
    /// `read` and `write` have a position of their own, which is the file's afterwards.
    pub fn rewind(&self) {
        // SAFETY: By the type invariants. The state is there once `open` has succeeded; until then
        // the file has nothing to be sought with.
        unsafe {
            if !(*self.file).private_data.is_null() {
                bindings::vfs_llseek(self.file, 0, bindings::SEEK_SET as c_int);
            }
        }
    }

    /// Returns the minor number of the device node; 0 for other files.
    pub fn minor(&self) -> u32 {
        // SAFETY: By the type invariants; an open file keeps its inode.
        let dev = unsafe { (*(*self.file).f_inode).i_rdev };
        dev & ((1 << bindings::MINORBITS) - 1)
    }
}

/// What a file is ready for: a mask of `EPOLL*` bits.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Events(pub(crate) bindings::__poll_t);

impl Events {
    /// Nothing.
    pub const NONE: Events = Events(0);
    /// A read returns data or the end of the file (`EPOLLIN | EPOLLRDNORM`).
    pub const READABLE: Events = Events(0x0041);
    /// A write is accepted (`EPOLLOUT | EPOLLWRNORM`).
    pub const WRITABLE: Events = Events(0x0104);
    /// Something failed (`EPOLLERR`).
    pub const ERROR: Events = Events(0x0008);
    /// The other end is gone (`EPOLLHUP`).
    pub const HANG_UP: Events = Events(0x0010);
    /// There is nothing to be polled (`EPOLLNVAL`).
    pub(crate) const INVALID: Events = Events(0x0020);

    /// Returns these events if `condition` holds, else none.
    pub fn when(self, condition: bool) -> Self {
        if condition {
            self
        } else {
            Self::NONE
        }
    }
}

impl core::ops::BitOr for Events {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Where a poller says what it waits for.
///
/// # Invariants
///
/// `file` is in its `poll`, which was given `table`.
pub struct PollTable<'a> {
    file: *mut bindings::file,
    table: *mut bindings::poll_table,
    // What is watched lives as long as the file's state, not just as long as the call.
    _state: PhantomData<fn(&'a ()) -> &'a ()>,
}

impl<'a> PollTable<'a> {
    /// Has the poller woken when `queue` is, which is part of the file's state or of what that refers
    /// to. Does not sleep (`poll_wait`).
    ///
    /// ```compile_fail,E0621
    /// # use lkm::{fops::PollTable, wait::WaitQueue};
    /// fn poll<'a>(table: &PollTable<'a>, other: &WaitQueue) {
    ///     table.watch(other);
    /// }
    /// ```
    pub fn watch(&self, queue: &'a WaitQueue) {
        // SAFETY: By the type invariants. The queue lives as long as the file's state, after which `poll`
        // is not called. If the file goes on without it, it is one of procfs, see `proc_fs::Node::poll`.
        unsafe { queue.poll(self.file, self.table) };
    }
}

/// Reads at `pos` from a file whose whole content is `content`, and advances `pos`.
///
/// Returns the number of bytes, 0 at the end. Fails with `EFAULT` if there is something to read
/// but none of it can be copied, where upstream's `IovIterDest::simple_read_from_buffer` would
/// return 0, which a reader takes for the end. Does what `simple_read_from_buffer` does in C. May
/// sleep.
pub fn read_from_buffer(
    out: &mut IovIterDest<'_>,
    pos: &mut Offset,
    content: &[u8],
) -> Result<usize> {
    let Ok(start) = usize::try_from(*pos) else {
        return Err(EINVAL);
    };
    let rest = content.get(start..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(0);
    }
    let copied = out.copy_to_iter(rest);
    if copied == 0 && !out.is_empty() {
        return Err(EFAULT);
    }
    // The sum is at most the length of `content`.
    *pos = pos.wrapping_add(copied as Offset);
    Ok(copied)
}
