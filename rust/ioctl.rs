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

mod command;

pub use command::*;

use crate::{
    message::Message,
    uaccess, //
};
use core::mem::MaybeUninit;
use kernel::{
    prelude::*,
    uaccess::UserPtr, //
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
#[must_use = "the call has no result before `finish`"]
pub struct Request {
    number: u32,
    /// The same, if the argument is a pointer: with the size that one has in the kernel.
    pointer_number: u32,
    argument: usize,
    result: Result<isize>,
}

impl Request {
    /// A call; `compat` for that of a 32-bit process on a 64-bit kernel.
    #[inline(always)]
    pub(crate) fn new(number: u32, argument: usize, compat: bool) -> Self {
        const POINTER: Command<Pointer> = Command::pointer(0, 0);
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

    /// Handles a command whose argument is a pointer to memory of unknown length.
    ///
    /// For numbers that exist; a new command should carry its length.
    #[inline(always)]
    pub fn pointer(
        mut self,
        command: Command<Pointer>,
        f: impl FnOnce(UserPtr) -> Result<isize>,
    ) -> Self {
        if self.pointer_number == command.number() {
            self.result = f(UserPtr::from_addr(self.argument));
        }
        self
    }

    /// Returns what the command's handler did, or `ENOTTY` if no command matched.
    #[inline(always)]
    pub fn finish(self) -> Result<isize> {
        self.result
    }
}

impl Buffer {
    /// Copies what is in the buffer to `message`, in place of what was there.
    ///
    /// Fails with `EINVAL` if that is more than `N` bytes, or `EFAULT`. May sleep.
    #[inline]
    pub fn read<const N: usize>(&self, message: &mut Message<N>) -> Result {
        let length = usize::try_from(self.length).map_err(|_| EINVAL)?;
        message.take_bytes(self.pointer(), length)
    }

    /// Fills the buffer with `content`, as far as it reaches, and sets its length to that of all
    /// of `content`.
    ///
    /// Fails with `EFAULT`. May sleep.
    #[inline]
    pub fn write(&mut self, content: &[u8]) -> Result {
        let room = usize::try_from(self.length).unwrap_or(usize::MAX);
        uaccess::copy_out(self.pointer(), content.get(..room).unwrap_or(content))?;
        self.length = content.len() as u64;
        Ok(())
    }

    fn pointer(&self) -> UserPtr {
        // An address that does not fit is no memory of the caller's, either.
        UserPtr::from_addr(usize::try_from(self.address).unwrap_or(usize::MAX))
    }
}

#[inline]
fn copy_in<T: Plain>(pointer: UserPtr) -> Result<T> {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: The bytes are those of `value`, and may be uninitialised.
    let bytes =
        unsafe { core::slice::from_raw_parts_mut(value.as_mut_ptr().cast(), size_of::<T>()) };
    uaccess::copy_in(bytes, pointer)?;
    // SAFETY: All bytes were read, and any bytes are a valid `T`.
    Ok(unsafe { value.assume_init() })
}

#[inline]
fn copy_out<T: Plain>(pointer: UserPtr, value: &T) -> Result {
    // SAFETY: A `T` has no padding, so all of its bytes are initialised.
    let bytes = unsafe {
        core::slice::from_raw_parts(core::ptr::from_ref(value).cast::<u8>(), size_of::<T>())
    };
    uaccess::copy_out(pointer, bytes)
}
