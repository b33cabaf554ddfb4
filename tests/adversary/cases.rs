// SPDX-License-Identifier: GPL-2.0-only

//! What a module tries when it is loaded: this file is part of each that does.

use kernel::prelude::*;

/// Tells whether what was tried did no more than it may.
pub(crate) type Case = fn() -> Result<bool>;

/// Tries all of them, and fails at the first that is not as it should be; the log says which.
pub(crate) fn run(cases: &[(&str, Case)]) -> Result {
    for (name, case) in cases {
        match case() {
            Ok(true) => {}
            Ok(false) => {
                pr_err!("{name}: not as it should be\n");
                return Err(EINVAL);
            }
            Err(e) => {
                pr_err!("{name}: {e:?}\n");
                return Err(e);
            }
        }
    }
    Ok(())
}
