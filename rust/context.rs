// SPDX-License-Identifier: GPL-2.0-only

//! Who runs: a task, or what has interrupted one.
//!
//! C header: [`include/linux/preempt.h`](srctree/include/linux/preempt.h)

use crate::bindings;
use core::ops::Range;
use kernel::{
    prelude::c_int,
    task::{
        Task,
        TASK_INTERRUPTIBLE,
        TASK_UNINTERRUPTIBLE, //
    },
};

/// What the code that asks runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// A process or a kernel thread. It may sleep, unless it holds a spinlock or the like.
    Task,
    /// A softirq: between an interrupt and the task that it interrupted. It must not sleep.
    SoftIrq,
    /// An interrupt handler. It must not sleep, and other interrupts wait for it.
    HardIrq,
    /// An interrupt that nothing can turn off. Hardly anything is allowed.
    Nmi,
}

impl Context {
    /// Returns the caller's. A task that is moved to another CPU in that moment may be told what its
    /// former CPU does; code that cannot be moved gets its own. Callable from any context (`in_task`, `in_serving_softirq`, `in_hardirq`,
    /// `in_nmi`).
    pub fn current() -> Self {
        let count = preempt_count();
        if count >> bindings::NMI_SHIFT & 0xf != 0 {
            Self::Nmi
        } else if count >> bindings::HARDIRQ_SHIFT & ((1 << bindings::HARDIRQ_BITS) - 1) != 0 {
            Self::HardIrq
        } else if softirq_count(count) & bindings::SOFTIRQ_OFFSET != 0 {
            Self::SoftIrq
        } else {
            Self::Task
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Task => "task",
            Self::SoftIrq => "softirq",
            Self::HardIrq => "hardirq",
            Self::Nmi => "nmi",
        }
    }
}

/// Whether the current task has ended, and only lets go of what it had: it has no root directory, no open files and no
/// namespaces any more.
pub(crate) fn has_ended() -> bool {
    // SAFETY: The task that runs is there, and nobody else changes this field.
    unsafe { (*Task::current_raw()).nsproxy }.is_null()
}

/// Whether the current task is a kernel thread. It gets no signals.
pub(crate) fn is_kernel_thread() -> bool {
    has_flags(bindings::PF_KTHREAD)
}

/// Whether the current task is a kernel thread that somebody may ask to stop: not one that does anybody's work.
pub(crate) fn may_be_stopped() -> bool {
    is_kernel_thread() && !has_flags(bindings::PF_WQ_WORKER)
}

/// Whether the current task answers a disk's requests, so that it must not wait for others that may want some.
pub(crate) fn answers_requests() -> bool {
    has_flags(ANSWERING)
}

/// Whether the current task does what others may have asked for, who get the error if a signal to this one ends it. Unlike
/// [`answers_requests`], this is so in [`answering`] only: nobody could kill a process that waits in a file's `open`
/// otherwise, if it has asked for `PR_SET_IO_FLUSHER`.
pub(crate) fn works_for_others() -> bool {
    has_flags(FOR_OTHERS)
}

/// The state to wait in where signals may end that.
pub(crate) fn interruptible() -> c_int {
    if works_for_others() {
        TASK_UNINTERRUPTIBLE
    } else {
        TASK_INTERRUPTIBLE
    }
}

/// Whether the current task may wait for disks. C says so while it resets a USB device or takes any device away, too.
pub(crate) fn may_do_io() -> bool {
    !has_flags(bindings::PF_MEMALLOC_NOIO)
}

/// Whether the current task may use files: it may not with a lock held that a file's operations may take, too.
pub(crate) fn may_use_files() -> bool {
    !has_flags(NO_FILES)
}

/// Whether the current task may use the files of a pseudo file system: it may not in what makes up the content of one,
/// where that file's mutex is held. Most of these are of one class for lockdep.
pub(crate) fn may_use_pseudo_files() -> bool {
    !has_flags(NO_PSEUDO_FILES)
}

/// Whether the current task may register, or give back, what has C call with a lock held: it may not where C has called
/// it with such a lock. Two of these would wait for each other. Nor may it in what answers a disk's requests: an interface
/// that goes waits for all CPUs.
pub(crate) fn may_register() -> bool {
    !has_flags(NO_REGISTERING) && !works_for_others()
}

