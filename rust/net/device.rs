// SPDX-License-Identifier: GPL-2.0-only

//! A `struct net_device`, and what is in it. Its layout depends on the kernel's options.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use crate::bindings;
use core::ptr::NonNull;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// # Invariants
///
/// The interface is allocated, and unregistered when this is dropped.
pub(super) struct Device(pub(super) NonNull<bindings::net_device>);

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. It forgets its NAPI, too.
        unsafe { bindings::free_netdev(self.0.as_ptr()) };
    }
}

/// What is behind a `struct net_device`.
#[repr(C)]
pub(super) struct Private {
    pub(super) napi: Opaque<bindings::napi_struct>,
    /// The [`Inner`](super::callbacks::Inner), of a type that the callbacks know.
    pub(super) inner: *const c_void,
    pub(super) number: usize,
}

/// Returns where a member is.
///
/// # Safety
///
/// The interface must be allocated, and have an `M` there.
pub(super) unsafe fn member<M>(device: NonNull<bindings::net_device>, offset: usize) -> *mut M {
    // SAFETY: By the safety requirements.
    unsafe { device.as_ptr().byte_add(offset).cast() }
}

/// # Safety
///
/// The interface must be one that [`Inner`](super::callbacks::Inner) has allocated.
pub(super) unsafe fn private(device: NonNull<bindings::net_device>) -> *mut Private {
    // SAFETY: By the safety requirements.
    unsafe { member(device, bindings::LKM_NETDEV_PRIV) }
}

/// Returns the queue of what is to send.
///
/// # Safety
///
/// The interface must be allocated.
pub(super) unsafe fn queue(device: NonNull<bindings::net_device>) -> *mut bindings::netdev_queue {
    // SAFETY: By the safety requirements. The queues do not change.
    unsafe { *member::<*mut bindings::netdev_queue>(device, bindings::LKM_NETDEV_TX) }
}

/// # Safety
///
/// The interface must be allocated.
pub(super) unsafe fn queue_state(device: NonNull<bindings::net_device>) -> *mut c_ulong {
    // SAFETY: By the safety requirements.
    unsafe {
        queue(device)
            .byte_add(bindings::LKM_NETDEV_QUEUE_STATE)
            .cast()
    }
}

/// Whether a bit is set (`test_bit`).
///
/// # Safety
///
/// `bits` must be valid, and be changed by atomic operations only.
pub(super) unsafe fn is_set(bits: *const c_ulong, bit: c_ulong) -> bool {
    // SAFETY: By the safety requirements.
    let bits = unsafe { (*bits.cast::<Atomic<usize>>()).load(Relaxed) };
    bits & 1 << bit != 0
}
