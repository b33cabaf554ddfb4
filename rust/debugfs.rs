// SPDX-License-Identifier: GPL-2.0-only

//! Files in debugfs that a module may be unloaded under.
//!
//! [`kernel::debugfs`] writes and reads Rust values, but its files do not keep the module: to
//! close one after `rmmod`, or to open one by then that nobody has opened before, has the kernel
//! follow a pointer into the module that is gone. The files here are safe then, and are those that
//! it lacks: the plain numbers that C makes in one line ([`Number`]), immutable bytes ([`Blob`]), and
//! files with a state for each opener ([`Node`]). Errors are reported, not swallowed.
//!
//! Only root can enter debugfs, and nothing may rely on its files to exist. Dropping a file waits for
//! callers that are inside, which for a [`Node`] are those that open it, so that none of these may be
//! the one that drops it.
//!
//! C header: [`include/linux/debugfs.h`](srctree/include/linux/debugfs.h)

use crate::{
    bindings,
    context::without_files,
    file::kind,
    fops::{
        FileOperations,
        Shims, //
    },
    lifetime::{
        keep_module,
        until_there_is_memory,
        References, //
    },
    name::{
        is_name,
        permissions, //
    },
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::from_err_ptr,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    },
    types::Opaque, //
};

/// A directory at the top of debugfs.
///
/// # Invariants
///
/// `0` is a directory.
pub struct Directory(Made);

impl Directory {
    /// Creates a directory. It is removed after the last file in it.
    ///
    /// Fails with `EEXIST` if the name is taken, or one of a driver of Linux that shares it, `EINVAL` if it is none that a
    /// directory can have, `ENODEV` if the kernel has no debugfs, `EPERM` if it is switched off, or `ENOMEM`. May sleep
    /// (`debugfs_create_dir`).
    pub fn new(name: &CStr) -> Result<Arc<Self>> {
        check(name, 0o755)?;
        if SHARED.contains(&name) {
            return Err(EEXIST);
        }
        // SAFETY: `name` is a C string.
        let entry =
            unsafe { bindings::debugfs_create_dir(name.as_char_ptr(), core::ptr::null_mut()) };
        // SAFETY: The directory was just created.
        let made = unsafe { Made::new(entry) }?;
        // INVARIANT: It is a directory.
        Ok(Arc::new(Self(made), GFP_KERNEL)?)
    }

    pub(crate) fn as_raw(&self) -> *mut bindings::dentry {
        self.0.as_raw()
    }
}

/// Directories that drivers of Linux look up, and put theirs into, whoever made them. Were one of them a module's, it
/// would take theirs away with it, and they use what they keep of it.
const SHARED: [&CStr; 5] = [
    c"ath11k",
    c"ath12k",
    c"cirrus_logic",
    c"stm32_firewall",
    c"tsens",
];

/// What was made, and goes when this is dropped.
///
/// Others may take it away earlier: some drivers make a file or a directory without looking whether that worked, and
/// later take away what has its name (`debugfs_lookup_and_remove`).
///
/// # Invariants
///
/// It was created for this value.
struct Made(Found);

impl Made {
    /// # Safety
    ///
    /// `entry` must have been created for the caller, or be an error or null.
    unsafe fn new(entry: *mut bindings::dentry) -> Result<Self> {
        let entry = NonNull::new(from_err_ptr(entry)?).ok_or(ENODEV)?;
        // SAFETY: By the safety requirements, it is there, unless somebody has just taken it away, of which C does not tell
        // (the table of the crate has that). This is `dget`.
        unsafe { bindings::lockref_get(&raw mut (*entry.as_ptr()).d_lockref) };
        // INVARIANT: The reference is the one just taken, and it was created for the caller.
        Ok(Self(Found(entry)))
    }

