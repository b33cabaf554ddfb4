// SPDX-License-Identifier: GPL-2.0-only

//! Waiting until something is done.
//!
//! Upstream's [`kernel::sync::Completion`] has the wait that nothing ends but the completion. A user
//! who waits should be able to give up: the waits of [`Completion`] end with it, by a signal, or by a
//! limit.
//!
//! C header: [`include/linux/completion.h`](srctree/include/linux/completion.h)

use crate::{
    bindings,
    compat,
    context, //
};
use kernel::{
    error::to_result,
    prelude::*,
    time::{
        msecs_to_jiffies,
        Msecs, //
    },
    types::Opaque, //
};

/// Something that is not done yet, or is.
///
/// In [what answers a disk's requests](crate::block::Operations) no signal ends a wait
/// (`wait_for_completion`, `wait_for_completion_timeout`).
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::Arc};
/// # use lkm::{completion::Completion, kthread::{self, Thread}};
/// fn measure() -> Result<(Arc<Completion>, Thread<()>)> {
///     let done = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
///     let told = done.clone();
///     let thread = kthread::spawn(c"measure", move |_| told.complete_all())?;
///     done.wait_interruptible()?;
///     Ok((done, thread))
/// }
/// ```
///
/// # Invariants
///
/// `inner` is initialised.
#[pin_data]
pub struct Completion {
    #[pin]
    inner: Opaque<bindings::completion>,
}

// SAFETY: A completion may be used and freed by any thread.
unsafe impl Send for Completion {}

// SAFETY: A completion has a lock of its own.
unsafe impl Sync for Completion {}

impl Completion {
    /// Creates a completion that is not done.
    pub fn new() -> impl PinInit<Self> {
        // INVARIANT: It is initialised here.
        pin_init!(Self {
            // SAFETY: `slot` is valid for writes.
            inner <- Opaque::ffi_init(|slot| unsafe { bindings::init_completion(slot) }),
        })
    }

    /// Lets one waiter go on: the one that waits longest, or the next one that comes.
    ///
    /// Callable from any context but NMI (`complete`).
    pub fn complete(&self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::complete(self.inner.get()) };
    }

    /// Lets all waiters go on, those who come later, too.
    ///
    /// Callable from any context but NMI, and on PREEMPT_RT from none where interrupts are off: there
    /// are no bounds to how many it wakes (`complete_all`).
    pub fn complete_all(&self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::complete_all(self.inner.get()) };
    }

    /// Whether the next wait would return at once. Callable from any context but NMI
    /// (`completion_done`).
    pub fn is_done(&self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { bindings::completion_done(self.inner.get()) }
    }

    /// Waits. Fails with `ERESTARTSYS` if the caller is killed first, or, if it is a kernel thread, asked to stop.
    /// May sleep (`wait_for_completion_killable`).
    pub fn wait(&self) -> Result {
        // Who asks a kernel thread to stop ends its interruptible waits only.
        if context::may_be_stopped() {
            return self.wait_interruptible();
        }
        self.wait_by(bindings::wait_for_completion_killable)
    }

    /// Waits. Fails with `ERESTARTSYS` if a signal comes first. May sleep
    /// (`wait_for_completion_interruptible`).
    pub fn wait_interruptible(&self) -> Result {
        self.wait_by(bindings::wait_for_completion_interruptible)
    }

    /// Waits for at most `limit` milliseconds.
    ///
    /// Fails with `ETIME` when they have passed, and with `ERESTARTSYS` if a signal comes first. May
    /// sleep (`wait_for_completion_interruptible_timeout`).
    pub fn wait_timeout(&self, limit: Msecs) -> Result {
        self.wait_in_time(limit, bindings::wait_for_completion_interruptible_timeout)
    }

    /// Waits for at most `limit` milliseconds.
    ///
    /// Fails with `ETIME` when they have passed, and with `ERESTARTSYS` if the caller is killed first, which a kernel thread
    /// never is. May sleep (`wait_for_completion_killable_timeout`).
    pub fn wait_killable_timeout(&self, limit: Msecs) -> Result {
        self.wait_in_time(limit, bindings::wait_for_completion_killable_timeout)
    }

    fn wait_by(&self, wait: unsafe extern "C" fn(*mut bindings::completion) -> c_int) -> Result {
        if context::works_for_others() {
            // SAFETY: By the type invariants.
            unsafe { bindings::wait_for_completion(self.inner.get()) };
            return Ok(());
        }
        // SAFETY: By the type invariants; it is one of C's functions.
        to_result(unsafe { wait(self.inner.get()) })
    }

    fn wait_in_time(
        &self,
        limit: Msecs,
        wait: unsafe extern "C" fn(*mut bindings::completion, c_ulong) -> c_long,
    ) -> Result {
        let (inner, jiffies) = (self.inner.get(), msecs_to_jiffies(limit));
        let left = if context::works_for_others() {
            // SAFETY: By the type invariants. The rest of `jiffies` is as small as these are.
            unsafe { bindings::wait_for_completion_timeout(inner, jiffies) as c_long }
        } else {
            // SAFETY: By the type invariants; it is one of C's functions.
            unsafe { wait(inner, jiffies) }
        };
        match left {
            0 => Err(compat::errno(bindings::ETIME)),
            1.. => Ok(()),
            errno => Err(Error::from_errno(errno as c_int)),
        }
    }
}
