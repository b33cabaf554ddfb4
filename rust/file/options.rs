// SPDX-License-Identifier: GPL-2.0-only

//! How a file is opened.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h)

#[cfg(CONFIG_TTY)]
use super::is_tty;
use super::{
    enter,
    found::Found,
    opened,
    File, //
};
use crate::{
    bindings,
    compat::errno,
    context,
    lifetime::{
        is_coming,
        references,
        this_module, //
    },
};
use kernel::{
    fs::file::flags::*,
    prelude::*,
    task::Task, //
};

/// How to open a file.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::file;
/// fn note(text: &[u8]) -> Result {
///     let mut file = file::Options::new()
///         .append()
///         .create()
///         .mode(0o600)
///         .open(c"/var/log/notes")?;
///     file.write_all(text)
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Options {
    read: bool,
    write: bool,
    flags: u32,
    mode: bindings::umode_t,
}

impl Options {
    /// Nothing yet: at least [`read`](Self::read), [`write`](Self::write) or
    /// [`append`](Self::append) must follow. Files that are created get mode 0644.
    pub const fn new() -> Self {
        Self {
            read: false,
            write: false,
            flags: 0,
            mode: 0o644,
        }
    }

    /// Opens for reading.
    pub const fn read(mut self) -> Self {
        self.read = true;
        self
    }

    /// Opens for writing.
    pub const fn write(mut self) -> Self {
        self.write = true;
        self
    }

    /// Opens for writing, at what is the end when the bytes arrive (`O_APPEND`).
    pub const fn append(mut self) -> Self {
        self.write = true;
        self.flags |= O_APPEND;
        self
    }

    /// Creates the file if it does not exist (`O_CREAT`).
    pub const fn create(mut self) -> Self {
        self.flags |= O_CREAT;
        self
    }

    /// Creates the file, and fails with `EEXIST` if it exists (`O_CREAT | O_EXCL`).
    pub const fn create_new(mut self) -> Self {
        self.flags |= O_CREAT | O_EXCL;
        self
    }

    /// Empties the file (`O_TRUNC`). It needs [`write`](Self::write).
    pub const fn truncate(mut self) -> Self {
        self.flags |= O_TRUNC;
        self
    }

    /// Fails with `EAGAIN` rather than to wait for data or for room, and does not wait for the other end of a line
    /// (`O_NONBLOCK`).
    pub const fn nonblocking(mut self, yes: bool) -> Self {
        if yes {
            self.flags |= O_NONBLOCK;
        } else {
            self.flags &= !O_NONBLOCK;
        }
        self
    }

    /// The permission bits of a file that is created. The process's umask is taken off.
    pub const fn mode(mut self, mode: u16) -> Self {
        self.mode = mode & 0o7777;
        self
    }

    /// Opens a file (`file_open_root`), or creates it (`filp_open`).
    ///
    /// Fails with what open(2) fails with, and with `EINVAL` if the options ask for neither
    /// reading nor writing, or to truncate a file that is not to be written. No FIFO is opened (`EINVAL`): a
    /// process that splices has it locked when it calls a module, which would wait for it for ever. For sendfile(2), no
    /// regular file of overlayfs is opened to be written (`EDEADLK`): that may take the pipe with the process' bytes. With
    /// [`create`](Self::create), nothing is created where a link leads (`EEXIST`), and a file or a link that another
    /// user has put into a folder such as `/tmp` is refused (`EACCES`), as if `/proc/sys/fs/protected_regular` were 2,
    /// and `protected_symlinks` 1 for the path's own last link. So is one with more than one name there, whosever it
    /// is: unless `protected_hardlinks` is 1, any user can give a name there to any file. A tty does not become the
    /// caller's controlling tty, and files beyond 2 GiB are welcome. While the module is being loaded, what it has registered itself is refused (`EDEADLK`): its file would
    /// keep the module, and a load that fails would wait for it. So is any file, if somebody else comes to keep the
    /// module at that moment. May sleep.
    pub fn open(&self, path: &CStr) -> Result<File> {
        self.open_if(path, |_| Ok(()))
    }

