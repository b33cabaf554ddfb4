// SPDX-License-Identifier: GPL-2.0-only

//! One of the interfaces, as its callbacks see it.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::device::{
    is_set,
    member,
    private,
    queue,
    queue_state,
    Device, //
};
use crate::bindings;
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::sync::atomic::{
    Atomic,
    Relaxed, //
};

/// The lock under which interfaces change, which the caller of `open` and `stop` holds (`rtnl_lock`).
pub struct Rtnl(PhantomData<*mut ()>);

impl Rtnl {
    /// # Safety
    ///
    /// To be called with the lock held, for a value that does not live longer than that.
    pub(super) unsafe fn new() -> Self {
        Self(PhantomData)
    }
}

/// One of the interfaces, during a callback.
///
/// # Invariants
///
/// `device` is one of `all`, each of which has a [`Private`](super::device::Private).
#[derive(Clone, Copy)]
pub struct Port<'a> {
    pub(super) device: NonNull<bindings::net_device>,
    all: &'a [Device],
}

impl<'a> Port<'a> {
    /// # Safety
    ///
    /// `device` must be one of `all`, each of which must have a [`Private`](super::device::Private).
    pub(super) unsafe fn new(device: NonNull<bindings::net_device>, all: &'a [Device]) -> Self {
        // INVARIANT: By the safety requirements.
        Self { device, all }
    }

    /// Which of the interfaces, from 0, in the order of their names.
    pub fn number(self) -> usize {
        // SAFETY: By the type invariants.
        unsafe { (*private(self.device)).number }
    }

    /// Returns another of the interfaces.
    pub fn other(self, number: usize) -> Option<Port<'a>> {
        let all = self.all;
        // INVARIANT: It is one of them.
        let device = all.get(number)?.0;
        Some(Port { device, all })
    }

    /// How long a packet may be, without its header.
    pub fn mtu(self) -> u32 {
        // SAFETY: By the type invariants. C changes it with a single store.
        unsafe {
            let mtu = member::<u32>(self.device, bindings::LKM_NETDEV_MTU);
            (*mtu.cast::<Atomic<u32>>()).load(Relaxed)
        }
    }

    /// Has the interface be polled soon, unless it is down. Callable from any context but an NMI
    /// (`napi_schedule`).
    pub fn schedule(self) {
        // SAFETY: By the type invariants. C ignores it while it is disabled, as it is before the interface
        // was opened first.
        unsafe {
            let napi = (*private(self.device)).napi.get();
            if bindings::napi_schedule_prep(napi) {
                bindings::__napi_schedule(napi);
            }
        }
    }

    /// Has the interface go on sending, if it had no room. To be called after there is some. Callable from any
    /// context but an NMI (`netif_wake_queue`).
    pub fn wake(self) {
        // Who has stopped the queue looks again, after its barrier, whether there is no room.
        //
        // SAFETY: It is a barrier.
        unsafe { bindings::smp_mb() };
        // SAFETY: By the type invariants. Only an interface that is registered has stopped its queue; one that
        // was has a queueing discipline that does nothing.
        unsafe {
            if is_set(queue_state(self.device), bindings::LKM_QUEUE_STATE_DRV_XOFF) {
                bindings::netif_tx_wake_queue(queue(self.device));
            }
        }
    }

    /// Whether the interface is up. Its own `open` says yes, its own `stop` no.
    pub fn is_up(self, _rtnl: &Rtnl) -> bool {
        // SAFETY: By the type invariants.
        unsafe {
            let state = member(self.device, bindings::LKM_NETDEV_STATE);
            is_set(state, bindings::LKM_LINK_STATE_START)
        }
    }

    /// Says whether there is somebody at the other end. Without, nothing is sent (`netif_carrier_on`, `_off`).
    pub fn set_carrier(self, _rtnl: &Rtnl, on: bool) {
        // SAFETY: By the type invariants. Under the lock an interface stays registered; C keeps one that it is
        // told of until it has looked, so one that is being unregistered must not be told of.
        unsafe {
            if *member::<u8>(self.device, bindings::LKM_NETDEV_REG_STATE)
                != bindings::LKM_NETREG_REGISTERED
            {
                return;
            }
            if on {
                bindings::netif_carrier_on(self.device.as_ptr());
            } else {
                bindings::netif_carrier_off(self.device.as_ptr());
            }
        }
    }
}
