// SPDX-License-Identifier: GPL-2.0-only

//! Transfers to and from a USB device, which upstream's `kernel::usb` does not have.
//!
//! Each is by a [`Link`] to the interface, which is cut when that is unbound: from then on it fails with
//! `ENODEV`.
//!
//! Transfers are of memory that the controller can reach: what is sent is a [`KVec`], whose memory is
//! `kmalloc`'s and no part of anything else, and so is what is received. It is as long as what has come.
//!
//! Each transfer sleeps, and has a limit. It ends at once when the caller is killed, and when the driver is
//! unbound: one of a [`Bulk`](BulkIn) endpoint before `disconnect` is called, so that the driver's data can
//! wait for those who use it, and a control transfer after the driver's data has gone. C's own functions for this,
//! `usb_control_msg` and `usb_bulk_msg`, go on until the limit: the core ends what is under way when a driver
//! is unbound, but has the endpoints back before the driver's data goes, and what begins in between nobody
//! ends.
//!
//! C header: [`include/linux/usb.h`](srctree/include/linux/usb.h)
//!
//! Reference: chapter 18 of the book.

use crate::{
    bindings,
    compat,
    completion::Completion,
    link,
    memory::MAY_FAIL, //
};
use core::ptr::{
    null_mut,
    NonNull, //
};
use kernel::{
    device::{
        Core,
        Device, //
    },
    devres,
    error::to_result,
    prelude::*,
    sync::{
        aref::ARef,
        Arc,
        LockClassKey, //
    },
    time::Msecs,
    types::Opaque,
    usb::Interface, //
};

/// Creates a [`Link`] with lock classes of its own, for a driver's `probe`.
///
/// Fails with `ENOMEM`. May sleep.
///
/// [`Link`]: crate::usb::Link
#[macro_export]
macro_rules! new_usb_link {
    ($interface:expr) => {
        $crate::usb::Link::new(
            $interface,
            [
                ::kernel::static_lock_class!(),
                ::kernel::static_lock_class!(),
                ::kernel::static_lock_class!(),
            ],
        )
    };
}

/// What a control transfer asks for, with the numbers of the device's manual.
///
/// `value` and `index` mean something else for each request.
#[derive(Clone, Copy)]
pub struct Request {
    /// Who has said what it means.
    pub kind: Kind,
    /// Who is asked.
    pub recipient: Recipient,
    /// Its number.
    pub request: u8,
    /// Its first parameter.
    pub value: u16,
    /// Its second parameter.
    pub index: u16,
}

/// Who has said what a request means.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Kind {
    /// USB itself.
    Standard = bindings::USB_TYPE_STANDARD as u8,
    /// The class that the device is of.
    Class = bindings::USB_TYPE_CLASS as u8,
    /// Who made the device.
    Vendor = bindings::USB_TYPE_VENDOR as u8,
}

/// Who is asked.
#[derive(Clone, Copy)]
#[repr(u8)]
pub enum Recipient {
    /// All of the device.
    Device = bindings::USB_RECIP_DEVICE as u8,
    /// The interface whose number is in `index`.
    Interface = bindings::USB_RECIP_INTERFACE as u8,
    /// The endpoint whose address is in `index`.
    Endpoint = bindings::USB_RECIP_ENDPOINT as u8,
    /// Something else.
    Other = bindings::USB_RECIP_OTHER as u8,
}

/// The way to an interface, as long as that is bound to the driver.
///
/// # Examples
///
/// ```
/// # use kernel::{device::Core, prelude::*, sync::Arc, usb};
/// use lkm::{new_usb_link, usb::{BulkOut, Link}};
///
/// fn hello(interface: &usb::Interface<Core<'_>>) -> Result<BulkOut> {
///     let link = new_usb_link!(interface)?;
///     let out = BulkOut::new(&link)?;
///     let mut hello = KVec::new();
///     hello.extend_from_slice(b"hello", GFP_KERNEL)?;
///     out.write(&hello, 1000)?;
///     Ok(out)
/// }
/// ```
#[derive(Clone)]
pub struct Link {
    interface: Arc<link::Link<Interface>>,
    transfers: Arc<Transfers>,
}

