// SPDX-License-Identifier: GPL-2.0-only

//! Typed ioctls.
//!
//! A [`Command`] knows its number and what its argument is. Its definition is compiled into the
//! module and into its user-space client, so that the two cannot disagree. In the module a
//! [`Request`] is matched against commands; the copies from and to the caller, `EFAULT` for a bad
//! pointer, and `ENOTTY` for an unknown command are taken care of.
//!
//! C header: [`include/uapi/asm-generic/ioctl.h`](srctree/include/uapi/asm-generic/ioctl.h)
//!
//! Reference: chapter 7 of the guide.

#![expect(
    clippy::disallowed_methods,
    reason = "nobody but the process that calls has a request"
)]

mod command;

pub use command::*;

use crate::{
    bindings,
    message::Message, //
};
use core::mem::MaybeUninit;
use kernel::{
    prelude::*,
    types::NotThreadSafe,
    uaccess::{
        UserPtr,
        UserSlice, //
    },
};

/// One call of ioctl(2).
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::ioctl::{Command, Nothing, Read, Request, Write};
///
/// const RESET: Command<Nothing> = Command::io(b'x', 0);
/// const GET_SPEED: Command<Read<u32>> = Command::ior(b'x', 1);
/// const SET_SPEED: Command<Write<u32>> = Command::iow(b'x', 2);
///
/// fn ioctl(request: Request) -> Result<isize> {
///     request
///         .nothing(RESET, || Ok(0))
///         .read(GET_SPEED, || Ok(9600))
///         .write(SET_SPEED, |speed| if speed > 0 { Ok(0) } else { Err(EINVAL) })
///         .finish()
/// }
/// ```
///
/// In another thread, the argument would be an address of whichever process was there before:
///
/// ```compile_fail,E0277
/// # use kernel::prelude::*;
/// # use lkm::{ioctl::Request, kthread};
/// fn ioctl(request: Request) -> Result<isize> {
///     let later = kthread::spawn(c"later", move |_| request.finish())?;
///     later.join().unwrap_or(Err(EINTR))
/// }
/// ```
#[must_use = "the call has no result before `finish`"]
pub struct Request {
    number: u32,
    /// The same, if the argument is a pointer: with the size that one has in the kernel.
    pointer_number: u32,
    argument: usize,
    result: Result<isize>,
    /// The argument may be an address, which only the calling process has.
    _here: NotThreadSafe,
}

impl Request {
    /// A call; `compat` for that of a 32-bit process on a 64-bit kernel.
    #[inline(always)]
    pub(crate) fn new(number: u32, argument: usize, compat: bool) -> Self {
        const POINTER: Command<WriteString> = Command::write_string(0, 0);
        let sizes = if compat {
            POINTER.number() ^ POINTER.compat_number()
        } else {
            0
        };
        Self {
            number,
            pointer_number: number ^ sizes,
            // As `compat_ptr` does.
            argument: if compat {
                argument & u32::MAX as usize
            } else {
                argument
            },
            result: Err(ENOTTY),
            _here: NotThreadSafe,
        }
    }

    #[inline(always)]
    fn on<K>(mut self, command: Command<K>, f: impl FnOnce(UserPtr) -> Result<isize>) -> Self {
        if self.number == command.number() {
            self.result = f(UserPtr::from_addr(self.argument));
        }
        self
    }

    /// Handles a command without an argument.
    #[inline(always)]
    pub fn nothing(self, command: Command<Nothing>, f: impl FnOnce() -> Result<isize>) -> Self {
        self.on(command, |_| f())
    }

    /// Handles a command whose argument is a number, not a pointer.
    #[inline(always)]
    pub fn value(self, command: Command<Value>, f: impl FnOnce(i32) -> Result<isize>) -> Self {
        // C passes an `int` in the lower half of a register.
        let argument = self.argument as i32;
        self.on(command, |_| f(argument))
    }

    /// Handles a command that returns a `T` to the caller.
    #[inline(always)]
    pub fn read<T: Plain>(self, command: Command<Read<T>>, f: impl FnOnce() -> Result<T>) -> Self {
        self.on(command, |pointer| {
            let value = f()?;
            copy_out(pointer, &value)?;
            Ok(0)
        })
    }

    /// Handles a command that takes a `T` from the caller.
    #[inline(always)]
    pub fn write<T: Plain>(
        self,
        command: Command<Write<T>>,
        f: impl FnOnce(T) -> Result<isize>,
    ) -> Self {
        self.on(command, |pointer| f(copy_in(pointer)?))
    }

    /// Handles a command that changes a `T` of the caller.
    ///
    /// Nothing is copied back if `f` fails.
    #[inline(always)]
    pub fn read_write<T: Plain>(
        self,
        command: Command<ReadWrite<T>>,
        f: impl FnOnce(&mut T) -> Result<isize>,
    ) -> Self {
        self.on(command, |pointer| {
            let mut value = copy_in(pointer)?;
            let ret = f(&mut value)?;
            copy_out(pointer, &value)?;
            Ok(ret)
        })
    }

