// SPDX-License-Identifier: GPL-2.0-only

//! Memory that a process has no business with.

use rustix::mm::{self, MapFlags, MprotectFlags, ProtFlags};
use std::ptr;

const PAGE: usize = 4096;

/// Addresses that the kernel must refuse.
///
/// Four pages: one that can be written, a hole, one that can only be read, and another hole.
pub struct BadMemory {
    pages: *mut u8,
}

impl BadMemory {
    /// Maps the pages.
    pub fn new() -> Self {
        // SAFETY: The kernel chooses an address where nothing is mapped.
        let pages = unsafe {
            mm::mmap_anonymous(
                ptr::null_mut(),
                4 * PAGE,
                ProtFlags::empty(),
                MapFlags::PRIVATE,
            )
        }
        .expect("mmap")
        .cast::<u8>();
        // SAFETY: Both pages were just mapped, and nobody refers to them.
        unsafe {
            mm::mprotect(
                pages.cast(),
                PAGE,
                MprotectFlags::READ | MprotectFlags::WRITE,
            )
            .expect("mprotect");
            mm::mprotect(pages.add(2 * PAGE).cast(), PAGE, MprotectFlags::READ).expect("mprotect");
        }
        Self { pages }
    }

    /// Addresses that cannot be read, with what they are.
    pub fn unreadable(&self) -> Vec<(&'static str, usize)> {
        vec![
            ("NULL", 0),
            ("an unmapped page", self.address(1)),
            ("the end of user space", 0x7fff_ffff_f000),
            ("an address that is not canonical", 0x8000_0000_0000_0000),
            ("the kernel's memory", 0xffff_8880_0000_0000),
            ("the last address", usize::MAX),
        ]
    }

    /// Addresses that cannot be written, with what they are.
    pub fn unwritable(&self) -> Vec<(&'static str, usize)> {
        let mut all = self.unreadable();
        all.push(("a read-only page", self.address(2)));
        all
    }

    /// An address with some bytes of room, behind which there is none; and how many there are.
    pub fn edge(&self) -> (usize, usize) {
        (self.address(1) - 16, 16)
    }

    fn address(&self, page: usize) -> usize {
        self.pages.expose_provenance() + page * PAGE
    }
}

impl Default for BadMemory {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for BadMemory {
    fn drop(&mut self) {
        // SAFETY: The pages are ours, and nobody refers to them.
        let _ = unsafe { mm::munmap(self.pages.cast(), 4 * PAGE) };
    }
}