    /// Opens a tty.
    ///
    /// Fails with `ENODEV` for anything else, which is not opened: that might wait, or have a driver do
    /// something. Else fails as [`open`](Self::open) does. May sleep.
    #[cfg(CONFIG_TTY)]
    pub fn open_tty(&self, path: &CStr) -> Result<File> {
        let mut there = *self;
        there.flags &= !(O_CREAT | O_EXCL);
        there.open_if(path, |found| {
            // SAFETY: The inode is there as long as what was found.
            let is_tty = unsafe { is_tty(found.inode()) };
            is_tty.then_some(()).ok_or(ENODEV)
        })
    }

    /// Opens what `check` does not refuse, or creates it.
    fn open_if(&self, path: &CStr, check: impl Fn(&Found) -> Result) -> Result<File> {
        enter()?;
        let access = match (self.read, self.write) {
            (true, true) => O_RDWR,
            (false, true) => O_WRONLY,
            (true, false) if self.flags & O_TRUNC == 0 => O_RDONLY,
            _ => return Err(EINVAL),
        };
        let flags = self.flags | access | O_NOCTTY | O_LARGEFILE;
        // For C it would be the working directory.
        if path.to_bytes().is_empty() {
            return Err(ENOENT);
        }

        let may_be_created = flags & (O_CREAT | O_EXCL) == O_CREAT;
        let before = references();
        let _root = LentRoot::new();
        let find = |lookup| {
            let follow = lookup | bindings::LKM_LOOKUP_FOLLOW;
            if flags & O_CREAT == 0 {
                return Found::at(path, follow);
            }
            // A link may be planted as a file may, and C follows it unless `protected_symlinks` is set.
            let found = Found::at(path, lookup)?;
            if !found.is_link() {
                return Ok(found);
            }
            found.admit(flags)?;
            Found::at(path, follow)
        };
        let attempt = |lookup| {
            let found = match find(lookup) {
                Err(ENOENT) if flags & O_CREAT != 0 => {
                    let flags = (flags | O_EXCL) as c_int;
                    // SAFETY: `path` is a C string.
                    return opened(unsafe {
                        bindings::filp_open(path.as_char_ptr(), flags, self.mode)
                    });
                }
                found => found?,
            };
            check(&found)?;
            found.admit(flags)?;
            found.open(flags & !O_CREAT)
        };
        let file = match attempt(0) {
            // Somebody else has created it just now, or its server has another one by now.
            Err(e) if e == errno(bindings::ESTALE) || e == EEXIST && may_be_created => {
                attempt(bindings::LKM_LOOKUP_REVAL)
            }
            file => file,
        }?;
        // SAFETY: An open file has operations.
        let owner = unsafe { (*(*file.as_raw()).f_op).owner };
        // Files in /proc and of disks have no owner, and keep the module in their own way.
        if is_coming() && (owner == this_module().as_ptr() || references() > before) {
            return Err(errno(bindings::EDEADLK));
        }
        Ok(file)
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

/// The root directory of process 1, lent to a kernel thread (`scoped_with_init_fs`).
///
/// # Invariants
///
/// `own` was the current task's. This value stays with that task.
struct LentRoot {
    /// What the current task had before.
    own: Option<*mut bindings::fs_struct>,
}

impl LentRoot {
    fn new() -> Self {
        let task = Task::current_raw();
        if !bindings::LKM_HAS_INIT_FS || !context::is_kernel_thread() {
            return Self { own: None };
        }
        // SAFETY: Only the current task writes the field while it runs.
        let own = unsafe { (*task).fs };
        // SAFETY: As above, with a single store: others may read it. The kernel keeps
        // `userspace_init_fs` forever.
        unsafe { (&raw mut (*task).fs).write_volatile(bindings::userspace_init_fs) };
        Self { own: Some(own) }
    }
}

impl Drop for LentRoot {
    fn drop(&mut self) {
        if let Some(own) = self.own {
            // SAFETY: As in `new`, by the type invariants.
            unsafe { (&raw mut (*Task::current_raw()).fs).write_volatile(own) };
        }
    }
}