    fn as_raw(&self) -> *mut bindings::dentry {
        self.0 .0.as_ptr()
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let entry = self.as_raw();
        // SAFETY: By the type invariants. What was taken away is in no list of names.
        let is_there = unsafe { !(&raw const (*entry).d_hash.pprev).read_volatile().is_null() };
        // SAFETY: As above. What has been created keeps its inode as long as there are references.
        let is_directory = unsafe { kind((*entry).d_inode) } == bindings::S_IFDIR;
        // Who takes a file away may still wait for those who are in it, with the directory's lock held. So this waits,
        // too, and then finds nothing to do. A directory would be counted twice, and has its files wait.
        if is_there || !is_directory {
            // SAFETY: By the type invariants. When this returns, nobody is in an operation that
            // debugfs guards, or will come.
            unsafe { bindings::debugfs_remove(entry) };
        }
    }
}

/// Refuses what debugfs would take for something else, or not tell. Returns the permissions.
fn check(name: &CStr, mode: u16) -> Result<bindings::umode_t> {
    if is_name(name) {
        permissions(mode)
    } else {
        Err(EINVAL)
    }
}

/// A file of which the dentry is known.
struct Entry {
    made: Made,
    // Removing a directory removes what is in it. It must not go first.
    _directory: Arc<Directory>,
}

impl Entry {
    /// Takes over what a function that creates a file in `directory` returned.
    fn new(directory: Arc<Directory>, entry: *mut bindings::dentry) -> Result<Self> {
        Ok(Self {
            // SAFETY: The file was just created, for the caller.
            made: unsafe { Made::new(entry) }?,
            _directory: directory,
        })
    }
}

/// A number that a [`Number`] can hold.
///
/// # Safety
///
/// `create` must make a file that reads and writes a `Self` at `value` and nothing else, and whose
/// code is not in a module.
pub unsafe trait Scalar: Copy + Send {
    /// Creates the file.
    ///
    /// # Safety
    ///
    /// `name` must be a C string, `parent` a directory, and `value` valid until the file was
    /// removed.
    unsafe fn create(
        name: *const c_char,
        mode: u16,
        parent: *mut bindings::dentry,
        value: *mut Self,
    );
}

macro_rules! impl_scalar {
    ($($type:ty: $function:ident;)*) => {$(
        // SAFETY: That is what the C function of the same type does.
        unsafe impl Scalar for $type {
            unsafe fn create(
                name: *const c_char,
                mode: u16,
                parent: *mut bindings::dentry,
                value: *mut Self,
            ) {
                // SAFETY: By the safety requirements.
                unsafe { bindings::$function(name, mode, parent, value) };
            }
        }
    )*};
}

impl_scalar! {
    u8: debugfs_create_u8;
    u16: debugfs_create_u16;
    u32: debugfs_create_u32;
    u64: debugfs_create_u64;
}

/// A file that shows a number in decimal, and takes one.
///
/// `0x10` and `010` are numbers of base 16 and 8, too. What is no number is refused with `EINVAL`, what
/// does not fit 64 bits with `ERANGE`, and what comes behind 23 bytes is ignored. What does not fit the type
/// is cut, as C does it: 256 makes a `u8` 0. Without a permission to write, nobody can (`EACCES`).
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::debugfs::{Directory, Number};
///
/// fn level() -> Result<Number<u8>> {
///     Number::new(Directory::new(c"lamp")?, c"level", 0o644, 7)
/// }
/// ```
pub struct Number<T: Scalar> {
    _entry: Entry,
    // Used by the file; must go after it.
    value: KBox<UnsafeCell<T>>,
}

// SAFETY: The number may go to any thread, and debugfs has its own locks.
unsafe impl<T: Scalar> Send for Number<T> {}
// SAFETY: All accesses are single loads and stores.
unsafe impl<T: Scalar> Sync for Number<T> {}

