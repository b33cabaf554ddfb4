// SPDX-License-Identifier: GPL-2.0-only

//! Directories that a user makes, to have the kernel make objects.
//!
//! An [`Item`] is what is behind a directory. Its files are [`Attribute`]s, as in sysfs. A
//! [`Subsystem`] is the directory in `/sys/kernel/config` that all begins with.
//!
//! Upstream's `kernel::configfs` follows a null pointer if a name is taken, lets a subsystem go while
//! it is in use, and hands whatever it is answered to the VFS (`docs/upstream.md`).
//!
//! C header: [`include/linux/configfs.h`](srctree/include/linux/configfs.h)

use crate::{
    bindings,
    callback::Caller,
    context,
    lifetime::{
        self,
        this_module,
        References, //
    },
    name::is_name,
    sysfs::is_same, //
};
use core::ptr::NonNull;
use kernel::{
    error::to_result,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        Arc,
        LockClassKey, //
    },
    types::Opaque, //
};

pub use crate::sysfs::Attribute;

/// What is behind a directory: made by `mkdir`, dropped after `rmdir`.
///
/// # Examples
///
/// ```
/// # use lkm::{configfs::{self, Attribute}, prelude::*};
/// struct Garage;
///
/// impl configfs::Item for Garage {
///     type Child = Car;
///     const ATTRIBUTES: &'static [Attribute<Self>] = &[];
///
///     fn make(&self, _name: &CStr) -> impl PinInit<Car, Error> {
///         Ok(Car { speed: Atomic::new(0) })
///     }
/// }
///
/// struct Car {
///     speed: Atomic<u32>,
/// }
///
/// impl configfs::Item for Car {
///     type Child = Self;
///     const ATTRIBUTES: &'static [Attribute<Self>] = &[Attribute::read_write(
///         c"speed",
///         |car, out| out.line(car.speed.load(Relaxed)),
///         |car, input| Ok(car.speed.store(input.parse()?, Relaxed)),
///     )];
/// }
///
/// fn open() -> Result<configfs::Subsystem<Garage>> {
///     configfs::new_subsystem!(c"garage", Garage)
/// }
/// ```
pub trait Item: Sized + Send + Sync + 'static {
    /// What is behind the directories that are made in this one. Any, if there are none.
    type Child: Item;

    /// The files, at most 16. Their functions may sleep, and may run at the same time as themselves and
    /// each other. [`Attribute::notify`] means nothing here.
    const ATTRIBUTES: &'static [Attribute<Self>];

    /// Makes what is behind a directory that is being made. Unless it is implemented, nobody can make
    /// one (`EPERM`).
    ///
    /// Runs in the context of the calling process, and may sleep. Others who make or remove a directory
    /// of the subsystem wait meanwhile, so this must not register or drop a subsystem, nor may the drop of what it makes.
    /// A [file](mod@crate::file) cannot be used in either, nor in what shows and stores attributes: `EDEADLK`.
    fn make(&self, _name: &CStr) -> impl PinInit<Self::Child, Error> {
        Err::<Self::Child, _>(EPERM)
    }
}

/// Registers a [`Subsystem`], with a lock class of its own: from a name and
/// an initialiser of the item behind its directory.
#[macro_export]
macro_rules! new_subsystem {
    ($name:expr, $item:expr $(,)?) => {
        $crate::configfs::Subsystem::new($name, $item, ::kernel::static_lock_class!())
    };
}
pub use new_subsystem;

/// A directory in `/sys/kernel/config` that is registered.
///
/// The module cannot be unloaded as long as there is a directory in it. Dropping it has further ones refused
/// (`ENODEV`). Those that there are stay as they are until they were removed: C cannot remove them. So does the name. A
/// thread waits for that, which keeps the module meanwhile; while the module is loaded or unloaded, as when `init` fails,
/// the drop itself does. So the data of a device's driver is no place for one: who binds the device again, as the machine
/// does after a suspend, gets `EEXIST` until root has removed the directories.
///
/// Must not be dropped [in its own callback](crate#pitfalls), what its items do. Nor make or drop one in what shows or
/// stores an attribute of another subsystem: lockdep takes the locks of the two (`frag_sem`) for one, and reports it.
pub struct Subsystem<T: Item> {
    /// Taken by the drop. Goes first.
    root: Option<Pin<KBox<Root<T>>>>,
    _references: References,
}