    /// Handles a command whose number says only that the argument is a pointer.
    #[inline(always)]
    fn on_pointer<K>(
        mut self,
        command: Command<K>,
        f: impl FnOnce(UserPtr) -> Result<isize>,
    ) -> Self {
        if self.pointer_number == command.number() {
            self.result = f(UserPtr::from_addr(self.argument));
        }
        self
    }

    /// Handles a command that takes a C string from the caller, of which the first `N` bytes are
    /// taken.
    ///
    /// For numbers that exist; a new command should carry its length.
    #[inline(always)]
    pub fn write_string<const N: usize>(
        self,
        command: Command<WriteString>,
        f: impl FnOnce(Message<N>) -> Result<isize>,
    ) -> Self {
        self.on_pointer(command, |pointer| {
            f(Message::filled(N, |bytes| copy_string_in(bytes, pointer))?)
        })
    }

    /// Handles a command that returns a C string to the caller, as much of it as fits.
    ///
    /// For numbers that exist; a new command should carry its length.
    #[inline(always)]
    pub fn read_string<const N: usize, const M: usize>(
        self,
        command: Command<ReadString<N>>,
        f: impl FnOnce() -> Result<Message<M>>,
    ) -> Self {
        self.on_pointer(command, |pointer| {
            let text = f()?;
            let text = text.as_bytes();
            let text = text.get(..N - 1).unwrap_or(text);
            let text = Message::<N>::concat(&[text, b"\0"]);
            UserSlice::new(pointer, N)
                .writer()
                .write_slice(text.as_bytes())?;
            Ok(0)
        })
    }

    /// Handles a command that takes up to `N` bytes from the caller; `EINVAL` if there are more.
    #[inline(always)]
    pub fn write_bytes<const N: usize>(
        self,
        command: Command<WriteBytes>,
        f: impl FnOnce(Message<N>) -> Result<isize>,
    ) -> Self {
        self.on(command, |pointer| {
            let [address, length]: Buffer = buffer(pointer).reader().read()?;
            let length = usize::try_from(length).map_err(|_| EINVAL)?;
            f(Message::filled(length, |bytes| {
                let from = UserSlice::new(pointer_to(address), length);
                from.reader().read_slice(bytes)?;
                Ok(length)
            })?)
        })
    }

    /// Handles a command that fills the caller's memory as far as it reaches, and tells how much
    /// there is.
    #[inline(always)]
    pub fn read_bytes<const N: usize>(
        self,
        command: Command<ReadBytes>,
        f: impl FnOnce() -> Result<Message<N>>,
    ) -> Self {
        self.on(command, |pointer| {
            let [address, room]: Buffer = buffer(pointer).reader().read()?;
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let content = f()?;
            let content = content.as_bytes();
            UserSlice::new(pointer_to(address), room)
                .writer()
                .write_slice(content.get(..room).unwrap_or(content))?;
            buffer(pointer)
                .writer()
                .write(&[address, content.len() as u64])?;
            Ok(0)
        })
    }

    /// Returns what the command's handler did, or `ENOTTY` if no command matched.
    #[inline(always)]
    pub fn finish(self) -> Result<isize> {
        self.result
    }
}

fn buffer(pointer: UserPtr) -> UserSlice {
    UserSlice::new(pointer, size_of::<Buffer>())
}

fn pointer_to(address: u64) -> UserPtr {
    // An address that does not fit is no memory of the caller's, either.
    UserPtr::from_addr(usize::try_from(address).unwrap_or(usize::MAX))
}

/// Copies a C string without its zero, as far as it fits. Returns its length.
///
/// Fails with `EFAULT`. May sleep (`strncpy_from_user`).
#[inline]
fn copy_string_in(to: &mut [u8], from: UserPtr) -> Result<usize> {
    // SAFETY: `to` is valid for writes. The function checks what it reads.
    let length = unsafe {
        bindings::strncpy_from_user(
            to.as_mut_ptr().cast(),
            from.as_const_ptr().cast(),
            to.len() as c_long,
        )
    };
    usize::try_from(length).map_err(|_| EFAULT)
}

#[inline]
fn copy_in<T: Plain>(pointer: UserPtr) -> Result<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: The bytes are those of `value`, and may be uninitialised.
    let bytes =
        unsafe { core::slice::from_raw_parts_mut(value.as_mut_ptr().cast(), size_of::<T>()) };
    UserSlice::new(pointer, size_of::<T>())
        .reader()
        .read_raw(bytes)?;
    // SAFETY: All bytes were read, and any bytes are a valid `T`.
    Ok(unsafe { value.assume_init() })
}

#[inline]
fn copy_out<T: Plain>(pointer: UserPtr, value: &T) -> Result {
    // SAFETY: A `T` has no padding, so all of its bytes are initialised.
    let bytes = unsafe {
        core::slice::from_raw_parts(core::ptr::from_ref(value).cast::<u8>(), size_of::<T>())
    };
    UserSlice::new(pointer, size_of::<T>())
        .writer()
        .write_slice(bytes)
}
