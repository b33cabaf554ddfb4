// SPDX-License-Identifier: GPL-2.0-only

//! Files that the kernel opens, reads and writes itself.
//!
//! User space is usually the right place for this. A [`File`] is for the rest: it is opened by
//! path, belongs to the kernel alone (no process has a descriptor for it), and is closed when it is
//! dropped. It works on regular files and on devices, ttys among them.
//!
//! Everything here sleeps and needs a process context: a system call, a work item or a
//! [kernel thread](crate::kthread). With `CONFIG_DEBUG_ATOMIC_SLEEP` the kernel reports any other
//! caller. But for closing, nothing here uses the second half of the kernel's stack: a file whose
//! operations come back to it, be it through others, fails with `ELOOP`. What makes up the content of a file in a
//! pseudo file system, such as the `show` of one in `/proc` or in sysfs, cannot use files of such a file system: it
//! may be its own, whose mutex is held (`EDEADLK`).
//!
//! A path is looked up as the calling process would: from its root, in its mounts, with its
//! permissions. A kernel thread has root's permissions. Since 7.3 its own root directory is empty,
//! so here it is lent that of process 1, as before 7.3, for the time of the look-up.
//!
//! Who drops the state of an [open file](crate::fops::FileOperations::open) may be another process, or a
//! kernel thread: a path that a process gave must not be opened there.
//!
//! C headers: [`include/linux/fs.h`](srctree/include/linux/fs.h),
//! [`include/linux/file.h`](srctree/include/linux/file.h)

use crate::{
    bindings,
    compat::{
        self,
        errno, //
    },
    context,
    lifetime::{
        self,
        is_coming,
        Kept, //
    },
    memory::MAY_FAIL, //
};
use core::ptr::NonNull;
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    fs::file::{
        flags::*,
        Offset, //
    },
    iov::IovIterSource,
    page::PAGE_SIZE,
    prelude::*,
    task::{
        might_sleep,
        Task, //
    },
};

mod found;
mod options;

pub(crate) use found::Found;
pub use options::Options;

/// An open file that belongs to the kernel. Dropping it closes it, which may sleep.
///
/// In a kernel thread, the file is gone when it has been dropped, unless files cannot be used there: a file system can be
/// unmounted right then. In a system call it goes when the process returns to user space; where files
/// cannot be used, a thread closes it, and keeps the module meanwhile.
///
/// # Invariants
///
/// `file` is an open file, this value owns a reference to it, and nobody uses its own position.
pub struct File {
    file: NonNull<bindings::file>,
    position: Offset,
}

// SAFETY: A file may be used and closed by any task.
unsafe impl Send for File {}
// SAFETY: Shared references allow what C allows several tasks to do at once.
unsafe impl Sync for File {}

