// SPDX-License-Identifier: GPL-2.0-only

//! Names and permissions of files and directories: what is odd is refused before C sees it, which
//! warns with a stack trace, or takes it for something else.

use crate::{
    bindings,
    compat,
    context,
    file::Found,
    message::Message, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// An absolute path.
pub(crate) type Path = Message<512>;

/// Whether a file or a directory can have that name.
pub(crate) const fn is_name(name: &CStr) -> bool {
    let name = name.to_bytes();
    let mut n = 0;
    while n < name.len() {
        if name[n] == b'/' {
            return false;
        }
        n += 1;
    }
    0 < n && n <= bindings::NAME_MAX as usize && !matches!(name, b"." | b"..")
}

/// Whether a device can have that name: to C, a `!` in it stands for a folder.
pub(crate) fn is_device(name: &CStr) -> bool {
    is_name(name) && !name.to_bytes().contains(&b'!')
}

/// What registering a device came to, whose name and shape were looked at. C forgets to look whether it had
/// memory for the name (`dev_set_name`), and answers `EINVAL` to a device without one.
pub(crate) fn registered<T>(result: Result<T>) -> Result<T> {
    result.map_err(|error| if error == EINVAL { ENOMEM } else { error })
}

/// Returns `mode` if it is permission bits, at least one: to C, none may mean a default, and further
/// bits another type of file. Fails with `EINVAL`.
pub(crate) fn permissions(mode: u16) -> Result<bindings::umode_t> {
    if matches!(mode, 1..=0o777) {
        Ok(mode)
    } else {
        Err(EINVAL)
    }
}

/// Whether there is a file of that path, as process 1 sees it: who calls may see another root.
/// Fails with `ENAMETOOLONG`, with `EDEADLK` in what answers a disk's requests, where the path may be on that disk, or with
/// what keeps the kernel from looking, such as `EACCES`. May sleep.
pub(crate) fn exists(mut path: Path) -> Result<bool> {
    if context::works_for_others() {
        return Err(compat::errno(bindings::EDEADLK));
    }
    if path.push(b"\0") == 0 {
        return Err(compat::errno(bindings::ENAMETOOLONG));
    }
    let (root, mut found) = (Found(root()), bindings::path::default());
    // SAFETY: The root is a directory that is mounted, `path` a C string, and `found` valid for
    // writes.
    let failed = unsafe {
        let path = path.as_bytes().as_ptr().cast();
        bindings::vfs_path_lookup(root.0.dentry, root.0.mnt, path, 0, &mut found)
    };
    match to_result(failed) {
        Ok(()) => {}
        Err(e) if e == ENOENT || e == ENOTDIR => return Ok(false),
        Err(e) => return Err(e),
    }
    // INVARIANT: The lookup filled it with references of ours.
    drop(Found(found));
    Ok(true)
}

/// The root directory of process 1, with references for the caller (`get_fs_root`).
fn root() -> bindings::path {
    // SAFETY: The kernel keeps both forever.
    let fs = unsafe {
        if bindings::LKM_HAS_INIT_FS {
            bindings::userspace_init_fs
        } else {
            bindings::init_task.fs
        }
    };
    // SAFETY: These are where the members are, and the root is only changed with the lock held.
    unsafe {
        let lock = fs.byte_add(bindings::LKM_FS_LOCK).cast();
        bindings::spin_lock(lock);
        let root = *fs.byte_add(bindings::LKM_FS_ROOT).cast::<bindings::path>();
        bindings::path_get(&root);
        bindings::spin_unlock(lock);
        root
    }
}