/// The transfers that are under way.
///
/// # Invariants
///
/// `anchor` is initialised. Who has anchored a transfer keeps this until C is done with it.
#[pin_data]
struct Transfers {
    #[pin]
    anchor: Opaque<bindings::usb_anchor>,
}

// SAFETY: An anchor may be used and freed by any thread.
unsafe impl Send for Transfers {}

// SAFETY: An anchor has a lock of its own.
unsafe impl Sync for Transfers {}

impl Transfers {
    fn new([queue, lock]: [Pin<&'static LockClassKey>; 2]) -> impl PinInit<Self> {
        let init = move |anchor: *mut bindings::usb_anchor| {
            // SAFETY: `anchor` is valid for writes, and the locks' classes and names live for ever. All
            // of it is initialised here (`init_usb_anchor`).
            unsafe {
                anchor.write_bytes(0, 1);
                let list = &raw mut (*anchor).urb_list;
                (*list).next = list;
                (*list).prev = list;
                bindings::__init_waitqueue_head(
                    &raw mut (*anchor).wait,
                    c"usb_anchor".as_char_ptr(),
                    queue.as_ptr(),
                );
                bindings::__spin_lock_init(
                    &raw mut (*anchor).lock,
                    c"usb_anchor".as_char_ptr(),
                    lock.as_ptr(),
                );
            }
        };
        // INVARIANT: It is initialised here, and nothing was anchored.
        pin_init!(Self {
            // SAFETY: `init` initialises it.
            anchor <- Opaque::ffi_init(init),
        })
    }
}

/// Ends all transfers, after the link was cut: none begins any more.
///
/// By now these are control transfers only. The core leaves endpoint 0 alone, since it is the device's:
/// without this, the next driver would have the device while one of ours is still under way, for up to a
/// minute.
struct End(Arc<Transfers>);

impl Drop for End {
    fn drop(&mut self) {
        // SAFETY: By the type invariants of `Transfers`.
        unsafe { bindings::usb_kill_anchored_urbs(self.0.anchor.get()) };
    }
}

/// A request for a transfer.
///
/// # Invariants
///
/// It is C's, and a reference to it is ours.
struct Urb(NonNull<bindings::urb>);

impl Urb {
    fn new() -> Result<Self> {
        // SAFETY: The caller may sleep. There are no packets of an isochronous transfer.
        let urb = unsafe { bindings::usb_alloc_urb(0, bindings::GFP_KERNEL) };
        // INVARIANT: C has made it for us.
        NonNull::new(urb).map(Self).ok_or(ENOMEM)
    }
}

impl Drop for Urb {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::usb_free_urb(self.0.as_ptr()) };
    }
}

/// Tells who waits for a transfer.
///
/// # Safety
///
/// For C, with a request of [`Link::transfer`].
unsafe extern "C" fn complete(urb: *mut bindings::urb) {
    // SAFETY: `transfer` has set it, and waits.
    let done: &Completion = unsafe { &*(*urb).context.cast() };
    done.complete();
}

/// The interface as C knows it.
fn as_raw(interface: &Interface) -> *mut bindings::usb_interface {
    // A transparent wrapper.
    core::ptr::from_ref(interface).cast_mut().cast()
}

/// Whether the core has ended what uses this endpoint, or is about to, and does not do so again. Who has begun
/// before that finds that it is not over. Control transfers are for `disconnect`, too.
///
/// # Safety
///
/// The interface must be there.
unsafe fn is_over(interface: *mut bindings::usb_interface, endpoint: u32) -> bool {
    // SAFETY: By the safety requirements. C stores it at once, and has a lock after that, and before it ends
    // anything, which `usb_submit_urb` has, too.
    match unsafe { (&raw const (*interface).condition).read_volatile() } {
        bindings::usb_interface_condition_USB_INTERFACE_UNBOUND => true,
        bindings::usb_interface_condition_USB_INTERFACE_UNBINDING => {
            endpoint >> PIPE_KIND != bindings::PIPE_CONTROL
        }
        _ => false,
    }
}

