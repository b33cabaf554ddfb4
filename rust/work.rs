// SPDX-License-Identifier: GPL-2.0-only

//! Work for later.
//!
//! Upstream's [`kernel::workqueue`] runs work that owns what it works on. Nobody waits for such work
//! when its module goes, and the code goes with the module. A [`Work`] is a value like a
//! [`Timer`](crate::timer::Timer): dropping it takes it out of its queue and waits until it has run.
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::{
    bindings,
    context,
    timer, //
};
use core::convert::Infallible;
use kernel::{
    prelude::*,
    sync::LockClassKey,
    time::Jiffies,
    types::Opaque,
    workqueue::Queue, //
};

/// Creates a [`Work`] initialiser with lock classes of its own: from a handler, the queue that it is
/// put into when it is started, and a name for lockdep's reports.
///
/// [`Work`]: crate::work::Work
#[macro_export]
macro_rules! new_work {
    ($handler:expr, $queue:expr, $name:literal) => {
        $crate::work::Work::new(
            $handler,
            $queue,
            ::kernel::optional_name!($name),
            ::kernel::static_lock_class!(),
            ::kernel::static_lock_class!(),
        )
    };
}

/// What is to be done.
pub trait Handler: Send + Sync + 'static {
    /// Does it. Does not run twice at a time.
    ///
    /// Runs in a thread of the kernel's, and may sleep; on
    /// [`system_bh`](kernel::workqueue::system_bh) and
    /// [`system_bh_highpri`](kernel::workqueue::system_bh_highpri) in softirq context, with the rules
    /// of [`timer::Handler::expired`].
    fn run(&self);
}

/// Something to do later.
///
/// Dropping it takes it back, waits until it has returned if it runs, and keeps it from being started
/// again. That may sleep, and must not happen with a lock held that the handler takes
/// (`disable_delayed_work_sync`), nor [in its own callback](crate#pitfalls).
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, workqueue};
/// # use lkm::{new_work, work::{self, Work}};
/// struct Greet;
///
/// impl work::Handler for Greet {
///     fn run(&self) {
///         pr_info!("Hello from a worker.\n");
///     }
/// }
///
/// fn greet() -> Result<Pin<KBox<Work<Greet>>>> {
///     let queue = workqueue::system_highpri();
///     let work = KBox::pin_init(new_work!(Greet, queue, "greet"), GFP_KERNEL)?;
///     work.start();
///     Ok(work)
/// }
/// ```
///
/// # Invariants
///
/// `work` is initialised with [`Self::run`], and not disabled. It has been in no queue but `queue`: C
/// waits for a worker of one queue only, and work in two may run twice at a time.
#[pin_data(PinnedDrop)]
pub struct Work<T: Handler> {
    #[pin]
    work: Opaque<bindings::delayed_work>,
    queue: &'static Queue,
    #[pin]
    handler: T,
}

// SAFETY: Work may be started and taken back by any thread.
unsafe impl<T: Handler> Send for Work<T> {}

// SAFETY: Queues have locks, and the handler is `Sync`.
unsafe impl<T: Handler> Sync for Work<T> {}

impl<T: Handler> Work<T> {
    /// Creates work that is not started. Use [`new_work!`](crate::new_work).
    pub fn new<E: From<Infallible>>(
        handler: impl PinInit<T, E>,
        queue: &'static Queue,
        name: &'static CStr,
        key: Pin<&'static LockClassKey>,
        timer_key: Pin<&'static LockClassKey>,
    ) -> impl PinInit<Self, E> {
        // INVARIANT: The work is initialised below.
        pin_init!(Self {
            handler <- handler,
            queue,
            // SAFETY: `slot` is valid for writes; the name and the keys are static. The function fits
            // work that is this field. The timer is that of a `delayed_work`, and nobody else's.
            work <- Opaque::ffi_init(|slot: *mut bindings::delayed_work| unsafe {
                bindings::init_work_with_key(
                    &raw mut (*slot).work,
                    Some(Self::run),
                    context::stack().contains(&slot.addr()),
                    name.as_char_ptr(),
                    key.as_ptr(),
                );
                timer::init(
                    &raw mut (*slot).timer,
                    bindings::delayed_work_timer_fn,
                    bindings::TIMER_IRQSAFE,
                    name,
                    timer_key,
                );
            }),
        }? E)
    }

    /// Puts the work into its queue. Returns `false`, and changes nothing, if it is there already or waits
    /// for its time.
    ///
    /// Callable from any context but NMI (`queue_delayed_work`).
    pub fn start(&self) -> bool {
        self.start_after(0)
    }

    /// Puts the work into its queue when so many jiffies have passed. Returns `false`, and changes
    /// nothing, if it is there already or waits for its time, be that another one.
    ///
    /// Callable from any context but NMI (`queue_delayed_work`).
    pub fn start_after(&self, jiffies: Jiffies) -> bool {
        let queue = core::ptr::from_ref(self.queue).cast_mut().cast();
        // As far as the counter can tell the future from the past.
        let jiffies = jiffies.min((Jiffies::MAX >> 1) - 1);
        // SAFETY: By the type invariants; it is pinned, and is disabled before it goes. `Queue` is a
        // transparent wrapper.
        unsafe {
            let cpu = bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int;
            bindings::queue_delayed_work_on(cpu, queue, self.work.get(), jiffies)
        }
    }

    /// `work_struct::func`.
    ///
    /// # Safety
    ///
    /// `work` must be that of a [`Work<T>`] that has not been disabled.
    unsafe extern "C" fn run(work: *mut bindings::work_struct) {
        let work = kernel::container_of!(work, bindings::delayed_work, work);
        let this = kernel::container_of!(Opaque::cast_from(work), Self, work);
        // SAFETY: `new` gave the function to work that is part of a `Self`, whose `drop` waits until
        // this function has returned.
        let this = unsafe { &*this };
        this.handler.run();
    }
}

impl<T: Handler> core::ops::Deref for Work<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.handler
    }
}

#[pinned_drop]
impl<T: Handler> PinnedDrop for Work<T> {
    fn drop(self: Pin<&mut Self>) {
        let work = self.work.get();
        // SAFETY: By the type invariants.
        unsafe { bindings::disable_delayed_work_sync(work) };
        // SAFETY: `new` initialised its timer, which nobody uses any more.
        #[cfg(CONFIG_DEBUG_OBJECTS_TIMERS)]
        unsafe {
            timer::end(&raw mut (*work).timer)
        };
        #[cfg(CONFIG_DEBUG_OBJECTS_WORK)]
        if context::stack().contains(&work.addr()) {
            // SAFETY: `new` has told C that it is there, and nobody uses it any more.
            unsafe { bindings::destroy_work_on_stack(&raw mut (*work).work) };
        }
    }
}
