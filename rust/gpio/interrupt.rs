// SPDX-License-Identifier: GPL-2.0-only

//! The interrupt of a line.
//!
//! C header: [`include/linux/device/bus.h`](srctree/include/linux/device/bus.h)

use super::{
    value,
    Input, //
};
use crate::{
    bindings,
    irq::{
        Flags,
        ThreadedHandler,
        ThreadedRegistration, //
    }, //
};
use core::{
    cell::UnsafeCell,
    ptr::NonNull, //
};
use kernel::{
    device::Device,
    error::to_result,
    prelude::*,
    sync::{
        aref::ARef,
        Arc, //
    },
    types::Opaque, //
};

/// A handler for the edges of a line.
///
/// Dropping it frees the interrupt, and returns when neither half of the handler can run any more. That
/// may sleep, and must not happen [in its own callback](crate#pitfalls).
///
/// **When the chip goes, the handler is dropped**, before the chip is gone: whoever waits for an edge is
/// to be told by its `drop`. In C nobody is told. There the chip frees the interrupt behind its user's
/// back, who then frees it again, when the number may be that of another one.
///
/// The line of a chip behind a slow bus interrupts in a thread. Then there is no first half:
/// [`handle`](ThreadedHandler::handle) is not called.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::Arc};
/// # use lkm::{gpio::{self, Input}, irq::{Flags, IrqReturn, ThreadedHandler, ThreadedIrqReturn}};
/// struct Bell(Arc<Input>);
///
/// impl ThreadedHandler for Bell {
///     fn handle(&self) -> ThreadedIrqReturn {
///         ThreadedIrqReturn::WakeThread
///     }
///
///     fn handle_threaded(&self) -> IrqReturn {
///         if self.0.value() == Ok(true) {
///             pr_info!("Somebody is at the door.\n");
///         }
///         IrqReturn::Handled
///     }
/// }
///
/// fn bell(line: Arc<Input>) -> Result<Pin<KBox<gpio::Interrupt<Bell>>>> {
///     let bell = Bell(line.clone());
///     KBox::pin_init(gpio::Interrupt::new(line, Flags::RISING, c"bell", bell), GFP_KERNEL)
/// }
/// ```
///
/// # Invariants
///
/// `notifier` is in the list of the bus of `supplier`, which is the device of the line's chip.
/// `registration` is accessed with the lock of `supplier` held, and on an interrupt of its chip.
#[pin_data(PinnedDrop)]
pub struct Interrupt<T: ThreadedHandler> {
    registration: UnsafeCell<Option<Pin<KBox<ThreadedRegistration<T>>>>>,
    line: Arc<Input>,
    supplier: Supplier,
    #[pin]
    notifier: Opaque<bindings::notifier_block>,
}

// SAFETY: The registration may be dropped by any thread, and C has locks for the rest.
unsafe impl<T: ThreadedHandler> Send for Interrupt<T> {}
// SAFETY: There is nothing to be done with a reference.
unsafe impl<T: ThreadedHandler> Sync for Interrupt<T> {}

impl<T: ThreadedHandler> Interrupt<T> {
    /// Asks for the interrupt of `line`, at the edges that `flags` say, of the voltage. `name` appears in
    /// `/proc/interrupts`, and in the thread's name.
    ///
    /// Fails with `ENODEV` if the chip has gone, `ENXIO` if the line has no interrupt, `EOPNOTSUPP` if the
    /// chip belongs to no device on a bus, `EBUSY` if somebody has the interrupt, `EINVAL` if the
    /// flags make no sense, the chip cannot do what they say, or the name is none for
    /// [`irq`](crate::irq::Registration::new), or `ENOMEM`. May sleep, and must not be called in `probe` of
    /// the chip's own driver.
    pub fn new<'a, E>(
        line: Arc<Input>,
        flags: Flags,
        name: &'static CStr,
        handler: impl PinInit<T, E> + 'a,
    ) -> impl PinInit<Self, Error> + 'a
    where
        T: 'a,
        E: 'a,
        Error: From<E>,
    {
        try_pin_init!(Self {
            registration: UnsafeCell::new(None),
            supplier: Supplier::of(&line)?,
            line,
            notifier <- {
                let bus = supplier.bus();
                Opaque::try_ffi_init(move |slot: *mut bindings::notifier_block| {
                    // SAFETY: The slot is valid for writes, is pinned, and is taken back before it goes.
                    // The module of the bus stays, since that of the chip does, for the line.
                    to_result(unsafe {
                        slot.write(bindings::notifier_block {
                            notifier_call: Some(Self::notify),
                            ..Default::default()
                        });
                        bindings::bus_register_notifier(bus, slot)
                    })
                })
            },
        })
        .pin_chain(move |this| {
            let _locked = this.supplier.lock();
            // SAFETY: By the type invariants of the line.
            let irq = value(unsafe { bindings::gpiod_to_irq(this.line.0 .0.as_ptr()) })?;
            // With the lock held the chip does not go, and the interrupt stays the line's own.
            let registration = ThreadedRegistration::of_device(irq, flags, name, handler);
            let registration = KBox::pin_init::<Error>(registration, GFP_KERNEL)?;
            // SAFETY: The lock is held.
            unsafe { *this.registration.get() = Some(registration) };
            Ok(())
        })
    }

    /// `notifier_block::notifier_call`.
    ///
    /// # Safety
    ///
    /// To be called by the driver core, with the lock of the device held, for a value of this type.
    unsafe extern "C" fn notify(
        notifier: *mut bindings::notifier_block,
        event: c_ulong,
        device: *mut c_void,
    ) -> c_int {
        let this = kernel::container_of!(Opaque::cast_from(notifier), Self, notifier);
        // SAFETY: The notifier is taken back before the value goes.
        let this = unsafe { &*this };
        // The second is for a `probe` that fails when it has made its chip.
        let goes = matches!(
            event as bindings::bus_notifier_event,
            bindings::bus_notifier_event_BUS_NOTIFY_UNBIND_DRIVER
                | bindings::bus_notifier_event_BUS_NOTIFY_DRIVER_NOT_BOUND
        );
        if goes && device == this.supplier.as_raw().cast() {
            // SAFETY: The lock of this device is held.
            drop(unsafe { (*this.registration.get()).take() });
        }
        bindings::NOTIFY_DONE as c_int
    }
}

