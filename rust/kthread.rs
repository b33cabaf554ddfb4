// SPDX-License-Identifier: GPL-2.0-only

//! Kernel threads.
//!
//! [`spawn`] runs a closure in a thread of the kernel's own: a process context that belongs to no
//! process, with root's permissions. The [`Thread`] that it returns stops the thread and waits for
//! it when it is dropped, so a module that keeps it can be unloaded at any time.
//!
//! A thread is not killed: it is asked to stop, and ends when its closure returns. The closure
//! finds out through [`Current`], and from any other interruptible wait, which fails with
//! `ERESTARTSYS` once the thread has been asked.
//!
//! C header: [`include/linux/kthread.h`](srctree/include/linux/kthread.h)

use crate::{
    bindings,
    compat::errno,
    completion::Completion,
    context,
    percpu, //
};
use core::{
    cell::UnsafeCell,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    cpu::CpuId,
    error::from_err_ptr,
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Atomic,
            Full, //
        },
    },
    task::{
        Task,
        MAX_SCHEDULE_TIMEOUT, //
    },
    time::{
        msecs_to_jiffies,
        Msecs, //
    },
    types::NotThreadSafe,
};

/// Starts a kernel thread that runs `closure`: [`Builder::spawn`], with nothing but a name.
///
/// The thread is not frozen when the machine is suspended. One that writes files must have stopped before a machine is
/// saved to its disk (hibernation), or the file system is not what the saved kernel takes it for.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::kthread::{self, Thread};
/// struct Ticker {
///     thread: Thread<u32>,
/// }
///
/// impl Ticker {
///     fn start() -> Result<Self> {
///         let thread = kthread::spawn(c"ticker", |me| {
///             let mut ticks = 0;
///             while me.sleep(1000) {
///                 ticks += 1;
///             }
///             ticks
///         })?;
///         Ok(Self { thread })
///     }
///
///     fn stop(self) -> u32 {
///         self.thread.stop().unwrap_or(0)
///     }
/// }
/// ```
pub fn spawn<F, R>(name: &CStr, closure: F) -> Result<Thread<R>>
where
    F: FnOnce(&Current<'_>) -> R + Send + 'static,
    R: Send + 'static,
{
    Builder::new(name).spawn(closure)
}

/// What a thread is to be like.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::{kthread::{Builder, Thread}, percpu::online_cpus};
/// fn heat() -> Result<KVec<Thread<()>>> {
///     let mut heaters = KVec::new();
///     for cpu in online_cpus() {
///         let heater = Builder::new(c"heater").on(cpu).spawn(|me| {
///             while !me.should_stop() {
///                 me.schedule();
///             }
///         })?;
///         heaters.push(heater, GFP_KERNEL)?;
///     }
///     Ok(heaters)
/// }
/// ```
pub struct Builder<'a> {
    name: &'a CStr,
    cpu: Option<CpuId>,
}

impl<'a> Builder<'a> {
    /// A thread on any CPU. `name` is what `ps` shows, in brackets; the first 15 bytes are shown
    /// everywhere. It has at most 255.
    pub fn new(name: &'a CStr) -> Self {
        Self { name, cpu: None }
    }

    /// Has the thread run on this CPU alone, as long as that is online; then on others
    /// (`kthread_bind`).
    pub fn on(mut self, cpu: CpuId) -> Self {
        self.cpu = Some(cpu);
        self
    }

    /// Starts a kernel thread that runs `closure`.
    ///
    /// Fails with `EINVAL` if the machine cannot have the CPU, or the name is too long, with `EDEADLK` in what answers a
    /// disk's requests, since who makes threads may wait for a disk, with `ENOMEM`, also if there are as many threads as
    /// there may be, or with `EINTR` if the caller is killed meanwhile; `closure` is dropped then. May sleep
    /// (`kthread_create`, `wake_up_process`).
    pub fn spawn<F, R>(self, closure: F) -> Result<Thread<R>>
    where
        F: FnOnce(&Current<'_>) -> R + Send + 'static,
        R: Send + 'static,
    {
        if self.cpu.is_some_and(|cpu| !percpu::is_possible(cpu)) {
            return Err(EINVAL);
        }
        // C copies it, and warns of one that is too large for that.
        if self.name.to_bytes().len() > bindings::NAME_MAX as usize {
            return Err(EINVAL);
        }
        if context::answers_requests() {
            return Err(errno(bindings::EDEADLK));
        }
        let packet = Handle::new(closure)?;
        // SAFETY: `main` is given what it expects. The thread is not running yet, and never will if
        // this fails.
        let task = from_err_ptr(unsafe {
            bindings::kthread_create_on_node(
                Some(Packet::<F, R>::main),
                packet.0.as_ptr().cast(),
                bindings::NUMA_NO_NODE,
                c"%s".as_char_ptr(),
                self.name.as_char_ptr(),
            )
        })
        .map_err(too_many)?;
        if let Some(cpu) = self.cpu {
            // SAFETY: The thread was just created, and has not run.
            unsafe { bindings::kthread_bind(task, cpu.as_u32()) };
        }

        // The reference keeps the task, should the thread end before it is stopped.
        //
        // SAFETY: A thread that has not been started does not go away.
        let task: ARef<Task> = unsafe { &*task.cast::<Task>() }.into();
        #[expect(clippy::disallowed_methods, reason = "nobody else has it yet")]
        task.wake_up();
        // INVARIANT: This is a kernel thread, and nobody else stops it.
        let running = Running(task);
        Ok(Thread { running, packet })
    }
}

/// What C says of a thread that is one too many would have a process ask again, at once and for ever.
pub(crate) fn too_many(error: Error) -> Error {
    if error == EAGAIN {
        ENOMEM
    } else {
        error
    }
}

/// Where a thread waits for a token, of which there is one at most.
#[pin_data]
struct Parking {
    /// The token was given, and not taken.
    is_given: Atomic<bool>,
    #[pin]
    given: Completion,
}

impl Parking {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            is_given: Atomic::new(false),
            given <- Completion::new(),
        })
    }

    fn give(&self) {
        // In this order with `take`, the thread sees what was done before, also if it has the token and has yet to return.
        if !self.is_given.xchg(true, Full) {
            self.given.complete();
        }
    }

    /// Fails if a signal comes first.
    fn take(&self) -> Result {
        self.given.wait_interruptible()?;
        self.is_given.xchg(false, Full);
        Ok(())
    }
}

