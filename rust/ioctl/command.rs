// SPDX-License-Identifier: GPL-2.0-only

//! Ioctl numbers, for the kernel and for user space: this file is part of `lkm` and of
//! `lkm-user`.

use core::marker::PhantomData;

/// A command without an argument (`_IO`).
pub struct Nothing;

/// A command whose argument is an `int` itself (`_IOWR` with `int`, as the guide has it).
pub struct Value;

/// A command that returns a `T` (`_IOR`).
pub struct Read<T>(PhantomData<T>);

/// A command that takes a `T` (`_IOW`).
pub struct Write<T>(PhantomData<T>);

/// A command that takes a `T` and returns it (`_IOWR`).
pub struct ReadWrite<T>(PhantomData<T>);

/// A command that takes a C string (`_IOR` with a pointer's type, as the guide has it).
pub struct WriteString;

/// A command that returns a C string, its zero included in at most `N` bytes, for which the caller
/// must have room: the kernel is not told (`_IOR` with a pointer's type, as the guide has it).
pub struct ReadString<const N: usize>;

/// A command that takes bytes, by a [`Buffer`] (`_IOW`).
pub struct WriteBytes;

/// A command that fills the caller's [`Buffer`] (`_IOWR`).
pub struct ReadBytes;

/// An ioctl command. `K` says what its argument is.
pub struct Command<K> {
    number: u32,
    compat_number: u32,
    _kind: PhantomData<K>,
}

impl<K> Clone for Command<K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K> Copy for Command<K> {}

const READ: u32 = 2;
const WRITE: u32 = 1;

impl<K> Command<K> {
    const fn encode(direction: u32, size: usize, compat_size: usize, kind: u8, nr: u8) -> Self {
        let base = direction << 30 | (kind as u32) << 8 | nr as u32;
        Self {
            number: base | (size as u32) << 16,
            compat_number: base | (compat_size as u32) << 16,
            _kind: PhantomData,
        }
    }

    /// Encodes a command whose argument is a pointer to a `T`, which has at most 1,024 bytes: the
    /// handler has it on the kernel's stack, with up to two copies of it, for 24 commands as for one. The compiler has them in
    /// the same place.
    const fn of<T: Plain>(direction: u32, kind: u8, nr: u8) -> Self {
        const { assert!(size_of::<T>() <= 1024) };
        Self::encode(direction, size_of::<T>(), size_of::<T>(), kind, nr)
    }

    /// `_IOR(kind, nr, char *)`. A pointer has 4 bytes in a 32-bit process.
    const fn pointer(kind: u8, nr: u8) -> Self {
        Self::encode(READ, size_of::<*const u8>(), 4, kind, nr)
    }

    /// The number that a process of the kernel's own word size passes.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// The number that a 32-bit process passes to a 64-bit kernel.
    pub const fn compat_number(self) -> u32 {
        self.compat_number
    }
}

impl Command<Nothing> {
    /// `_IO(kind, nr)`.
    pub const fn io(kind: u8, nr: u8) -> Self {
        Self::encode(0, 0, 0, kind, nr)
    }
}

impl Command<Value> {
    /// `_IOWR(kind, nr, int)`.
    pub const fn value(kind: u8, nr: u8) -> Self {
        Self::encode(READ | WRITE, 4, 4, kind, nr)
    }
}

impl<T: Plain> Command<Read<T>> {
    /// `_IOR(kind, nr, T)`.
    pub const fn ior(kind: u8, nr: u8) -> Self {
        Self::of::<T>(READ, kind, nr)
    }
}

impl<T: Plain> Command<Write<T>> {
    /// `_IOW(kind, nr, T)`.
    pub const fn iow(kind: u8, nr: u8) -> Self {
        Self::of::<T>(WRITE, kind, nr)
    }
}

impl<T: Plain> Command<ReadWrite<T>> {
    /// `_IOWR(kind, nr, T)`.
    pub const fn iowr(kind: u8, nr: u8) -> Self {
        Self::of::<T>(READ | WRITE, kind, nr)
    }
}

impl Command<WriteString> {
    /// `_IOR(kind, nr, char *)`.
    pub const fn write_string(kind: u8, nr: u8) -> Self {
        Self::pointer(kind, nr)
    }
}

impl<const N: usize> Command<ReadString<N>> {
    /// `_IOR(kind, nr, char *)`.
    pub const fn read_string(kind: u8, nr: u8) -> Self {
        const { assert!(N > 0, "a C string has a zero") };
        Self::pointer(kind, nr)
    }
}

impl Command<WriteBytes> {
    /// `_IOW(kind, nr, Buffer)`.
    pub const fn write_bytes(kind: u8, nr: u8) -> Self {
        Self::encode(WRITE, size_of::<Buffer>(), size_of::<Buffer>(), kind, nr)
    }
}

impl Command<ReadBytes> {
    /// `_IOWR(kind, nr, Buffer)`.
    pub const fn read_bytes(kind: u8, nr: u8) -> Self {
        Self::encode(
            READ | WRITE,
            size_of::<Buffer>(),
            size_of::<Buffer>(),
            kind,
            nr,
        )
    }
}

/// A type that can be copied between a process and the kernel as bytes.
///
/// # Safety
///
/// The type must have no padding, must be valid for any bytes, and must have the same layout in
/// 32-bit and 64-bit processes.
///
/// ```compile_fail,E0599
/// use lkm::ioctl::{Command, Read};
///
/// // Between the two is what was in the kernel's memory.
/// const GET: Command<Read<(u8, u32)>> = Command::<Read<(u8, u32)>>::ior(b'x', 1);
/// ```
pub unsafe trait Plain: Copy + 'static {}

macro_rules! impl_plain {
    ($($type:ty),*) => {$(
        // SAFETY: Fixed-size integers are.
        unsafe impl Plain for $type {}
    )*};
}

impl_plain!(u8, i8, u16, i16, u32, i32);

// SAFETY: An array has no padding of its own.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// Memory of the caller's: the argument of a command that carries its length, in C
/// `struct { __aligned_u64 address, length; }`.
pub(crate) type Buffer = [u64; 2];
