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
    compat::EOPNOTSUPP,
    context,
    irq::{
        Flags,
        ThreadedHandler,
        ThreadedRegistration, //
    },
    locked::Locked,
    wait::is_killed, //
};
use core::{
    cell::UnsafeCell,
    ptr::{
        self,
        NonNull, //
    },
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    },
    types::Opaque, //
};
use pin_init::pin_init_scope;

/// A handler for the edges of a line.
///
/// Dropping it frees the interrupt, and returns when neither half of the handler can run any more. That
/// may sleep, and must not happen [in its own callback](crate#pitfalls).
///
/// **When the chip goes, the handler is dropped**, before the chip is gone: its `drop` is to
/// tell those who wait for an edge. In C nobody is told. There the chip frees the interrupt behind its user's
/// back, who then frees it again, when the number may be that of another one.
///
/// Neither half of a handler, nor its initialiser or `drop`, may make or drop an interrupt of a line, of this chip
/// or another one: the chip is locked while one comes, and while one goes, until its handler has returned, and so is
/// the list of those who are told when a device of the bus goes.
///
/// The chip's device is the one that C has as the chip's parent. A few drivers for one function of a larger chip
/// name that chip's device instead, whose driver is not the one that takes the lines away. So the lines of a device
/// that has such functions have no interrupts here (`EOPNOTSUPP`). Of a chip that only hands on what others have, such as
/// that of gpio-aggregator, the handler stays when they go, and hears no more; its drop then warns.
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
/// `notifier` is in the list of `bus`, which is that of `supplier`, the device that the line's chip belongs
/// to. `registration` is accessed with the lock of the chip held. While there is one, it is on an interrupt
/// of the chip, and `supplier` is there.
#[pin_data(PinnedDrop)]
pub struct Interrupt<T: ThreadedHandler> {
    registration: UnsafeCell<Option<Pin<KBox<ThreadedRegistration<T>>>>>,
    line: Arc<Input>,
    supplier: *const bindings::device,
    bus: *const bindings::bus_type,
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
    /// chip belongs to no device on a bus, or to one whose functions have drivers of their own, `EBUSY` if
    /// somebody has the interrupt, or the chip's device locked for more than a second, `EINTR` for a process that is killed meanwhile, `EINVAL` if the
    /// flags make no sense, have no edge, or say that it is shared, the chip cannot do what they say, or the name
    /// is none for [`irq`](crate::irq::Registration::new), or `ENOMEM`. May sleep, and must not be called in
    /// `probe` of the chip's own driver.
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
        pin_init_scope(move || {
            // Nobody makes the line quiet before its handler returns, so it must be no level, nor what somebody had
            // before.
            let is = |flag| flags.contains(flag);
            let edge = is(Flags::RISING) || is(Flags::FALLING);
            // Nor is it shared, since the line is not: C may warn of a handler that it has called by itself.
            if !edge || is(Flags::HIGH) || is(Flags::LOW) || is(Flags::SHARED) {
                return Err(EINVAL);
            }
            let Supplier {
                device,
                bus: its_bus,
                ..
            } = line.supplier(false)?;
            if its_bus.is_null() {
                return Err(EOPNOTSUPP);
            }
            let this = try_pin_init!(Self {
                registration: UnsafeCell::new(None),
                line,
                supplier: device,
                bus: its_bus,
                notifier <- Opaque::try_ffi_init(move |slot: *mut bindings::notifier_block| {
                    // SAFETY: The slot is valid for writes, is pinned, and is taken back before it goes.
                    // The module of the bus stays, since that of the chip does, for the line.
                    to_result(unsafe {
                        slot.write(bindings::notifier_block {
                            notifier_call: Some(Self::notify),
                            ..Default::default()
                        });
                        bindings::bus_register_notifier(its_bus, slot)
                    })
                }),
            });
            Ok(this.pin_chain(move |this| {
                // The same as before, if the chip is still there.
                let supplier = this.line.lock_supplier()?;
                let _chip = this.line.lock_chip();
                // SAFETY: Both are locked.
                let registered = unsafe { this.register(flags, name, handler) };
                // Before the chip: who then takes the device away, with its lock, comes to `notify` first, and waits.
                drop(supplier);
                registered
            }))
        })
    }

    /// Asks for the interrupt.
    ///
    /// # Safety
    ///
    /// The chip must be locked, and so must be what it belongs to.
    unsafe fn register<E>(
        &self,
        flags: Flags,
        name: &'static CStr,
        handler: impl PinInit<T, E>,
    ) -> Result
    where
        Error: From<E>,
    {
        // SAFETY: By the type invariants of the line.
        let irq = value(unsafe { bindings::gpiod_to_irq(self.line.as_raw()) })?;
        let flags = flags | Flags::OF_DEVICE;
        let registration = ThreadedRegistration::new(irq, flags, name, handler);
        let registration = KBox::pin_init::<Error>(registration, GFP_KERNEL)?;
        // SAFETY: By the safety requirements. INVARIANT: While its device is locked, too, the chip does not
        // go, and the interrupt stays its own.
        unsafe { *self.registration.get() = Some(registration) };
        Ok(())
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
        if goes && device.cast_const() == this.supplier.cast() {
            this.unregister();
        }
        bindings::NOTIFY_DONE as c_int
    }

    fn unregister(&self) {
        let _locked = self.line.lock_chip();
        // SAFETY: The chip is locked.
        drop(unsafe { (*self.registration.get()).take() });
    }
}

