// SPDX-License-Identifier: GPL-2.0-only

//! Names and permissions of files and directories: what is odd is refused before C sees it, which
//! warns with a stack trace, or takes it for something else.

use crate::{
    bindings,
    compat,
    message::Message, //
};
use kernel::prelude::*;

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

/// Returns `mode` if it is permission bits, at least one: to C, none may mean a default, and further
/// bits another type of file. Fails with `EINVAL`.
pub(crate) fn permissions(mode: u16) -> Result<bindings::umode_t> {
    if matches!(mode, 1..=0o777) {
        Ok(mode)
    } else {
        Err(EINVAL)
    }
}

/// Whether the calling process sees a file of that path. Fails with `ENAMETOOLONG`. May sleep.
pub(crate) fn exists(mut path: Path) -> Result<bool> {
    if path.push(b"\0") == 0 {
        return Err(compat::errno(bindings::ENAMETOOLONG));
    }
    let mut found = bindings::path::default();
    // SAFETY: `path` is a C string, and `found` valid for writes.
    if unsafe { bindings::kern_path(path.as_bytes().as_ptr().cast(), 0, &mut found) } != 0 {
        return Ok(false);
    }
    // SAFETY: `kern_path` filled `found` with references of ours.
    unsafe { bindings::path_put(&found) };
    Ok(true)
}