impl<T: Scalar> Number<T> {
    /// Creates a file with the permission bits `mode`.
    ///
    /// Fails with `EEXIST` if the name is taken, `EINVAL` if it is none that a file can have, or the
    /// mode is none, or `ENOMEM`. May sleep (`debugfs_create_u8` and so on).
    pub fn new(directory: Arc<Directory>, name: &CStr, mode: u16, value: T) -> Result<Self> {
        let mode = check(name, mode)?;
        if exists(&directory, name) {
            return Err(EEXIST);
        }
        let value = KBox::new(UnsafeCell::new(value), GFP_KERNEL)?;
        // SAFETY: The name is a C string, and the directory exists. The number is on the heap, and
        // goes after the file.
        unsafe {
            T::create(
                name.as_char_ptr(),
                mode & 0o666,
                directory.as_raw(),
                value.get(),
            )
        };
        // C does not tell whether it worked. A file of that name may be somebody else's.
        let found = find(&directory, name).ok_or(ENOMEM)?;
        // SAFETY: The file exists, and so does its inode; nobody changes what C left there.
        if unsafe { (*(*found.0.as_ptr()).d_inode).i_private } != value.get().cast() {
            return Err(EEXIST);
        }
        Ok(Self {
            _entry: Entry::new(directory, found.0.as_ptr())?,
            value,
        })
    }

    /// Returns the number. Callable from any context.
    pub fn get(&self) -> T {
        // SAFETY: The value is initialised, and C replaces it with a single store.
        unsafe { self.value.get().read_volatile() }
    }

    /// Replaces the number. Callable from any context.
    pub fn set(&self, value: T) {
        // SAFETY: Readers take the value with a single load.
        unsafe { self.value.get().write_volatile(value) }
    }
}

impl Number<u64> {
    /// Adds to the number; others may do so at the same time. It wraps around. Callable from
    /// any context (`atomic64_add`).
    pub fn add(&self, more: u64) {
        // SAFETY: The value is initialised, aligned, and lives as long as the number. All other
        // accesses, here and in C, are single loads and stores.
        unsafe { Atomic::from_ptr(self.value.get()) }.add(more, Relaxed);
    }
}

/// Whether there is a file of that name.
pub(crate) fn exists(directory: &Directory, name: &CStr) -> bool {
    find(directory, name).is_some()
}

/// The file of that name.
fn find(directory: &Directory, name: &CStr) -> Option<Found> {
    // SAFETY: The name is a C string, and the directory exists.
    let found = unsafe { bindings::debugfs_lookup(name.as_char_ptr(), directory.as_raw()) };
    // INVARIANT: The function returns NULL or a reference for the caller.
    NonNull::new(found).map(Found)
}

/// A file that was found.
///
/// # Invariants
///
/// The value owns a reference to the dentry.
struct Found(NonNull<bindings::dentry>);

// SAFETY: A dentry may be used and given back by any thread.
unsafe impl Send for Found {}
// SAFETY: Nothing can be done with a shared reference but what debugfs has its own locks for.
unsafe impl Sync for Found {}

impl Drop for Found {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::dput(self.0.as_ptr()) };
    }
}

/// A file that is a piece of memory.
///
/// It can be read, and written in place where the permissions allow it; root may write whatever
/// they are.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::debugfs::{Blob, Directory};
///
/// fn table() -> Result<Blob> {
///     let mut bytes = KVec::new();
///     bytes.extend_from_slice(b"\x7fTAB", GFP_KERNEL)?;
///     Blob::new(Directory::new(c"lamp")?, c"table", 0o444, bytes)
/// }
/// ```
///
/// # Invariants
///
/// The wrapper holds where `bytes` are, and how many: they do not move, and are not changed but by who
/// writes to the file.
pub struct Blob {
    _entry: Entry,
    // What follows is used by the file, and must go after it.
    _wrapper: KBox<Opaque<bindings::debugfs_blob_wrapper>>,
    // There is never a reference to what is in it, since user space may write it.
    bytes: KVec<u8>,
}

// SAFETY: The bytes may be used and freed by any thread.
unsafe impl Send for Blob {}
// SAFETY: The bytes are only read one by one.
unsafe impl Sync for Blob {}

