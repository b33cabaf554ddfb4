// SPDX-License-Identifier: GPL-2.0-only

//! The registers of a device.

use super::{
    as_raw,
    is_enabled, //
};
use crate::bindings;
use core::marker::PhantomData;
use kernel::{
    device::Bound,
    devres::DevresLt,
    error::to_result,
    io::{
        IoBackend,
        IoBase,
        IoCapable,
        Region, //
    },
    pci::Device,
    prelude::*,
    ptr::KnownSize,
    types::{
        CovariantForLt,
        ForLt, //
    },
};

/// The registers of a device, at least `SIZE` bytes of them (a *base address register*, BAR).
///
/// They are memory, or I/O ports: instructions of their own, and not addresses, lead to these. [`Io`] reads and
/// writes both alike, by 8, 16 or 32 bits. C has `ioread8` and its like for that.
///
/// Upstream's `kernel::pci::Bar` takes ports for memory (`docs/upstream.md`).
///
/// # Examples
///
/// ```
/// # use kernel::{device::Bound, io::{register, Io}, pci, prelude::*};
/// use lkm::pci::Bar;
///
/// register! {
///     /// Keeps what is written to it.
///     SCRATCH(u8) @ 7 {
///         7:0 byte;
///     }
/// }
///
/// fn keeps(device: &pci::Device<Bound>, byte: u8) -> Result<bool> {
///     let registers: Bar<'_, 8> = Bar::new(device, 0, c"scratch")?;
///     registers.write_reg(SCRATCH::zeroed().with_byte(byte));
///     Ok(registers.read(SCRATCH).byte().get() == byte)
/// }
/// ```
///
/// [`Io`]: kernel::io::Io
///
/// # Invariants
///
/// `region` is what `pci_iomap` made of the BAR `number`, with its length. It and the BAR, which was requested, are this
/// value's.
pub struct Bar<'a, const SIZE: usize = 0> {
    device: &'a Device<Bound>,
    number: c_int,
    region: *mut Region<SIZE>,
}

// SAFETY: The pointer is to registers, which any thread may use.
unsafe impl<const SIZE: usize> Send for Bar<'_, SIZE> {}
// SAFETY: As above; accesses at the same time are the device's business.
unsafe impl<const SIZE: usize> Sync for Bar<'_, SIZE> {}

impl<const SIZE: usize> ForLt for Bar<'static, SIZE> {
    type Of<'a> = Bar<'a, SIZE>;
}

// SAFETY: The lifetime is that of a reference to what does not depend on it.
unsafe impl<const SIZE: usize> CovariantForLt for Bar<'static, SIZE> {}

/// A [`Bar`] that goes with the binding, even if somebody still has it.
pub type DevresBar<const SIZE: usize = 0> = DevresLt<Bar<'static, SIZE>>;

impl<'a, const SIZE: usize> Bar<'a, SIZE> {
    /// Takes all of a BAR, from 0 to 5. `name` appears in `/proc/iomem` or `/proc/ioports`.
    ///
    /// Fails with `EINVAL` if the device was not [enabled](super::enable), has no such BAR, or less than `SIZE` bytes
    /// there; with `EBUSY` if it is taken; and with `ENOMEM`. May sleep (`pci_request_region`, `pci_iomap`).
    pub fn new(device: &'a Device<Bound>, number: u32, name: &'static CStr) -> Result<Self> {
        is_enabled(device)?;
        let length = usize::try_from(device.resource_len(number)?)?;
        if number >= bindings::PCI_STD_NUM_BARS || length == 0 {
            return Err(EINVAL);
        }
        let (raw, number) = (as_raw(device), number as c_int);
        // SAFETY: The device is bound, has such a BAR, and the name is static.
        to_result(unsafe { bindings::pci_request_region(raw, number, name.as_char_ptr()) })?;
        // SAFETY: As above; 0 is for all of it.
        let base: *mut u8 = unsafe { bindings::pci_iomap(raw, number, 0) }.cast();
        // INVARIANT: That is what it was made of, and the BAR was requested.
        let mut bar = Self {
            device,
            number,
            region: Region::ptr_from_raw_parts_mut(base, length),
        };
        if base.is_null() {
            return Err(ENOMEM);
        }
        bar.region = Region::ptr_try_from_raw_parts_mut(base, length)?;
        Ok(bar)
    }

