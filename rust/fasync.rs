// SPDX-License-Identifier: GPL-2.0-only

//! Telling processes by a signal that a file is ready.
//!
//! A process that has asked for it (`F_SETOWN` and `O_ASYNC`, see fcntl(2)) gets `SIGIO` when
//! something happens with an open file. Few do: `poll` is easier to get right.
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h)

use crate::bindings;
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// The open files whose owners want a signal.
///
/// [`FileOperations::subscribers`](crate::fops::FileOperations::subscribers) says where they are.
///
/// # Invariants
///
/// The pointer is null, or that of a list of `fasync_helper`'s. Each file in it is open, and has a
/// state that this is borrowed from.
pub struct Subscribers(Opaque<*mut bindings::fasync_struct>);

// SAFETY: C locks the list.
unsafe impl Send for Subscribers {}
// SAFETY: As above.
unsafe impl Sync for Subscribers {}

/// What happened.
#[derive(Clone, Copy)]
pub enum Band {
    /// There is something to read.
    Readable = bindings::POLL_IN as isize,
    /// There is room to write.
    Writable = bindings::POLL_OUT as isize,
}

impl Subscribers {
    /// Nobody.
    #[expect(clippy::new_without_default, reason = "only a file's data has one")]
    pub const fn new() -> Self {
        // INVARIANT: The list is empty.
        Self(Opaque::new(core::ptr::null_mut()))
    }

    /// Sends the signal. Does not sleep, except on PREEMPT_RT. It takes locks of signals and of the file's
    /// owner, so not for a probe of what is called with them held (`kill_fasync`).
    pub fn notify(&self, band: Band) {
        // SAFETY: By the type invariants. C takes files out of the list before they go.
        unsafe { bindings::kill_fasync(self.0.get(), bindings::SIGIO as c_int, band as c_int) };
    }

    /// Puts a file into the list, or takes it out.
    ///
    /// # Safety
    ///
    /// `file` must be open, in its `fasync`, and never be in another list. If it is put into this
    /// one, this must stay where it is until the file has been taken out.
    pub(crate) unsafe fn set(&self, fd: c_int, file: *mut bindings::file, on: c_int) -> c_int {
        // INVARIANT: The file's state is there until it has been released, which takes it out first.
        //
        // SAFETY: By the safety requirements.
        unsafe { bindings::fasync_helper(fd, file, on, self.0.get()) }
    }
}
