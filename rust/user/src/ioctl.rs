// SPDX-License-Identifier: GPL-2.0-only

//! Typed ioctls, the user-space side of `lkm::ioctl`.
//!
//! A [`Command`] is defined once, in a file that is part of the module and of its client, and says
//! what the kernel reads and writes. A file of another driver may take the number for something
//! else, by the kernel's convention of the same size. So what a pointer leads to is always a copy
//! of these functions' own, which may be written to, and a number is one that is no address.
//!
//! ```compile_fail,E0308
//! use lkm::ioctl::{self, Command, ReadString};
//!
//! const GET: Command<ReadString<81>> = Command::read_string(100, 1);
//!
//! // The kernel would write to it.
//! ioctl::write_string(std::io::stdin(), GET, c"").unwrap();
//! ```
//!
//! ```compile_fail,E0308
//! use lkm::ioctl::{self, Command, Value};
//!
//! const GET_BYTE: Command<Value> = Command::value(100, 2);
//!
//! // For another driver this may be the address of something.
//! ioctl::call_with(std::io::stdin(), GET_BYTE, 0x40_0000i32).unwrap();
//! ```
//!
//! ```compile_fail,E0277
//! use lkm::ioctl::{self, Command, ReadWrite};
//!
//! // An address and a length are no plain bytes: the kernel would follow them.
//! const GET: Command<ReadWrite<[u64; 2]>> = Command::iowr(100, 3);
//! ```
//!
//! ```compile_fail,E0080
//! use lkm::ioctl::{self, Command, Write};
//!
//! // Nor are they as so many bytes: longer ones go by `write_bytes`.
//! const SET: Command<Write<[u8; 16]>> = Command::iow(100, 4);
//! ioctl::write(std::io::stdin(), SET, &[0x41; 16]).unwrap();
//! ```

#[path = "../../ioctl/command.rs"]
mod command;

pub use command::*;

use std::{
    ffi::{CStr, CString, c_int},
    io,
    os::fd::{AsFd, AsRawFd},
};

/// What a driver may write that knows no more than a number that says "a pointer", in bytes.
const ROOM: usize = size_of::<usize>();

/// Calls a command without an argument.
pub fn call(fd: impl AsFd, command: Command<Nothing>) -> io::Result<c_int> {
    // SAFETY: Nobody's memory is at 0.
    unsafe { ioctl(fd, command.number(), 0) }
}

/// Calls a command with a number. Returns what the kernel returned.
pub fn call_with(fd: impl AsFd, command: Command<Value>, argument: i16) -> io::Result<c_int> {
    // SAFETY: As an address, this is in the first 32 KiB, where the kernel maps nothing unless it is told
    // to, so that no Rust value is there, or in the kernel's part.
    unsafe { ioctl(fd, command.number(), argument as isize as usize) }
}

/// Reads a `T`.
pub fn read<T: Plain>(fd: impl AsFd, command: Command<Read<T>>) -> io::Result<T> {
    // SAFETY: Any bytes are a valid `T`.
    let mut value: T = unsafe { std::mem::zeroed() };
    with(fd, command.number(), &mut value)?;
    Ok(value)
}

/// Writes a `T`, which is shorter than an address. Returns what the kernel returned.
pub fn write<T: Plain>(fd: impl AsFd, command: Command<Write<T>>, value: &T) -> io::Result<c_int> {
    const {
        assert!(
            size_of::<T>() < size_of::<usize>(),
            "what may be an address"
        )
    };
    with(fd, command.number(), &mut { *value })
}

/// Writes a `T`, which is shorter than an address, and reads what the kernel makes of it.
pub fn read_write<T: Plain>(
    fd: impl AsFd,
    command: Command<ReadWrite<T>>,
    value: &mut T,
) -> io::Result<c_int> {
    const {
        assert!(
            size_of::<T>() < size_of::<usize>(),
            "what may be an address"
        )
    };
    with(fd, command.number(), value)
}

/// Passes a C string.
pub fn write_string(
    fd: impl AsFd,
    command: Command<WriteString>,
    text: &CStr,
) -> io::Result<c_int> {
    let mut room = text.to_bytes_with_nul().to_vec();
    room.resize(room.len().max(ROOM), 0);
    // SAFETY: The kernel reads up to the zero; there is room for what another driver writes.
    unsafe { ioctl(fd, command.number(), room.as_mut_ptr().expose_provenance()) }
}

/// Gets a C string.
pub fn read_string<const N: usize>(
    fd: impl AsFd,
    command: Command<ReadString<N>>,
) -> io::Result<CString> {
    let mut room = vec![0u8; N.max(ROOM)];
    // SAFETY: The kernel writes `N` bytes at most.
    unsafe { ioctl(fd, command.number(), room.as_mut_ptr().expose_provenance())? };
    let text = CStr::from_bytes_until_nul(&room)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "the string has no end"))?;
    Ok(text.to_owned())
}

/// Fills `bytes` as far as there is something. Returns how much there is, which may be more.
pub fn read_bytes(fd: impl AsFd, command: Command<ReadBytes>, bytes: &mut [u8]) -> io::Result<u64> {
    let mut buffer = buffer(bytes);
    with(fd, command.number(), &mut buffer)?;
    Ok(buffer[1])
}

/// Passes `bytes`. Returns what the kernel returned.
pub fn write_bytes(fd: impl AsFd, command: Command<WriteBytes>, bytes: &[u8]) -> io::Result<c_int> {
    let mut bytes = bytes.to_vec();
    with(fd, command.number(), &mut buffer(&mut bytes))
}

fn buffer(bytes: &mut [u8]) -> command::Buffer {
    [
        bytes.as_mut_ptr().expose_provenance() as u64,
        bytes.len() as u64,
    ]
}

/// Calls a command whose number says that its argument is a pointer to a `T`, of which any bytes are
/// a valid one.
fn with<T: Copy>(fd: impl AsFd, number: u32, value: &mut T) -> io::Result<c_int> {
    // SAFETY: So the kernel reads or writes a `T` there, and what that leads to is the callers' own.
    unsafe { ioctl(fd, number, (&raw mut *value).expose_provenance()) }
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