/// In milliseconds: at least one, and at most what C allows where nobody can end it.
fn limit(limit: Msecs) -> Msecs {
    limit.clamp(1, bindings::USB_MAX_SYNCHRONOUS_TIMEOUT)
}

/// Waits for a transfer's end, for so long.
type Wait = fn(&Completion, Msecs) -> Result;

/// What the core says of endpoints that it has taken away, and of transfers that it has ended.
fn gone(error: Error) -> Error {
    match error {
        ESHUTDOWN | ENOENT | EHOSTUNREACH => ENODEV,
        e => e,
    }
}

impl Link {
    /// Use [`new_usb_link!`](crate::new_usb_link).
    pub fn new(
        interface: &Interface<Core<'_>>,
        [link, queue, lock]: [Pin<&'static LockClassKey>; 3],
    ) -> Result<Self> {
        let transfers = Arc::pin_init(Transfers::new([queue, lock]), GFP_KERNEL)?;
        // What is registered last goes first: the link is cut before this is dropped.
        let device: &Device<Core<'_>> = interface.as_ref();
        devres::register(device, End(transfers.clone()), GFP_KERNEL)?;
        Ok(Self {
            interface: link::Link::to(interface.into(), device, link)?,
            transfers,
        })
    }

    /// Does something with the interface, which stays bound meanwhile.
    fn with<R>(&self, f: impl FnOnce(&Interface) -> Result<R>) -> Result<R> {
        self.interface.with(f).map_err(gone)
    }

    /// Does a transfer of `length` bytes. Returns what came of it, and how many were moved.
    ///
    /// # Safety
    ///
    /// - The interface has an endpoint of that kind, number and direction.
    /// - `data` is memory of `kmalloc`, of that length, which nobody else writes until this returns, or
    ///   reads if it comes from the device. So is `setup`, which a control transfer has.
    unsafe fn transfer(
        &self,
        endpoint: u32,
        setup: *mut bindings::usb_ctrlrequest,
        data: *mut u8,
        length: u32,
        time: Msecs,
        wait: Wait,
    ) -> Result<(Result, usize)> {
        let owner = Urb::new()?;
        let urb = owner.0.as_ptr();
        pin_init::stack_pin_init!(let done = Completion::new());
        let done = done.into_ref();
        let interface = self.with(|interface| {
            let raw = as_raw(interface);
            // SAFETY: The interface is there.
            let is_over = || unsafe { is_over(raw, endpoint) };
            if is_over() {
                return Err(ENODEV);
            }
            // SAFETY: The request is ours, and the anchor initialised. The device is one that is bound,
            // and what C uses is there until this function returns, which it does not before C is done.
            unsafe {
                let device = bindings::interface_to_usbdev(raw);
                (*urb).dev = device;
                (*urb).pipe = endpoint | ((*device).devnum as u32) << 8;
                (*urb).setup_packet = setup.cast();
                (*urb).transfer_buffer = data.cast();
                (*urb).transfer_buffer_length = length;
                (*urb).context = core::ptr::from_ref(done.get_ref()).cast_mut().cast();
                (*urb).complete = Some(complete);
                bindings::usb_anchor_urb(urb, self.transfers.anchor.get());
                // To find memory nobody may wait for a disk: its hub may wait for this, to cut the link.
                to_result(bindings::usb_submit_urb(urb, bindings::LKM_GFP_NOIO))
                    .inspect_err(|_| bindings::usb_unanchor_urb(urb))?;
                // Nobody else may end what has begun since.
                if is_over() {
                    bindings::usb_kill_urb(urb);
                }
            }
            Ok(ARef::from(interface))
        })?;
        let waited = wait(&done, limit(time));
        // It ends a transfer that has not ended. In each case it waits until C is done with it, which looks
        // at the anchor after it has called `complete`.
        // SAFETY: The request is ours, and there is a reference to its device.
        unsafe { bindings::usb_kill_urb(urb) };
        drop(interface);
        // SAFETY: C is done with it.
        let (status, moved) = unsafe { ((*urb).status, (*urb).actual_length as usize) };
        match (waited, to_result(status)) {
            (Err(e), Err(ENOENT)) if e == compat::errno(bindings::ETIME) => {
                Ok((Err(ETIMEDOUT), moved))
            }
            (Err(e), Err(ENOENT)) => Ok((Err(e), moved)),
            (_, Err(e)) => Err(gone(e)),
            (_, Ok(())) => Ok((Ok(()), moved)),
        }
    }

    /// Asks the device, and returns its answer of at most `length` bytes.
    ///
    /// Fails with `ENODEV` when the interface is not bound any more, with `EPIPE` if the device knows no such
    /// request, `ETIMEDOUT` if it does not answer in time, `EPROTO` or `EILSEQ` if what comes is broken, as
    /// for a moment when it is pulled, `ERESTARTSYS` if the caller is killed, `EINVAL` for no bytes, or
    /// `ENOMEM`. The limit is of milliseconds, at most a minute. Sleeps (`usb_submit_urb`).
    pub fn control_in(&self, request: Request, length: u16, limit: Msecs) -> Result<KVec<u8>> {
        if length == 0 {
            // C would warn.
            return Err(EINVAL);
        }
        let mut answer = KVec::zeroed(length.into(), MAY_FAIL)?;
        let came = self.control(request, bindings::USB_DIR_IN, &mut answer, limit)?;
        answer.truncate(came);
        Ok(answer)
    }

    /// Tells the device something, with `data`, which may be empty.
    ///
    /// Fails with `EINVAL` if that is more than 65,535 bytes, and else as [`control_in`](Self::control_in) does.
    pub fn control_out(&self, request: Request, data: KVec<u8>, limit: Msecs) -> Result {
        let mut data = data;
        self.control(request, bindings::USB_DIR_OUT, &mut data, limit)
            .map(|_| ())
    }

    fn control(
        &self,
        request: Request,
        direction: u32,
        data: &mut KVec<u8>,
        time: Msecs,
    ) -> Result<usize> {
        let length = u16::try_from(data.len()).map_err(|_| EINVAL)?;
        let setup = bindings::usb_ctrlrequest {
            bRequestType: direction as u8 | request.kind as u8 | request.recipient as u8,
            bRequest: request.request,
            wValue: request.value.to_le(),
            wIndex: request.index.to_le(),
            wLength: length.to_le(),
        };
        let mut setup = KBox::new(setup, GFP_KERNEL)?;
        let endpoint = pipe(bindings::PIPE_CONTROL, 0, direction);
        // SAFETY: Each device has endpoint 0, in both directions. The memory is `kmalloc`'s, and nobody
        // else's until this returns.
        let (result, moved) = unsafe {
            self.transfer(
                endpoint,
                &raw mut *setup,
                data.as_mut_ptr(),
                length.into(),
                time,
                Completion::wait_killable_timeout,
            )?
        };
        result.and(Ok(moved))
    }
}

/// Where in a pipe its kind is.
const PIPE_KIND: u32 = 30;

/// What C's macros for pipes compute, without the device's number.
fn pipe(kind: u32, endpoint: u8, direction: u32) -> u32 {
    kind << PIPE_KIND | u32::from(endpoint & 0xf) << 15 | direction
}

/// An endpoint for bulk transfers.
///
/// # Invariants
///
/// The link's interface has an endpoint of this address, for bulk transfers.
struct Bulk {
    link: Link,
    address: u8,
    packet_size: u16,
}

impl Bulk {
    fn new(link: &Link, direction: u32) -> Result<Self> {
        let mut endpoint = null_mut();
        let (input, output): (*mut _, *mut _) = match direction {
            bindings::USB_DIR_IN => (&raw mut endpoint, null_mut()),
            _ => (null_mut(), &raw mut endpoint),
        };
        link.with(|interface| {
            // SAFETY: The interface is bound, so its setting does not change, and is there. C stores where
            // the endpoint is described in it.
            let descriptor = unsafe {
                let setting = (*as_raw(interface)).cur_altsetting;
                to_result(bindings::usb_find_common_endpoints(
                    setting,
                    input,
                    output,
                    null_mut(),
                    null_mut(),
                ))?;
                *endpoint
            };
            // INVARIANT: C has looked at the kind and the direction.
            Ok(Self {
                link: link.clone(),
                address: descriptor.bEndpointAddress,
                packet_size: u16::from_le(descriptor.wMaxPacketSize)
                    & bindings::USB_ENDPOINT_MAXP_MASK as u16,
            })
        })
    }

