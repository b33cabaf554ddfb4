// SPDX-License-Identifier: GPL-2.0-only

//! System calls with any pointer, for tests of what the kernel does with a bad one.
//!
//! An [`Address`] is nobody's, or that of memory which no Rust value lives in, and what the kernel finds
//! there and takes for a pointer is no other: [`LowMemory::write`] looks.
//!
//! ```compile_fail,E0308
//! let mut value = 7u32;
//! lkm::raw::read(std::os::fd::AsFd::as_fd(&std::io::stdin()), &raw mut value as usize, 4).unwrap();
//! ```

use crate::memory::{Address, is_nobodys, map_low, page_size};
use rustix::{io::Errno, mm};
use std::{
    ffi::c_int,
    os::fd::{AsRawFd, BorrowedFd, FromRawFd as _, OwnedFd},
    ptr,
    time::Duration,
};

/// read(2).
pub fn read(fd: BorrowedFd<'_>, address: Address<'_>, length: usize) -> Result<usize, Errno> {
    // SAFETY: There is no Rust value; behind what is mapped there is a hole, at which the kernel ends.
    let ret = unsafe {
        libc::read(
            fd.as_raw_fd(),
            ptr::with_exposed_provenance_mut(address.get()),
            length,
        )
    };
    result(ret)
}

/// write(2).
pub fn write(fd: BorrowedFd<'_>, address: Address<'_>, length: usize) -> Result<usize, Errno> {
    // SAFETY: The kernel only reads, and checks the address.
    let ret = unsafe {
        libc::write(
            fd.as_raw_fd(),
            ptr::with_exposed_provenance(address.get()),
            length,
        )
    };
    result(ret)
}

/// open(2) for reading, with whatever path is at an address.
pub fn open(path: Address<'_>) -> Result<OwnedFd, Errno> {
    // SAFETY: The kernel only reads, and checks the address.
    let ret = unsafe { libc::open(ptr::with_exposed_provenance(path.get()), libc::O_RDONLY) };
    let fd = result(ret as isize)?;
    // SAFETY: The file was just opened, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as c_int) })
}

/// ioctl(2).
pub fn ioctl(fd: BorrowedFd<'_>, number: u32, argument: Address<'_>) -> Result<c_int, Errno> {
    // SAFETY: As in `read`.
    let ret = unsafe { libc::ioctl(fd.as_raw_fd(), number as _, argument.get()) };
    result(ret as isize).map(|ret| ret as c_int)
}

/// ioctl(2) as a 32-bit process calls it, with an argument in [`LowMemory`] or a number.
///
/// Fails with `ENOSYS` where the kernel does not run such processes.
///
/// # Panics
///
/// If a 32-bit process could not have the argument.
#[cfg(target_arch = "x86_64")]
pub fn compat_ioctl(
    fd: BorrowedFd<'_>,
    number: u32,
    argument: Address<'_>,
) -> Result<c_int, Errno> {
    /// The system call's number on i386.
    const IOCTL: i32 = 54;

    let argument = i32::try_from(argument.get() as isize).expect("an argument of 32 bits");
    let ret: i32;
    // SAFETY: This is the system call of i386, which clobbers nothing but the result; the kernel
    // clears r8 to r11. `rbx` is LLVM's, and restored.
    unsafe {
        std::arch::asm!(
            "xchg {fd:r}, rbx",
            "int 0x80",
            "xchg {fd:r}, rbx",
            fd = inout(reg) fd.as_raw_fd() as u64 => _,
            inlateout("eax") IOCTL => ret,
            in("ecx") number,
            in("edx") argument,
            out("r8") _,
            out("r9") _,
            out("r10") _,
            out("r11") _,
        );
    }
    if ret < 0 {
        Err(Errno::from_raw_os_error(-ret))
    } else {
        Ok(ret)
    }
}

