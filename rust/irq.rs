// SPDX-License-Identifier: GPL-2.0-only

//! Interrupt lines that belong to no device of the driver core.
//!
//! Upstream's `kernel::irq` asks for the line of a bound device. The lines of a PC that were there
//! before there were buses, such as the keyboard's, have a number instead.
//!
//! [`Registration`] has a handler that runs in the interrupt. [`ThreadedRegistration`] has a
//! bottom half, too: a thread, where it may sleep.
//!
//! C header: [`include/linux/interrupt.h`](srctree/include/linux/interrupt.h)
//!
//! Reference: chapter 12 of the guide.

use crate::{
    bindings,
    compat::errno,
    context,
    kthread,
    name::is_name, //
};
use core::{
    marker::PhantomPinned,
    ops::{
        BitOr,
        Deref, //
    }, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Relaxed,
        Release, //
    },
};

pub use kernel::irq::{
    IrqReturn,
    ThreadedIrqReturn, //
};

/// How a line is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Flags(c_ulong);

impl Flags {
    /// For this handler alone, triggered as the line is configured.
    pub const NONE: Flags = Flags(0);
    /// The line may have other handlers; they all must say so, and agree on the trigger.
    pub const SHARED: Flags = Flags(bindings::IRQF_SHARED as c_ulong);
    /// The line stays masked until the thread is done.
    pub const ONESHOT: Flags = Flags(bindings::IRQF_ONESHOT as c_ulong);
    /// Triggered when the signal rises.
    pub const RISING: Flags = Flags(bindings::IRQF_TRIGGER_RISING as c_ulong);
    /// Triggered when the signal falls.
    pub const FALLING: Flags = Flags(bindings::IRQF_TRIGGER_FALLING as c_ulong);
    /// Triggered while the signal is high.
    pub const HIGH: Flags = Flags(bindings::IRQF_TRIGGER_HIGH as c_ulong);
    /// Triggered while the signal is low.
    pub const LOW: Flags = Flags(bindings::IRQF_TRIGGER_LOW as c_ulong);
    /// The caller has the line from its device. C has no such flag.
    pub(crate) const OF_DEVICE: Flags = Flags(1 << 63);

    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// What an interrupt calls.
pub trait Handler: Send + Sync + 'static {
    /// An interrupt came, for this device or for another one on the line.
    ///
    /// Runs in hard interrupt context, with interrupts off, on any CPU, but not twice at a time;
    /// on PREEMPT_RT in a thread (`irq_setup_forced_threading`). It must not sleep: no `Mutex`, no `SpinLock` that is also taken
    /// elsewhere (a `SpinLockIrq` may be), no allocation with `GFP_KERNEL`; and nothing of [`vmalloc`](crate#pitfalls), as
    /// a `KVVec`, however it is asked for. It may be called before the registration is complete, and until it is dropped.
    fn handle(&self) -> IrqReturn;
}

/// What an interrupt calls, with a bottom half.
pub trait ThreadedHandler: Send + Sync + 'static {
    /// An interrupt came; as [`Handler::handle`].
    ///
    /// [`ThreadedIrqReturn::WakeThread`] has the bottom half run.
    fn handle(&self) -> ThreadedIrqReturn;

    /// The bottom half. It may sleep.
    ///
    /// Runs in a thread of its own, once or more after it was last asked for. Who drops the registration waits for it
    /// with the line locked: so it must not make or drop a registration of that line, nor wait for who does.
    fn handle_threaded(&self) -> IrqReturn;
}

/// A handler on an interrupt line.
///
/// Dropping it frees the line, and returns when the handler cannot run any more. That may sleep
/// (`free_irq`), and must not happen [in its own callback](crate#pitfalls).
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
/// # use lkm::irq::{self, Flags, IrqReturn};
/// struct Ticks(Atomic<u64>);
///
/// impl irq::Handler for Ticks {
///     fn handle(&self) -> IrqReturn {
///         self.0.fetch_add(1, Relaxed);
///         IrqReturn::None
///     }
/// }
///
/// fn watch_the_clock() -> Result<Pin<KBox<irq::Registration<Ticks>>>> {
///     let ticks = Ticks(Atomic::new(0));
///     KBox::pin_init(irq::Registration::new(8, Flags::SHARED, c"ticks", ticks), GFP_KERNEL)
/// }
/// ```
#[pin_data]
pub struct Registration<T: Handler> {
    // Freed first: afterwards nobody calls the handler.
    _line: Line,
    #[pin]
    handler: T,
    #[pin]
    _pin: PhantomPinned,
}