impl<T: Item> Subsystem<T> {
    /// Registers `/sys/kernel/config/<name>`. Use [`new_subsystem!`].
    ///
    /// Fails with `EEXIST` if the name is taken, `EINVAL` if it is none that a directory can have, with
    /// what `item` fails with, `EPERM` in another user namespace if configfs was never mounted, `ESRCH` in
    /// what closes the files of a process that has ended, or `ENOMEM`. May sleep
    /// (`configfs_register_subsystem`).
    pub fn new<E>(
        name: &'static CStr,
        item: impl PinInit<T, E>,
        key: Pin<&'static LockClassKey>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        if !is_name(name) {
            return Err(EINVAL);
        }
        // The first one mounts the file system, in the namespaces of the process.
        if context::has_ended() {
            return Err(ESRCH);
        }
        let members = Members {
            count: Atomic::new(0),
            closed: Atomic::new(false),
        };
        let members = Arc::new(members, GFP_KERNEL)?;
        let room = KBox::new_uninit(GFP_KERNEL)?;
        let root = Node::new(name, item, &members)?;
        // SAFETY: The node is ours. Its lock is initialised before anybody can find it.
        let ret = unsafe {
            let subsystem = (*root.as_ptr()).subsystem.get();
            let lock = &raw mut (*subsystem).su_mutex;
            bindings::__mutex_init(lock, c"lkm::configfs".as_char_ptr(), key.as_ptr());
            bindings::configfs_register_subsystem(subsystem)
        };
        if ret < 0 {
            // SAFETY: This is the first reference.
            unsafe { bindings::config_item_put(root.as_ptr().cast()) };
            // Who has just made a symbolic link to the directory may have another one: see `drop`.
            lifetime::wait(|| members.count.load(Acquire) == 0, || ());
            lifetime::wait_for_returns();
        }
        to_result(ret)?;
        // INVARIANT: The node was just registered.
        let root = Root {
            root,
            name,
            members,
        };
        Ok(Self {
            root: Some(KBox::into_pin(KBox::write(room, root))),
            _references: References,
        })
    }
}

impl<T: Item> Drop for Subsystem<T> {
    fn drop(&mut self) {
        let Some(root) = self.root.take() else {
            return;
        };
        root.members.closed.xchg(true, Full);
        // Its device may be unbound since the machine is suspended, when no process can remove a directory.
        if root.members.count.load(Acquire) > 1 {
            lifetime::drop_later(root);
        }
    }
}

/// The directory of a subsystem that takes no new ones when this is dropped.
///
/// # Invariants
///
/// `root` is a node from [`Node::new`] that is registered. This value owns the first reference to it.
struct Root<T: Item> {
    root: NonNull<Node<T>>,
    name: &'static CStr,
    members: Arc<Members>,
}

// SAFETY: Items are `Send` and `Sync`, and C locks the rest.
unsafe impl<T: Item> Send for Root<T> {}
// SAFETY: Nothing can be done with a shared reference.
unsafe impl<T: Item> Sync for Root<T> {}

impl<T: Item> Drop for Root<T> {
    fn drop(&mut self) {
        lifetime::wait(
            // The root's own.
            || self.members.count.load(Acquire) <= 1,
            || {
                let name = self.name;
                pr_warn!(
                    "Waiting for the directories in /sys/kernel/config/{name} to be removed.\n"
                );
            },
        );
        // SAFETY: By the type invariants. There are no directories in it, and C waits for those who make one
        // or have just removed one. The reference is ours.
        unsafe {
            let root = self.root.as_ptr();
            bindings::configfs_unregister_subsystem((*root).subsystem.get());
            bindings::config_item_put(root.cast());
        }
        // Who has just made a symbolic link to the directory in another subsystem, or failed to, may have the
        // last one (`configfs_symlink`), and has yet to return from `release`.
        lifetime::wait(|| self.members.count.load(Acquire) == 0, || ());
        lifetime::wait_for_returns();
    }
}

