// SPDX-License-Identifier: GPL-2.0-only

//! A kernel thread on each CPU.

use super::online_cpus;
use crate::bindings;
use kernel::{
    cpu::CpuId,
    error::from_err_ptr,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    types::NotThreadSafe,
};

/// What the threads do.
pub trait Task: Send + Sync + 'static {
    /// Runs in a thread of its own on each CPU, and may sleep.
    ///
    /// It must return soon once [`Worker::should_stop`], and may do so before.
    fn run(&self, worker: &Worker);
}

/// A thread's view of itself.
pub struct Worker {
    cpu: CpuId,
    _thread: NotThreadSafe,
}

impl Worker {
    /// Returns the CPU that this thread was made for. When that one goes offline, the thread runs
    /// on others.
    pub fn cpu(&self) -> CpuId {
        self.cpu
    }

    /// Whether somebody waits for this thread to end (`kthread_should_stop`).
    pub fn should_stop(&self) -> bool {
        // SAFETY: This is a kernel thread that `Threads` made, as a `Worker` stays in its thread.
        unsafe { bindings::kthread_should_stop() }
    }

    /// Lets others run. A thread that computes for long must do so now and then (`schedule`).
    pub fn pause(&self) {
        // SAFETY: A thread may sleep.
        unsafe { bindings::schedule() };
    }
}

/// A thread on each CPU that was online when they were made.
///
/// Dropping it asks all threads to stop, and waits until they have. May sleep (`kthread_stop`).
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::Arc};
/// # use lkm::percpu::{Task, Threads, Worker};
/// struct Heater;
///
/// impl Task for Heater {
///     fn run(&self, worker: &Worker) {
///         while !worker.should_stop() {
///             worker.pause();
///         }
///     }
/// }
///
/// fn heat() -> Result<Threads<Heater>> {
///     Threads::new(c"heater", Arc::new(Heater, GFP_KERNEL)?)
/// }
/// ```
pub struct Threads<T: Task> {
    threads: KVec<Thread<T>>,
}

impl<T: Task> Threads<T> {
    /// Starts the threads, which are called `<name>/0`, `<name>/1`…
    ///
    /// Fails with `ENOMEM`, or `EINTR` if the caller is killed. May sleep (`kthread_create`).
    pub fn new(name: &'static CStr, task: Arc<T>) -> Result<Self> {
        let mut threads = KVec::new();
        for cpu in online_cpus() {
            threads.push(Thread::new(name, cpu, task.clone())?, GFP_KERNEL)?;
        }
        for thread in &threads {
            thread.task.wake_up();
        }
        Ok(Self { threads })
    }

    /// Returns how many threads there are.
    pub fn count(&self) -> usize {
        self.threads.len()
    }
}

/// A thread.
///
/// # Invariants
///
/// `task` is a kernel thread that has not been stopped, and runs [`Thread::main`] with `start`.
struct Thread<T: Task> {
    task: ARef<kernel::task::Task>,
    start: KBox<Start<T>>,
}

/// What a thread is started with.
struct Start<T> {
    task: Arc<T>,
    cpu: CpuId,
}

impl<T: Task> Thread<T> {
    /// Creates a thread that does not run yet.
    fn new(name: &'static CStr, cpu: CpuId, task: Arc<T>) -> Result<Self> {
        let start = KBox::new(Start { task, cpu }, GFP_KERNEL)?;
        // SAFETY: The function fits the argument, which lives until the thread has been stopped.
        // The format fits what follows.
        let thread = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(Self::main),
                (&raw const *start).cast_mut().cast(),
                bindings::NUMA_NO_NODE,
                c"%s/%u".as_char_ptr(),
                name.as_char_ptr(),
                cpu.as_u32(),
            )
        })?;
        // SAFETY: The thread was just created, and has not run.
        unsafe { bindings::kthread_bind(thread, cpu.as_u32()) };
        // SAFETY: It exists until it is stopped; from then on by the reference that is taken here.
        let thread = unsafe { &*thread.cast::<kernel::task::Task>() };
        // INVARIANT: As above.
        Ok(Self {
            task: thread.into(),
            start,
        })
    }

    /// What the thread runs.
    ///
    /// # Safety
    ///
    /// `start` must be that of a [`Thread<T>`] that has not been stopped.
    unsafe extern "C" fn main(start: *mut c_void) -> c_int {
        // SAFETY: By the invariants of `Thread`, which waits for this function when it is dropped.
        let start = unsafe { &*start.cast::<Start<T>>() };
        start.task.run(&Worker {
            cpu: start.cpu,
            _thread: NotThreadSafe,
        });
        0
    }
}

impl<T: Task> Drop for Thread<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. If the thread never ran, it will not. Afterwards nobody
        // uses `start`.
        unsafe { bindings::kthread_stop(self.task.as_ptr()) };
        let _ = &self.start;
    }
}