    /// Returns what came of it, and how many bytes were moved.
    fn transfer(
        &self,
        data: *mut u8,
        length: usize,
        time: Msecs,
        wait: Wait,
    ) -> Result<(Result, usize)> {
        // C counts what was moved in an `int`.
        let length = i32::try_from(length).map_err(|_| EINVAL)? as u32;
        let direction = u32::from(self.address) & bindings::USB_DIR_IN;
        let endpoint = pipe(bindings::PIPE_BULK, self.address, direction);
        // SAFETY: By the type invariants there is such an endpoint. Callers have memory of `kmalloc`, of
        // that length, which nobody else writes until this returns, or reads if it is written.
        unsafe {
            self.link
                .transfer(endpoint, null_mut(), data, length, time, wait)
        }
    }
}

/// An endpoint from which the driver reads, in one piece or as it comes.
pub struct BulkIn(Bulk);

impl BulkIn {
    /// The first one of the interface. Fails with `ENXIO` if there is none, and with `ENODEV` when the
    /// interface is not bound any more.
    pub fn new(link: &Link) -> Result<Self> {
        Bulk::new(link, bindings::USB_DIR_IN).map(Self)
    }

    /// How many bytes one packet can have, as the device says. May be 0, as it may say anything.
    pub fn packet_size(&self) -> usize {
        self.0.packet_size.into()
    }