/// What a thread and its owner share.
#[pin_data]
struct Shared<R> {
    #[pin]
    parking: Parking,
    #[pin]
    ended: Completion,
    result: UnsafeCell<Option<R>>,
    /// Frees the [`Packet`] that this is part of.
    free: unsafe fn(NonNull<Self>),
}

/// What is allocated for a thread: [`Shared`], and the closure, whose type the owner forgets.
#[pin_data]
#[repr(C)]
struct Packet<F, R> {
    #[pin]
    shared: Shared<R>,
    closure: UnsafeCell<Option<F>>,
}

impl<F, R> Packet<F, R>
where
    F: FnOnce(&Current<'_>) -> R,
{
    fn new(closure: F) -> impl PinInit<Self> {
        pin_init!(Self {
            shared <- pin_init!(Shared {
                parking <- Parking::new(),
                ended <- Completion::new(),
                result: UnsafeCell::new(None),
                free: Self::free,
            }),
            closure: UnsafeCell::new(Some(closure)),
        })
    }

    /// The thread's function in C.
    ///
    /// # Safety
    ///
    /// `data` must be a packet from [`Handle::new`] that is kept until the thread has exited. The
    /// call must be the only one for it.
    unsafe extern "C" fn main(data: *mut c_void) -> c_int {
        // SAFETY: By the safety requirements.
        let packet = unsafe { &*data.cast::<Self>() };
        // SAFETY: Until the thread has exited, nobody else looks at the closure.
        let closure = unsafe { (*packet.closure.get()).take() };
        if let Some(closure) = closure {
            // INVARIANT: This is called by a kernel thread.
            let result = closure(&Current {
                parking: &packet.shared.parking,
                _here: NotThreadSafe,
            });
            // SAFETY: Until the thread has exited, nobody else looks at the result.
            unsafe { *packet.shared.result.get() = Some(result) };
        }
        packet.shared.ended.complete_all();
        0
    }

    /// # Safety
    ///
    /// `shared` must be part of a packet from [`Handle::new`], and nobody may refer to it any more.
    unsafe fn free(shared: NonNull<Shared<R>>) {
        // SAFETY: `shared` is the packet's first field, and `Handle::new` leaked a box.
        drop(unsafe { KBox::from_raw(shared.cast::<Self>().as_ptr()) });
    }
}

/// The owner's end of a [`Packet`].
///
/// # Invariants
///
/// The pointer is the first field of an initialised packet, which this value owns.
struct Handle<R>(NonNull<Shared<R>>);

impl<R> Handle<R> {
    fn new<F: FnOnce(&Current<'_>) -> R>(closure: F) -> Result<Self> {
        let packet = KBox::pin_init(Packet::new(closure), GFP_KERNEL)?;
        // SAFETY: The packet is not moved.
        let packet = KBox::leak(unsafe { Pin::into_inner_unchecked(packet) });
        // INVARIANT: The packet has just been made and initialised.
        Ok(Self(NonNull::from(packet).cast()))
    }
}

impl<R> Deref for Handle<R> {
    type Target = Shared<R>;

    fn deref(&self) -> &Shared<R> {
        // SAFETY: By the type invariants.
        unsafe { self.0.as_ref() }
    }
}

impl<R> Drop for Handle<R> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. If there was a thread, [`Thread`] stopped it first.
        unsafe { (self.free)(self.0) };
    }
}

/// A thread that was started. Dropping it stops the thread.
///
/// # Invariants
///
/// This is a kernel thread that nobody else stops.
struct Running(ARef<Task>);

