// SPDX-License-Identifier: GPL-2.0-only

//! Firmware: images that a driver needs, from `/lib/firmware` or from a process.
//!
//! A driver asks for an image and waits ([`Image::request`]). What `kernel::firmware` lacks is the
//! request that does not wait ([`Request`]), which is also the only one that may ask user space
//! for the image through the files `loading` and `data` below `/sys/class/firmware`; a [`Device`]
//! to ask for, where there is none; and the way to end a request that user space does not answer
//! ([`abort`]). Since its `Firmware` cannot be made from what C hands to a request that
//! does not wait, and since it is left out of kernels of which no driver in Rust wants it, there
//! is an [`Image`] here for both.
//!
//! C header: [`include/linux/firmware.h`](srctree/include/linux/firmware.h)

use crate::{
    bindings,
    compat::{
        errno,
        EOPNOTSUPP, //
    },
    completion::Completion,
    context, faux, file,
    kthread::{
        self,
        Thread, //
    },
    memory::MAY_FAIL,
    name::{
        self,
        Path, //
    },
};
use core::ptr::NonNull;
use kernel::{
    device,
    error::to_result,
    prelude::*,
    str::CString,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Release, //
        },
        Arc, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
};

/// A device that exists to ask for firmware: `/sys/devices/faux/<name>`.
pub struct Device {
    device: faux::Registration,
    /// Whether there is a [`Request`].
    asks: Atomic<bool>,
}

impl Device {
    /// Creates a device.
    ///
    /// Fails as [`faux::Registration::new`] does, which it is made by: in a `probe`, too, in the order that is told
    /// there. May sleep.
    pub fn new(name: &CStr) -> Result<Arc<Self>> {
        let device = Self {
            device: faux::Registration::new(name)?,
            asks: Atomic::new(false),
        };
        Ok(Arc::new(device, GFP_KERNEL)?)
    }

    fn as_raw(&self) -> *mut bindings::device {
        let device: *const device::Device<device::Bound> = self.as_ref();
        // A `Device` is transparent for C's.
        device.cast_mut().cast()
    }
}

impl AsRef<device::Device<device::Bound>> for Device {
    fn as_ref(&self) -> &device::Device<device::Bound> {
        self.device.as_ref()
    }
}

/// Refuses a name of which the kernel would make a folder in sysfs that nobody finds: a part of it is
/// empty, `.` or `..`, or the whole is too long. A question of that name could not be taken back. One with a `!`
/// may have the folder of another, with a `/` there, and `timeout` is a file beside them.
fn check(name: &CStr) -> Result {
    let name = name.to_bytes();
    let mut parts = name.split(|byte| *byte == b'/');
    if name.len() > bindings::NAME_MAX as usize
        || name == b"timeout"
        || name.contains(&b'!')
        || parts.any(|part| matches!(part, b"" | b"." | b".."))
    {
        return Err(EINVAL);
    }
    Ok(())
}

/// Returns the path of the file `loading` of a request. Requests of one name, for whichever device,
/// wait for one question, which is below the device that came first: only the class knows.
fn loading(name: &CStr) -> Result<CString> {
    let mut path = KVec::new();
    path.extend_from_slice(b"/sys/class/firmware/", GFP_KERNEL)?;
    for byte in name.to_bytes() {
        // As `kobject_set_name` does.
        path.push(if *byte == b'/' { b'!' } else { *byte }, GFP_KERNEL)?;
    }
    path.extend_from_slice(b"/loading\0", GFP_KERNEL)?;
    let path = CStr::from_bytes_with_nul(&path).map_err(|_| EINVAL)?;
    Ok(CString::try_from(path)?)
}

/// Says that user space has no answer, in the only way that there is. For a thread of the kernel's:
/// a process that wants the request to end may be in a folder of its own, or may not write there.
fn give_up(loading: &CStr) -> Result {
    file::Options::new().write().open(loading)?.write_all(b"-1")
}

/// Ends the request for an image that user space was asked to answer, as if `-1` had been written to
/// its file `loading`. All who asked for an image of that name get the same answer.
///
/// Fails with `ENOENT` if there is no such request, perhaps not yet, `EINVAL` if there cannot be one,
/// `EINTR` if the process is being killed, or `ENOMEM`. May sleep.
pub fn abort(name: &CStr) -> Result {
    check(name)?;
    let loading = loading(name)?;
    kthread::spawn(c"firmware abort", move |_| give_up(&loading))?
        .join()
        .unwrap_or(Err(EINTR))
}

/// A firmware image. A copy of C's, which must not be released in an interrupt.
pub struct Image(KVVec<u8>);

