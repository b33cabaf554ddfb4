// SPDX-License-Identifier: GPL-2.0-only

//! Names of files and directories.

use crate::bindings;
use kernel::prelude::*;

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
