// SPDX-License-Identifier: GPL-2.0-only

//! Interfaces that are registered, and what C calls for them.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use super::{
    device::{
        member,
        private,
        queue,
        queue_state,
        Device,
        Private, //
    },
    port::{
        Port,
        Rtnl, //
    },
    Operations,
    Packet, //
};
use crate::{
    bindings,
    callback::Caller,
    compat,
    context,
    name, //
};
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// # Invariants
///
/// The first `registered` of the `devices` are registered. They do not change once one is, or is about to be.
/// Each has `table`, and a [`Private`] that refers to this.
#[pin_data(PinnedDrop)]
pub(super) struct Inner<T: Operations> {
    registered: Atomic<usize>,
    #[pin]
    operations: T,
    /// They go after what is done with them, since their packets may still be with `operations`.
    devices: KVec<Device>,
    #[pin]
    table: Opaque<bindings::net_device_ops>,
}

// SAFETY: Interfaces may be taken away by any thread.
unsafe impl<T: Operations> Send for Inner<T> {}
// SAFETY: C has locks for what it changes in an interface.
unsafe impl<T: Operations> Sync for Inner<T> {}

impl<T: Operations> Inner<T> {
    pub(super) fn new<E>(
        names: &[&'static CStr],
        operations: impl PinInit<T, E>,
    ) -> Result<Pin<KBox<Self>>>
    where
        Error: From<E>,
    {
        let inner = try_pin_init!(Self {
            registered: Atomic::new(0),
            devices: KVec::with_capacity(names.len(), GFP_KERNEL)?,
            table <- Self::table(),
            operations <- operations,
        }? Error);
        let mut inner = KBox::pin_init::<Error>(inner, GFP_KERNEL)?;
        inner.as_mut().allocate_all(names)?;
        inner.register()?;
        Ok(inner)
    }

    fn table() -> impl PinInit<Opaque<bindings::net_device_ops>> {
        const {
            let (least, most) = (*T::MTU.start(), *T::MTU.end());
            assert!(bindings::ETH_MIN_MTU <= least && least <= 1500);
            assert!(1500 <= most && most <= bindings::ETH_MAX_MTU);
        }
        Opaque::ffi_init(|slot: *mut bindings::net_device_ops| {
            // SAFETY: The slot is valid for writes, a member of C's that is not given is 0, and the others are there,
            // of these types.
            unsafe {
                slot.write_bytes(0, 1);
                macro_rules! set {
                    ($offset:ident: $type:ident = $function:path) => {
                        slot.byte_add(bindings::$offset)
                            .cast::<bindings::$type>()
                            .write(Some($function))
                    };
                }
                set!(LKM_NDO_OPEN: lkm_ndo_open = Self::open);
                set!(LKM_NDO_STOP: lkm_ndo_stop = Self::stop);
                set!(LKM_NDO_START_XMIT: lkm_ndo_start_xmit = Self::start_xmit);
                set!(LKM_NDO_GET_STATS64: lkm_ndo_get_stats64 = Self::get_stats64);
                set!(LKM_NDO_SET_MAC_ADDRESS: lkm_ndo_set_mac_address = bindings::eth_mac_addr);
                set!(LKM_NDO_VALIDATE_ADDR: lkm_ndo_validate_addr = bindings::eth_validate_addr);
            }
        })
    }

    fn allocate_all(self: Pin<&mut Self>, names: &[&'static CStr]) -> Result {
        // SAFETY: Nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        let inner: *const Self = this;
        for name in names {
            let device = Device(this.allocate(name)?);
            let number = this.devices.len();
            // SAFETY: Nobody else knows the device. What is behind it has this size, and is 0.
            unsafe {
                let private = private(device.0);
                (*private).inner = inner.cast();
                (*private).number = number;
            }
            this.devices.push(device, GFP_KERNEL)?;
        }
        Ok(())
    }

    fn register(&self) -> Result {
        for device in &self.devices {
            // SAFETY: The device is complete, and is not registered. INVARIANT: It is if this succeeds.
            let result = to_result(unsafe { bindings::register_netdev(device.0.as_ptr()) });
            // Who makes its files in `/proc/sys/net` says `ENOBUFS` of memory.
            let no_buffers = compat::errno(bindings::ENOBUFS);
            name::registered(result)
                .map_err(|error| if error == no_buffers { ENOMEM } else { error })?;
            self.registered.fetch_add(1, Relaxed);
        }
        Ok(())
    }

    /// Allocates an interface that is complete but for what it refers to.
    fn allocate(&self, name: &CStr) -> Result<NonNull<bindings::net_device>> {
        // SAFETY: The name fits. C calls the function with what it allocates.
        let device = NonNull::new(unsafe {
            bindings::alloc_netdev_mqs(
                size_of::<Private>() as c_int,
                name.as_char_ptr(),
                bindings::NET_NAME_PREDICTABLE as u8,
                Some(bindings::ether_setup),
                1,
                1,
            )
        })
        .ok_or(ENOMEM)?;
        // The address of a card that was made here, and not of a group.
        let mut address = [0u8; bindings::ETH_ALEN as usize];
        // SAFETY: The array is valid for writes of that many bytes.
        unsafe { bindings::get_random_bytes(address.as_mut_ptr().cast(), address.len()) };
        address[0] = address[0] & !1 | 2;
        // SAFETY: These are members of the device, and nobody else knows it. `add` of NAPI wants the lock.
        unsafe {
            let raw = device.as_ptr();
            member::<*const bindings::net_device_ops>(device, bindings::LKM_NETDEV_OPS)
                .write(self.table.get());
            member::<u32>(device, bindings::LKM_NETDEV_MIN_MTU).write(*T::MTU.start());
            member::<u32>(device, bindings::LKM_NETDEV_MAX_MTU).write(*T::MTU.end());
            // A packet has one owner.
            *member::<u32>(device, bindings::LKM_NETDEV_PRIV_FLAGS) &=
                !bindings::LKM_IFF_TX_SKB_SHARING;
            bindings::dev_addr_mod(raw, 0, address.as_ptr().cast(), address.len());
            member::<u8>(device, bindings::LKM_NETDEV_ADDR_ASSIGN_TYPE)
                .write(bindings::NET_ADDR_RANDOM as u8);
            bindings::netif_carrier_off(raw);
            let lock = member(device, bindings::LKM_NETDEV_LOCK);
            bindings::mutex_lock(lock);
            bindings::netif_napi_add_weight_locked(
                raw,
                (*private(device)).napi.get(),
                Some(Self::poll),
                bindings::NAPI_POLL_WEIGHT as c_int,
            );
            bindings::mutex_unlock(lock);
        }
        Ok(device)
    }

    /// Returns this, and the port, of an interface.
    ///
    /// # Safety
    ///
    /// To be called in a callback of an interface of this type.
    unsafe fn of<'a>(device: *mut bindings::net_device) -> (&'a Self, Port<'a>) {
        // SAFETY: By the safety requirements. The drop waits for the callback.
        unsafe {
            let device = NonNull::new_unchecked(device);
            let this = &*(*private(device)).inner.cast::<Self>();
            (this, Port::new(device, &this.devices))
        }
    }

    /// `net_device_ops::ndo_open`.
    ///
    /// # Safety
    ///
    /// To be called by C, for an interface of this type.
    unsafe extern "C" fn open(device: *mut bindings::net_device) -> c_int {
        // SAFETY: By the safety requirements.
        let (this, port) = unsafe { Self::of(device) };
        // SAFETY: As above. C calls this and `stop` in turn, so it is disabled. The queue may be stopped from
        // when the interface was up before.
        let napi = unsafe {
            bindings::clear_bit(bindings::LKM_QUEUE_STATE_DRV_XOFF, queue_state(port.device));
            (*private(port.device)).napi.get()
        };
        // SAFETY: As above.
        unsafe { bindings::napi_enable(napi) };
        // SAFETY: C holds it during the call.
        let rtnl = unsafe { Rtnl::new() };
        let result = context::without_registering(|| this.operations.open(port, &rtnl));
        if result.is_err() {
            // SAFETY: It was enabled.
            unsafe { bindings::napi_disable(napi) };
        }
        Caller::Netlink.status(result)
    }

    /// `net_device_ops::ndo_stop`.
    ///
    /// # Safety
    ///
    /// To be called by C, for an interface of this type.
    unsafe extern "C" fn stop(device: *mut bindings::net_device) -> c_int {
        // SAFETY: By the safety requirements.
        let (this, port) = unsafe { Self::of(device) };
        // SAFETY: As above. It was enabled by `open`.
        unsafe { bindings::napi_disable((*private(port.device)).napi.get()) };
        // SAFETY: C holds it during the call.
        let rtnl = unsafe { Rtnl::new() };
        context::without_registering(|| this.operations.stop(port, &rtnl));
        0
    }

    /// `net_device_ops::ndo_start_xmit`.
    ///
    /// # Safety
    ///
    /// To be called by C, for an interface of this type, with a packet that it hands over.
    unsafe extern "C" fn start_xmit(
        skb: *mut bindings::sk_buff,
        device: *mut bindings::net_device,
    ) -> bindings::netdev_tx {
        // SAFETY: By the safety requirements.
        let (this, port) = unsafe { Self::of(device) };
        // SAFETY: As above.
        match unsafe { Packet::sent(skb) } {
            Some(packet) => this.operations.transmit(port, packet),
            // SAFETY: The interface is there, and this is one of C's own counters.
            None => unsafe {
                bindings::netdev_core_stats_inc(device, bindings::LKM_NETDEV_TX_DROPPED as u32)
            },
        }
        if !this.operations.has_room(port) {
            // SAFETY: As above. The barrier is for a thread that makes room meanwhile, and does not see the bit yet.
            unsafe {
                let state = queue_state(port.device);
                bindings::set_bit(bindings::LKM_QUEUE_STATE_DRV_XOFF, state);
                bindings::smp_mb();
                // Others may have seen the bit, and left packets.
                if this.operations.has_room(port) {
                    bindings::netif_tx_wake_queue(queue(port.device));
                }
            }
        }
        // It is no more C's.
        bindings::netdev_tx::NETDEV_TX_OK
    }

    /// `net_device_ops::ndo_get_stats64`.
    ///
    /// # Safety
    ///
    /// To be called by C, for an interface of this type, with room for the numbers.
    unsafe extern "C" fn get_stats64(
        device: *mut bindings::net_device,
        out: *mut bindings::rtnl_link_stats64,
    ) {
        // SAFETY: By the safety requirements.
        let (this, port) = unsafe { Self::of(device) };
        let is = this.operations.statistics(port);
        let numbers = bindings::rtnl_link_stats64 {
            rx_packets: is.rx_packets,
            rx_bytes: is.rx_bytes,
            rx_errors: is.rx_errors,
            rx_dropped: is.rx_dropped,
            tx_packets: is.tx_packets,
            tx_bytes: is.tx_bytes,
            tx_errors: is.tx_errors,
            tx_dropped: is.tx_dropped,
            ..pin_init::zeroed()
        };
        // SAFETY: As above. In a message of netlink's they begin at any multiple of four.
        unsafe { out.write_unaligned(numbers) };
    }

    /// `napi_struct::poll`.
    ///
    /// # Safety
    ///
    /// To be called by C, for the NAPI of an interface of this type.
    unsafe extern "C" fn poll(napi: *mut bindings::napi_struct, budget: c_int) -> c_int {
        // SAFETY: By the safety requirements this is where it is.
        let device = unsafe {
            napi.byte_sub(core::mem::offset_of!(Private, napi))
                .byte_sub(bindings::LKM_NETDEV_PRIV)
                .cast::<bindings::net_device>()
        };
        // SAFETY: As above.
        let (this, port) = unsafe { Self::of(device) };
        let mut done = 0;
        while done < budget {
            let Some(packet) = this.operations.poll(port) else {
                // SAFETY: The budget is not used up. Who schedules meanwhile has this be called again.
                unsafe { bindings::napi_complete_done(napi, done) };
                break;
            };
            // SAFETY: The interface is up, or this would not be called.
            unsafe { packet.receive(device) };
            done += 1;
        }
        done
    }
}

#[pinned_drop]
impl<T: Operations> PinnedDrop for Inner<T> {
    fn drop(self: Pin<&mut Self>) {
        let registered = self.registered.load(Relaxed);
        for device in self.devices.iter().take(registered).rev() {
            // SAFETY: By the type invariants. Afterwards nothing is called for it.
            unsafe { bindings::unregister_netdev(device.0.as_ptr()) };
        }
    }
}