impl File {
    /// Reads at the file's position, and advances it. Returns the number of bytes, 0 at the end.
    ///
    /// Fails as [`read_at`](Self::read_at) does.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut position = self.position;
        let count = self.read_raw(buffer, &mut position)?;
        self.position = position;
        Ok(count)
    }

    /// Reads at a position in bytes; devices without one ignore it. Returns the number of bytes, 0
    /// at the end.
    ///
    /// Fails with `EBADF` if the file is not open for reading, `EISDIR` if it is a directory,
    /// `EINVAL` if it cannot be read from kernel memory, and with what read(2) fails with. A wait
    /// for a device can be interrupted (`ERESTARTSYS`). May sleep (`kernel_read`).
    pub fn read_at(&self, buffer: &mut [u8], mut position: Offset) -> Result<usize> {
        self.read_raw(buffer, &mut position)
    }

    fn read_raw(&self, buffer: &mut [u8], position: &mut Offset) -> Result<usize> {
        self.check(O_WRONLY)?;
        let (start, len) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: By the type invariants.
        let ret = unsafe { bindings::kernel_read(self.as_raw(), start, len, position) };
        to_count(ret, len)
    }

    /// Writes at the file's position, and advances it. Returns the number of bytes, which may be
    /// fewer than given.
    ///
    /// Fails as [`write_at`](Self::write_at) does.
    pub fn write(&mut self, data: &[u8]) -> Result<usize> {
        let mut position = self.position;
        let count = self.write_raw(data, &mut position)?;
        self.position = position;
        Ok(count)
    }

    /// Writes all of `data` at the file's position, and advances it by what was written, also on
    /// failure.
    ///
    /// Fails as [`write_at`](Self::write_at) does, and with `EIO` if the file takes no more bytes
    /// without saying why.
    pub fn write_all(&mut self, mut data: &[u8]) -> Result {
        while !data.is_empty() {
            let count = self.write(data)?;
            data = data.get(count..).unwrap_or_default();
            if count == 0 {
                return Err(EIO);
            }
        }
        Ok(())
    }

    /// Appends all of `data` to a regular file, or nothing: if only a part of it fits, that is cut
    /// off again.
    ///
    /// The file must be open to [append](Options::append). If somebody else appends at the same
    /// time, the part stays. Fails as [`write_at`](Self::write_at) does.
    pub fn append_all(&mut self, data: &[u8]) -> Result {
        let mut written = self.write(data)?;
        // The position is what the file system says, which may be anything.
        let start = self.position.wrapping_sub(written as Offset);
        while written < data.len() {
            match self.write(data.get(written..).unwrap_or_default()) {
                Ok(count) if count > 0 => written += count,
                outcome => {
                    let end = start.wrapping_add(written as Offset);
                    if self.position == end && self.size()? == end {
                        self.set_size(start)?;
                    }
                    return outcome.and(Err(EIO));
                }
            }
        }
        Ok(())
    }

    /// Writes at a position in bytes; devices and files open to append ignore it. Returns the
    /// number of bytes, which may be fewer than given.
    ///
    /// Fails with `EBADF` if the file is not open for writing, `EINVAL` if it cannot be written
    /// from kernel memory, and with what write(2) fails with. A wait for a device can be
    /// interrupted (`ERESTARTSYS`). In a kernel thread, it fails with `EAGAIN` where C could not get a lock and a process
    /// would come again, as with `/proc/sys/net/ipv4/ip_forward`. May sleep (`kernel_write`).
    pub fn write_at(&self, data: &[u8], mut position: Offset) -> Result<usize> {
        self.write_raw(data, &mut position)
    }

    fn write_raw(&self, data: &[u8], position: &mut Offset) -> Result<usize> {
        self.check(O_RDONLY)?;
        // SAFETY: By the type invariants.
        let ret = unsafe {
            bindings::kernel_write(self.as_raw(), data.as_ptr().cast(), data.len(), position)
        };
        to_count(ret, data.len())
    }

    /// Has what follows fail with `EAGAIN` rather than wait, or wait again, whatever the file was
    /// [opened](Options::nonblocking) with. Must not be called in an interrupt.
    pub fn set_nonblocking(&self, yes: bool) {
        let wanted = if yes { O_NONBLOCK } else { 0 };
        // SAFETY: By the type invariants. Flags are changed under the file's lock, and read
        // without, as in C.
        unsafe {
            let flags = &raw mut (*self.as_raw()).f_flags;
            if flags.read_volatile() & O_NONBLOCK == wanted {
                return;
            }
            let lock = &raw mut (*self.as_raw()).f_lock;
            bindings::spin_lock(lock);
            flags.write_volatile(flags.read() & !O_NONBLOCK | wanted);
            bindings::spin_unlock(lock);
        }
    }

    /// Writes what a process gave to a `write` of ours, straight from its memory, as if it had
    /// written to this file. Returns the number of bytes, which may be fewer than given.
    ///
    /// Fails as [`write_at`](Self::write_at) does, and with `EFAULT` if the memory cannot be read.
    /// May sleep (`vfs_iter_write`).
    pub fn write_from(&self, data: &mut IovIterSource<'_>, position: &mut Offset) -> Result<usize> {
        self.check(O_RDONLY)?;
        let offered = data.len();
        // SAFETY: By the type invariants; `data` and `position` are valid for the call.
        let ret = unsafe { bindings::vfs_iter_write(self.as_raw(), data.as_raw(), position, 0) };
        to_count(ret, offered)
    }

    /// Reads from the file's position to its end, at most `limit` bytes, and at most 1 GiB.
    ///
    /// Fails with `EFBIG` if there is more, `ENOMEM`, or as [`read_at`](Self::read_at) does. It
    /// does not trust the file's size, which is 0 for much of `/proc`. May sleep.
    pub fn read_to_end(&mut self, limit: usize) -> Result<KVVec<u8>> {
        // C warns of allocations beyond 2 GiB.
        let limit = limit.min(1 << 30);
        let hint = match self.size() {
            Ok(size) => usize::try_from(size.saturating_sub(self.position)).unwrap_or(0),
            Err(_) => 0,
        };
        if hint > limit {
            return Err(EFBIG);
        }

        // The last read needs room to find nothing.
        let mut content = compat::zeroes(hint.saturating_add(1), MAY_FAIL)?;
        let mut filled = 0;
        loop {
            let allowed = (limit - filled).saturating_add(1);
            let room = content.get_mut(filled..).unwrap_or_default();
            let len = room.len().min(allowed);
            let count = self.read(room.get_mut(..len).unwrap_or_default())?;
            if count == 0 {
                content.truncate(filled);
                return Ok(content);
            }
            filled += count;
            if filled > limit {
                return Err(EFBIG);
            }
            if filled == content.len() {
                content.resize(filled + filled.max(PAGE_SIZE), 0, MAY_FAIL)?;
            }
        }
    }

    /// Returns the position of [`read`](Self::read) and [`write`](Self::write), in bytes. After
    /// appending it is where the appended bytes end.
    pub fn position(&self) -> Offset {
        self.position
    }

    /// Sets the position of [`read`](Self::read) and [`write`](Self::write), in bytes.
    pub fn set_position(&mut self, position: Offset) {
        self.position = position;
    }

    /// Returns where the file ends, in bytes.
    ///
    /// Fails with `ESPIPE` or `EINVAL` if it has no end that is known. May sleep (`vfs_llseek`).
    pub fn size(&mut self) -> Result<Offset> {
        self.enter()?;
        // SAFETY: By the type invariants. This sets the file's own position, which nobody uses.
        let end = unsafe { bindings::vfs_llseek(self.as_raw(), 0, bindings::SEEK_END as c_int) };
        if end < 0 {
            return Err(Error::from_errno(end as c_int));
        }
        Ok(end)
    }

    /// Cuts the file, or fills it with zeroes, to `size` bytes.
    ///
    /// Fails with `EBADF` if the file is not open for writing, and with what truncate(2) fails
    /// with: `EISDIR`, `EINVAL` if it is not a regular file, `EPERM`, `EROFS`… May sleep
    /// (`vfs_truncate`).
    pub fn set_size(&self, size: Offset) -> Result {
        self.check(O_RDONLY)?;
        if size < 0 {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariants; an open file keeps its path.
        to_result(unsafe {
            let path = self.as_raw().byte_add(bindings::LKM_FILE_F_PATH).cast();
            bindings::vfs_truncate(path, size)
        })
    }

    /// Waits until content and attributes are on the device.
    ///
    /// Fails with `EINVAL` if the file has none to be on, and with `EIO`, `ENOSPC`… if bytes that
    /// were written could not be stored. May sleep (`vfs_fsync`).
    pub fn sync(&self) -> Result {
        self.enter()?;
        // SAFETY: By the type invariants.
        to_result(unsafe { bindings::vfs_fsync(self.as_raw(), 0) })
    }

    /// Calls the file's own ioctl, with a number for its argument.
    ///
    /// Fails with `ENOTTY` if it has none, and with what ioctl(2) fails with. May sleep
    /// (`file_operations::unlocked_ioctl`).
    #[cfg(CONFIG_VT)]
    pub(crate) fn ioctl(&self, command: u32, argument: u8) -> Result {
        enter_device()?;
        // SAFETY: By the type invariants. A hang-up replaces a tty's operations by others that stay,
        // too, so this is read once.
        let operations = unsafe { (&raw const (*self.as_raw()).f_op).read_volatile() };
        // SAFETY: An open file has operations.
        let ioctl = unsafe { (*operations).unlocked_ioctl }.ok_or(ENOTTY)?;
        // SAFETY: A process may call it with any numbers, so it checks them, and takes none for an
        // address in the kernel.
        to_result(unsafe { ioctl(self.as_raw(), command, argument.into()) } as c_int)
    }

    /// Closes the file, and says what went wrong with bytes that were still on their way, as
    /// close(2) does. In what C calls with a lock held, and in what answers a disk's requests, a thread closes it a
    /// little later (`EDEADLK`). If that is while the module is loaded or unloaded, or there is no memory, it is not flushed,
    /// which some file systems need to write all of it (CIFS). May sleep (`filp_close`).
    pub fn close(self) -> Result {
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: The value is not used again.
        unsafe { this.close_raw() }
    }

    /// # Safety
    ///
    /// The value must not be used again: its reference is gone.
    unsafe fn close_raw(&self) -> Result {
        let file = self.as_raw();
        if !may_wait() {
            // It is not even flushed here: its server may wait for what the caller has locked. The reference is for
            // `drop_later`, which drops here what the module is not kept for; that would come here again.
            let kept = lifetime::is_live().then(Kept::new).and_then(Result::ok);
            let room = kept.is_some().then(|| KBox::new_uninit(MAY_FAIL));
            if let Some(Ok(room)) = room {
                let (file, position) = (self.file, self.position);
                lifetime::drop_later(KBox::into_pin(KBox::write(room, Self { file, position })));
            } else {
                // SAFETY: By the type invariants. This gives up the value's reference, without a flush.
                unsafe { bindings::fput(file) };
            }
            return Err(errno(bindings::EDEADLK));
        }
        might_sleep();
        // A kernel thread never returns to user space, where the rest of closing is done
        // otherwise; C would leave it to a work item, for some time later. The file that a module
        // opens while it is loaded may be its own: if the load fails, the loader waits for it.
        let here = (context::is_kernel_thread() || is_coming()) && enter().is_ok();
        if here {
            // SAFETY: By the type invariants.
            unsafe { bindings::get_file(file) };
        }
        // SAFETY: By the type invariants. This gives up the value's reference.
        let ret = unsafe { bindings::filp_close(file, core::ptr::null_mut()) };
        if here {
            // SAFETY: The reference is the one taken above, and the caller may sleep.
            unsafe { bindings::__fput_sync(file) };
        }
        to_result(ret)
    }

    /// Whether this is a regular file.
    pub fn is_regular(&self) -> bool {
        self.kind() == bindings::S_IFREG
    }

    /// Whether the file is in a pseudo file system, where the kernel makes up what is read, and acts on
    /// what is written, as in `/proc`, in `/sys`, in cgroups (`SB_I_NOEXEC`), in debugfs and in tracefs.
    pub fn is_pseudo(&self) -> bool {
        // SAFETY: By the type invariants; an open file keeps its inode, and that its superblock, where these are set
        // when it is made.
        let (flags, magic) = unsafe {
            let superblock = (*(*self.as_raw()).f_inode).i_sb;
            ((*superblock).s_iflags, (*superblock).s_magic)
        };
        // These two do not say it by the flag.
        let magic = u32::try_from(magic);
        flags & bindings::SB_I_NOEXEC as c_ulong != 0
            || matches!(magic, Ok(bindings::DEBUGFS_MAGIC | bindings::TRACEFS_MAGIC))
    }

    /// Whether this is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind() == bindings::S_IFDIR
    }

    /// Whether this is a tty, be it one without hardware or hung up. May sleep (`tty_kopen_shared`).
    #[cfg(CONFIG_TTY)]
    pub fn is_tty(&self) -> bool {
        might_sleep();
        // SAFETY: An open file keeps its inode.
        unsafe { is_tty((*self.as_raw()).f_inode) }
    }

    fn kind(&self) -> u32 {
        // SAFETY: An open file keeps its inode.
        unsafe { kind((*self.as_raw()).f_inode) }
    }

    /// Refuses what the kernel would warn about: access that the file was not opened for.
    fn check(&self, other: u32) -> Result {
        self.enter()?;
        // SAFETY: By the type invariants. The access mode does not change.
        if unsafe { (*self.as_raw()).f_flags } & O_ACCMODE == other {
            return Err(EBADF);
        }
        if self.is_directory() {
            return Err(EISDIR);
        }
        Ok(())
    }

    /// As the function of this name, and refuses in what makes up the content of such a file, too (`EDEADLK`).
    fn enter(&self) -> Result {
        enter()?;
        if self.is_pseudo() && !context::may_use_pseudo_files() {
            return Err(errno(bindings::EDEADLK));
        }
        Ok(())
    }

    fn as_raw(&self) -> *mut bindings::file {
        self.file.as_ptr()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // Nobody is left to hear of an error.
        //
        // SAFETY: The value is not used again.
        let _ = unsafe { self.close_raw() };
    }
}