    /// Has it go when the device is unbound, or before, if the result is dropped.
    ///
    /// Fails with `ENOMEM`. May sleep.
    pub fn into_devres(self) -> Result<DevresBar<SIZE>> {
        let device = self.device.as_ref();
        // SAFETY: The device has its registers for as long as it is bound.
        unsafe { DevresLt::new(device, self) }
    }
}

impl<const SIZE: usize> Drop for Bar<'_, SIZE> {
    fn drop(&mut self) {
        let raw = as_raw(self.device);
        // SAFETY: By the type invariants. Of what could not be mapped there is nothing to unmap.
        unsafe {
            if !self.region.is_null() {
                bindings::pci_iounmap(raw, self.region.cast());
            }
            bindings::pci_release_region(raw, self.number);
        }
    }
}

impl<'a, const SIZE: usize> IoBase<'a> for &'a Bar<'_, SIZE> {
    type Backend = Backend;
    type Target = Region<SIZE>;

    #[inline]
    fn as_view(self) -> View<'a, Region<SIZE>> {
        // INVARIANT: By the type invariants; `new` has seen that it is aligned.
        View {
            place: self.region,
            _bar: PhantomData,
        }
    }
}

/// A place in a [`Bar`].
///
/// # Invariants
///
/// All of `place` is in the region of a [`Bar`] that is there for `'a`, and aligned.
pub struct View<'a, T: ?Sized> {
    place: *mut T,
    _bar: PhantomData<&'a ()>,
}

impl<T: ?Sized> Copy for View<'_, T> {}

impl<T: ?Sized> Clone for View<'_, T> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<'a, T: ?Sized + KnownSize> IoBase<'a> for View<'a, T> {
    type Backend = Backend;
    type Target = T;

    #[inline]
    fn as_view(self) -> Self {
        self
    }
}

/// How a [`Bar`] is read and written.
pub struct Backend;

impl IoBackend for Backend {
    type View<'a, T: ?Sized + KnownSize> = View<'a, T>;

    #[inline]
    fn as_ptr<'a, T: ?Sized + KnownSize>(view: Self::View<'a, T>) -> *mut T {
        view.place
    }

    #[inline]
    unsafe fn project_view<'a, T: ?Sized + KnownSize, U: ?Sized + KnownSize>(
        _view: Self::View<'a, T>,
        ptr: *mut U,
    ) -> Self::View<'a, U> {
        // INVARIANT: It is a part of `view`, by the safety requirements.
        View {
            place: ptr,
            _bar: PhantomData,
        }
    }
}

/// A processor with instructions for ports has `pci_iomap` answer with a number for them, which only `ioread8` and
/// its like can tell from an address. With others ports are memory, and `ioread8` is `readb`, inline.
macro_rules! capable {
    ($type:ty, $read:ident or $readb:ident, $write:ident or $writeb:ident) => {
        impl IoCapable<$type> for Backend {
            #[inline]
            fn io_read(view: View<'_, $type>) -> $type {
                #[cfg(CONFIG_GENERIC_IOMAP)]
                use bindings::$read as read;
                #[cfg(not(CONFIG_GENERIC_IOMAP))]
                use bindings::$readb as read;
                // SAFETY: By the type invariants of `View`.
                unsafe { read(view.place.cast_const().cast()) as $type }
            }

            #[inline]
            fn io_write(view: View<'_, $type>, value: $type) {
                #[cfg(CONFIG_GENERIC_IOMAP)]
                use bindings::$write as write;
                #[cfg(not(CONFIG_GENERIC_IOMAP))]
                use bindings::$writeb as write;
                // SAFETY: By the type invariants of `View`.
                unsafe { write(value, view.place.cast()) }
            }
        }
    };
}

capable!(u8, ioread8 or readb, iowrite8 or writeb);
capable!(u16, ioread16 or readw, iowrite16 or writew);
capable!(u32, ioread32 or readl, iowrite32 or writel);