/// C has no flags that say so. These do next to nothing: memory comes from where it can be pinned (`memalloc_pin_save`),
/// which C sets elsewhere in page faults only; and who writes waits for his own disk only, as a task may have asked for
/// itself (`PR_SET_IO_FLUSHER`).
const NO_FILES: u32 = bindings::PF_MEMALLOC_PIN;
const NO_PSEUDO_FILES: u32 = bindings::PF_LOCAL_THROTTLE;
const NO_REGISTERING: u32 = NO_FILES | NO_PSEUDO_FILES;
/// What is called without files while C takes a device away seems to answer, too, and so it does for a server of a disk
/// (`PR_SET_IO_FLUSHER`): neither should wait for one.
const ANSWERING: u32 = NO_FILES | bindings::PF_MEMALLOC_NOIO;
/// The last of these does nothing beside the one before; C sets it in file systems, which call nothing of a module's but
/// disks.
const FOR_OTHERS: u32 = ANSWERING | bindings::PF_MEMALLOC_NOFS;

fn has_flags(flags: u32) -> bool {
    // SAFETY: The task that runs is there, and nobody else changes these flags.
    unsafe { (*Task::current_raw()).flags & flags == flags }
}

/// Calls what answers a disk's requests: it must not wait for disks, nor allocate by writing to them
/// (`memalloc_noio_save`), nor use files.
pub(crate) fn answering<R>(call: impl FnOnce() -> R) -> R {
    with_flags(FOR_OTHERS, call)
}

/// Calls what makes up the content of a file in a pseudo file system, or takes it, with that file's mutex held.
pub(crate) fn without_pseudo_files<R>(call: impl FnOnce() -> R) -> R {
    with_flags(NO_PSEUDO_FILES, call)
}

/// Calls what must not use files: it would wait for a lock of its own caller's.
pub(crate) fn without_files<R>(call: impl FnOnce() -> R) -> R {
    with_flags(NO_FILES, call)
}

/// Calls what must neither use files nor register what C calls with a lock held: a miscellaneous device or an
/// interface.
pub(crate) fn without_registering<R>(call: impl FnOnce() -> R) -> R {
    with_flags(NO_REGISTERING, call)
}

fn with_flags<R>(flags: u32, call: impl FnOnce() -> R) -> R {
    let set = set_flags(flags);
    let result = call();
    clear_flags(set);
    result
}

/// As [`without_pseudo_files`], from now on. Returns what [`clear_flags`] takes.
pub(crate) fn forbid_pseudo_files() -> u32 {
    set_flags(NO_PSEUDO_FILES)
}

/// Sets flags of the current task, and returns those that were not set.
fn set_flags(flags: u32) -> u32 {
    // SAFETY: The task that runs is there, and nobody else changes its flags.
    unsafe {
        let all = &raw mut (*Task::current_raw()).flags;
        let new = flags & !*all;
        *all |= new;
        new
    }
}

/// Clears flags of the current task.
pub(crate) fn clear_flags(flags: u32) {
    // SAFETY: As above.
    unsafe { (*Task::current_raw()).flags &= !flags };
}

/// Returns the addresses of the current task's stack, which grows towards their start.
pub(crate) fn stack() -> Range<usize> {
    // SAFETY: A task that runs has its stack.
    let end = unsafe { (*Task::current_raw()).stack }.addr();
    end..end + bindings::LKM_THREAD_SIZE
}

/// On PREEMPT_RT a softirq is a task's, which counts them.
fn softirq_count(_count: u32) -> u32 {
    #[cfg(CONFIG_PREEMPT_RT)]
    // SAFETY: The task that runs is there, and it alone changes this field.
    return unsafe { (*Task::current_raw()).softirq_disable_cnt } as u32;
    #[cfg(not(CONFIG_PREEMPT_RT))]
    _count
}

/// Says how deep the CPU is in interrupts. In one instruction: a task that is moved between two would see another's.
#[cfg(target_arch = "x86_64")]
fn preempt_count() -> u32 {
    let count: u32;
    // SAFETY: This is a per-CPU variable of C's, which its CPU changes with single stores.
    unsafe {
        #[cfg(CONFIG_SMP)]
        core::arch::asm!(
            "mov {:e}, dword ptr gs:[rip + {}]",
            out(reg) count,
            sym bindings::__preempt_count,
            options(nostack, preserves_flags, readonly)
        );
        #[cfg(not(CONFIG_SMP))]
        {
            count = (&raw const bindings::__preempt_count)
                .cast::<u32>()
                .read_volatile();
        }
    }
    count
}

/// Says how deep the task is in interrupts.
#[cfg(not(target_arch = "x86_64"))]
fn preempt_count() -> u32 {
    let task = kernel::task::Task::current_raw();
    // SAFETY: The task runs, and the count is in it. Where it has 64 bits, it is the lower half.
    unsafe {
        task.byte_add(bindings::LKM_TASK_PREEMPT_COUNT)
            .cast::<u32>()
            .read_volatile()
    }
}
