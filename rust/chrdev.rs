// SPDX-License-Identifier: GPL-2.0-only

//! Character devices with a major number of their own.
//!
//! A [`Registration`] takes a range of device numbers, puts [`FileOperations`] behind it, and has
//! devtmpfs create the nodes in `/dev`. For a single node that may share major 10,
//! [`misc`](crate::misc) is the shorter way.
//!
//! C headers: [`include/linux/cdev.h`](srctree/include/linux/cdev.h),
//! [`include/linux/device.h`](srctree/include/linux/device.h)
//!
//! Reference: chapters 4.1.3, 4.1.4 and 7 of the guide.

use crate::{
    bindings,
    fops::{
        FileOperations,
        Shims, //
    },
    lifetime::{
        module_kobject,
        this_module,
        References, //
    },
    name::{
        self,
        is_device,
        permissions,
        Path, //
    },
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    revocable::Revocable,
    sync::Arc,
    types::Opaque, //
};

/// How to register a device.
#[derive(Clone, Copy)]
pub struct Options {
    name: &'static CStr,
    major: u32,
    minors: u32,
    nodes: u32,
    mode: u16,
}

impl Options {
    /// A device that is called `name` in `/proc/devices`, `/sys/class` and `/dev`.
    ///
    /// It gets a major number that is free, with minors 0 to 255 as `register_chrdev` would, and
    /// one node for minor 0, which only root can open (mode 0600).
    pub const fn new(name: &'static CStr) -> Self {
        Self {
            name,
            major: 0,
            minors: 256,
            nodes: 1,
            mode: 0o600,
        }
    }

    /// Asks for this major number. Registering fails with `EBUSY` if it is taken.
    pub const fn major(mut self, major: u32) -> Self {
        self.major = major;
        self
    }

    /// Takes minors 0 to `count - 1`.
    pub const fn minors(mut self, count: u32) -> Self {
        self.minors = count;
        self
    }

    /// Creates nodes for minors 0 to `count - 1`, called `name0`, `name1`… if there are several. At most 4,096.
    pub const fn nodes(mut self, count: u32) -> Self {
        self.nodes = count;
        self
    }

    /// Gives the nodes this mode.
    pub const fn mode(mut self, mode: u16) -> Self {
        self.mode = mode;
        self
    }
}

/// A registered character device. Dropping it removes the nodes and gives the numbers back.
///
/// Files that are open then keep working. They also keep the module: it cannot be unloaded before
/// they are closed, and a load that fails waits for that.
pub struct Registration<T: FileOperations> {
    // Fields are dropped in this order: nobody finds the nodes any more, nobody can open the
    // device, those who did are waited for, its class goes, and last its numbers.
    _nodes: Nodes,
    _device: Device<T>,
    _references: References,
    _class: Class,
    numbers: Numbers,
}

impl<T: FileOperations> Registration<T> {
    /// Registers a device whose open files share `data`.
    ///
    /// Fails with `EBUSY` if the major number is taken, or the module's parameters are still being
    /// read, `EEXIST` if the class exists, `EINVAL` if the name is none that a file can have, with a
    /// number behind it if there are several nodes, the mode is none, the major number is 512 or above,
    /// there are more nodes than minors, or than 4,096, or no minors or more than 2^20, or `ENOMEM`. May sleep.
    ///
    /// The device may be opened before this returns. Something else that has the name of a node in `/dev` stays, and then
    /// there is no such node, of which nobody is told (`devtmpfs`).
    pub fn new(options: Options, data: Arc<T::Data>) -> Result<Self> {
        // If one of them fails, those before it are dropped in the order of the fields.
        let numbers = Numbers::new(&options)?;
        let class = Class::new(&options)?;
        let references = References;
        let device = Device::new(&numbers, data)?;
        // Last: who is told of a node may open it at once.
        let nodes = Nodes::new(&options, &numbers, &class)?;
        Ok(Self {
            _nodes: nodes,
            _device: device,
            _references: references,
            _class: class,
            numbers,
        })
    }

    /// Returns the major number.
    pub fn major(&self) -> u32 {
        self.numbers.first >> bindings::MINORBITS
    }
}

/// How long the number of a minor can be.
const MOST_DIGITS: usize = 4;

/// Each takes memory, and time in which nobody can kill who makes it.
const MOST_NODES: u32 = 4096;

/// A range of device numbers.
///
/// # Invariants
///
/// The range is registered.
struct Numbers {
    first: bindings::dev_t,
    count: c_uint,
}

