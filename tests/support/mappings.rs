// SPDX-License-Identifier: GPL-2.0-only

//! What a mapping of a file shows must be the file's.
//!
//! What that is, is seen from its start: a page of the file is one that a mapping from offset 0
//! shows. What only another offset shows, or only a mapping that grew, is somebody else's memory.

use crate::Node;
use lkm::hostile::Window;
use rustix::{
    fs::OFlags,
    mm::{MapFlags, ProtFlags},
};
use std::os::fd::{AsFd as _, OwnedFd};

const PAGE: usize = 4096;
/// The most pages to map. A file that has as many may have any number.
const MOST: usize = 1 << 12;
/// The last page that has an offset.
const LAST: usize = (1 << 51) - 1;

/// The ways to map a file.
const WAYS: &[(OFlags, ProtFlags, MapFlags)] = &[
    (OFlags::RDONLY, ProtFlags::READ, MapFlags::SHARED),
    (OFlags::RDONLY, ProtFlags::READ, MapFlags::PRIVATE),
    (
        OFlags::RDWR,
        ProtFlags::READ.union(ProtFlags::WRITE),
        MapFlags::SHARED,
    ),
];

/// Looks for memory that is not the file's. Returns how many mappings it tried.
///
/// # Errors
///
/// Returns what it has found.
pub fn check(node: &Node) -> Result<usize, String> {
    let mut calls = 0;
    for (way, prot, flags) in WAYS {
        // Some cannot be opened so, and some only once.
        let Ok(file) = node.open(*way | OFlags::NONBLOCK) else {
            continue;
        };
        let mut mapper = Mapper {
            file,
            prot: *prot,
            flags: *flags,
            calls: 0,
        };
        let found = mapper.look();
        calls += mapper.calls;
        found.map_err(|found| format!("{}: {found}, after {calls} calls", node.path))?;
    }
    Ok(calls)
}

struct Mapper {
    file: OwnedFd,
    prot: ProtFlags,
    flags: MapFlags,
    calls: usize,
}

impl Mapper {
    /// Maps so many pages.
    fn map(&mut self, offset: usize, pages: usize) -> Option<Window> {
        self.calls += 1;
        let (offset, length) = ((offset * PAGE) as u64, pages * PAGE);
        Window::new(self.file.as_fd(), offset, length, self.prot, self.flags).ok()
    }

    fn look(&mut self) -> Result<(), String> {
        // Some files can be mapped as a whole only.
        let lengths = (1..=256).chain((9..=MOST.ilog2()).map(|it| 1 << it));
        let mut shown = Vec::new();
        for pages in lengths {
            if let Some(window) = self.map(0, pages) {
                shown.push((pages, last_shown(&window, pages).map_or(0, |it| it + 1)));
            }
        }
        let size = shown.iter().map(|it| it.1).max().unwrap_or(0);
        if size == MOST {
            return Ok(());
        }
        shown.retain(|(pages, _)| *pages < 4 || *pages + 2 > size);
        for (pages, _) in shown {
            let multiples = (2..=16).map(|it| it * pages);
            let powers = (5..51).map(|it| 1 << it);
            let around = [1, 2, pages.saturating_sub(1).max(1), pages, pages + 1];
            let ends = [LAST - pages, LAST - 1, LAST];
            let offsets = around.into_iter().chain(multiples).chain(powers);
            for offset in offsets.chain(ends) {
                if let Some(window) = self.map(offset, pages) {
                    let how = format!("mmap of {pages} pages at page {offset}");
                    self.check(&window, pages, offset, size, &how)?;
                }
            }
            if let Some(mut window) = self.map(0, pages) {
                for more in [pages + 1, 2 * pages, 16 * pages] {
                    self.calls += 1;
                    if window.resize(more * PAGE).is_ok() {
                        let how = format!("mremap of {pages} pages to {more}");
                        self.check(&window, more, 0, size, &how)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Fails if a window shows what is not among the `size` pages of the file.
    fn check(
        &self,
        window: &Window,
        pages: usize,
        offset: usize,
        size: usize,
        how: &str,
    ) -> Result<(), String> {
        let beyond = size.saturating_sub(offset)..pages;
        for page in beyond {
            let Ok(byte) = window.get(page * PAGE) else {
                continue;
            };
            return Err(format!(
                "{how} shows memory (there is {byte:#04x}) that is not the file's, of which there are \
                 {size} pages"
            ));
        }
        Ok(())
    }
}

/// The last page of a window that can be read.
fn last_shown(window: &Window, pages: usize) -> Option<usize> {
    (0..pages).rev().find(|it| window.get(it * PAGE).is_ok())
}