/// On this processor nobody is one.
#[cfg(not(target_arch = "x86_64"))]
pub fn compat_ioctl(_: BorrowedFd<'_>, _: u32, _: Address<'_>) -> Result<c_int, Errno> {
    Err(Errno::NOSYS)
}

/// Has the calling thread's system calls that sleep end with `EINTR`, at each `interval` of time,
/// as long as the thread lives.
pub fn interrupt_every(interval: Duration) {
    extern "C" fn ignore(_signal: c_int) {}

    let interval = libc::timespec {
        tv_sec: interval.as_secs() as libc::time_t,
        tv_nsec: interval.subsec_nanos().into(),
    };
    // SAFETY: All structures may be zero, and live as long as the calls. The handler does nothing,
    // so it may interrupt anything.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = ignore as extern "C" fn(c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGALRM, &action, ptr::null_mut()), 0);
        let mut event: libc::sigevent = std::mem::zeroed();
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_signo = libc::SIGALRM;
        event.sigev_notify_thread_id = libc::gettid();
        let mut timer = ptr::null_mut();
        let created = libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer);
        assert_eq!(created, 0, "{}", std::io::Error::last_os_error());
        let times = libc::itimerspec {
            it_interval: interval,
            it_value: interval,
        };
        assert_eq!(libc::timer_settime(timer, 0, &times, ptr::null_mut()), 0);
    }
}

/// Has the calling thread run at once when it has something to do, before those that are not
/// real-time (`SCHED_FIFO`). Only root may.
pub fn run_first() -> Result<(), Errno> {
    let parameters = libc::sched_param { sched_priority: 1 };
    // SAFETY: The structure lives as long as the call, and 0 is the calling thread.
    let ret = unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &parameters) };
    result(ret as isize).map(drop)
}

/// A page below 2 GiB, where a 32-bit process's memory is, and a hole behind it.
pub struct LowMemory(*mut u8);

impl LowMemory {
    /// Maps a page.
    pub fn new() -> Result<Self, Errno> {
        let page = map_low(2)?;
        let both = mm::MprotectFlags::READ | mm::MprotectFlags::WRITE;
        // SAFETY: The page was just mapped, and nobody refers to it yet.
        unsafe { mm::mprotect(page.cast(), page_size(), both)? };
        Ok(Self(page))
    }

    /// The address.
    pub fn address(&self) -> Address<'_> {
        self.at(0)
    }

    /// The address of a byte of the page.
    ///
    /// # Panics
    ///
    /// If there are not as many.
    pub fn at(&self, offset: usize) -> Address<'_> {
        assert!(offset < page_size());
        Address::new(self.0.expose_provenance() + offset)
    }

    /// Writes to the beginning of the page.
    ///
    /// # Panics
    ///
    /// If there is not as much room, or eight bytes, at a multiple of that, are the address of what
    /// may be a Rust value: the kernel might follow it.
    pub fn write(&self, bytes: &[u8]) {
        assert!(bytes.len() <= page_size());
        for word in bytes.chunks_exact(8) {
            let word = u64::from_ne_bytes(word.try_into().expect("8 bytes"));
            assert!(is_nobodys(word), "{word:#x} may be somebody's address");
        }
        // SAFETY: The page is mapped and writable; nobody holds a reference into it.
        unsafe { self.0.copy_from(bytes.as_ptr(), bytes.len()) };
    }

    /// Reads from the beginning of the page.
    pub fn read(&self, length: usize) -> Vec<u8> {
        assert!(length <= page_size());
        let mut bytes = vec![0; length];
        // SAFETY: The page is mapped and readable.
        unsafe { self.0.copy_to(bytes.as_mut_ptr(), length) };
        bytes
    }
}

impl Drop for LowMemory {
    fn drop(&mut self) {
        // SAFETY: The page is ours, and nobody holds a reference into it.
        let _ = unsafe { mm::munmap(self.0.cast(), 2 * page_size()) };
    }
}

fn result(ret: isize) -> Result<usize, Errno> {
    usize::try_from(ret)
        .map_err(|_| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL))
}
