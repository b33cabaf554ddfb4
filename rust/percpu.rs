// SPDX-License-Identifier: GPL-2.0-only

//! A copy for each CPU.
//!
//! CPUs that share a variable pass its cache line around. With a copy each, they do not: writing
//! is cheap, and who wants to know the whole adds the copies up.
//!
//! C header: [`include/linux/percpu.h`](srctree/include/linux/percpu.h)
//!
//! Reference: chapter 13 of the guide.

use crate::bindings;
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    cpu::CpuId,
    cpumask::Cpumask,
    page::PAGE_SIZE,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};

/// A `T` for each CPU that the machine can have.
///
/// Dereferencing gives the copy of the CPU that the caller runs on at that moment. It may be moved
/// to another one right after, and somebody else may come in between, so `T` must be fit to be
/// shared; only that this is rare makes it cheap.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
/// # use lkm::percpu::PerCpu;
/// fn longest(lengths: &[u64]) -> Result<u64> {
///     let longest = PerCpu::new(|_| Atomic::new(0u64))?;
///     for length in lengths {
///         if longest.load(Relaxed) < *length {
///             longest.store(*length, Relaxed);
///         }
///     }
///     Ok(longest.iter().map(|copy| copy.load(Relaxed)).max().unwrap_or(0))
/// }
/// ```
///
/// # Invariants
///
/// `copies` is a per-CPU allocation that this value owns, with a valid `T` for each possible CPU.
pub struct PerCpu<T> {
    copies: NonNull<T>,
    _owned: PhantomData<T>,
}

// SAFETY: The copies are owned, and dropped wherever this value is.
unsafe impl<T: Send> Send for PerCpu<T> {}
// SAFETY: Every CPU can get at every copy.
unsafe impl<T: Send + Sync> Sync for PerCpu<T> {}

impl<T> PerCpu<T> {
    /// Creates the copies.
    ///
    /// Does not build if `T` is larger than 4,096 bytes, since it passes over the stack, or aligned
    /// to more than a page. Fails with `ENOMEM`. May sleep (`alloc_percpu`).
    pub fn new(mut copy: impl FnMut(CpuId) -> T) -> Result<Self> {
        const { assert!(size_of::<T>() <= 4096 && align_of::<T>() <= PAGE_SIZE) };
        let (size, align) = (size_of::<T>().max(1), align_of::<T>());
        // SAFETY: May be called with any size and alignment.
        let copies =
            unsafe { bindings::pcpu_alloc_noprof(size, align, false, bindings::LKM_GFP_MAY_FAIL) };
        let copies: NonNull<T> = NonNull::new(copies.cast()).ok_or(ENOMEM)?;
        for cpu in possible_cpus() {
            // SAFETY: `copies` was allocated for a `T` on each possible CPU.
            unsafe { copy_of(copies, cpu).write(copy(cpu)) };
        }
        // INVARIANT: All copies were written.
        Ok(Self {
            copies,
            _owned: PhantomData,
        })
    }

    /// Returns the copy of a CPU, `None` if the machine cannot have that one.
    pub fn of(&self, cpu: CpuId) -> Option<&T> {
        // SAFETY: By the type invariants.
        is_possible(cpu).then(|| unsafe { copy_of(self.copies, cpu).as_ref() })
    }

    /// Returns all copies, those of CPUs that are offline, too.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        // SAFETY: By the type invariants.
        possible_cpus().map(|cpu| unsafe { copy_of(self.copies, cpu).as_ref() })
    }
}

impl<T> Deref for PerCpu<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: By the type invariants; a CPU that runs is a possible one.
        unsafe { copy_of(self.copies, CpuId::current()).as_ref() }
    }
}

impl<T> Drop for PerCpu<T> {
    fn drop(&mut self) {
        for cpu in possible_cpus() {
            // SAFETY: By the type invariants. Nobody uses the copy any more.
            unsafe { copy_of(self.copies, cpu).drop_in_place() };
        }
        // SAFETY: By the type invariants.
        unsafe { bindings::free_percpu(self.copies.as_ptr().cast()) };
    }
}

/// A number to which all CPUs add without hindering each other.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::percpu::Counter;
/// fn count(lengths: &[u64]) -> Result<u64> {
///     let total = Counter::new()?;
///     for length in lengths {
///         total.add(*length);
///     }
///     Ok(total.sum())
/// }
/// ```
pub struct Counter(PerCpu<Atomic<u64>>);

impl Counter {
    /// Creates a counter that is 0.
    ///
    /// Fails with `ENOMEM`. May sleep.
    pub fn new() -> Result<Self> {
        Ok(Self(PerCpu::new(|_| Atomic::new(0))?))
    }

    /// Adds `n`. Callable from any context.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// Returns the sum. It has all that was added before the call, and perhaps some of what is
    /// added meanwhile. Callable from any context; takes longer the more CPUs there are.
    pub fn sum(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum, n| sum.wrapping_add(n.load(Relaxed)))
    }
}

/// Whether the machine can have this CPU.
pub(crate) fn is_possible(cpu: CpuId) -> bool {
    // SAFETY: The mask is static, and does not change after boot.
    let possible = unsafe { Cpumask::from_raw(&raw const bindings::__cpu_possible_mask) };
    possible.test(cpu)
}

/// Returns the CPUs that the machine can have.
fn possible_cpus() -> impl Iterator<Item = CpuId> {
    (0..kernel::cpu::nr_cpu_ids())
        .filter_map(CpuId::from_u32)
        .filter(|cpu| is_possible(*cpu))
}

/// Returns the CPUs that run now. Others may start, and some of these stop, at any time.
pub fn online_cpus() -> impl Iterator<Item = CpuId> {
    (0..kernel::cpu::nr_cpu_ids())
        .filter_map(CpuId::from_u32)
        .filter(|cpu| {
            // SAFETY: The mask is static. Its bits change one by one.
            let online = unsafe { Cpumask::from_raw(&raw const bindings::__cpu_online_mask) };
            online.test(*cpu)
        })
}

/// Whether this CPU runs now, and is not about to go down.
#[allow(dead_code, reason = "only `relay` asks for it")]
pub(crate) fn is_active(cpu: CpuId) -> bool {
    // SAFETY: The mask is static. Its bits change one by one.
    let active = unsafe { Cpumask::from_raw(&raw const bindings::__cpu_active_mask) };
    active.test(cpu)
}

/// Returns where a CPU's copy is (`per_cpu_ptr`).
///
/// # Safety
///
/// `copies` must be a per-CPU allocation, and `cpu` possible.
#[inline]
unsafe fn copy_of<T>(copies: NonNull<T>, cpu: CpuId) -> NonNull<T> {
    // SAFETY: By the safety requirements this is where the CPU's copy is, which is not at 0.
    unsafe { NonNull::new_unchecked(at(copies.as_ptr(), cpu).cast_mut()) }
}

/// Moves an address to a CPU's own.
#[inline]
fn at<T>(copies: *const T, cpu: CpuId) -> *const T {
    #[cfg(CONFIG_SMP)]
    // SAFETY: The array has an element for each CPU that has a number, which does not change after
    // boot.
    let offset = unsafe {
        (&raw const bindings::__per_cpu_offset)
            .cast::<usize>()
            .add(cpu.as_u32() as usize)
            .read()
    };
    #[cfg(not(CONFIG_SMP))]
    let offset = {
        let _ = cpu;
        0
    };
    // The base is not an address, so the sum may wrap.
    copies.wrapping_byte_add(offset)
}