#[pinned_drop]
impl<T: ThreadedHandler> PinnedDrop for Interrupt<T> {
    fn drop(self: Pin<&mut Self>) {
        let locked = self.supplier.lock();
        // SAFETY: The lock is held.
        drop(unsafe { (*self.registration.get()).take() });
        drop(locked);
        // SAFETY: By the type invariants. It returns when nobody is in `notify` any more.
        unsafe { bindings::bus_unregister_notifier(self.supplier.bus(), self.notifier.get()) };
    }
}

/// The device that a chip belongs to. When its driver is unbound, the chip goes.
///
/// # Invariants
///
/// The device is on a bus.
struct Supplier(ARef<Device>);

impl Supplier {
    fn of(line: &Input) -> Result<Self> {
        let search = Search {
            // SAFETY: By the type invariants of the line.
            chip: unsafe { bindings::gpiod_to_gpio_device(line.0 .0.as_ptr()) },
            found: UnsafeCell::new(None),
        };
        // SAFETY: The function fits the data, and is called during this call only. What is found comes
        // with a reference, which nobody needs.
        unsafe {
            let data = (&raw const search).cast();
            let chip = bindings::gpio_device_find(data, Some(Search::matches));
            if let Some(chip) = NonNull::new(chip) {
                bindings::gpio_device_put(chip.as_ptr());
            }
        }
        let supplier = search.found.into_inner().ok_or(ENODEV)?.ok_or(EOPNOTSUPP)?;
        // INVARIANT: Looked at below.
        let supplier = Self(supplier);
        if supplier.bus().is_null() {
            return Err(EOPNOTSUPP);
        }
        Ok(supplier)
    }

    fn as_raw(&self) -> *mut bindings::device {
        core::ptr::from_ref::<Device>(&self.0).cast_mut().cast()
    }

    fn bus(&self) -> *const bindings::bus_type {
        // SAFETY: The bus of a device does not change.
        unsafe { (*self.as_raw()).bus }
    }

    fn lock(&self) -> Locked<'_> {
        // SAFETY: The device has been registered, so its lock is initialised.
        unsafe { bindings::mutex_lock(&raw mut (*self.as_raw()).mutex) };
        Locked(self)
    }
}

/// A device with its lock held. Its driver is not unbound.
struct Locked<'a>(&'a Supplier);

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        // SAFETY: This thread has taken it.
        unsafe { bindings::mutex_unlock(&raw mut (*self.0.as_raw()).mutex) };
    }
}

/// What to look for among the chips, and what its device is.
struct Search {
    chip: *mut bindings::gpio_device,
    found: UnsafeCell<Option<Option<ARef<Device>>>>,
}

impl Search {
    /// Whether a chip is the one.
    ///
    /// # Safety
    ///
    /// To be called by `gpio_device_find`, with a `Self` that nobody else uses.
    unsafe extern "C" fn matches(chip: *mut bindings::gpio_chip, data: *const c_void) -> c_int {
        // SAFETY: By the safety requirements. C keeps the chip during this call, and the chip its
        // device; these are where the members are.
        unsafe {
            let search = &*data.cast::<Self>();
            let device = chip.byte_add(bindings::LKM_GPIO_CHIP_DEVICE);
            if *device.cast::<*mut bindings::gpio_device>() != search.chip {
                return 0;
            }
            let parent = chip.byte_add(bindings::LKM_GPIO_CHIP_PARENT);
            let parent = *parent.cast::<*mut bindings::device>();
            *search.found.get() = Some((!parent.is_null()).then(|| Device::get_device(parent)));
        }
        1
    }
}
