// SPDX-License-Identifier: GPL-2.0-only

//! Memory for those who must not take it as it comes.

use crate::bindings;
use kernel::alloc::Flags;

/// As `GFP_KERNEL`, but the page allocator rather fails than kills a process for these pages
/// (`__GFP_RETRY_MAYFAIL`), and logs nothing. Others who need memory at that moment may still have one killed. The pages are
/// none of what C keeps for tasks that free memory (`__GFP_NOMEMALLOC`): a disk made of memory would keep them, when
/// somebody swaps to it. Nodes of an array and page tables may be.
// SAFETY: `Flags` is a wrapper around its one member, C's bits, which the kernel crate has no other
// way to say.
pub const MAY_FAIL: Flags =
    unsafe { core::mem::transmute::<bindings::gfp_t, Flags>(bindings::LKM_GFP_MAY_FAIL) };

/// As `GFP_KERNEL`, but it is not found by writing to disks, nor by waiting for file systems (`GFP_NOIO`): for who holds a
/// lock for which a [disk's](crate::block::Operations) answers wait, too.
// SAFETY: As above.
pub const NO_IO: Flags =
    unsafe { core::mem::transmute::<bindings::gfp_t, Flags>(bindings::LKM_GFP_NOIO) };
