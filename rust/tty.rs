// SPDX-License-Identifier: GPL-2.0-only

//! Terminals.
//!
//! [`Tty::current`] is the terminal that the calling process is controlled by, if it is.
//!
//! C header: [`include/linux/tty.h`](srctree/include/linux/tty.h)
//!
//! Reference: chapter 10 of the guide.

use crate::{
    bindings,
    compat,
    context::{
        self,
        Context, //
    },
    locked::Locked, //
};
use core::ptr::NonNull;
use kernel::{
    error::code::ERESTARTSYS,
    prelude::*,
    task::Task, //
};

/// A counted reference to a terminal.
///
/// The terminal may be hung up meanwhile, by a closed line or a session that ends; writing to it
/// then fails.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::tty::Tty;
/// fn greet() {
///     if let Some(tty) = Tty::current() {
///         if let Err(e) = tty.write_line(b"Hello") {
///             pr_info!("Nobody listens: {e:?}\n");
///         }
///     }
/// }
/// ```
///
/// # Invariants
///
/// The pointer is valid, and this value owns a reference.
pub struct Tty(NonNull<bindings::tty_struct>);

// SAFETY: A `tty_struct` is counted, and used by many threads.
unsafe impl Send for Tty {}
// SAFETY: `write` is safe on several threads at once, see there.
unsafe impl Sync for Tty {}

impl Tty {
    /// How long [`write`](Self::write) waits for a terminal that takes nothing, in milliseconds.
    const PATIENCE: u32 = 1000;

    /// Returns the controlling terminal of the calling process, `None` if it has none, or is about to end.
    ///
    /// Does not sleep, except on PREEMPT_RT, but takes the lock of the process' signals (`siglock`): a [probe](crate::kprobe) on what is called
    /// with that held would wait for itself, for ever. `None` in an interrupt, where there is no calling process
    /// (`get_current_tty`).
    pub fn current() -> Option<Self> {
        // SAFETY: The task that runs is there, and sets this flag itself.
        let ends = unsafe { (*Task::current_raw()).flags & bindings::PF_EXITING != 0 };
        if ends || Context::current() != Context::Task {
            return None;
        }
        // SAFETY: A task that does not end has what its signals are kept in.
        let tty = unsafe { bindings::get_current_tty() };
        // INVARIANT: The function returns NULL or a reference for the caller.
        NonNull::new(tty).map(Self)
    }

    /// Writes a line, and the carriage return and line feed that a raw terminal needs.
    ///
    /// Fails as [`write`](Self::write) does. May sleep.
    pub fn write_line(&self, line: &[u8]) -> Result {
        self.write(line)?;
        self.write(b"\r\n")
    }

    /// Writes all of `bytes`, as they are, past what `stty` says about output.
    ///
    /// What processes write at the same time may come in between, if it does not fit the
    /// terminal's buffer at once. Fails with `EIO` if the terminal was hung up or closed, or its line is
    /// broken, `ETIME` if it has taken nothing for a second or more, as when Ctrl-S stopped it or it is being closed, or
    /// `ERESTARTSYS` if a signal arrives while it takes nothing; a part may then have been
    /// written. May sleep (`tty_operations::write`).
    pub fn write(&self, mut bytes: &[u8]) -> Result {
        let limit = kernel::time::msecs_to_jiffies(Self::PATIENCE).max(1);
        let mut patience = limit;
        while !bytes.is_empty() {
            let taken = self.write_some(bytes)?;
            if taken > 0 {
                bytes = bytes.get(taken..).unwrap_or_default();
                patience = limit;
                continue;
            }
            if patience == 0 {
                return Err(compat::errno(bindings::ETIME));
            }
            if !context::works_for_others() && kernel::current!().signal_pending() {
                return Err(ERESTARTSYS);
            }
            patience = patience.saturating_sub(2);
            // SAFETY: Sleeps for a tick, and the rest of the current one.
            unsafe { bindings::schedule_timeout_uninterruptible(1) };
        }
        Ok(())
    }

    /// Writes as much of `bytes` as the terminal takes now: nothing while it is opened, closed or hung up.
    fn write_some(&self, bytes: &[u8]) -> Result<usize> {
        let tty = self.0.as_ptr();
        // Who closes it for the last time, or hangs it up, holds the lock while the driver frees what its
        // `write` uses. A write(2) has the terminal open, which this has not.
        //
        // SAFETY: It is a member of the terminal, which stays: by the type invariants.
        let locked = unsafe { Locked::try_new(tty.byte_add(bindings::LKM_TTY_LOCK).cast()) };
        let Some(_locked) = locked else {
            return Ok(0);
        };
        // SAFETY: By the type invariants; it is locked.
        if unsafe { tty.byte_add(bindings::LKM_TTY_COUNT).cast::<c_int>().read() } <= 0 {
            return Err(EIO);
        }
        // SAFETY: By the type invariants; the flags are an aligned word.
        let flags = unsafe {
            tty.byte_add(bindings::LKM_TTY_FLAGS)
                .cast::<c_ulong>()
                .read_volatile()
        };
        if flags & bindings::LKM_TTY_DEAD != 0 {
            return Err(EIO);
        }
        // SAFETY: By the type invariants; the operations do not change.
        let write = unsafe {
            tty.byte_add(bindings::LKM_TTY_OPS)
                .cast::<*const c_void>()
                .read()
                .byte_add(bindings::LKM_TTY_OPERATIONS_WRITE)
                .cast::<Option<Write>>()
                .read()
        };
        // SAFETY: By the type invariants.
        let room = unsafe { bindings::tty_write_room(tty) } as usize;
        let bytes = bytes.get(..room.min(bytes.len())).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(0);
        }
        // SAFETY: Nobody closes it or hangs it up meanwhile, which is what drivers ask for; they lock themselves.
        let taken = unsafe { write.ok_or(EIO)?(tty, bytes.as_ptr(), bytes.len()) };
        kernel::error::to_result(taken.min(0) as c_int)?;
        Ok(taken.unsigned_abs())
    }
}

/// `tty_operations::write`.
type Write = unsafe extern "C" fn(*mut bindings::tty_struct, *const u8, usize) -> isize;

impl Drop for Tty {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::tty_kref_put(self.0.as_ptr()) };
    }
}
