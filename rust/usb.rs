// SPDX-License-Identifier: GPL-2.0-only

//! Transfers to and from a USB device, which upstream's `kernel::usb` does not have.
//!
//! Each is by a [`Link`] to the interface, which is cut when that is unbound: from then on it fails with
//! `ENODEV`.
//!
//! Transfers are of memory that the controller can reach: what is sent is a [`KVec`], whose memory is
//! `kmalloc`'s and no part of anything else, and so is what is received. It is as long as what has come.
//!
//! Each transfer sleeps, and has a limit. The core ends those that are under way when the device is
//! pulled.
//!
//! C header: [`include/linux/usb.h`](srctree/include/linux/usb.h)
//!
//! Reference: chapter 18 of the book.

use crate::{
    bindings,
    link,
    memory::MAY_FAIL, //
};
use core::ptr::null_mut;
use kernel::{
    device::Core,
    error::to_result,
    prelude::*,
    sync::{
        Arc,
        LockClassKey, //
    },
    time::Msecs,
    usb::Interface, //
};

/// Creates a [`Link`] with a lock class of its own, in an [`Arc`], for a driver's `probe`.
///
/// Fails with `ENOMEM`. May sleep.
///
/// [`Link`]: crate::usb::Link
#[macro_export]
macro_rules! new_usb_link {
    ($interface:expr) => {
        $crate::usb::Link::new($interface, ::kernel::static_lock_class!())
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
pub type Link = link::Link<Interface>;

/// The interface as C knows it.
fn as_raw(interface: &Interface) -> *mut bindings::usb_interface {
    // A transparent wrapper.
    core::ptr::from_ref(interface).cast_mut().cast()
}

/// C takes 0 for no limit, and as a number of its own what is beyond a minute for some transfers.
fn limit(limit: Msecs) -> c_int {
    limit.clamp(1, bindings::USB_MAX_SYNCHRONOUS_TIMEOUT) as c_int
}

impl Link {
    /// Use [`new_usb_link!`](crate::new_usb_link).
    pub fn new(
        interface: &Interface<Core<'_>>,
        key: Pin<&'static LockClassKey>,
    ) -> Result<Arc<Self>> {
        Self::to(interface.into(), interface.as_ref(), key)
    }

    /// Does something with the interface and its device, which stay bound meanwhile.
    fn with_raw<R>(
        &self,
        f: impl FnOnce(*mut bindings::usb_interface, *mut bindings::usb_device) -> Result<R>,
    ) -> Result<R> {
        let result = self.with(|interface| {
            let interface = as_raw(interface);
            // SAFETY: It is bound.
            let device = unsafe { bindings::interface_to_usbdev(interface) };
            f(interface, device)
        });
        // What the core says of endpoints that it has taken away, as it does first of all.
        result.map_err(|e| match e {
            ESHUTDOWN | ENOENT | EHOSTUNREACH => ENODEV,
            e => e,
        })
    }

    /// Asks the device, and returns its answer of at most `length` bytes.
    ///
    /// Fails with `ENODEV` when the interface is not bound any more, with `EPIPE` if the device knows no such
    /// request, `ETIMEDOUT` if it does not answer in time, `EPROTO` or `EILSEQ` if what comes is broken, as
    /// for a moment when it is pulled, `EINVAL` for no bytes, or `ENOMEM`. The limit is of milliseconds, at most a minute. Sleeps until
    /// then even if the caller is killed (`usb_control_msg`).
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
        let kind = direction as u8 | request.kind as u8 | request.recipient as u8;
        self.with_raw(|_, device| {
            let pipe = pipe(device, bindings::PIPE_CONTROL, 0, direction);
            // SAFETY: The device is one that is bound, the memory is `kmalloc`'s, of that length, and
            // nobody else's until this returns.
            let came = unsafe {
                bindings::usb_control_msg(
                    device,
                    pipe,
                    request.request,
                    kind,
                    request.value,
                    request.index,
                    data.as_mut_ptr().cast(),
                    length,
                    limit(time),
                )
            };
            to_result(came)?;
            Ok(came as usize)
        })
    }
}

/// What C's macros for pipes compute.
fn pipe(device: *mut bindings::usb_device, kind: u32, endpoint: u8, direction: u32) -> c_uint {
    // SAFETY: Callers have a device one of whose interfaces is bound. That has its number until it is not.
    let number = unsafe { (*device).devnum } as u32;
    kind << 30 | u32::from(endpoint & 0xf) << 15 | number << 8 | direction
}

/// An endpoint for bulk transfers.
///
/// # Invariants
///
/// The link's interface has an endpoint of this address, for bulk transfers.
struct Bulk {
    link: Arc<Link>,
    address: u8,
    packet_size: u16,
}

impl Bulk {
    fn new(link: &Arc<Link>, direction: u32) -> Result<Self> {
        let mut endpoint = null_mut();
        let (input, output): (*mut _, *mut _) = match direction {
            bindings::USB_DIR_IN => (&raw mut endpoint, null_mut()),
            _ => (null_mut(), &raw mut endpoint),
        };
        link.with_raw(|interface, _| {
            // SAFETY: The interface is bound, so its setting does not change, and is there. C stores where
            // the endpoint is described in it.
            let descriptor = unsafe {
                let setting = (*interface).cur_altsetting;
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
    fn transfer(&self, data: *mut u8, length: usize, time: Msecs) -> Result<(Result, usize)> {
        let length = c_int::try_from(length).map_err(|_| EINVAL)?;
        self.link.with_raw(|_, device| {
            let direction = u32::from(self.address) & bindings::USB_DIR_IN;
            let pipe = pipe(device, bindings::PIPE_BULK, self.address, direction);
            let mut moved = 0;
            // SAFETY: The device is one that is bound, and callers have memory of `kmalloc`, of that
            // length, which nobody else writes until this returns, or reads if it is written.
            let result = to_result(unsafe {
                bindings::usb_bulk_msg_killable(
                    device,
                    pipe,
                    data.cast(),
                    length,
                    &raw mut moved,
                    limit(time),
                )
            });
            match result {
                Err(e) if e != ETIMEDOUT => Err(e),
                result => Ok((result, moved as usize)),
            }
        })
    }
}

/// An endpoint from which the driver reads, in one piece or as it comes.
pub struct BulkIn(Bulk);

impl BulkIn {
    /// The first one of the interface. Fails with `ENXIO` if there is none, and with `ENODEV` when the
    /// interface is not bound any more.
    pub fn new(link: &Arc<Link>) -> Result<Self> {
        Bulk::new(link, bindings::USB_DIR_IN).map(Self)
    }

    /// How many bytes one packet can have, as the device says. May be 0, as it may say anything.
    pub fn packet_size(&self) -> usize {
        self.0.packet_size.into()
    }

    /// Waits for data until there are `length` bytes, or a packet is shorter than
    /// [`packet_size`](Self::packet_size), or the limit has passed and something has come.
    ///
    /// `length` should be a multiple of the size: a device that sends more than was asked for is an error
    /// (`EOVERFLOW`).
    ///
    /// Fails with `ENODEV` when the interface is not bound any more, with `ETIMEDOUT` if nothing has come in
    /// `limit` milliseconds, which are at most a minute, `EPIPE` if the device has stopped the endpoint,
    /// `EPROTO` or `EILSEQ` if what comes is broken, as for a moment when it is pulled, `ERESTARTSYS` if the
    /// caller is killed, or `ENOMEM`. Sleeps (`usb_bulk_msg_killable`).
    pub fn read(&self, length: usize, limit: Msecs) -> Result<KVec<u8>> {
        let mut data = KVec::zeroed(length, MAY_FAIL)?;
        let (result, came) = self.0.transfer(data.as_mut_ptr(), length, limit)?;
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
    pub fn new(link: &Arc<Link>) -> Result<Self> {
        Bulk::new(link, bindings::USB_DIR_OUT).map(Self)
    }

    /// Sends all of the data. If it fails, some of it may have been sent.
    ///
    /// Fails with `ETIMEDOUT` if the device has not taken all in `limit` milliseconds, and else as
    /// [`BulkIn::read`] does. Sleeps (`usb_bulk_msg_killable`).
    pub fn write(&self, data: &KVec<u8>, limit: Msecs) -> Result {
        // It is only read.
        let memory = data.as_ptr().cast_mut();
        self.0.transfer(memory, data.len(), limit)?.0
    }
}