impl Numbers {
    fn new(options: &Options) -> Result<Self> {
        // Of several nodes each has its number behind the name.
        let digits = if options.nodes > 1 { MOST_DIGITS } else { 0 };
        if !is_device(options.name)
            || options.name.to_bytes().len() + digits > bindings::NAME_MAX as usize
            || options.major >= bindings::CHRDEV_MAJOR_MAX
            || !(1..=1 << bindings::MINORBITS).contains(&options.minors)
            || options.nodes > options.minors.min(MOST_NODES)
        {
            return Err(EINVAL);
        }
        let name = options.name.as_char_ptr();
        let count = options.minors;
        let mut first = options.major << bindings::MINORBITS;
        to_result(if options.major == 0 {
            // SAFETY: `first` is valid for writes; the name is static, which C asks for.
            unsafe { bindings::alloc_chrdev_region(&mut first, 0, count, name) }
        } else {
            // SAFETY: The name is static, which C asks for.
            unsafe { bindings::register_chrdev_region(first, count, name) }
        })?;
        // INVARIANT: The range was registered above.
        Ok(Self { first, count })
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::unregister_chrdev_region(self.first, self.count) };
    }
}

/// The class that the nodes belong to, which knows their mode.
///
/// # Invariants
///
/// The pointer is a registered class that this value owns.
struct Class(NonNull<bindings::class>);

// SAFETY: A class may be destroyed by any thread.
unsafe impl Send for Class {}
// SAFETY: Nothing can be done with a shared reference.
unsafe impl Sync for Class {}

impl Class {
    fn new(options: &Options) -> Result<Self> {
        // C would show who registers what is there, as if it were an error of the kernel's. In the second one there is
        // a folder for the class, and others' that belong to no class.
        for folder in [&b"/sys/class/"[..], b"/sys/devices/virtual/"] {
            if name::exists(Path::concat(&[folder, options.name.to_bytes()]))? {
                return Err(EEXIST);
            }
        }
        // SAFETY: The name is static.
        let class = from_err_ptr(unsafe { bindings::class_create(options.name.as_char_ptr()) })?;
        let class = NonNull::new(class).ok_or(ENOMEM)?;
        // SAFETY: No device is in the class yet, so nobody reads this.
        unsafe { (*class.as_ptr()).devnode = Some(Self::devnode) };
        // INVARIANT: `class_create` registered it for us.
        Ok(Self(class))
    }

    /// `class::devnode`: says which mode a node in `/dev` has.
    ///
    /// # Safety
    ///
    /// To be called by the driver core, with a device that [`Nodes::new`] created.
    unsafe extern "C" fn devnode(
        device: *const bindings::device,
        mode: *mut bindings::umode_t,
    ) -> *mut c_char {
        if !mode.is_null() {
            // SAFETY: `Nodes::new` left the mode in the device's driver data.
            unsafe { *mode = (*device).driver_data.addr() as bindings::umode_t };
        }
        core::ptr::null_mut()
    }
}

impl Drop for Class {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. C looks at the name once more when it frees the class, which
        // with `CONFIG_DEBUG_KOBJECT_RELEASE` is after the module: let it be one that stays.
        unsafe {
            (*self.0.as_ptr()).name = (&raw const bindings::init_task.comm).cast();
            bindings::class_destroy(self.0.as_ptr());
        }
    }
}

/// The nodes in `/dev`.
///
/// # Invariants
///
/// A device exists in `class` for each of the `count` numbers from `first`, which has minor 0.
struct Nodes {
    class: NonNull<bindings::class>,
    first: bindings::dev_t,
    count: u32,
}

// SAFETY: Devices may be destroyed by any thread.
unsafe impl Send for Nodes {}
// SAFETY: Nothing can be done with a shared reference.
unsafe impl Sync for Nodes {}

impl Nodes {
    fn new(options: &Options, numbers: &Numbers, class: &Class) -> Result<Self> {
        // INVARIANT: No device exists, and `count` grows with each.
        let mut nodes = Self {
            class: class.0,
            first: numbers.first,
            count: 0,
        };
        let mode = permissions(options.mode)?;
        let format = if options.nodes > 1 { c"%s%u" } else { c"%s" };
        while nodes.count < options.nodes {
            // SAFETY: The class is registered; the arguments fit the format, which ignores what is
            // left over.
            from_err_ptr(unsafe {
                bindings::device_create(
                    nodes.class.as_ptr(),
                    core::ptr::null_mut(),
                    nodes.first | nodes.count,
                    core::ptr::without_provenance_mut(mode.into()),
                    format.as_char_ptr(),
                    options.name.as_char_ptr(),
                    nodes.count,
                )
            })?;
            nodes.count += 1;
        }
        Ok(nodes)
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for minor in 0..self.count {
            // SAFETY: By the type invariants.
            unsafe { bindings::device_destroy(self.class.as_ptr(), self.first | minor) };
        }
    }
}

/// What is behind the numbers.
///
/// Files that are open, or are just being opened, refer to the `cdev`, which may be after the
/// registration. So C counts who does, and frees it.
#[pin_data]
#[repr(C)]
struct Shared<D> {
    // Must be first: C frees what begins with it.
    #[pin]
    cdev: Opaque<bindings::cdev>,
    #[pin]
    data: Revocable<Arc<D>>,
}