impl Blob {
    /// Creates a file with the permission bits `mode`, of which others than the owner can only
    /// have those for reading.
    ///
    /// Fails with `EEXIST` if the name is taken, `ENOENT` if another has taken the directory away, `EINVAL` if the name is none
    /// that a file can have, or the mode is none, or `ENOMEM`. May sleep (`debugfs_create_blob`).
    pub fn new(
        directory: Arc<Directory>,
        name: &CStr,
        mode: u16,
        mut bytes: KVec<u8>,
    ) -> Result<Self> {
        let wrapper = bindings::debugfs_blob_wrapper {
            data: bytes.as_mut_ptr().cast(),
            size: bytes.len(),
        };
        let wrapper = KBox::new(Opaque::new(wrapper), GFP_KERNEL)?;
        // SAFETY: The name is a C string, and the directory exists. The wrapper and the bytes are
        // on the heap, and go after the file.
        let entry = unsafe {
            bindings::debugfs_create_blob(
                name.as_char_ptr(),
                check(name, mode)? & 0o644,
                directory.as_raw(),
                wrapper.get(),
            )
        };
        Ok(Self {
            _entry: Entry::new(directory, entry)?,
            _wrapper: wrapper,
            bytes,
        })
    }

    /// Copies the bytes from `offset` on as they are now. Returns how many there are, up to the
    /// length of `out`. Callable from any context.
    pub fn read(&self, offset: usize, out: &mut [u8]) -> usize {
        let length = self.bytes.len().saturating_sub(offset).min(out.len());
        for (index, byte) in out.iter_mut().take(length).enumerate() {
            // SAFETY: The address is within the bytes, all of which are initialised. They may
            // change meanwhile, which a volatile read allows for.
            *byte = unsafe { self.bytes.as_ptr().add(offset + index).read_volatile() };
        }
        length
    }
}

/// A file with a state for each opener.
///
/// The module cannot be unloaded while the file is open. A file that is open when the node is
/// dropped stays usable. Who comes to it later, as by `/proc/self/fd` or a bind mount, gets `ENOENT`.
/// Threads that share an open file do not wait for each other.
///
/// # Examples
///
/// ```
/// # use kernel::{
/// #     fs::file::Offset, iov::IovIterDest, prelude::*, sync::{Arc, ArcBorrow},
/// # };
/// # use lkm::fops::{read_from_buffer, FileOperations, OpenFile};
/// use lkm::debugfs::{Directory, Node};
///
/// struct Reader;
///
/// #[vtable]
/// impl FileOperations for Reader {
///     type Data = ();
///
///     fn open(_data: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
///         Ok(Reader)
///     }
///
///     fn read(
///         &self,
///         _file: &OpenFile,
///         pos: &mut Offset,
///         out: &mut IovIterDest<'_>,
///     ) -> Result<usize> {
///         read_from_buffer(out, pos, b"on\n")
///     }
/// }
///
/// fn state() -> Result<Node<Reader>> {
///     Node::new(Directory::new(c"lamp")?, c"state", 0o444, Arc::new((), GFP_KERNEL)?)
/// }
/// ```
pub struct Node<T: FileOperations> {
    entry: Entry,
    _references: References,
    // Used by the file's `open`; must go after it.
    _data: Arc<T::Data>,
}

