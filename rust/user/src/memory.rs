// SPDX-License-Identifier: GPL-2.0-only

//! Memory that a process has no business with.

use rustix::{
    io::Errno,
    mm::{self, MapFlags, MprotectFlags, ProtFlags},
};
use std::{
    ffi::c_void,
    io,
    marker::PhantomData,
    os::fd::AsFd,
    ptr, slice,
    sync::atomic::{AtomicU8, Ordering},
};

/// The size of a page, which is the kernel's choice on some processors.
pub(crate) fn page_size() -> usize {
    rustix::param::page_size()
}

/// An address at which no Rust value is, so that the kernel may be told to write there.
#[derive(Clone, Copy, Debug)]
pub struct Address<'a>(usize, PhantomData<&'a ()>);

impl Address<'_> {
    /// The address of something that is mapped until `'a` ends and in which no Rust value is, or of
    /// nothing.
    pub(crate) fn new(address: usize) -> Self {
        Self(address, PhantomData)
    }

    /// The address as a number, for the kernel to find in memory.
    pub fn get(self) -> usize {
        self.0
    }
}

impl From<i16> for Address<'_> {
    /// A number that is no address: it is in the first 32 KiB, where the kernel maps nothing unless it is
    /// told to, or in the kernel's part.
    fn from(number: i16) -> Self {
        Self::new(number as isize as usize)
    }
}

/// Whether no Rust value is at an address: what a process has is in the upper part of its memory,
/// but for [`BadMemory`] and [`LowMemory`](crate::raw::LowMemory).
pub fn is_nobodys(address: u64) -> bool {
    /// The kernel looks for room above that, on all processors (`TASK_UNMAPPED_BASE`).
    const START: u64 = END as u64 / 4;

    !(START..END as u64).contains(&address)
}

/// The end of user space, or of what a process gets of it that does not ask for more.
const END: usize = match () {
    () if cfg!(target_arch = "x86_64") => 0x7fff_ffff_f000,
    () if cfg!(target_arch = "aarch64") => 1 << 48,
    () => 1 << 47,
};

/// Maps pages below 2 GiB, where a 32-bit process's memory is, that cannot be used yet.
///
/// # Panics
///
/// If the program is there, too.
pub(crate) fn map_low(pages: usize) -> rustix::io::Result<*mut u8> {
    /// Where no kernel keeps a process from mapping (`vm.mmap_min_addr`).
    const LOWEST: usize = 1 << 28;

    assert!(
        !is_nobodys(map_low as fn(usize) -> _ as usize as u64),
        "the program has a fixed address"
    );
    let flags = MapFlags::PRIVATE | MapFlags::FIXED_NOREPLACE;
    let mut free = (LOWEST..1 << 31).step_by(pages * page_size()).map(|start| {
        let start = ptr::without_provenance_mut(start);
        // SAFETY: The kernel refuses an address where something is mapped.
        unsafe { mm::mmap_anonymous(start, pages * page_size(), ProtFlags::empty(), flags) }
    });
    let found = free.find(|it| !matches!(it, Err(Errno::EXIST)));
    Ok(found.ok_or(Errno::NOMEM)??.cast())
}

/// Addresses that the kernel must refuse.
///
/// Four pages: one that can be written, a hole, one that can only be read, and another hole.
pub struct BadMemory {
    pages: *mut u8,
}

impl BadMemory {
    /// Maps the pages.
    pub fn new() -> Self {
        let pages = map_low(4).expect("mmap");
        // SAFETY: Both pages were just mapped, and nobody refers to them.
        unsafe {
            mm::mprotect(
                pages.cast(),
                page_size(),
                MprotectFlags::READ | MprotectFlags::WRITE,
            )
            .expect("mprotect");
            mm::mprotect(
                pages.add(2 * page_size()).cast(),
                page_size(),
                MprotectFlags::READ,
            )
            .expect("mprotect");
        }
        Self { pages }
    }

    /// Addresses that cannot be read, with what they are.
    pub fn unreadable(&self) -> Vec<(&'static str, Address<'_>)> {
        [
            ("NULL", 0),
            ("an unmapped page", self.address(1)),
            ("the end of user space", END),
            ("an address that is not canonical", 0x8000_0000_0000_0000),
            ("the kernel's memory", 0xffff_8880_0000_0000),
            ("the last address", usize::MAX),
        ]
        .map(|(what, address)| (what, Address::new(address)))
        .to_vec()
    }

    /// Addresses that cannot be written, with what they are.
    pub fn unwritable(&self) -> Vec<(&'static str, Address<'_>)> {
        let mut all = self.unreadable();
        all.push(("a read-only page", Address::new(self.address(2))));
        all
    }

