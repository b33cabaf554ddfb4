// SPDX-License-Identifier: GPL-2.0-only

//! Devices on the PCI bus: what upstream's `kernel::pci` leaves to `unsafe` code, or does not undo.
//!
//! What these functions set up is the device's own (devres): it goes when the device is unbound, or when its
//! probe fails, in the opposite order. Nobody holds it, so nobody can forget to give it back, or give it
//! back too late. The state of a driver is dropped before that: an interrupt's handler has its own share of
//! what it uses.
//!
//! C header: [`include/linux/pci.h`](srctree/include/linux/pci.h)
//!
//! Reference: chapter 14 of the book.

#![expect(clippy::disallowed_types, reason = "`Buffer` is made of it")]

mod bar;

pub use bar::{
    Bar,
    DevresBar, //
};

use crate::{
    bindings,
    irq::{
        Flags,
        Handler,
        IrqReturn,
        Registration, //
    },
    memory::MAY_FAIL, //
};
use core::ops::Range;
use kernel::{
    device::Core,
    devres::{
        self,
        Devres, //
    },
    dma::{
        attrs::DMA_ATTR_NO_WARN,
        Coherent,
        Device as _,
        DmaAddress,
        DmaMask, //
    },
    error::to_result,
    io::{
        io_project,
        Io, //
    },
    pci::{
        Device,
        DeviceId,
        IrqType,
        IrqTypes,
        IrqVectorRegistration, //
    },
    prelude::*,
    sync::aref::ARef, //
};

/// The entry of a driver's table for a device of this vendor, by its number: upstream has names for the
/// vendors that `include/linux/pci_ids.h` has, and for no others.
pub const fn device_id(vendor: u16, device: u16) -> DeviceId {
    let id = bindings::pci_device_id {
        vendor: vendor as u32,
        device: device as u32,
        subvendor: bindings::PCI_ANY_ID as u32,
        subdevice: bindings::PCI_ANY_ID as u32,
        class: 0,
        class_mask: 0,
        driver_data: 0,
        override_only: 0,
    };
    // SAFETY: The one is a transparent wrapper of the other.
    unsafe { core::mem::transmute::<bindings::pci_device_id, DeviceId>(id) }
}

/// The device as C knows it.
fn as_raw(device: &Device) -> *mut bindings::pci_dev {
    // A transparent wrapper.
    core::ptr::from_ref(device).cast_mut().cast()
}

/// A device's command register, for one at a time.
///
/// C changes a bit there by writing all of them as it has read them. Two at a time could undo what the other does,
/// such as keeping the device from memory that is then freed.
struct Command<'a>(&'a Device);

impl<'a> Command<'a> {
    fn lock(device: &'a Device) -> Self {
        // SAFETY: There is such a device; this waits for whoever has it locked.
        unsafe { bindings::pci_cfg_access_lock(as_raw(device)) };
        Self(device)
    }
}

impl Drop for Command<'_> {
    fn drop(&mut self) {
        // SAFETY: It was locked when this was made.
        unsafe { bindings::pci_cfg_access_unlock(as_raw(self.0)) };
    }
}

/// Has the device answer to reads and writes of its registers, until it is unbound. That comes before all else: what is
/// registered later goes earlier. It does not use its line before it has a handler (`pci_intx`), unless the machine was
/// suspended and resumed. To do so twice is the same as once.
///
/// Fails with `EINVAL` if it has registers for which there was no room, with `EIO` if it does not answer,
/// or with `ENOMEM`. May sleep (`pci_enable_device`).
pub fn enable(device: &Device<Core<'_>>) -> Result {
    let raw = as_raw(device);
    if is_enabled(device).is_ok() {
        return Ok(());
    }
    let command = Command::lock(device);
    // SAFETY: Nobody else has a `Core` device, nor changes whether it is enabled.
    unsafe {
        to_result(bindings::pci_enable_device(raw))?;
        bindings::pci_intx(raw, 0);
    }
    drop(command);
    // SAFETY: The device is about to be bound. It was just enabled, and is there until `disable` was called.
    let added = to_result(unsafe {
        let name = c"disable".as_char_ptr();
        let device = &raw mut (*raw).dev;
        bindings::__devm_add_action(device, Some(disable), raw.cast(), name)
    });
    if added.is_err() {
        // SAFETY: As above. C does not call it.
        unsafe { disable(raw.cast()) };
    }
    added
}