impl<T: FileOperations> Node<T> {
    /// Creates a file with the permission bits `mode`.
    ///
    /// Fails with `EEXIST` if the name is taken, `ENOENT` if another has taken the directory away, `EINVAL` if the name is
    /// none that a file can have, or the mode is none, or `ENOMEM`. The file may be opened before this returns. May sleep,
    /// until there is memory once there is a file (`debugfs_create_file_unsafe`).
    ///
    /// Who drops a file waits for [`FileOperations::open`], with its directory locked: so that must not make or drop a
    /// file of the same directory, nor wait for who does. Nor can it use [files](mod@crate::file) (`EDEADLK`), which may be
    /// looked for there.
    pub fn new(
        directory: Arc<Directory>,
        name: &CStr,
        mode: u16,
        data: Arc<T::Data>,
    ) -> Result<Self> {
        // SAFETY: The name is a C string, and the directory exists. `data` goes after the file; only
        // `open` uses it, which debugfs guards against removal also in an "unsafe" file, and which
        // has the file keep the module that the operations are in.
        let entry = unsafe {
            bindings::debugfs_create_file_unsafe(
                name.as_char_ptr(),
                check(name, mode)?,
                directory.as_raw(),
                Arc::as_ptr(&data).cast_mut().cast(),
                &Vtable::<T>::OPS,
            )
        };
        let node = Self {
            entry: Entry::new(directory, entry)?,
            _references: References,
            _data: data,
        };
        until_there_is_memory(|| node.note_methods());
        Ok(node)
    }

    /// Has C look which methods the operations have.
    ///
    /// It does so when the file is opened for the first time, before it asks whether the file was
    /// removed, and notes it for ever. By then the module may have gone: who has the path by another way
    /// than an open, such as `O_PATH`, may come as late as he likes.
    ///
    /// Nobody opens the file here, so that there is nobody to refuse it or to wait for (LSMs, fanotify).
    /// C's `open` is called with a file that has just what it looks at.
    ///
    /// Fails with `ENOMEM`. The file must not be removed then, since others may have its path already.
    fn note_methods(&self) -> Result {
        let dentry = self.entry.made.as_raw();
        let mut file = bindings::file::default();
        // SAFETY: The dentry has an inode until it is removed, and operations with an `open`: those that
        // `debugfs_create_file_unsafe` has set. They look at the dentry and at the inode, and call
        // `Vtable::open`, which keeps nothing of a file without `f_cred`. The file is only this call's.
        let result = unsafe {
            let inode = (*dentry).d_inode;
            let path = (&raw mut file).byte_add(bindings::LKM_FILE_F_PATH);
            (*path.cast::<bindings::path>()).dentry = dentry;
            file.f_inode = inode;
            let operations = inode.byte_add(bindings::LKM_INODE_I_FOP);
            let operations = operations.cast::<*const bindings::file_operations>().read();
            (*operations).open.map(|open| open(inode, &mut file))
        };
        match result {
            Some(e) if e == ENOMEM.to_errno() => Err(ENOMEM),
            // Of `Vtable::open`, or of a kernel that is locked down, which logs it. It was noted by then.
            _ => Ok(()),
        }
    }
}

/// The `file_operations` of a node.
struct Vtable<T>(PhantomData<T>);

impl<T: FileOperations> Vtable<T> {
    /// `file_operations::open`.
    ///
    /// # Safety
    ///
    /// To be called by debugfs, on a file of a [`Node<T>`] that has not been dropped yet.
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The file is in its `open`.
        if unsafe { (*file).f_cred }.is_null() {
            // It is that of `Node::note_methods`, which nobody opens.
            return ENXIO.to_errno();
        }
        // SAFETY: The file is in its `open`, and fits operations that differ in `open` only. This is
        // the pointer that `Node::new` gave, and dropping the node waits for this call. `release`
        // follows if this succeeds.
        unsafe {
            match keep_module(file, &Shims::<T>::OPS) {
                // Who drops the node waits for this with the directory locked, and a look-up would wait for that.
                Ok(()) => without_files(|| {
                    Shims::<T>::open(ArcBorrow::from_raw((*inode).i_private.cast()), file)
                }),
                Err(e) => e.to_errno(),
            }
        }
    }

    /// What the file is created with. Only `open` is called.
    const OPS: bindings::file_operations = bindings::file_operations {
        owner: core::ptr::null_mut(),
        open: Some(Self::open),
        ..Shims::<T>::OPS
    };
}
