// SPDX-License-Identifier: GPL-2.0-only

//! An array of values by number, where most numbers have none.
//!
//! It is [`kernel::xarray`], but for its types. Those of the kernel crate of 7.3 take an array of
//! `T<'static>` for one of `T<'short>`, as they do with what can only be read; what is then stored there
//! is used when it has gone.
//!
//! C header: [`include/linux/xarray.h`](srctree/include/linux/xarray.h)

#![expect(clippy::disallowed_types, reason = "`XArray` is made of it")]

pub use kernel::xarray::{
    AllocKind,
    StoreError, //
};

use core::marker::PhantomData;
use kernel::{
    alloc::Flags,
    prelude::*,
    types::ForeignOwnable,
    xarray, //
};

/// Values by number, with a lock of their own.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::xarray::{AllocKind, XArray};
/// fn squares() -> Result<Option<u32>> {
///     let squares = KBox::pin_init(XArray::new(AllocKind::Alloc), GFP_KERNEL)?;
///     let square = KBox::new(49, GFP_KERNEL)?;
///     let mut guard = squares.lock();
///     guard.store(7, square, GFP_KERNEL)?;
///     Ok(guard.get(7).copied())
/// }
/// ```
///
/// What lives less long than the array's other values cannot be stored there:
///
/// ```compile_fail,E0521
/// # use kernel::{alloc::KBox, prelude::*};
/// # use lkm::xarray::XArray;
/// fn keep(array: &XArray<KBox<&'static u32>>, number: KBox<&u32>) {
///     let _ = array.lock().store(0, number, GFP_KERNEL);
/// }
/// ```
#[pin_data]
pub struct XArray<T: ForeignOwnable> {
    #[pin]
    array: xarray::XArray<T>,
    /// It takes values, and gives them: `T` is neither longer nor shorter than it says.
    _invariant: PhantomData<fn(T) -> T>,
}

impl<T: ForeignOwnable> XArray<T> {
    /// Creates an empty array (`xa_init_flags`).
    pub fn new(kind: AllocKind) -> impl PinInit<Self> {
        pin_init!(Self {
            array <- xarray::XArray::new(kind),
            _invariant: PhantomData,
        })
    }

    /// Locks the array. Callable where a `SpinLock` can be taken (`xa_lock`): neither from NMI, nor from
    /// an interrupt unless all others lock it with interrupts off.
    pub fn lock(&self) -> Guard<'_, T> {
        Guard {
            guard: self.array.lock(),
            _invariant: PhantomData,
        }
    }

    /// Locks the array unless somebody has it locked: `None`. Never waits (`xa_trylock`).
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        Some(Guard {
            guard: self.array.try_lock()?,
            _invariant: PhantomData,
        })
    }
}

/// The values of an [`XArray`], which is unlocked when this is dropped. Until then nothing may sleep, but
/// for [`store`](Self::store).
#[must_use = "the array is unlocked when this is dropped"]
pub struct Guard<'a, T: ForeignOwnable> {
    guard: xarray::Guard<'a, T>,
    _invariant: PhantomData<fn(T) -> T>,
}

impl<T: ForeignOwnable> Guard<'_, T> {
    /// The value with a number (`xa_load`).
    pub fn get(&self, index: usize) -> Option<T::Borrowed<'_>> {
        self.guard.get(index)
    }

    /// The value with a number, to change it (`xa_load`).
    pub fn get_mut(&mut self, index: usize) -> Option<T::BorrowedMut<'_>> {
        self.guard.get_mut(index)
    }

    /// Takes out the value with a number (`__xa_erase`).
    pub fn remove(&mut self, index: usize) -> Option<T> {
        self.guard.remove(index)
    }

    /// Stores a value, and returns the one that had its number (`__xa_store`).
    ///
    /// If the flags allow to sleep, and memory is needed, the array is unlocked meanwhile: others may
    /// change it.
    ///
    /// # Errors
    ///
    /// `ENOMEM`, with the value that was not stored; `EINVAL` for a box of nothing that is aligned to two bytes,
    /// whose address C takes for one of its own marks.
    pub fn store(
        &mut self,
        index: usize,
        value: T,
        flags: Flags,
    ) -> Result<Option<T>, StoreError<T>> {
        let address = value.into_foreign();
        // SAFETY: It was made just now, and nobody else has it.
        let value = unsafe { T::from_foreign(address) };
        // `xa_is_internal`.
        if address.addr() & 3 == 2 {
            return Err(StoreError {
                error: EINVAL,
                value,
            });
        }
        self.guard.store(index, value, flags)
    }
}