/// Takes back what [`enable`] has done.
///
/// # Safety
///
/// To be called once, with a device that was enabled.
unsafe extern "C" fn disable(raw: *mut c_void) {
    let raw = raw.cast::<bindings::pci_dev>();
    // SAFETY: By the safety requirements, it is one. Rust's is a transparent wrapper.
    let _command = Command::lock(unsafe { &*raw.cast::<Device>() });
    // SAFETY: As above. There is no handler any more.
    unsafe {
        bindings::pci_intx(raw, 0);
        bindings::pci_disable_device(raw);
    }
}

/// Fails with `EINVAL` if its driver has not [enabled](enable) the device. Until then its registers may not answer, which some
/// machines take for an error, and its interrupt is a number that another one may have. Others, such as root by a file in
/// sysfs, may have enabled it as well, so C's count does not tell.
fn is_enabled(device: &Device) -> Result {
    let raw = as_raw(device);
    // SAFETY: There is such a device.
    if unsafe { bindings::devm_is_action_added(&raw mut (*raw).dev, Some(disable), raw.cast()) } {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

/// A use of the device, which keeps it from being suspended. Otherwise that may begin before devres has let go of all, and
/// then the device would be resumed with the settings that it had before: as a master of memory that was freed.
///
/// # Invariants
///
/// The use was counted.
struct Awake(
    #[cfg_attr(not(CONFIG_PM), expect(dead_code, reason = "it is never suspended"))] ARef<Device>,
);

impl Awake {
    fn new(device: &Device<Core<'_>>) -> Self {
        // INVARIANT: It is counted whether it succeeds or not. The core has the device awake.
        //
        // SAFETY: The device is there, and the caller may sleep.
        #[cfg(CONFIG_PM)]
        unsafe {
            bindings::__pm_runtime_resume(
                &raw mut (*as_raw(device)).dev,
                bindings::RPM_GET_PUT as c_int,
            );
        }
        Self(device.into())
    }
}

#[cfg(CONFIG_PM)]
impl Drop for Awake {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe {
            bindings::__pm_runtime_idle(
                &raw mut (*as_raw(&self.0)).dev,
                (bindings::RPM_GET_PUT | bindings::RPM_ASYNC) as c_int,
            );
        }
    }
}

/// Says which addresses the device can reach by DMA, as a mask.
///
/// To be called before anything is allocated or mapped for it. Fails with `EINVAL` for a mask of no bits, and with `EIO`
/// if the kernel has no memory that is sure to lie there (`dma_set_mask_and_coherent`).
pub fn set_dma_mask(device: &Device<Core<'_>>, mask: DmaMask) -> Result {
    // Without an IOMMU C refuses it, and with one nobody does until something is allocated.
    if mask.value() == 0 {
        return Err(EINVAL);
    }
    // SAFETY: The driver core has the device locked, so nobody else changes its masks. Nobody allocates either,
    // since no callback here is given a bound device. If one was lent to another thread all the same, as
    // upstream's debugfs can, that finds the old mask or the new one: each is stored at once.
    unsafe { device.dma_set_mask_and_coherent(mask) }
}

/// Has the device's interrupt call a handler, until it is unbound.
///
/// The interrupt is a message if the device can send one, and else a line, which it may share: a handler
/// must ask the device whether it was the one. If the device has a handler of its line, this is another one of it. `name`
/// appears in `/proc/interrupts`.
///
/// When the handler is gone the device does not use its line either (`pci_intx`), whatever it was told to do. Nobody
/// would tell it to let go, and others may share the line.
///
/// Fails with `EBUSY` if the device sends messages to a handler already, `EINVAL` if it was not [enabled](enable), or if
/// the name is none for a folder in `/proc/irq/N` or has more than 127 bytes, `ENOSPC` if the machine has no interrupt
/// left or the device's line leads nowhere, `EIO` if the device has just gone, or `ENOMEM`. May sleep
/// (`pci_alloc_irq_vectors`, `request_irq`).
///
/// # Examples
///
/// ```
/// # use kernel::{device::Core, pci, prelude::*, sync::Arc};
/// # use kernel::sync::atomic::{Atomic, Relaxed};
/// # use lkm::irq;
/// struct Count(Arc<Atomic<u64>>);
///
/// impl irq::Handler for Count {
///     fn handle(&self) -> irq::IrqReturn {
///         self.0.fetch_add(1, Relaxed);
///         irq::IrqReturn::None
///     }
/// }
///
/// fn count(device: &pci::Device<Core<'_>>) -> Result<Arc<Atomic<u64>>> {
///     let count = Arc::new(Atomic::new(0), GFP_KERNEL)?;
///     lkm::pci::handle_interrupt(device, c"count", Count(count.clone()))?;
///     Ok(count)
/// }
/// ```
pub fn handle_interrupt<T: Handler, E>(
    device: &Device<Core<'_>>,
    name: &'static CStr,
    handler: impl PinInit<T, E>,
) -> Result
where
    Error: From<E>,
{
    // Before anything is asked: the caller's initialiser may do anything, also this.
    let handler = Made(KBox::pin_init(handler, GFP_KERNEL)?);
    handle_by(device, name, handler)
}

struct Made<T>(Pin<KBox<T>>);

impl<T: Handler> Handler for Made<T> {
    fn handle(&self) -> IrqReturn {
        self.0.handle()
    }
}

fn handle_by<T: Handler>(device: &Device<Core<'_>>, name: &'static CStr, handler: T) -> Result {
    #[pin_data]
    struct Interrupt<T: Handler> {
        // Goes first: vectors that have a handler are not freed.
        #[pin]
        registration: Registration<T>,
        _vectors: Vectors,
        // Goes last: a device without messages has its line again.
        _line: Line,
    }

    struct Vectors {
        device: ARef<Device>,
        vectors: Option<IrqVectorRegistration<'static>>,
    }

    impl Drop for Vectors {
        fn drop(&mut self) {
            let _command = Command::lock(&self.device);
            self.vectors = None;
        }
    }

    struct Line {
        device: ARef<Device>,
        /// The device used it before, as for an earlier handler, which then turns it off.
        was_used: bool,
        _awake: Awake,
    }

    impl Drop for Line {
        fn drop(&mut self) {
            if self.was_used {
                return;
            }
            let _command = Command::lock(&self.device);
            // SAFETY: The device is still bound, since this goes before.
            unsafe { bindings::pci_intx(as_raw(&self.device), 0) };
        }
    }

    is_enabled(device)?;
    // SAFETY: A bound device may be looked at.
    if unsafe { bindings::pci_irq_type(as_raw(device)) } != bindings::PCI_IRQ_INTX {
        // C would warn.
        return Err(EBUSY);
    }
    let command = Command::lock(device);
    // Another handler may have it, which would hear no message.
    let has_line = uses_line(device)?;
    let types = match has_line {
        true => IrqTypes::default().with(IrqType::Intx),
        false => IrqTypes::all(),
    };
    #[expect(clippy::disallowed_methods, reason = "it has none yet")]
    let vectors = device.alloc_irq_vectors(1, 1, types)?;
    drop(command);
    // SAFETY: As above.
    let is_connected = unsafe {
        bindings::pci_irq_type(as_raw(device)) != bindings::PCI_IRQ_INTX
            || (*as_raw(device)).irq != bindings::IRQ_NOTCONNECTED
    };
    let irq = match is_connected {
        true => vectors
            .index(0)
            .map(|it| kernel::irq::IrqRequest::from(it).irq()),
        // What C says of a device without any.
        false => Err(ENOSPC),
    };
    // SAFETY: The device is bound for as long as it has what is registered with it below.
    let vectors: IrqVectorRegistration<'static> = unsafe { core::mem::transmute(vectors) };
    let vectors = Vectors {
        device: device.into(),
        vectors: Some(vectors),
    };
    let registered = irq.and_then(move |irq| {
        let interrupt = try_pin_init!(Interrupt {
            registration <- Registration::new(irq, Flags::SHARED | Flags::OF_DEVICE, name, handler),
            _vectors: vectors,
            _line: Line {
                device: device.into(),
                was_used: has_line,
                _awake: Awake::new(device),
            },
        }? Error);
        devres::register::<Interrupt<T>, Error>(device.as_ref(), interrupt, GFP_KERNEL)
    });
    if registered.is_err() && !has_line {
        let _command = Command::lock(device);
        // SAFETY: The device is bound, and nobody handles the line.
        unsafe { bindings::pci_intx(as_raw(device), 0) };
    }
    registered
}

/// Whether the device has a line, and may use it. Where nothing turns that off, as with PCI 2.2, it always may.
fn uses_line(device: &Device<Core<'_>>) -> Result<bool> {
    /// `PCI_COMMAND`, and `PCI_COMMAND_INTX_DISABLE` there.
    const COMMAND: c_int = 4;
    const NO_LINE: u16 = 1 << 10;

    // Without one, as a virtual function is, it may have no such bit.
    //
    // SAFETY: A bound device may be looked at.
    if unsafe { (*as_raw(device)).pin } == 0 {
        return Ok(false);
    }
    let mut command = 0;
    // Upstream's `config_space` panics on a device with another size than most.
    //
    // SAFETY: A bound device may be asked, and the number is valid for writes.
    match unsafe { bindings::pci_read_config_word(as_raw(device), COMMAND, &mut command) } {
        0 => Ok(command & NO_LINE == 0),
        _ => Err(EIO),
    }
}

/// Memory that the device and the driver both see (*coherent* memory), as long as the device is bound.
///
/// The device may write there at any time. So it can only be copied: what was copied does not change any
/// more, but may be half of what the device was about to write.
///
/// Before it is freed the device is kept from all memory (`pci_clear_master`), whatever it was told to
/// write, and where. That is so if the driver drops one of several buffers as well. Who then makes it a master again
/// (`set_master`) must have seen to it that the device uses none of those that were dropped: nobody else does. Dropping it may
/// sleep.
///
/// # Examples
///
/// ```
/// # use kernel::{device::Core, pci, prelude::*};
/// use lkm::pci::Buffer;
///
/// fn hello(device: &pci::Device<Core<'_>>) -> Result<Buffer> {
///     let buffer = Buffer::new(device, 4096)?;
///     device.set_master();
///     buffer.write(0, b"hello")?;
///     // buffer.address()? can be given to the device.
///     Ok(buffer)
/// }
/// ```
pub struct Buffer {
    memory: Devres<Memory>,
    length: usize,
}

struct Memory {
    device: ARef<Device>,
    memory: Coherent<[u8]>,
    _awake: Awake,
}

impl Drop for Memory {
    fn drop(&mut self) {
        let _command = Command::lock(&self.device);
        // SAFETY: The device is still bound: `Devres` drops the value before.
        unsafe { bindings::pci_clear_master(as_raw(&self.device)) };
    }
}

impl Buffer {
    /// Allocates so many bytes, with zeroes in them.
    ///
    /// Fails with `EINVAL` for no bytes, or if the device was not [enabled](enable); and with `ENOMEM`, as for more than
    /// 4 MiB. May sleep (`dma_alloc_coherent`).
    pub fn new(device: &Device<Core<'_>>, length: usize) -> Result<Self> {
        /// What the page allocator gives in one piece. With an IOMMU there may be more, but C's arithmetic for it
        /// overflows.
        const LARGEST: usize = 4 << 20;

        // One that was not keeps being a master when the machine is suspended and resumed.
        is_enabled(device)?;
        if length > LARGEST {
            return Err(ENOMEM);
        }
        // It is made last: to drop one takes the device's other buffers from it.
        let memory = try_init!(Memory {
            memory: Coherent::zeroed_slice_with_attrs(
                device.as_ref(),
                length,
                MAY_FAIL,
                DMA_ATTR_NO_WARN,
            )?,
            _awake: Awake::new(device),
            device: device.into(),
        }? Error);
        Ok(Self {
            memory: Devres::new(device.as_ref(), memory)?,
            length,
        })
    }

    /// Where the device finds it. Fails with `ENODEV` when it was unbound. Callable from any context.
    pub fn address(&self) -> Result<DmaAddress> {
        let address = |it: &Memory| it.memory.dma_address();
        self.memory.try_access_with(address).ok_or(ENODEV)
    }

    /// Copies bytes into it.
    ///
    /// Fails with `EINVAL` beyond the end, and with `ENODEV` when the device was unbound. Callable from any
    /// context.
    pub fn write(&self, offset: usize, from: &[u8]) -> Result {
        let range = self.range(offset, from.len())?;
        let memory = self.memory.try_access().ok_or(ENODEV)?;
        io_project!(&memory.memory, [try: range]).copy_from_slice(from);
        Ok(())
    }

    /// Copies bytes out of it.
    ///
    /// Fails as [`write`](Self::write) does. Callable from any context.
    pub fn read(&self, offset: usize, to: &mut [u8]) -> Result {
        let range = self.range(offset, to.len())?;
        let memory = self.memory.try_access().ok_or(ENODEV)?;
        io_project!(&memory.memory, [try: range]).copy_to_slice(to);
        Ok(())
    }

    fn range(&self, offset: usize, length: usize) -> Result<Range<usize>> {
        let end = offset.checked_add(length).filter(|end| *end <= self.length);
        end.map(|end| offset..end).ok_or(EINVAL)
    }
}