impl<T: Handler> Registration<T> {
    /// Asks for line number `irq`, below 16 on a PC. `name` appears in `/proc/interrupts`.
    ///
    /// Fails with `EBUSY` if the line is taken or the flags do not agree, `EINVAL` if there is no
    /// such line that belongs to no device, the flags make no sense, or the name is none for a folder in `/proc/irq/N`
    /// or has more than 127 bytes, `EDEADLK` in what answers a [disk's](crate::block::Operations) requests, or `ENOMEM`; where
    /// handlers have threads, with PREEMPT_RT or `threadirqs`, also with `EINTR` when the caller is being killed. May sleep
    /// (`request_irq`).
    pub fn new<'a, E>(
        irq: u32,
        flags: Flags,
        name: &'static CStr,
        handler: impl PinInit<T, E> + 'a,
    ) -> impl PinInit<Self, Error> + 'a
    where
        T: 'a,
        E: 'a,
        Error: From<E>,
    {
        try_pin_init!(&this in Self {
            handler <- handler,
            _pin: PhantomPinned,
            // SAFETY: The handler was initialised, is pinned, and is dropped after the line. The
            // function fits it.
            _line: unsafe {
                let line = &raw mut (*this.as_ptr())._line;
                Line::new(line, irq, Some(Self::handle), None, flags, name)
            }?,
        })
    }

    /// `irq_handler_t`.
    ///
    /// # Safety
    ///
    /// To be called by the interrupt core, with the line of a value of this type.
    unsafe extern "C" fn handle(_irq: c_int, line: *mut c_void) -> bindings::irqreturn_t {
        let this = kernel::container_of!(line.cast::<Line>(), Self, _line);
        // SAFETY: The handler was initialised before the line, which is freed before it goes.
        let handler = unsafe { &(*this).handler };
        handler.handle().into()
    }
}

impl<T: Handler> Deref for Registration<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.handler
    }
}

/// A handler with a bottom half on an interrupt line.
///
/// Dropping it frees the line, and returns when neither half can run any more; a bottom half that
/// was asked for may then not have run. That may sleep (`free_irq`), and must not happen [in its own
/// callback](crate#pitfalls).
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::irq::{self, Flags, IrqReturn, ThreadedIrqReturn};
/// struct Alarm;
///
/// impl irq::ThreadedHandler for Alarm {
///     fn handle(&self) -> ThreadedIrqReturn {
///         ThreadedIrqReturn::WakeThread
///     }
///
///     fn handle_threaded(&self) -> IrqReturn {
///         pr_info!("Good morning\n");
///         IrqReturn::Handled
///     }
/// }
///
/// fn set() -> Result<Pin<KBox<irq::ThreadedRegistration<Alarm>>>> {
///     let flags = Flags::SHARED | Flags::ONESHOT;
///     KBox::pin_init(irq::ThreadedRegistration::new(8, flags, c"alarm", Alarm), GFP_KERNEL)
/// }
/// ```
#[pin_data]
pub struct ThreadedRegistration<T: ThreadedHandler> {
    // Freed first: afterwards nobody calls the handler.
    line: Line,
    #[pin]
    halves: Halves<T>,
    #[pin]
    _pin: PhantomPinned,
}

/// What both halves use.
#[pin_data]
struct Halves<T> {
    /// Whether the thread was woken, and has not run since.
    woken: Atomic<bool>,
    #[pin]
    handler: T,
}

impl<T: ThreadedHandler> ThreadedRegistration<T> {
    /// Asks for line number `irq`. `name` appears in `/proc/interrupts`, and in the thread's name.
    ///
    /// Fails as [`Registration::new`] does, with `ENOMEM` also if there are as many threads as there may be, and with
    /// `EINTR` when the caller is being killed. May sleep (`request_threaded_irq`).
    pub fn new<'a, E>(
        irq: u32,
        flags: Flags,
        name: &'static CStr,
        handler: impl PinInit<T, E> + 'a,
    ) -> impl PinInit<Self, Error> + 'a
    where
        T: 'a,
        E: 'a,
        Error: From<E>,
    {
        try_pin_init!(&this in Self {
            halves <- try_pin_init!(Halves {
                woken: Atomic::new(false),
                handler <- handler,
            }),
            _pin: PhantomPinned,
            // SAFETY: The halves were initialised, are pinned, and are dropped after the line. The
            // functions fit them.
            line: unsafe {
                let line = &raw mut (*this.as_ptr()).line;
                let (hard, thread): (bindings::irq_handler_t, bindings::irq_handler_t) =
                    if cfg!(CONFIG_PREEMPT_RT) && flags.contains(Flags::ONESHOT) {
                        (None, Some(Self::handle_both))
                    } else {
                        (Some(Self::handle), Some(Self::handle_threaded))
                    };
                Line::new(line, irq, hard, thread, flags, name)
            }?,
        })
    }

    /// Has the bottom half run, though no interrupt came. On PREEMPT_RT the handler is called, too.
    ///
    /// Callable from any context but NMI (`irq_wake_thread`).
    #[inline]
    pub fn wake_thread(&self) {
        self.halves.woken.store(true, Release);
        // SAFETY: The line is ours, with this cookie, until it is dropped.
        unsafe { bindings::irq_wake_thread(self.line.irq, self.line.cookie()) };
    }

    /// `irq_handler_t`.
    ///
    /// # Safety
    ///
    /// To be called by the interrupt core, with the line of a value of this type.
    unsafe extern "C" fn handle(_irq: c_int, line: *mut c_void) -> bindings::irqreturn_t {
        let this = kernel::container_of!(line.cast::<Line>(), Self, line);
        // SAFETY: The halves were initialised before the line, which is freed before they go.
        let halves = unsafe { &(*this).halves };
        let ret = halves.handler.handle();
        // Where handlers run in threads, it is this thread that was woken.
        if halves.woken.load(Relaxed) {
            return bindings::irqreturn::IRQ_WAKE_THREAD;
        }
        ret.into()
    }

    /// `irq_handler_t`, of a thread that does all. On PREEMPT_RT C calls the first half of what asks for `ONESHOT` in the
    /// interrupt (`irq_setup_forced_threading`), and there a `SpinLockIrq` sleeps. Softirqs may come in between here.
    ///
    /// # Safety
    ///
    /// As for [`Self::handle`].
    unsafe extern "C" fn handle_both(irq: c_int, line: *mut c_void) -> bindings::irqreturn_t {
        // SAFETY: By the safety requirements.
        let ret = unsafe { Self::handle(irq, line) };
        if ret != bindings::irqreturn::IRQ_WAKE_THREAD {
            return ret;
        }
        // SAFETY: As above.
        unsafe { Self::handle_threaded(irq, line) }
    }

    /// `irq_handler_t`, of the thread.
    ///
    /// # Safety
    ///
    /// As for [`Self::handle`].
    unsafe extern "C" fn handle_threaded(_irq: c_int, line: *mut c_void) -> bindings::irqreturn_t {
        let this = kernel::container_of!(line.cast::<Line>(), Self, line);
        // SAFETY: As in `handle`; freeing the line waits for the thread.
        let halves = unsafe { &(*this).halves };
        // If somebody sets it from now on, the bottom half runs once more.
        halves.woken.xchg(false, Acquire);
        halves.handler.handle_threaded().into()
    }
}

