// SPDX-License-Identifier: GPL-2.0-only

//! Network interfaces: Ethernet cards that are made of software.
//!
//! [`Interfaces`] are what `ip link` shows, one or several that know each other. A [`Packet`] has one owner:
//! who has it hands it on, or drops it.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

mod packet;
mod queue;

pub use self::{
    packet::Packet,
    queue::Queue, //
};

use crate::{
    bindings,
    callback::Caller,
    compat,
    name::{
        self,
        is_name, //
    },
};
use core::{
    marker::PhantomData,
    ops::RangeInclusive,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// How long the header of a packet is, in bytes: two addresses and a protocol.
pub const HEADER: usize = bindings::ETH_HLEN as usize;

/// How long what is sent can be: that of an interface's MTU, and a VLAN's four bytes.
pub const fn longest(mtu: u32) -> usize {
    mtu as usize + HEADER + 4
}

/// What interfaces do. One value does it for all of them; `port` is the one that it is about.
///
/// `open` and `stop` of all of them come one after the other, under the [`Rtnl`]. The others are called on
/// any CPU, several at a time, and must not sleep.
pub trait Operations: Send + Sync + 'static {
    /// The sizes of packets, without their header, that a user may set, 1,500 among them.
    const MTU: RangeInclusive<u32> = bindings::ETH_MIN_MTU..=1500;

    /// Somebody has the interface go up. May sleep.
    ///
    /// The error is the user's. Afterwards the interface sends and receives.
    fn open(&self, port: Port<'_>, rtnl: &Rtnl) -> Result;

    /// The interface goes down. May sleep.
    ///
    /// It sends and receives no more, and does not before it is opened again.
    fn stop(&self, port: Port<'_>, rtnl: &Rtnl);

    /// Sends a packet, or drops it. One at a time for each interface.
    fn transmit(&self, port: Port<'_>, packet: Packet);

    /// Whether one more packet can be sent. If not, nothing is to send until [`Port::wake`]: packets stay
    /// where they are, and who sends more of them waits.
    fn has_room(&self, port: Port<'_>) -> bool;

    /// Returns a packet that has come in, which goes to who listens. One at a time for each interface, and
    /// as often as there are some, after [`Port::schedule`].
    fn poll(&self, port: Port<'_>) -> Option<Packet>;

    /// What was counted. Interfaces that are down are asked, too.
    fn statistics(&self, port: Port<'_>) -> Statistics;
}

/// What `ip -s link` shows, since the interface was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Statistics {
    pub rx_packets: u64,
    pub rx_bytes: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_packets: u64,
    pub tx_bytes: u64,
    pub tx_errors: u64,
    pub tx_dropped: u64,
}

/// The lock under which interfaces change, which the caller of `open` and `stop` holds (`rtnl_lock`).
pub struct Rtnl(PhantomData<*mut ()>);

/// One of the interfaces, during a callback.
///
/// # Invariants
///
/// `device` is one of [`Inner::devices`] of a value that is not being freed during `'a`.
#[derive(Clone, Copy)]
pub struct Port<'a> {
    device: NonNull<bindings::net_device>,
    all: &'a [Device],
}

impl<'a> Port<'a> {
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

/// Network interfaces that know each other. Dropping them takes them away, after what is being sent and
/// received.
///
/// If an interface was moved to another network namespace, it goes from there. If the namespace goes first, the
/// interface comes back to the first one, as each device does, under another name if its own is taken there.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::net::{Interfaces, Operations, Packet, Port, Rtnl, Statistics};
///
/// /// Throws away all that is sent.
/// struct Hole;
///
/// impl Operations for Hole {
///     fn open(&self, port: Port<'_>, rtnl: &Rtnl) -> Result {
///         port.set_carrier(rtnl, true);
///         Ok(())
///     }
///
///     fn stop(&self, port: Port<'_>, rtnl: &Rtnl) {
///         port.set_carrier(rtnl, false);
///     }
///
///     fn transmit(&self, _port: Port<'_>, packet: Packet) {
///         drop(packet);
///     }
///
///     fn has_room(&self, _port: Port<'_>) -> bool {
///         true
///     }
///
///     fn poll(&self, _port: Port<'_>) -> Option<Packet> {
///         None
///     }
///
///     fn statistics(&self, _port: Port<'_>) -> Statistics {
///         Statistics::default()
///     }
/// }
///
/// fn hole() -> Result<Interfaces<Hole>> {
///     Interfaces::new(&[c"hole0"], Hole)
/// }
/// ```
pub struct Interfaces<T: Operations> {
    _inner: Pin<KBox<Inner<T>>>,
}

impl<T: Operations> Interfaces<T> {
    /// Adds interfaces with these names, and addresses of their own. They are down, and have no carrier.
    /// As soon as one is there others may use it.
    ///
    /// Fails with `EINVAL` if a name is none that an interface can have or has more than 15 bytes, `EEXIST` if it is
    /// taken, or `ENOMEM`. May sleep (`register_netdev`).
    pub fn new<E>(names: &[&'static CStr], operations: impl PinInit<T, E>) -> Result<Self>
    where
        Error: From<E>,
    {
        if !names.iter().all(|name| is_interface(name)) {
            return Err(EINVAL);
        }
        let inner = try_pin_init!(Inner {
            registered: Atomic::new(0),
            devices: KVec::with_capacity(names.len(), GFP_KERNEL)?,
            table <- Inner::<T>::table(),
            operations <- operations,
        }? Error);
        let mut inner = KBox::pin_init::<Error>(inner, GFP_KERNEL)?;
        inner.as_mut().allocate_all(names)?;
        inner.register()?;
        Ok(Self { _inner: inner })
    }
}

/// Whether an interface can have that name. To C, a `%` in it stands for a number, and sysctl has the last two
/// for all interfaces.
fn is_interface(name: &CStr) -> bool {
    let odd =
        |byte: &u8| matches!(byte, b':' | b'%') || byte.is_ascii_whitespace() || *byte == 0x0b;
    let bytes = name.to_bytes();
    is_name(name)
        && bytes.len() < bindings::IFNAMSIZ as usize
        && !bytes.iter().any(odd)
        && !matches!(bytes, b"all" | b"default")
}

/// # Invariants
///
/// The interface is allocated, and unregistered when this is dropped.
struct Device(NonNull<bindings::net_device>);

impl Drop for Device {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. It forgets its NAPI, too.
        unsafe { bindings::free_netdev(self.0.as_ptr()) };
    }
}

/// What is behind a `struct net_device`.
#[repr(C)]
struct Private {
    napi: Opaque<bindings::napi_struct>,
    /// The [`Inner`], of a type that the callbacks know.
    inner: *const c_void,
    number: usize,
}

/// # Invariants
///
/// The first `registered` of the `devices` are registered. They do not change once one is, or is about to be.
/// Each has `table`, and a [`Private`] that refers to this.
#[pin_data(PinnedDrop)]
struct Inner<T: Operations> {
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
    fn table() -> impl PinInit<Opaque<bindings::net_device_ops>> {
        const {
            let (least, most) = (*T::MTU.start(), *T::MTU.end());
            assert!(bindings::ETH_MIN_MTU <= least && least <= 1500);
            assert!(1500 <= most && most <= bindings::ETH_MAX_MTU);
        }
        Opaque::ffi_init(|slot: *mut bindings::net_device_ops| {
            // SAFETY: The slot is valid for writes, a member of C's that is not given is 0, and these are
            // functions of the types that C wants there.
            unsafe {
                slot.write_bytes(0, 1);
                let set = |offset: usize, function: *const ()| {
                    slot.byte_add(offset).cast::<*const ()>().write(function);
                };
                set(bindings::LKM_NDO_OPEN, Self::open as *const ());
                set(bindings::LKM_NDO_STOP, Self::stop as *const ());
                set(bindings::LKM_NDO_START_XMIT, Self::start_xmit as *const ());
                set(
                    bindings::LKM_NDO_GET_STATS64,
                    Self::get_stats64 as *const (),
                );
                set(
                    bindings::LKM_NDO_SET_MAC_ADDRESS,
                    bindings::eth_mac_addr as *const (),
                );
                set(
                    bindings::LKM_NDO_VALIDATE_ADDR,
                    bindings::eth_validate_addr as *const (),
                );
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
            // INVARIANT: It is one of these.
            let all = &this.devices;
            (this, Port { device, all })
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
        let result = this.operations.open(port, &Rtnl(PhantomData));
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
        this.operations.stop(port, &Rtnl(PhantomData));
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
    ) -> c_int {
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
            // SAFETY: As above. The barrier is for who makes room meanwhile, and does not see the bit yet.
            unsafe {
                let state = queue_state(port.device);
                bindings::set_bit(bindings::LKM_QUEUE_STATE_DRV_XOFF, state);
                bindings::smp_mb();
                if this.operations.has_room(port) {
                    bindings::clear_bit(bindings::LKM_QUEUE_STATE_DRV_XOFF, state);
                }
            }
        }
        // `NETDEV_TX_OK`: it is no more C's.
        0
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

/// Returns where a member is.
///
/// # Safety
///
/// The interface must be allocated, and have an `M` there.
unsafe fn member<M>(device: NonNull<bindings::net_device>, offset: usize) -> *mut M {
    // SAFETY: By the safety requirements.
    unsafe { device.as_ptr().byte_add(offset).cast() }
}

/// # Safety
///
/// The interface must be one that [`Inner`] has allocated.
unsafe fn private(device: NonNull<bindings::net_device>) -> *mut Private {
    // SAFETY: By the safety requirements.
    unsafe { member(device, bindings::LKM_NETDEV_PRIV) }
}

/// Returns the queue of what is to send.
///
/// # Safety
///
/// The interface must be allocated.
unsafe fn queue(device: NonNull<bindings::net_device>) -> *mut bindings::netdev_queue {
    // SAFETY: By the safety requirements. The queues do not change.
    unsafe { *member::<*mut bindings::netdev_queue>(device, bindings::LKM_NETDEV_TX) }
}

/// # Safety
///
/// The interface must be allocated.
unsafe fn queue_state(device: NonNull<bindings::net_device>) -> *mut c_ulong {
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
unsafe fn is_set(bits: *const c_ulong, bit: c_ulong) -> bool {
    // SAFETY: By the safety requirements.
    let bits = unsafe { (*bits.cast::<Atomic<usize>>()).load(Relaxed) };
    bits & 1 << bit != 0
}
