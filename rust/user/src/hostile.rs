// SPDX-License-Identifier: GPL-2.0-only

//! What only somebody hostile does to a file: vectors of any address, and mappings of what may not
//! be there.

use crate::memory::Address;
use rustix::{
    fs::{MemfdFlags, memfd_create},
    io::Errno,
    mm::{self, MapFlags, MremapFlags, ProtFlags},
};
use std::{
    ffi::c_void,
    fs::File,
    io,
    os::{
        fd::{AsRawFd as _, BorrowedFd},
        unix::fs::FileExt as _,
    },
    ptr, slice,
};

/// preadv2(2), into memory of any kind.
pub fn read_vector(
    fd: BorrowedFd<'_>,
    segments: &[(Address<'_>, usize)],
    position: i64,
    flags: i32,
) -> Result<usize, Errno> {
    let vector = vector(segments);
    // SAFETY: No Rust value is where the segments begin; behind what is mapped there is a hole, at
    // which the kernel ends. The vector lives as long as the call.
    let ret = unsafe {
        let count = vector.len() as libc::c_int;
        libc::preadv2(fd.as_raw_fd(), vector.as_ptr(), count, position, flags)
    };
    usize::try_from(ret).map_err(|_| errno())
}

/// pwritev2(2), from any memory.
pub fn write_vector(
    fd: BorrowedFd<'_>,
    segments: &[(Address<'_>, usize)],
    position: i64,
    flags: i32,
) -> Result<usize, Errno> {
    let vector = vector(segments);
    // SAFETY: The kernel only reads, and checks the addresses.
    let ret = unsafe {
        let count = vector.len() as libc::c_int;
        libc::pwritev2(fd.as_raw_fd(), vector.as_ptr(), count, position, flags)
    };
    usize::try_from(ret).map_err(|_| errno())
}

/// Has the process `pid` told by `SIGIO` of what happens with a file (`F_SETOWN`). The caller's process
/// does not listen from now on.
pub fn tell(fd: BorrowedFd<'_>, pid: i32) -> Result<(), Errno> {
    // SAFETY: Neither call has to do with memory.
    let ret = unsafe {
        libc::signal(libc::SIGIO, libc::SIG_IGN);
        libc::fcntl(fd.as_raw_fd(), libc::F_SETOWN, pid)
    };
    if ret < 0 { Err(errno()) } else { Ok(()) }
}

fn vector(segments: &[(Address<'_>, usize)]) -> Vec<libc::iovec> {
    let segments = segments.iter().map(|(address, length)| libc::iovec {
        iov_base: ptr::with_exposed_provenance_mut(address.get()),
        iov_len: *length,
    });
    segments.collect()
}

fn errno() -> Errno {
    Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

/// A part of a file in memory, of which nobody knows what is there. Only the kernel looks: an access
/// that faults is an error, and no signal.
#[derive(Debug)]
pub struct Window {
    start: *mut c_void,
    length: usize,
    /// What the kernel copies to and from.
    scratch: File,
}

impl Window {
    /// Maps `length` bytes of a file from `offset` on.
    pub fn new(
        fd: BorrowedFd<'_>,
        offset: u64,
        length: usize,
        prot: ProtFlags,
        flags: MapFlags,
    ) -> Result<Self, Errno> {
        let scratch = memfd_create("window", MemfdFlags::CLOEXEC)?.into();
        let flags = flags.difference(MapFlags::FIXED);
        // SAFETY: The kernel chooses an address where nothing is mapped.
        let start = unsafe { mm::mmap(ptr::null_mut(), length, prot, flags, fd, offset)? };
        Ok(Self {
            start,
            length,
            scratch,
        })
    }

    /// mremap(2): has it end later, or earlier.
    pub fn resize(&mut self, length: usize) -> Result<(), Errno> {
        // SAFETY: The mapping is ours, and nobody refers to what is in it.
        self.start = unsafe { mm::mremap(self.start, self.length, length, MremapFlags::MAYMOVE)? };
        self.length = length;
        Ok(())
    }

    /// Reads the byte at an offset.
    pub fn get(&self, offset: usize) -> Result<u8, Errno> {
        let address = self.at(offset);
        // SAFETY: The kernel only reads, and checks the address.
        let ret = unsafe { libc::pwrite(self.scratch.as_raw_fd(), address, 1, 0) };
        let mut byte = 0;
        if ret != 1
            || self
                .scratch
                .read_exact_at(slice::from_mut(&mut byte), 0)
                .is_err()
        {
            return Err(Errno::FAULT);
        }
        Ok(byte)
    }

    /// Writes the byte at an offset.
    pub fn set(&self, offset: usize, byte: u8) -> Result<(), Errno> {
        self.scratch
            .write_all_at(&[byte], 0)
            .map_err(|_| Errno::IO)?;
        // SAFETY: The byte is in our mapping, to which nobody refers.
        let ret = unsafe { libc::pread(self.scratch.as_raw_fd(), self.at(offset), 1, 0) };
        match ret {
            1 => Ok(()),
            _ => Err(Errno::FAULT),
        }
    }

    fn at(&self, offset: usize) -> *mut c_void {
        assert!(offset < self.length, "beyond the mapping");
        self.start.wrapping_byte_add(offset)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: The mapping is ours, and nobody refers to what is in it.
        let _ = unsafe { mm::munmap(self.start, self.length) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd as _;

    #[test]
    fn a_window_shows_what_there_is_and_no_more() {
        let file: File = memfd_create("shown", MemfdFlags::CLOEXEC)
            .expect("memfd")
            .into();
        file.write_all_at(b"first", 0).expect("write");
        let both = ProtFlags::READ | ProtFlags::WRITE;
        let mut window = Window::new(file.as_fd(), 0, 4096, both, MapFlags::SHARED).expect("mmap");
        assert_eq!(window.get(0), Ok(b'f'));
        assert_eq!(window.set(4, b'!'), Ok(()));
        window.resize(2 * 4096).expect("mremap");
        // Behind the file's end there is nothing.
        assert_eq!(window.get(4096), Err(Errno::FAULT));
        assert_eq!(window.set(4096, 1), Err(Errno::FAULT));
        let mut bytes = [0; 5];
        file.read_exact_at(&mut bytes, 0).expect("read");
        assert_eq!(&bytes, b"firs!");
    }
}