impl Image {
    /// Loads the image `name`, a path below `/lib/firmware`.
    ///
    /// If there is no such file, and the administrator has it so (`kernel.firmware_config` in
    /// sysctl), it asks user space, and waits as long as `/sys/class/firmware/timeout` says. Fails
    /// with `ENOENT` if there is no image, also if user space gives up, `ETIMEDOUT` if it does not
    /// answer, `EINTR` if the process is killed meanwhile, `EINVAL` if the file is empty or the
    /// name is no path below the folder, `EDEADLK` where [files](mod@crate::file) cannot be used because of a lock that C
    /// holds, or `ENOMEM`. May sleep (`request_firmware`).
    ///
    /// If somebody waits for an image of that name already, this waits for the same answer, without a limit. Only who
    /// is killed does not (`ERESTARTSYS`).
    pub fn request(device: &device::Device<device::Bound>, name: &CStr) -> Result<Self> {
        check(name)?;
        if !context::may_use_files() {
            return Err(errno(bindings::EDEADLK));
        }
        // C keeps the name with the device, until its driver goes.
        let device: *const device::Device<device::Bound> = device;
        let mut image = core::ptr::null();
        // SAFETY: The name is a C string, and `image` is valid for writes. A `Device` is
        // transparent for C's.
        to_result(unsafe {
            bindings::request_firmware(
                &mut image,
                name.as_char_ptr(),
                device.cast_mut().cast::<bindings::device>(),
            )
        })?;
        // SAFETY: The function filled in an image for us.
        unsafe { Self::take(image) }
    }

    /// Copies an image, and releases it.
    ///
    /// # Safety
    ///
    /// `image` must be null, or an image that nobody uses any more.
    unsafe fn take(image: *const bindings::firmware) -> Result<Self> {
        let image = NonNull::new(image.cast_mut()).ok_or(ENOENT)?;
        let mut bytes = KVVec::new();
        // SAFETY: By the safety requirements. An image that is not empty has `size` bytes at `data`.
        let result = unsafe {
            let raw = image.as_ref();
            if raw.size == 0 {
                Ok(())
            } else {
                bytes.extend_from_slice(core::slice::from_raw_parts(raw.data, raw.size), MAY_FAIL)
            }
        };
        // SAFETY: By the safety requirements.
        unsafe { bindings::release_firmware(image.as_ptr()) };
        result?;
        Ok(Self(bytes))
    }

    /// The content.
    pub fn data(&self) -> &[u8] {
        &self.0
    }
}

/// Where a [`Request`] looks if there is no such file below `/lib/firmware`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// Nowhere, unless the administrator forces it (`kernel.firmware_config` in sysctl).
    None,
    /// It asks user space, and waits as long as it takes, or until the machine is to be suspended or goes down: who
    /// asked before that gets no image. A question that comes just before processes are frozen, after the others were ended,
    /// has the suspend wait until it is answered, or its [`Request`] dropped, and so has each without `CONFIG_FW_CACHE`.
    /// Somebody who knows about it has to
    /// answer in `/sys/class/firmware/<name>`: write 1 to `loading`, the image to `data`, and 0,
    /// or -1 to give up, to `loading`. A kernel without `CONFIG_FW_LOADER_USER_HELPER` asks nobody, and
    /// there is no image.
    UserSpace,
}

/// What gets an image.
pub trait Receiver: Send + Sync + 'static {
    /// Takes the image, or learns that there is none, or no memory for it; C does not say why. Runs
    /// in a kernel worker and may sleep.
    fn receive(&self, image: Option<Image>);
}

/// A request that does not wait.
///
/// Dropping it ends it: if user space was asked, the question is taken back, also for others who wait
/// for an image of that name. After that [`Receiver::receive`] has run, or will not.
///
/// Must not be dropped [in its own callback](crate#pitfalls), `receive`, nor be kept by its receiver: then both stay, and
/// the kernel calls what was unloaded.
///
/// # Examples
///
/// ```
/// # use kernel::{prelude::*, sync::Arc};
/// use lkm::firmware::{Device, Fallback, Image, Receiver, Request};
///
/// struct Lamp;
///
/// impl Receiver for Lamp {
///     fn receive(&self, image: Option<Image>) {
///         match image {
///             Some(image) => pr_info!("Loaded {} bytes\n", image.data().len()),
///             None => pr_err!("There is no image.\n"),
///         }
///     }
/// }
///
/// fn load(lamp: Arc<Lamp>) -> Result<Request<Lamp>> {
///     Request::new(Device::new(c"lamp")?, c"lamp.bin", Fallback::None, lamp)
/// }
/// ```
pub struct Request<T: Receiver> {
    pending: Arc<Pending<T>>,
    // Takes the question back. It waits from the start, since who drops the request may be being
    // killed, and then would get no thread.
    taker: Option<Thread<()>>,
    device: Asking,
    /// Kept, since cancelling compares it, and a function may have several addresses.
    function: unsafe extern "C" fn(*const bindings::firmware, *mut c_void),
}

/// A device that asks.
struct Asking(Arc<Device>);

impl Asking {
    fn new(device: Arc<Device>) -> Result<Self> {
        if device.asks.xchg(true, Acquire) {
            return Err(EBUSY);
        }
        Ok(Self(device))
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.asks.store(false, Release);
    }
}