/// Reads the whole of a regular file, at most `limit` bytes.
///
/// Fails with `EISDIR` for a directory, `EINVAL` for anything else that is not a regular file,
/// without waiting for the other end of a line, `EFBIG` if the file is longer than
/// `limit`, `ENOMEM`, and with what open(2) and read(2) fail with. May sleep.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::file;
/// fn greeting() -> Result<KVVec<u8>> {
///     file::read(c"/etc/motd", 4096)
/// }
/// ```
pub fn read(path: &CStr, limit: usize) -> Result<KVVec<u8>> {
    open_regular(path)?.read_to_end(limit)
}

/// Opens a regular file for reading.
///
/// Fails with `EISDIR` for a directory, and with `EINVAL` for anything else that is not a regular
/// file, without waiting for the other end of a line. May sleep.
pub fn open_regular(path: &CStr) -> Result<File> {
    let file = Options::new().read().nonblocking(true).open(path)?;
    if file.is_directory() {
        return Err(EISDIR);
    }
    if !file.is_regular() {
        return Err(EINVAL);
    }
    Ok(file)
}

fn opened(file: *mut bindings::file) -> Result<File> {
    let file = NonNull::new(from_err_ptr(file)?).ok_or(ENOENT)?;
    // INVARIANT: C returned a reference of ours to a new open file.
    Ok(File { file, position: 0 })
}

