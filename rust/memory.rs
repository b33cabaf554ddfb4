// SPDX-License-Identifier: GPL-2.0-only

//! Memory of a size that somebody else says.

use crate::bindings;
use kernel::alloc::Flags;

/// As `GFP_KERNEL`, but if there is not enough memory, that is an error: no process is killed for it,
/// and nothing is logged.
// SAFETY: `Flags` is a wrapper around its one member, C's bits, which the kernel crate has no other
// way to say.
pub(crate) const MAY_FAIL: Flags =
    unsafe { core::mem::transmute::<bindings::gfp_t, Flags>(bindings::LKM_GFP_MAY_FAIL) };