/// What the worker needs.
#[pin_data]
struct Pending<T> {
    receiver: Arc<T>,
    done: Atomic<bool>,
    /// The thread that takes the question back runs: one that is stopped before never does.
    #[pin]
    has_taker: Completion,
}

impl<T: Receiver> Pending<T> {
    /// Ends the request, of which `loading` is the file.
    fn take_back(&self, loading: &CStr) {
        /// How long the worker may take to come to asking user space, or from there to the end.
        const PATIENCE: u32 = 1000;

        let mut rounds = 0;
        while !self.done.load(Acquire) {
            let result = give_up(loading);
            if let (PATIENCE, Err(e)) = (rounds, result) {
                pr_warn!("Waiting for an answer in {loading}, which cannot be written: {e:?}.\n");
            }
            rounds = rounds.saturating_add(1);
            // C holds what it was given until it has an answer, so nothing else may end the wait.
            fsleep(Delta::from_millis(if rounds < PATIENCE { 1 } else { 100 }));
        }
    }
}

impl<T: Receiver> Request<T> {
    /// Asks for the image `name`, a path below `/lib/firmware`.
    ///
    /// Fails with `EBUSY` if the device has a request, since each takes a worker of the kernel's as long
    /// as it is pending, `EOPNOTSUPP` if user space is to be asked, by a kernel that does so, and there is no
    /// `/sys/class/firmware`, or an [`Image::request`] of that name was for the same device, `EINVAL` if the name is
    /// no such path, `EINTR` if the process is being killed, or `ENOMEM`. May sleep (`request_firmware_nowait`).
    pub fn new(
        device: Arc<Device>,
        name: &CStr,
        fallback: Fallback,
        receiver: Arc<T>,
    ) -> Result<Self> {
        check(name)?;
        // There it could be neither answered nor taken back.
        #[cfg(CONFIG_FW_LOADER_USER_HELPER)]
        if fallback == Fallback::UserSpace
            && !name::exists(Path::concat(&[b"/sys/class/firmware/timeout"]))?
        {
            return Err(EOPNOTSUPP);
        }
        let device = Asking::new(device)?;
        let pending = Arc::pin_init(
            pin_init!(Pending {
                receiver,
                done: Atomic::new(false),
                has_taker <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;
        let loading = loading(name)?;
        let taker = kthread::spawn(c"firmware abort", {
            let pending = pending.clone();
            move |me| {
                pending.has_taker.complete();
                // Who is being killed does not wait for this thread, but stops it, and it has to all the same.
                let _ = me.park();
                pending.take_back(&loading);
            }
        })?;
        if pending.has_taker.wait().is_err() {
            pending.done.store(true, Release);
            return Err(EINTR);
        }
        let request = Self {
            pending: pending.clone(),
            taker: Some(taker),
            device,
            function: Self::receive,
        };
        let context = request.context();
        // SAFETY: The name is a C string that is copied, and the device exists. `drop` makes sure
        // that the function is not called, or has returned, before `pending` and the device can
        // go, and before the module can; so it needs no reference to the module, and the module
        // can be unloaded while the request is pending.
        let result = to_result(unsafe {
            bindings::request_firmware_nowait(
                core::ptr::null_mut(),
                fallback == Fallback::None,
                name.as_char_ptr(),
                request.device.0.as_raw(),
                bindings::GFP_KERNEL,
                context,
                Some(request.function),
            )
        });
        if result.is_err() {
            pending.done.store(true, Release);
        }
        result.map(|()| request)
    }

    /// Whether the image is still to come: not any more in [`Receiver::receive`].
    pub fn is_pending(&self) -> bool {
        !self.pending.done.load(Acquire)
    }

    fn context(&self) -> *mut c_void {
        core::ptr::from_ref(&*self.pending).cast_mut().cast()
    }

    /// The function that C calls.
    ///
    /// # Safety
    ///
    /// To be called once, with what [`Self::context`] returned, before the request is gone.
    unsafe extern "C" fn receive(image: *const bindings::firmware, context: *mut c_void) {
        // SAFETY: By the safety requirements; the request has a reference.
        let pending = unsafe { &*context.cast::<Pending<T>>() };
        // SAFETY: The function owns the image that it is given.
        let image = unsafe { Image::take(image) };
        pending.done.store(true, Release);
        pending.receiver.receive(image.ok());
    }
}

impl<T: Receiver> Drop for Request<T> {
    fn drop(&mut self) {
        if let Some(taker) = self.taker.take().filter(|_| self.is_pending()) {
            taker.unpark();
            taker.join();
        }
        // SAFETY: These are the arguments of the request. Waits until the worker has left
        // `receive`.
        unsafe {
            bindings::request_firmware_nowait_cancel(
                self.device.0.as_raw(),
                self.context(),
                Some(self.function),
            )
        };
    }
}