/// Those that belong to a subsystem.
struct Members {
    count: Atomic<usize>,
    /// Whether there must not be new ones.
    closed: Atomic<bool>,
}

/// One of them.
struct Member(Arc<Members>);

impl Member {
    /// Fails with `ENODEV` if the subsystem is about to go.
    fn new(members: &Arc<Members>) -> Result<Self> {
        // The thread that closes looks at the count after that, so one of the two sees the other.
        members.count.fetch_add(1, Full);
        let member = Self(members.clone());
        if members.closed.load(Relaxed) {
            return Err(ENODEV);
        }
        Ok(member)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Release);
    }
}

/// A directory.
#[pin_data]
#[repr(C)]
struct Node<T> {
    // Must be first: C knows a node by it, or by the group or the item that it begins with. The lock is
    // the root's only.
    #[pin]
    subsystem: Opaque<bindings::configfs_subsystem>,
    #[pin]
    item: T,
    // Goes last: then the subsystem may go.
    member: Member,
}

/// As many attributes as an item can have.
const MAX: usize = 16;

impl<T: Item> Node<T> {
    /// Makes a node, which belongs to the caller until the last reference to it has been given back
    /// (`config_item_put`).
    fn new<E>(
        name: &CStr,
        item: impl PinInit<T, E>,
        members: &Arc<Members>,
    ) -> Result<NonNull<Self>>
    where
        Error: From<E>,
    {
        let member = Member::new(members)?;
        let node = KBox::pin_init::<Error>(
            try_pin_init!(Self {
                subsystem <- Opaque::zeroed(),
                item <- item,
                member,
            }),
            GFP_KERNEL,
        )?;
        // SAFETY: The node is not moved.
        let node = NonNull::from(KBox::leak(unsafe { Pin::into_inner_unchecked(node) }));
        // SAFETY: It is ours, the type is static, and C makes a copy of the name.
        unsafe {
            let group = node.as_ptr().cast::<bindings::config_group>();
            bindings::config_group_init_type_name(group, name.as_char_ptr(), Self::TYPE);
            // C does not tell that there was no memory for a long name, and would cut it.
            if (*group).cg_item.ci_name.is_null() {
                drop(KBox::from_raw(node.as_ptr()));
                return Err(ENOMEM);
            }
        }
        Ok(node)
    }

