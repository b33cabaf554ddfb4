// SPDX-License-Identifier: GPL-2.0-only

//! The part of `start_stop` that ends it.

// ANCHOR: drop
use super::StartStop;
use kernel::prelude::*;

impl Drop for StartStop {
    fn drop(&mut self) {
        pr_alert!("Short is the life of a kernel module\n");
    }
}
// ANCHOR_END: drop