/// What kind of file that is (`S_IF*`).
///
/// # Safety
///
/// The inode must be there.
pub(crate) unsafe fn kind(inode: *mut bindings::inode) -> u32 {
    // SAFETY: By the safety requirements. Permissions may change meanwhile, the kind never does.
    let mode = unsafe { (&raw const (*inode).i_mode).read_volatile() };
    u32::from(mode) & bindings::S_IFMT
}

/// # Safety
///
/// As for [`kind`].
#[cfg(CONFIG_TTY)]
unsafe fn is_tty(inode: *mut bindings::inode) -> bool {
    // SAFETY: By the safety requirements.
    if unsafe { kind(inode) } != bindings::S_IFCHR {
        return false;
    }
    // SAFETY: As above. Its device never changes.
    let device = unsafe { (*inode).i_rdev };
    // `/dev/tty` and `/dev/console` stand for others; C does not say for which.
    if device >> bindings::MINORBITS == bindings::TTYAUX_MAJOR {
        return true;
    }
    // SAFETY: Looks for the driver of any device number, and does not call it.
    match from_err_ptr(unsafe { bindings::tty_kopen_shared(device) }) {
        Ok(tty) => {
            // SAFETY: This is a reference for us, or NULL if nobody has the tty open.
            unsafe { bindings::tty_kref_put(tty) };
            true
        }
        Err(e) => e != ENODEV,
    }
}