impl<T: ThreadedHandler> Deref for ThreadedRegistration<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.halves.handler
    }
}

impl From<IrqReturn> for bindings::irqreturn {
    fn from(is: IrqReturn) -> Self {
        match is {
            IrqReturn::None => Self::IRQ_NONE,
            IrqReturn::Handled => Self::IRQ_HANDLED,
        }
    }
}

impl From<ThreadedIrqReturn> for bindings::irqreturn {
    fn from(is: ThreadedIrqReturn) -> Self {
        match is {
            ThreadedIrqReturn::None => Self::IRQ_NONE,
            ThreadedIrqReturn::Handled => Self::IRQ_HANDLED,
            ThreadedIrqReturn::WakeThread => Self::IRQ_WAKE_THREAD,
        }
    }
}

/// A part in an interrupt line, known to C by the address of this.
///
/// A handler's own address would not do: it may have no size, or begin with a handler of another
/// registration, and C looks for nothing but the address to tell whose part it is.
///
/// # Invariants
///
/// The address of this is registered on the line `irq`, and this value owns that registration.
struct Line {
    irq: c_uint,
}

/// What there is in `/proc/irq/N`.
const RESERVED: [&CStr; 7] = [
    c"affinity_hint",
    c"effective_affinity",
    c"effective_affinity_list",
    c"node",
    c"smp_affinity",
    c"smp_affinity_list",
    c"spurious",
];

impl Line {
    /// # Safety
    ///
    /// The result must be put at `this` at once, and stay there until it is dropped. The functions
    /// must do with what is beside it.
    unsafe fn new(
        this: *mut Self,
        irq: c_uint,
        hard: bindings::irq_handler_t,
        thread: bindings::irq_handler_t,
        flags: Flags,
        name: &'static CStr,
    ) -> Result<Self> {
        // A thread is made by one that may wait for the disk.
        if context::works_for_others() {
            return Err(errno(bindings::EDEADLK));
        }
        // The name is that of a folder beside these, in /proc/irq, of which C would warn, as it would of
        // two that begin with the same 127 bytes.
        let taken = RESERVED.contains(&name);
        if !is_name(name) || name.to_bytes().len() > 127 || taken {
            return Err(EINVAL);
        }
        // C asks for a line to be masked until a thread is done, and warns if there is none.
        if thread.is_none() && flags.contains(Flags::ONESHOT) {
            return Err(EINVAL);
        }
        // Those beyond have been given to devices, whose drivers ask for them when they are ready.
        if !(..bindings::LKM_IRQS_LEGACY).contains(&irq) && !flags.contains(Flags::OF_DEVICE) {
            return Err(EINVAL);
        }
        let flags = flags.0 & !Flags::OF_DEVICE.0;
        // SAFETY: By the safety requirements; the name is static, which C asks for.
        to_result(unsafe {
            let name = name.as_char_ptr();
            bindings::request_threaded_irq(irq, hard, thread, flags, name, this.cast())
        })
        .map_err(kthread::too_many)?;
        // INVARIANT: The address, where this goes, was registered above.
        Ok(Self { irq })
    }

    fn cookie(&self) -> *mut c_void {
        core::ptr::from_ref(self).cast_mut().cast()
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::free_irq(self.irq, self.cookie()) };
    }
}
