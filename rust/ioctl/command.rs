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

/// A command whose argument is a pointer without a length (`_IOR` with a pointer's type, as the
/// guide has it).
pub struct Pointer;

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
        assert!(
            size < 1 << 14,
            "an ioctl's argument has at most 16383 bytes"
        );
        let base = direction << 30 | (kind as u32) << 8 | nr as u32;
        Self {
            number: base | (size as u32) << 16,
            compat_number: base | (compat_size as u32) << 16,
            _kind: PhantomData,
        }
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
        Self::encode(READ, size_of::<T>(), size_of::<T>(), kind, nr)
    }
}

impl<T: Plain> Command<Write<T>> {
    /// `_IOW(kind, nr, T)`.
    pub const fn iow(kind: u8, nr: u8) -> Self {
        Self::encode(WRITE, size_of::<T>(), size_of::<T>(), kind, nr)
    }
}

impl<T: Plain> Command<ReadWrite<T>> {
    /// `_IOWR(kind, nr, T)`.
    pub const fn iowr(kind: u8, nr: u8) -> Self {
        Self::encode(READ | WRITE, size_of::<T>(), size_of::<T>(), kind, nr)
    }
}

impl Command<Pointer> {
    /// `_IOR(kind, nr, char *)`. A pointer has 4 bytes in a 32-bit process.
    pub const fn pointer(kind: u8, nr: u8) -> Self {
        Self::encode(READ, size_of::<*const u8>(), 4, kind, nr)
    }
}

/// A type that can be copied between a process and the kernel as bytes.
///
/// # Safety
///
/// The type must have no padding, must be valid for any bytes, and must have the same layout in
/// 32-bit and 64-bit processes.
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

/// Memory of the caller's: the argument of a command that carries its length.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub struct Buffer {
    /// Where it begins.
    pub address: u64,
    /// How long it is, in bytes.
    pub length: u64,
}

// SAFETY: Two 64-bit integers, at multiples of 8 everywhere.
unsafe impl Plain for Buffer {}