/// As [`enter_device`], and refuses what may wait for a disk: in what answers a disk's requests, since those that it
/// made itself would be answered after it, and while C resets a USB device or takes a device away, whose disk it may be
/// (`EDEADLK`).
fn enter() -> Result {
    if !context::may_do_io() {
        return Err(errno(bindings::EDEADLK));
    }
    enter_device()
}

/// Refuses to go on with less than half of the task's stack, which only happens if a file's operations
/// come back to where they were called (`ELOOP`); for a process that has ended, in what closes the files
/// that it had (`ESRCH`); and in what C calls with a lock that files take, too (`EDEADLK`).
fn enter_device() -> Result {
    might_sleep();
    if context::has_ended() {
        return Err(ESRCH);
    }
    if !context::may_use_files() {
        return Err(errno(bindings::EDEADLK));
    }
    let stack = context::stack();
    if (&raw const stack).addr().wrapping_sub(stack.start) < stack.len() / 2 {
        return Err(errno(bindings::ELOOP));
    }
    Ok(())
}

/// Whether nobody waits for the current task who has to do with a file.
fn may_wait() -> bool {
    context::may_do_io() && context::may_use_files()
}

/// What a driver returned. Its word is not enough for there to be as many bytes as it says.
fn to_count(ret: isize, limit: usize) -> Result<usize> {
    let count = usize::try_from(ret).map_err(|_| {
        let error = Error::from_errno(ret as c_int);
        if error == errno(bindings::ERESTARTNOINTR) && context::is_kernel_thread() {
            return again();
        }
        error
    })?;
    Ok(count.min(limit))
}

/// What a kernel thread is told where C could not get a lock, and has the system call done again (`restart_syscall`),
/// which the thread is not in. For that C has set its mark of a signal, which nothing would take away: no wait of the
/// thread's would wait any more.
#[cold]
fn again() -> Error {
    // SAFETY: The current task is a kernel thread, which has no other signals. That it is asked to stop is another mark.
    unsafe { bindings::flush_signals(Task::current_raw()) };
    EAGAIN
}