#[pinned_drop]
impl<T: ThreadedHandler> PinnedDrop for Interrupt<T> {
    fn drop(self: Pin<&mut Self>) {
        self.unregister();
        // SAFETY: By the type invariants. It returns when nobody is in `notify` any more.
        unsafe { bindings::bus_unregister_notifier(self.bus, self.notifier.get()) };
    }
}

impl Input {
    fn as_raw(&self) -> *mut bindings::gpio_desc {
        self.0 .0.as_ptr()
    }

    /// Locks the device that the chip itself is. C keeps it as long as the line.
    fn lock_chip(&self) -> Locked {
        // SAFETY: By the type invariants of the line; it has been initialised.
        unsafe {
            let chip = bindings::gpiod_to_gpio_device(self.as_raw());
            Locked::new(&raw mut (*bindings::gpio_device_to_device(chip)).mutex)
        }
    }

    /// Locks the device that the chip belongs to. While it is locked both are there. Who lets go of it must have
    /// seen to it that whoever takes it away waits for that. Who has locked it may wait for what the caller has
    /// locked, such as the RTNL, so this fails with `EBUSY` after a second, and with `EINTR` when the caller is killed.
    ///
    /// It is not to be kept: gpio-sim does not bear with who has the last reference (docs/upstream.md).
    fn lock_supplier(&self) -> Result<Locked> {
        const PATIENCE: u32 = 1000;

        for _ in 0..PATIENCE {
            if let Some(locked) = self.supplier(true)?.locked {
                return Ok(locked);
            }
            // For a disk's request it is not who waits that would fail.
            if is_killed() && !context::works_for_others() {
                return Err(EINTR);
            }
            // Nor with a lock of the list: who has locked the device may wait for those who look for chips.
            fsleep(Delta::from_millis(1));
        }
        Err(EBUSY)
    }

    /// Looks for the device that the chip belongs to, and tries to lock it. Fails with `ENODEV` if the chip has
    /// gone, and with `EOPNOTSUPP` if there is no such device, or if it may be another one's driver that takes it away.
    fn supplier(&self, is_to_be_locked: bool) -> Result<Supplier> {
        let search = Search {
            // SAFETY: By the type invariants of the line.
            chip: unsafe { bindings::gpiod_to_gpio_device(self.as_raw()) },
            is_to_be_locked,
            found: UnsafeCell::new(Err(ENODEV)),
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
        search.found.into_inner()
    }
}

/// The device that a chip belongs to, and its bus. That is there as long as there is a line of the chip.
struct Supplier {
    device: *mut bindings::device,
    bus: *const bindings::bus_type,
    locked: Option<Locked>,
}

/// What to look for among the chips, and what its device is.
struct Search {
    chip: *mut bindings::gpio_device,
    is_to_be_locked: bool,
    found: UnsafeCell<Result<Supplier>>,
}

impl Search {
    /// Whether a chip is the one.
    ///
    /// # Safety
    ///
    /// To be called by `gpio_device_find`, with a `Self` that nobody else uses.
    unsafe extern "C" fn matches(chip: *mut bindings::gpio_chip, data: *const c_void) -> c_int {
        // SAFETY: By the safety requirements. C keeps the chip during this call, and the chip its
        // device; these are where the members are. Who has locked the device of a chip that is in the list
        // keeps it there, since it is the device's driver that takes it out.
        unsafe {
            let search = &*data.cast::<Self>();
            let own = chip.byte_add(bindings::LKM_GPIO_CHIP_DEVICE);
            if *own.cast::<*mut bindings::gpio_device>() != search.chip {
                return 0;
            }
            let parent = chip.byte_add(bindings::LKM_GPIO_CHIP_PARENT);
            let device = *parent.cast::<*mut bindings::device>();
            *search.found.get() = match device.is_null() || has_cells(device) {
                true => Err(EOPNOTSUPP),
                false => Ok(Supplier {
                    device,
                    bus: (*device).bus,
                    locked: search
                        .is_to_be_locked
                        .then(|| Locked::try_new(&raw mut (*device).mutex))
                        .flatten(),
                }),
            };
        }
        1
    }
}

/// Whether a device is a larger chip, with functions that have drivers of their own (`mfd_add_devices`). May sleep.
///
/// # Safety
///
/// The device must be there.
unsafe fn has_cells(device: *mut bindings::device) -> bool {
    /// # Safety
    ///
    /// To be called by `device_for_each_child`.
    unsafe extern "C" fn is_cell(device: *mut bindings::device, _: *mut c_void) -> c_int {
        // SAFETY: By the safety requirements. A device stays on its bus, and those of this one are of that type.
        let is_cell = unsafe {
            ptr::eq((*device).bus, &raw const bindings::platform_bus_type)
                && !(*kernel::container_of!(device, bindings::platform_device, dev))
                    .mfd_cell
                    .is_null()
        };
        is_cell.into()
    }

    // SAFETY: By the safety requirements. The function asks for no data.
    unsafe { bindings::device_for_each_child(device, ptr::null_mut(), Some(is_cell)) != 0 }
}