    /// An address with some bytes of room, behind which there is none; and how many there are.
    pub fn edge(&self) -> (Address<'_>, usize) {
        self.before_the_edge(16)
    }

    /// An address with so many bytes of room, at most a page, behind which there is none.
    pub fn before_the_edge(&self, room: usize) -> (Address<'_>, usize) {
        assert!(room <= page_size());
        (Address::new(self.address(1) - room), room)
    }

    fn address(&self, page: usize) -> usize {
        self.pages.expose_provenance() + page * page_size()
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
        let _ = unsafe { mm::munmap(self.pages.cast(), 4 * page_size()) };
    }
}

/// A file in memory, shared with the kernel and other processes: bytes that may change at any time.
///
/// # Invariants
///
/// `room` bytes are mapped at `start`, for this value. The file's first `length` are in them, and the
/// last page is one at which the kernel ends, whatever length it is told.
#[derive(Debug)]
pub struct Mapping {
    start: *mut c_void,
    length: usize,
    room: usize,
}

// SAFETY: A mapping belongs to the process, not to a thread, and bytes are only copied.
unsafe impl Send for Mapping {}
// SAFETY: As above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `length` bytes of a file, to be read.
    ///
    /// The file must have that many; a process that reads beyond its end gets `SIGBUS`.
    pub fn new(file: impl AsFd, length: usize) -> io::Result<Self> {
        Self::with(file, 0, length, ProtFlags::READ)
    }

    /// Maps `length` bytes of a file from `offset` on, to be read.
    pub fn from_offset(file: impl AsFd, offset: u64, length: usize) -> io::Result<Self> {
        Self::with(file, offset, length, ProtFlags::READ)
    }

    /// Maps the first `length` bytes of a file, to be read and [written](Self::write).
    pub fn writable(file: impl AsFd, length: usize) -> io::Result<Self> {
        Self::with(file, 0, length, ProtFlags::READ | ProtFlags::WRITE)
    }

    fn with(
        file: impl AsFd,
        offset: u64,
        length: usize,
        protection: ProtFlags,
    ) -> io::Result<Self> {
        let room = length
            .checked_next_multiple_of(page_size())
            .and_then(|it| it.checked_add(page_size()))
            .ok_or(Errno::NOMEM)?;
        // SAFETY: The kernel chooses an address where nothing is mapped.
        let start = unsafe {
            mm::mmap_anonymous(ptr::null_mut(), room, ProtFlags::empty(), MapFlags::PRIVATE)?
        };
        // If this fails, the room stays: the kernel may have unmapped it, and somebody else be there.
        //
        // SAFETY: The pages are ours, and nobody has a reference into them.
        unsafe {
            mm::mmap(
                start,
                length,
                protection,
                MapFlags::SHARED | MapFlags::FIXED,
                file,
                offset,
            )?
        };
        // INVARIANT: The file has all but the last page.
        Ok(Self {
            start,
            length,
            room,
        })
    }

    /// Copies the bytes from `offset` on as they are now.
    ///
    /// # Panics
    ///
    /// If there are not as many.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) {
        let shared = self.at(offset, bytes.len());
        for (byte, shared) in bytes.iter_mut().zip(shared) {
            *byte = shared.load(Ordering::Relaxed);
        }
    }

    /// Copies `bytes` to `offset`, one after the other. The mapping must be
    /// [writable](Self::writable): the process gets `SIGSEGV` if not.
    ///
    /// # Panics
    ///
    /// If there is no room for them.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        let shared = self.at(offset, bytes.len());
        for (byte, shared) in bytes.iter().zip(shared) {
            shared.store(*byte, Ordering::Relaxed);
        }
    }

    /// The address of the byte at `offset`, for the kernel to copy to or from. It ends where the mapping
    /// does.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn address(&self, offset: usize) -> Address<'_> {
        Address::new(self.at(offset, 1).as_ptr().expose_provenance())
    }

    /// The `length` bytes from `offset` on, which others may read and write meanwhile.
    fn at(&self, offset: usize, length: usize) -> &[AtomicU8] {
        let end = offset.checked_add(length);
        assert!(
            end.is_some_and(|end| end <= self.length),
            "beyond the mapping"
        );
        let start = self.start.cast::<AtomicU8>().wrapping_add(offset);
        // SAFETY: They are within the mapping, which is there as long as this value. A byte that can
        // only be read is not stored to: a process that tries is ended.
        unsafe { slice::from_raw_parts(start, length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: The mapping is ours, and nobody has a reference into it.
        let _ = unsafe { mm::munmap(self.start, self.room) };
    }
}