    /// Waits for data until there are `length` bytes, or a packet is shorter than
    /// [`packet_size`](Self::packet_size), or something has come and the limit has passed, or there is a signal.
    ///
    /// `length` should be a multiple of the size: a device that sends more than was asked for is an error
    /// (`EOVERFLOW`).
    ///
    /// Fails with `ENODEV` when the interface is not bound any more, with `ETIMEDOUT` if nothing has come in
    /// `limit` milliseconds, which are at most a minute, `EPIPE` if the device has stopped the endpoint,
    /// `EPROTO` or `EILSEQ` if what comes is broken, as for a moment when it is pulled, `ERESTARTSYS` if a
    /// signal comes first, or `ENOMEM`. Sleeps (`usb_submit_urb`).
    pub fn read(&self, length: usize, limit: Msecs) -> Result<KVec<u8>> {
        let mut data = KVec::zeroed(length, MAY_FAIL)?;
        let memory = data.as_mut_ptr();
        let wait = Completion::wait_timeout;
        let (result, came) = self.0.transfer(memory, length, limit, wait)?;
        if came == 0 {
            result?;
        }
        data.truncate(came);
        Ok(data)
    }
}

/// An endpoint to which the driver writes.
pub struct BulkOut(Bulk);

impl BulkOut {
    /// The first one of the interface. Fails as [`BulkIn::new`] does.
    pub fn new(link: &Link) -> Result<Self> {
        Bulk::new(link, bindings::USB_DIR_OUT).map(Self)
    }

    /// Sends all of the data. If it fails, some of it may have been sent.
    ///
    /// Fails with `ETIMEDOUT` if the device has not taken all in `limit` milliseconds, `ERESTARTSYS` if the caller
    /// is killed, and else as [`BulkIn::read`] does. Sleeps (`usb_submit_urb`).
    pub fn write(&self, data: &KVec<u8>, limit: Msecs) -> Result {
        // It is only read.
        let memory = data.as_ptr().cast_mut();
        let wait = Completion::wait_killable_timeout;
        self.0.transfer(memory, data.len(), limit, wait)?.0
    }
}
