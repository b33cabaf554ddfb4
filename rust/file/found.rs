// SPDX-License-Identifier: GPL-2.0-only

//! What is at a path, before it is opened.
//!
//! C header: [`include/linux/namei.h`](srctree/include/linux/namei.h)

use super::{
    kind,
    opened,
    File, //
};
use crate::{
    bindings,
    compat::errno, //
};
use kernel::{
    error::to_result,
    fs::file::flags::{
        O_ACCMODE,
        O_CREAT,
        O_EXCL,
        O_RDONLY, //
    },
    prelude::*,
    task::Task, //
};

/// What was found at a path, whatever its name stands for by now.
///
/// # Invariants
///
/// C has found it, with references of ours.
pub(crate) struct Found(pub(crate) bindings::path);

impl Found {
    /// Looks for it as open(2) does, and as `flags` say (`LOOKUP_*`). May sleep (`kern_path`).
    pub(super) fn at(path: &CStr, flags: c_uint) -> Result<Self> {
        let mut found = bindings::path::default();
        // SAFETY: `path` is a C string, and `found` valid for writes.
        to_result(unsafe {
            let flags = bindings::LKM_LOOKUP | flags;
            bindings::kern_path(path.as_char_ptr(), flags, &mut found)
        })?;
        // INVARIANT: The lookup filled it.
        Ok(Self(found))
    }

    /// Opens it. May sleep (`file_open_root`).
    pub(super) fn open(&self, flags: u32) -> Result<File> {
        // SAFETY: By the type invariants. The path from there is empty: it is the file itself.
        opened(unsafe { bindings::file_open_root(&self.0, c"".as_char_ptr(), flags as c_int, 0) })
    }

    /// Whether it is a symbolic link, which was not followed.
    pub(super) fn is_link(&self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { kind(self.inode()) == bindings::S_IFLNK }
    }

    /// Its inode, which is there as long as this.
    pub(super) fn inode(&self) -> *mut bindings::inode {
        // SAFETY: By the type invariants. What has a reference keeps its inode.
        unsafe { (&raw const (*self.0.dentry).d_inode).read_volatile() }
    }

    /// Refuses what is not to be opened so.
    pub(super) fn admit(&self, flags: u32) -> Result {
        let creates = flags & O_CREAT != 0;
        if flags & O_EXCL != 0 {
            return Err(EEXIST);
        }
        // SAFETY: By the type invariants.
        match unsafe { kind(self.inode()) } {
            bindings::S_IFIFO => Err(EINVAL),
            bindings::S_IFDIR if creates => Err(EISDIR),
            bindings::S_IFREG | bindings::S_IFLNK if creates && self.is_planted() => Err(EACCES),
            // overlayfs copies what is to be written, with the pipe that `sendfile` has for the process' bytes.
            bindings::S_IFREG
                if flags & O_ACCMODE != O_RDONLY && self.is_copied() && is_sending() =>
            {
                Err(errno(bindings::EDEADLK))
            }
            _ => Ok(()),
        }
    }

    /// Whether it may have to be copied before it is written.
    fn is_copied(&self) -> bool {
        // SAFETY: By the type invariants. An inode keeps its file system, in which this does not change.
        let magic = unsafe { (*(*self.inode()).i_sb).s_magic };
        magic == bindings::OVERLAYFS_SUPER_MAGIC as c_ulong
    }

    /// Whether somebody else has put it where others may put something, for whoever would create it there
    /// (`may_create_in_sticky`). What has more than one name may be anybody's: unless `protected_hardlinks` is set, who
    /// has put it there need not own it. May sleep (`dput`).
    fn is_planted(&self) -> bool {
        // SAFETY: By the type invariants. This is a reference for us, which goes below; a folder has an inode. A task
        // has its own credentials.
        let (folder, mode, ours) = unsafe {
            let parent = bindings::dget_parent(self.0.dentry);
            let folder = (*parent).d_inode;
            let mode = u32::from((&raw const (*folder).i_mode).read_volatile());
            let of_folder = self.owner(folder);
            bindings::dput(parent);
            (of_folder, mode, (*(*Task::current_raw()).cred).fsuid.val)
        };
        let is_sticky = mode & bindings::S_ISVTX != 0;
        let is_others = mode & (bindings::S_IWOTH | bindings::S_IWGRP) != 0;
        // SAFETY: By the type invariants. Others may give it another name meanwhile.
        let (owner, names) = unsafe {
            let inode = self.inode();
            let names = (&raw const (*inode).__bindgen_anon_1.i_nlink).read_volatile();
            (self.owner(inode), names)
        };
        is_sticky && is_others && (owner != folder && owner != ours || names > 1)
    }

    /// Who owns that, as the mount has it (`i_uid_into_vfsuid`).
    ///
    /// # Safety
    ///
    /// The inode must be there, and on the same mount.
    unsafe fn owner(&self, inode: *mut bindings::inode) -> bindings::uid_t {
        // SAFETY: By the safety requirements, and the type invariants. Others may change the owner meanwhile.
        unsafe {
            let uid = (&raw const (*inode).i_uid).read_volatile();
            let map = (&raw const (*self.0.mnt).mnt_idmap).read_volatile();
            bindings::make_vfsuid(map, (*(*inode).i_sb).s_user_ns, uid).val
        }
    }
}

/// Whether the caller is written to by sendfile(2) (`current->splice_pipe`).
fn is_sending() -> bool {
    // SAFETY: The task that runs is there, and nobody else uses its pipe, which stays as long as the task.
    let pipe = unsafe { (*Task::current_raw()).splice_pipe };
    // SAFETY: As above; these are where the members are.
    !pipe.is_null()
        && unsafe {
            let member = |offset| pipe.byte_add(offset).cast::<c_uint>().read();
            member(bindings::LKM_PIPE_HEAD) != member(bindings::LKM_PIPE_TAIL)
        }
}

impl Drop for Found {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::path_put(&self.0) };
    }
}