    const TYPE: &'static bindings::config_item_type = &bindings::config_item_type {
        ct_owner: this_module().as_ptr(),
        ct_item_ops: core::ptr::from_ref(Self::ITEM_OPS).cast_mut(),
        ct_group_ops: core::ptr::from_ref(Self::GROUP_OPS).cast_mut(),
        ct_attrs: core::ptr::from_ref(Self::LIST).cast_mut().cast(),
        ct_bin_attrs: core::ptr::null_mut(),
    };

    const ITEM_OPS: &'static bindings::configfs_item_operations =
        &bindings::configfs_item_operations {
            release: Some(Self::release),
            ..pin_init::zeroed()
        };

    const GROUP_OPS: &'static bindings::configfs_group_operations =
        &bindings::configfs_group_operations {
            make_group: Some(Self::make_group),
            ..pin_init::zeroed()
        };

    /// The attributes, and a null pointer.
    const LIST: &'static [*const bindings::configfs_attribute; MAX + 1] = &{
        let mut list = [core::ptr::null(); MAX + 1];
        let mut n = 0;
        while n < T::ATTRIBUTES.len() {
            list[n] = &raw const Self::RAW[n];
            n += 1;
        }
        list
    };

    /// Does not build if there are too many, a name is none that a file can have, or is there twice.
    const RAW: &'static [bindings::configfs_attribute; MAX] = &{
        let mut raw: [bindings::configfs_attribute; MAX] = [pin_init::zeroed(); MAX];
        let mut n = 0;
        while n < T::ATTRIBUTES.len() {
            let attribute = &T::ATTRIBUTES[n];
            assert!(is_name(attribute.name), "a name that no file can have");
            let mut before = 0;
            while before < n {
                let taken = is_same(attribute.name, T::ATTRIBUTES[before].name);
                assert!(!taken, "two attributes have the same name");
                before += 1;
            }
            raw[n].ca_name = kernel::str::as_char_ptr_in_const_context(attribute.name);
            raw[n].ca_mode = attribute.mode;
            if attribute.show.is_some() {
                raw[n].show = Some(Self::SHIMS[n].0);
            }
            if attribute.store.is_some() {
                raw[n].store = Some(Self::SHIMS[n].1);
            }
            n += 1;
        }
        raw
    };

    /// C does not say which attribute it calls a function for, so each has its own.
    const SHIMS: [(ShowFn, StoreFn); MAX] = {
        macro_rules! shims {
            ($($n:literal)*) => { [$((Self::show::<$n>, Self::store::<$n>)),*] };
        }
        shims!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
    };

    /// `configfs_group_operations::make_group`.
    ///
    /// # Safety
    ///
    /// To be called by configfs, with the group of a node of this type.
    unsafe extern "C" fn make_group(
        group: *mut bindings::config_group,
        name: *const c_char,
    ) -> *mut bindings::config_group {
        // SAFETY: The group is what a node begins with, and C keeps it during the call.
        let node = unsafe { &*group.cast::<Self>() };
        // SAFETY: C passes the name of the directory.
        let name = unsafe { CStr::from_char_ptr(name) };
        let made = context::without_files(|| Node::new(name, node.item.make(name), &node.member.0));
        match made {
            Ok(made) => made.as_ptr().cast(),
            // What `ERR_PTR` does.
            Err(e) => core::ptr::without_provenance_mut(Caller::Vfs.status(Err(e)) as usize),
        }
    }

    /// `configfs_item_operations::release`.
    ///
    /// # Safety
    ///
    /// To be called by configfs, when the last reference to a node of this type has gone.
    unsafe extern "C" fn release(item: *mut bindings::config_item) {
        // SAFETY: The item is what a node begins with, which `new` leaked, and nobody uses any more.
        let node = unsafe { KBox::from_raw(item.cast::<Self>()) };
        context::without_files(|| drop(node));
    }

    /// `configfs_attribute::show`.
    ///
    /// # Safety
    ///
    /// To be called by configfs, with the item of a node of this type and a page.
    unsafe extern "C" fn show<const N: usize>(
        item: *mut bindings::config_item,
        page: *mut c_char,
    ) -> isize {
        // SAFETY: The item is what a node begins with, and C keeps it during the call.
        let node = unsafe { &*item.cast::<Self>() };
        // SAFETY: The page is the call's own. C takes no more of it (`SIMPLE_ATTR_SIZE`).
        let room = unsafe { core::slice::from_raw_parts_mut(page.cast::<u8>(), 4095) };
        T::ATTRIBUTES.get(N).map_or(0, |it| {
            context::without_files(|| it.show_in(&node.item, room, Caller::Vfs))
        })
    }

    /// `configfs_attribute::store`.
    ///
    /// # Safety
    ///
    /// As for [`Self::show`]; the page must have that many bytes.
    unsafe extern "C" fn store<const N: usize>(
        item: *mut bindings::config_item,
        page: *const c_char,
        count: usize,
    ) -> isize {
        // SAFETY: As in `show`.
        let node = unsafe { &*item.cast::<Self>() };
        // SAFETY: The page holds as many bytes, and nobody changes it during the call.
        let bytes = unsafe { core::slice::from_raw_parts(page.cast::<u8>(), count) };
        T::ATTRIBUTES.get(N).map_or(0, |it| {
            context::without_files(|| it.store_from(&node.item, bytes))
        })
    }
}

type ShowFn = unsafe extern "C" fn(*mut bindings::config_item, *mut c_char) -> isize;
type StoreFn = unsafe extern "C" fn(*mut bindings::config_item, *const c_char, usize) -> isize;