impl<D> Shared<D> {
    fn kobject(&self) -> *mut bindings::kobject {
        // SAFETY: The member is part of what `self` refers to.
        unsafe { &raw mut (*self.cdev.get()).kobj }
    }
}

/// A live `cdev`.
///
/// # Invariants
///
/// The pointer is that of a `Shared` that [`Self::new`] leaked. Its `cdev` was added, and this value
/// owns the first reference to it.
struct Device<T: FileOperations>(NonNull<Shared<T::Data>>);

// SAFETY: The data is `Send` and `Sync`, and C locks the rest.
unsafe impl<T: FileOperations> Send for Device<T> {}
// SAFETY: Nothing can be done with a shared reference.
unsafe impl<T: FileOperations> Sync for Device<T> {}

impl<T: FileOperations> Device<T> {
    #[expect(clippy::disallowed_methods, reason = "nobody reads it in here")]
    fn new(numbers: &Numbers, data: Arc<T::Data>) -> Result<Self> {
        let parent = module_kobject()?;
        // SAFETY: The function has no requirements.
        let model = NonNull::new(unsafe { bindings::cdev_alloc() }).ok_or(ENOMEM)?;
        // SAFETY: The `cdev` is ours, and this gives it back.
        let ktype = unsafe {
            let kobject = &raw mut (*model.as_ptr()).kobj;
            let ktype = (*kobject).ktype;
            bindings::kobject_put(kobject);
            ktype
        };
        let shared = KBox::pin_init(
            pin_init!(Shared {
                cdev <- Opaque::zeroed(),
                data <- Revocable::new(data),
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The value is not moved.
        let shared = &*KBox::leak(unsafe { Pin::into_inner_unchecked(shared) });
        let (cdev, kobject) = (shared.cdev.get(), shared.kobject());
        // SAFETY: The `cdev` is valid, and nobody else knows it yet. When the last reference goes, C
        // does what it does with one from `cdev_alloc`: it has the inodes forget it, frees it, as
        // `KBox` would, and lets go of its parent. With `CONFIG_DEBUG_KOBJECT_RELEASE` that is
        // seconds later. The module, which the inodes' `cdev` names as its owner, waits for it.
        let ret = unsafe {
            bindings::cdev_init(cdev, &Vtable::<T>::OPS);
            (*cdev).owner = this_module().as_ptr();
            (*kobject).ktype = ktype;
            bindings::cdev_set_parent(cdev, parent);
            bindings::cdev_add(cdev, numbers.first, numbers.count)
        };
        if ret < 0 {
            shared.data.revoke();
            // SAFETY: Nobody has come to know the `cdev`. The reference is that of `cdev_init`;
            // `cdev_add` took none to the parent.
            unsafe {
                (*kobject).parent = core::ptr::null_mut();
                bindings::kobject_put(kobject);
            }
        }
        to_result(ret)?;
        // INVARIANT: The box was leaked, and the `cdev` added. The reference is that of `cdev_init`.
        Ok(Self(NonNull::from(shared)))
    }
}

impl<T: FileOperations> Drop for Device<T> {
    #[expect(clippy::disallowed_methods, reason = "nobody reads it in here")]
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        let shared = unsafe { self.0.as_ref() };
        // As long as somebody has the device open, it can be opened by an inode that knows it, but
        // not by us: `ENXIO`.
        shared.data.revoke();
        // SAFETY: By the type invariants. This gives up the reference: if it is the last, nobody can
        // get one any more.
        unsafe { bindings::cdev_del(shared.cdev.get()) };
    }
}

/// The `file_operations` of a device.
struct Vtable<T>(PhantomData<T>);

impl<T: FileOperations> Vtable<T> {
    /// `file_operations::open`.
    ///
    /// # Safety
    ///
    /// To be called by `chrdev_open`, for a `cdev` of a [`Device<T>`].
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: `chrdev_open` found the `cdev` for the inode, and holds a reference to it. It is
        // the first member of a `Shared`.
        let shared = unsafe {
            &*inode
                .byte_add(bindings::LKM_INODE_I_CDEV)
                .cast::<*mut Shared<T::Data>>()
                .read()
        };
        let Some(data) = shared.data.try_access_with(Arc::clone) else {
            return ENXIO.to_errno();
        };
        // SAFETY: The file is in its `open`. `release` follows if this succeeds.
        unsafe { Shims::<T>::open(data.as_arc_borrow(), file) }
    }

    // `cdev::owner` does not suffice: the VFS gives that back first, and then looks in here.
    const OPS: bindings::file_operations = bindings::file_operations {
        open: Some(Self::open),
        ..Shims::<T>::OPS
    };
}
