// SPDX-License-Identifier: GPL-2.0-only

//! The boundary between a module's callbacks and the C code that calls them.
//!
//! C believes what it is answered. An error number may have a meaning of its own to the caller, and
//! a count says how much of a buffer is valid. What a callback returns goes through here, so that it
//! can be any value of its type.
//!
//! A callback has exactly C's type: an enum where C has one, by C's name, and no number of its size. With
//! `CONFIG_CFI` C compares a hash of the types' names before it calls, and what differs is a panic. rustc takes the
//! name of a type that is `repr(C)` for C's, in an `extern "C"` function; bindgen's enums are numbers.
//!
//! C header: [`include/linux/errno.h`](srctree/include/linux/errno.h)

use crate::bindings;
use kernel::{
    current,
    prelude::*, //
};

/// Who is answered.
#[derive(Clone, Copy)]
pub(crate) enum Caller {
    /// A system call, by way of the VFS, procfs or sysfs.
    Vfs,
    /// `seq_file`, which repeats what fails with `EAGAIN` for ever.
    SeqFile,
    /// Netlink, which tells the sender nothing if a request fails with `EINTR`.
    Netlink,
}

impl Caller {
    /// Answers with 0 or an error.
    #[inline]
    pub(crate) fn status(self, result: Result) -> c_int {
        result.map_or_else(|e| self.errno(e), |()| 0)
    }

    /// Answers with a number. A negative one would be an error that nobody meant: `EIO`. So would one
    /// that does not fit an `int`, since `ioctl` cuts it to that.
    #[inline]
    pub(crate) fn number(self, result: Result<isize>) -> isize {
        match result {
            Ok(number) if (0..=c_int::MAX as isize).contains(&number) => number,
            Ok(_) => self.errno(EIO) as isize,
            Err(e) => self.errno(e) as isize,
        }
    }

    /// Answers with a count of at most `limit`.
    #[inline]
    pub(crate) fn count(self, result: Result<usize>, limit: usize) -> isize {
        self.number(result.map(|count| count.min(limit) as isize))
    }

    /// The error number for `error` that does no harm and that user space knows.
    #[cold]
    #[inline(never)]
    fn errno(self, error: Error) -> c_int {
        let error = match error.to_errno().unsigned_abs() {
            // On its way out with a signal, a system call is restarted. Without one, or for netlink,
            // which puts the number into a message, there is nobody to do it.
            bindings::ERESTARTSYS | bindings::ERESTARTNOINTR | bindings::ERESTARTNOHAND => {
                if !matches!(self, Self::Netlink) && current!().signal_pending() {
                    error
                } else {
                    EINTR
                }
            }
            // Would run what the last system call that could be restarted left.
            bindings::ERESTART_RESTARTBLOCK => EINTR,
            bindings::ENOIOCTLCMD => ENOTTY,
            // The other numbers of the kernel's own. `EIOCBQUEUED`, which promises that somebody else
            // completes the call, ends in a `BUG`.
            bindings::ERESTARTSYS.. => EIO,
            _ => error,
        };
        match self {
            Self::SeqFile if error == EAGAIN => EBUSY,
            Self::Netlink if error == EINTR => EAGAIN,
            _ => error,
        }
        .to_errno()
    }
}
