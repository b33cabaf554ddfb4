// SPDX-License-Identifier: GPL-2.0-only

//! Miscellaneous devices: character devices that share major number 10.
//!
//! A [`Registration`] takes a minor number, puts [`FileOperations`] behind it, and has devtmpfs create
//! the node in `/dev`: what a driver with one device needs. Upstream's `kernel::miscdevice` hands
//! whatever it is answered to the VFS (`docs/upstream.md`).
//!
//! C header: [`include/linux/miscdevice.h`](srctree/include/linux/miscdevice.h)

use crate::{
    bindings,
    compat::errno,
    context,
    fops::{
        FileOperations,
        Shims, //
    },
    lifetime::{
        self,
        References, //
    },
    name::{
        self,
        is_device,
        permissions,
        Path, //
    },
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::Arc,
    types::Opaque, //
};

/// A registered device. Dropping it removes the node, and gives the number back.
///
/// Files that are open then keep working. They also keep the module: it cannot be unloaded before
/// they are closed, and a load that fails waits for that.
///
/// C opens one miscellaneous device at a time, with the lock that it registers them with, and shows them in `/proc/misc`
/// with. So [`FileOperations::open`] cannot use [files](mod@crate::file), nor register another device or an interface
/// (`EDEADLK`); what it drops is there until it has returned, and a little longer. Others cannot open any meanwhile, so it
/// must not wait.
///
/// # Examples
///
/// ```
/// # use lkm::{misc, prelude::*};
/// struct Zeroes;
///
/// #[vtable]
/// impl FileOperations for Zeroes {
///     type Data = ();
///
///     fn open(_data: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
///         Ok(Zeroes)
///     }
///
///     fn read(
///         &self,
///         _file: &OpenFile,
///         _pos: &mut Offset,
///         out: &mut IovIterDest<'_>,
///     ) -> Result<usize> {
///         Ok(out.copy_to_iter(&[0; 64]))
///     }
/// }
///
/// fn zeroes() -> Result<misc::Registration<Zeroes>> {
///     misc::Registration::new(c"zeroes", 0o444, Arc::new((), GFP_KERNEL)?)
/// }
/// ```
pub struct Registration<T: FileOperations> {
    /// Taken by the drop. Goes first: afterwards nobody can open it.
    device: Option<Pin<KBox<Device<T>>>>,
    _references: References,
}

impl<T: FileOperations> Drop for Registration<T> {
    fn drop(&mut self) {
        if !context::may_register() {
            if let Some(device) = self.device.take() {
                lifetime::drop_later(device);
            }
        }
    }
}

impl<T: FileOperations> Registration<T> {
    /// Registers a device that is called `name` in `/proc/misc`, `/sys/class/misc` and `/dev`. Its open
    /// files share `data`, and its node has this mode.
    ///
    /// Fails with `EEXIST` if the name is taken, `EINVAL` if it is none that a file can have or the
    /// mode is none, `EBUSY` if there is no number left, or `ENOMEM`; and with `EDEADLK` in what answers a
    /// [disk's](crate::block::Operations) requests, or C calls with a lock held: the `open` of another one, a parameter's
    /// `on_set`, [`net`](crate::net)'s `open` and `stop`, a file's `mmap`, `fault` and `poll`. May sleep (`misc_register`).
    ///
    /// The device may be opened before this returns. Something else that has its name in `/dev` stays, and then there is
    /// no node, of which nobody is told (`devtmpfs`).
    pub fn new(name: &'static CStr, mode: u16, data: Arc<T::Data>) -> Result<Self> {
        if !is_device(name) {
            return Err(EINVAL);
        }
        if !context::may_register() {
            return Err(errno(bindings::EDEADLK));
        }
        let mode = permissions(mode)?;
        // C would show who registers what is there, as if it were an error of the kernel's.
        if name::exists(Path::concat(&[b"/sys/class/misc/", name.to_bytes()]))? {
            return Err(EEXIST);
        }
        let references = References;
        let device = KBox::pin_init(Device::new(name, mode, data), GFP_KERNEL)?;
        Ok(Self {
            device: Some(device),
            _references: references,
        })
    }
}

/// # Invariants
///
/// `device` is registered.
#[pin_data(PinnedDrop)]
#[repr(C)]
struct Device<T: FileOperations> {
    // Must be first: an open file finds what begins with it.
    #[pin]
    device: Opaque<bindings::miscdevice>,
    data: Arc<T::Data>,
}

// SAFETY: A device may be deregistered by any thread, and the data may be used by any.
unsafe impl<T: FileOperations> Send for Device<T> {}
// SAFETY: C has a lock for what it changes in a device.
unsafe impl<T: FileOperations> Sync for Device<T> {}

impl<T: FileOperations> Device<T> {
    fn new(
        name: &'static CStr,
        mode: bindings::umode_t,
        data: Arc<T::Data>,
    ) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            data,
            // Last: the device may be opened at once.
            device <- Opaque::try_ffi_init(move |slot: *mut bindings::miscdevice| {
                // SAFETY: The slot is valid for writes, is pinned, and is deregistered before it goes.
                // The name and the operations are static. INVARIANT: It is registered if this succeeds.
                to_result(unsafe {
                    slot.write(bindings::miscdevice {
                        minor: bindings::MISC_DYNAMIC_MINOR as c_int,
                        name: name.as_char_ptr(),
                        fops: &Self::OPS,
                        mode,
                        ..pin_init::zeroed()
                    });
                    bindings::misc_register(slot)
                })
            }),
        })
    }

    const OPS: bindings::file_operations = bindings::file_operations {
        open: Some(Self::open),
        ..Shims::<T>::OPS
    };

    /// `file_operations::open`.
    ///
    /// # Safety
    ///
    /// To be called by `misc_open`, for a device of this type.
    unsafe extern "C" fn open(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `misc_open` left the device there, and keeps it registered during this call. It is
        // the first member of a `Self`.
        let data = unsafe { &(*(*file).private_data.cast::<Self>()).data };
        context::without_registering(|| {
            // SAFETY: The file is in its `open`. `release` follows if this succeeds.
            unsafe { Shims::<T>::open(data.as_arc_borrow(), file) }
        })
    }
}

#[pinned_drop]
impl<T: FileOperations> PinnedDrop for Device<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants.
        unsafe { bindings::misc_deregister(self.device.get()) };
    }
}
