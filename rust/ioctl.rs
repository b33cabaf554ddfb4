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

use kernel::{
    prelude::*,
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
#[must_use = "the call has no result before `finish`"]
pub struct Request {
    number: u32,
    argument: usize,
    compat: bool,
    result: Option<Result<isize>>,
}

impl Request {
    pub(crate) fn native(number: u32, argument: usize) -> Self {
        Self {
            number,
            argument,
            compat: false,
            result: None,
        }
    }

    /// A 32-bit process's call on a 64-bit kernel.
    pub(crate) fn compat(number: u32, argument: usize) -> Self {
        Self {
            number,
            // As `compat_ptr` does.
            argument: argument & u32::MAX as usize,
            compat: true,
            result: None,
        }
    }

    #[inline(always)]
    fn on<K>(mut self, command: Command<K>, f: impl FnOnce(UserPtr) -> Result<isize>) -> Self {
        let number = if self.compat {
            command.compat_number()
        } else {
            command.number()
        };
        if self.number == number {
            self.result = Some(f(UserPtr::from_addr(self.argument)));
        }
        self
    }

    /// Handles a command without an argument.
    #[inline(always)]
    pub fn nothing(self, command: Command<Nothing>, f: impl FnOnce() -> Result<isize>) -> Self {
        self.on(command, |_| f())
    }

    /// Handles a command whose argument is a number, not a pointer.
    ///
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
        self,
        command: Command<Pointer>,
        f: impl FnOnce(UserPtr) -> Result<isize>,
    ) -> Self {
        self.on(command, f)
    }

    /// Returns what the command's handler did, or `ENOTTY` if no command matched.
    #[inline(always)]
    pub fn finish(self) -> Result<isize> {
        self.result.unwrap_or(Err(ENOTTY))
    }
}

impl Buffer {
    /// The caller's memory. Access to it fails with `EFAULT` where the caller has none.
    pub fn user_slice(&self) -> UserSlice {
        // An address or a length that does not fit is no memory of the caller's, either.
        let address = usize::try_from(self.address).unwrap_or(usize::MAX);
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        UserSlice::new(UserPtr::from_addr(address), length)
    }
}

fn copy_in<T: Plain>(pointer: UserPtr) -> Result<T> {
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    // SAFETY: The bytes are those of `value`, and may be uninitialised.
    let bytes =
        unsafe { core::slice::from_raw_parts_mut(value.as_mut_ptr().cast(), size_of::<T>()) };
    UserSlice::new(pointer, size_of::<T>())
        .reader()
        .read_raw(bytes)?;
    // SAFETY: All bytes were read, and any bytes are a valid `T`.
    Ok(unsafe { value.assume_init() })
}

fn copy_out<T: Plain>(pointer: UserPtr, value: &T) -> Result {
    // SAFETY: A `T` has no padding, so all of its bytes are initialised.
    let bytes = unsafe {
        core::slice::from_raw_parts(core::ptr::from_ref(value).cast::<u8>(), size_of::<T>())
    };
    UserSlice::new(pointer, size_of::<T>())
        .writer()
        .write_slice(bytes)
}