impl Drop for Running {
    fn drop(&mut self) {
        debug_assert!(
            self.0.as_ptr() != Task::current_raw(),
            "a thread waits for its own end"
        );
        // The thread may have ended: the reference keeps what this looks at. The result is that
        // of `Packet::main`, or `EINTR` if the thread never came to call it.
        //
        // SAFETY: By the type invariants.
        unsafe { bindings::kthread_stop(self.0.as_ptr()) };
    }
}

/// A kernel thread. Dropping it asks the thread to stop and waits until it has, which may sleep.
///
/// Must not be dropped [in its own callback](crate#pitfalls), the closure.
pub struct Thread<R> {
    // Dropped first: afterwards the packet is the owner's alone.
    running: Running,
    packet: Handle<R>,
}

// SAFETY: Any task may stop a thread. The result is then passed from one to the other.
unsafe impl<R: Send> Send for Thread<R> {}
// SAFETY: A shared reference gives no access to the result.
unsafe impl<R: Send> Sync for Thread<R> {}

impl<R> Thread<R> {
    /// Asks the thread to stop, waits until it has, and returns its result.
    ///
    /// Returns `None` if the thread was stopped before it came to run; its closure was then
    /// dropped without being called. The thread may have ended by itself before. May sleep, and
    /// cannot be interrupted (`kthread_stop`).
    pub fn stop(self) -> Option<R> {
        let Self { running, packet } = self;
        drop(running);
        // SAFETY: The thread has exited, so the result is the owner's.
        unsafe { (*packet.result.get()).take() }
    }

    /// Waits until the closure has returned of its own accord.
    ///
    /// Fails with `ERESTARTSYS` if a signal arrives first. May sleep
    /// (`wait_for_completion_interruptible`).
    pub fn wait(&self) -> Result {
        self.packet.ended.wait_interruptible()
    }

    /// Waits until the closure has returned of its own accord, and returns its result.
    ///
    /// If the caller is killed meanwhile, or, if it is a kernel thread, asked to stop, so is this thread, as by
    /// [`Self::stop`]. May sleep (`wait_for_completion_killable`).
    pub fn join(self) -> Option<R> {
        // A process that is killed has no time to wait.
        let _ = self.packet.ended.wait();
        self.stop()
    }

    /// Whether the closure has returned. Callable from any context but NMI (`completion_done`).
    pub fn has_ended(&self) -> bool {
        self.packet.ended.is_done()
    }

    /// Lets one call of [`Current::park`] return: the one in progress or the next one. That one sees what the caller has done
    /// before. Until it returns, further calls of this do nothing, as with those of the standard library.
    ///
    /// Callable from any context but NMI (`complete`).
    pub fn unpark(&self) {
        self.packet.parking.give();
    }

    /// Returns the thread's task.
    pub fn task(&self) -> &Task {
        &self.running.0
    }
}

/// The kernel thread that runs: what [`spawn`] gives to the closure.
///
/// # Invariants
///
/// The current task is a kernel thread.
pub struct Current<'a> {
    parking: &'a Parking,
    /// The functions are about the task that calls them.
    _here: NotThreadSafe,
}

impl Current<'_> {
    /// Whether the thread has been asked to stop. Callable from any context
    /// (`kthread_should_stop`).
    pub fn should_stop(&self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { bindings::kthread_should_stop() }
    }

    /// Lets others run. A thread that computes for long must do so now and then. May sleep
    /// (`schedule`).
    pub fn schedule(&self) {
        // SAFETY: Switches to another task, if there is one that wants to run.
        unsafe { bindings::schedule() };
    }

    /// Sleeps for a number of milliseconds, or until the thread is asked to stop.
    ///
    /// Returns whether the thread may go on: `false` once it has been asked to stop. May sleep
    /// (`schedule_timeout_interruptible`).
    #[must_use = "a thread that was asked to stop has to end"]
    pub fn sleep(&self, time: Msecs) -> bool {
        let mut left = msecs_to_jiffies(time)
            .try_into()
            .unwrap_or(MAX_SCHEDULE_TIMEOUT);
        // Being asked to stop counts as a signal (`TIF_NOTIFY_SIGNAL`), so it ends a sleep even if
        // it comes between the check and the sleep.
        while left > 0 && !self.should_stop() {
            // SAFETY: Switches to another task; any number of jiffies up to the maximum will do.
            left = unsafe { bindings::schedule_timeout_interruptible(left) };
        }
        !self.should_stop()
    }

    /// Sleeps until [`Thread::unpark`] is called, or until the thread is asked to stop.
    ///
    /// `unpark` may come first, and lets the next call of `park` return, once however often it was called. Returns whether
    /// the thread may go on: `false` once it has been asked to stop. May sleep
    /// (`wait_for_completion_interruptible`).
    #[must_use = "a thread that was asked to stop has to end"]
    pub fn park(&self) -> bool {
        while !self.should_stop() {
            // Being asked to stop interrupts the wait, as in `sleep`.
            if self.parking.take().is_ok() {
                break;
            }
        }
        !self.should_stop()
    }
}
