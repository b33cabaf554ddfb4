// SPDX-License-Identifier: GPL-2.0-only

//! Typed ioctls, the user-space side of `lkm::ioctl`.
//!
//! A [`Command`] is defined once, in a file that is part of the module and of its client. What is
//! safe here is so because of that: the kernel reads and writes no more than the command says.

#[path = "../../ioctl/command.rs"]
mod command;

pub use command::*;

use std::{
    ffi::{CStr, CString, c_int},
    io,
    mem::MaybeUninit,
    os::fd::{AsFd, AsRawFd},
};

/// The most that a command without a length is trusted to write, in bytes.
const ROOM: usize = 4096;

/// Calls a command without an argument.
pub fn call(fd: impl AsFd, command: Command<Nothing>) -> io::Result<c_int> {
    // SAFETY: The kernel does not look at the argument.
    unsafe { ioctl(fd, command.number(), 0) }
}

/// Calls a command with a number. Returns what the kernel returned.
pub fn call_with(fd: impl AsFd, command: Command<Value>, argument: c_int) -> io::Result<c_int> {
    // SAFETY: The kernel takes the argument for a number.
    unsafe { ioctl(fd, command.number(), argument as u32 as usize) }
}

/// Reads a `T`.
pub fn read<T: Plain>(fd: impl AsFd, command: Command<Read<T>>) -> io::Result<T> {
    let mut value = MaybeUninit::<T>::zeroed();
    // SAFETY: There is room for what the kernel writes, a `T`.
    unsafe { ioctl(fd, command.number(), value.as_mut_ptr().expose_provenance())? };
    // SAFETY: Any bytes are a valid `T`.
    Ok(unsafe { value.assume_init() })
}

/// Writes a `T`. Returns what the kernel returned.
pub fn write<T: Plain>(fd: impl AsFd, command: Command<Write<T>>, value: &T) -> io::Result<c_int> {
    // SAFETY: The kernel reads a `T`.
    unsafe {
        ioctl(
            fd,
            command.number(),
            (&raw const *value).expose_provenance(),
        )
    }
}

/// Writes a `T`, and reads what the kernel makes of it.
pub fn read_write<T: Plain>(
    fd: impl AsFd,
    command: Command<ReadWrite<T>>,
    value: &mut T,
) -> io::Result<c_int> {
    // SAFETY: The kernel reads and writes a `T`.
    unsafe { ioctl(fd, command.number(), (&raw mut *value).expose_provenance()) }
}

/// Passes a C string to a command that takes one of any length.
pub fn write_string(fd: impl AsFd, command: Command<Pointer>, text: &CStr) -> io::Result<c_int> {
    // SAFETY: The kernel reads up to the terminating zero.
    unsafe { ioctl(fd, command.number(), text.as_ptr().expose_provenance()) }
}

/// Gets a C string from a command that is not told how much room there is: at most 4,095 bytes.
pub fn read_string(fd: impl AsFd, command: Command<Pointer>) -> io::Result<CString> {
    let mut room = vec![0u8; ROOM];
    // SAFETY: The command writes a message of a fixed size, far less than the room.
    unsafe { ioctl(fd, command.number(), room.as_mut_ptr().expose_provenance())? };
    let text = CStr::from_bytes_until_nul(&room)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the string has no end"))?;
    Ok(text.to_owned())
}

/// Fills `bytes` as far as there is something. Returns how much there is, which may be more.
pub fn read_bytes(
    fd: impl AsFd,
    command: Command<ReadWrite<Buffer>>,
    bytes: &mut [u8],
) -> io::Result<u64> {
    let mut buffer = Buffer {
        address: bytes.as_mut_ptr().expose_provenance() as u64,
        length: bytes.len() as u64,
    };
    read_write(fd, command, &mut buffer)?;
    Ok(buffer.length)
}

/// Passes `bytes`. Returns what the kernel returned.
pub fn write_bytes(
    fd: impl AsFd,
    command: Command<Write<Buffer>>,
    bytes: &[u8],
) -> io::Result<c_int> {
    let buffer = Buffer {
        address: bytes.as_ptr().expose_provenance() as u64,
        length: bytes.len() as u64,
    };
    write(fd, command, &buffer)
}

/// # Safety
///
/// What the kernel reads and writes at `argument` for this command must be the caller's.
unsafe fn ioctl(fd: impl AsFd, number: u32, argument: usize) -> io::Result<c_int> {
    // SAFETY: By the safety requirements.
    let ret = unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), number as _, argument) };
    if ret < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(ret)
}
