// SPDX-License-Identifier: GPL-2.0-only

//! Files and directories in `/proc`.
//!
//! Most files only show something, and may take a line of input: [`Show`] and [`File`]. One that
//! shows many items is a [`Sequence`] behind a [`Listing`]. A file that is more than text, because it has a state for each opener, blocks or can be polled, is a
//! [`FileOperations`] behind a [`Node`].
//!
//! Dropping either removes the entry and waits for callers that are inside, so that none of these
//! may be the one that drops it; an open file that is left behind fails with `EIO`, lseek(2) with `EINVAL` and
//! ioctl(2) with `ENOTTY`, and is ready to poll(2).
//!
//! C headers: [`include/linux/proc_fs.h`](srctree/include/linux/proc_fs.h),
//! [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)
//!
//! Reference: chapters 5, 6 and 9 of the guide.

use crate::{
    bindings,
    callback::Caller,
    context,
    fops::{
        member,
        with_user_source,
        Events,
        FileOperations,
        Shims, //
    },
    lifetime::this_module,
    name::{
        self,
        is_name,
        permissions,
        Path, //
    },
    seq_file::SeqFile,
};
use core::{
    marker::PhantomPinned,
    ptr::NonNull, //
};
use kernel::{
    error::VTABLE_DEFAULT_ERROR,
    fs::file::Offset,
    iov::IovIterSource,
    prelude::*,
    str::BStr,
    sync::{
        Arc,
        ArcBorrow, //
    },
};

mod listing;

pub use listing::{
    Listing,
    Sequence, //
};

/// A name in `/proc`, and who may do what with it.
#[derive(Clone)]
pub struct Options<'a> {
    name: &'a CStr,
    mode: u16,
    owner: Option<(bindings::kuid_t, bindings::kgid_t)>,
    size: Offset,
    directory: Option<Arc<Directory>>,
}

impl<'a> Options<'a> {
    /// The entry `/proc/<name>`, owned by root, with the permission bits `mode`, of which at least
    /// one must be set.
    pub fn new(name: &'a CStr, mode: u16) -> Self {
        Self {
            name,
            mode,
            owner: None,
            size: 0,
            directory: None,
        }
    }

    /// Gives the entry to a user and a group, as numbers of the initial user namespace.
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        let uid = bindings::kuid_t { val: uid };
        let gid = bindings::kgid_t { val: gid };
        self.owner = Some((uid, gid));
        self
    }

    /// Has `ls` and `stat` show this size, in bytes. What can be read does not depend on it.
    pub fn size(mut self, bytes: u32) -> Self {
        self.size = bytes.into();
        self
    }

    /// Puts the entry into a directory.
    pub fn within(mut self, directory: Arc<Directory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Refuses what C would only warn about, with a stack trace in the log. Returns the permissions.
    fn check(&self) -> Result<bindings::umode_t> {
        let number = self.name.to_bytes().iter().all(u8::is_ascii_digit);
        if !is_name(self.name) || (number && self.directory.is_none()) {
            return Err(EINVAL);
        }
        // Modules of Linux make these without looking whether that worked, and later take away what has the name.
        let is_reserved =
            [c"mdstat", c"comedi", c"mpt", c"megaraid", c"crypto"].contains(&self.name);
        if (is_reserved && self.directory.is_none()) || name::exists(self.path())? {
            let path = self.path();
            pr_err!("{} is taken.\n", BStr::from_bytes(path.as_bytes()));
            return Err(EBUSY);
        }
        permissions(self.mode)
    }

    fn path(&self) -> Path {
        let directory = self.directory.as_ref();
        let directory = directory.map_or(&b"/proc"[..], |it| it.path.as_bytes());
        Path::concat(&[directory, b"/", self.name.to_bytes()])
    }

    /// Creates a file.
    ///
    /// # Safety
    ///
    /// `data` must be valid for `ops` until the result has been dropped.
    unsafe fn create(&self, ops: &'static bindings::proc_ops, data: *mut c_void) -> Result<Entry> {
        let mode = self.check()?;
        let parent = self.parent();
        // SAFETY: The name is a C string, `parent` exists; `ops` is static, and `data` fits it.
        let entry =
            unsafe { bindings::proc_create_data(self.name.as_char_ptr(), mode, parent, ops, data) };
        self.finish(entry)
    }

    fn parent(&self) -> *mut bindings::proc_dir_entry {
        match &self.directory {
            Some(directory) => directory.entry.entry.as_ptr(),
            None => core::ptr::null_mut(),
        }
    }

    fn finish(&self, entry: *mut bindings::proc_dir_entry) -> Result<Entry> {
        let entry = NonNull::new(entry).ok_or(ENOMEM)?;
        if let Some((uid, gid)) = self.owner {
            // SAFETY: The entry is registered.
            unsafe { bindings::proc_set_user(entry.as_ptr(), uid, gid) };
        }
        if self.size != 0 {
            // SAFETY: As above.
            unsafe { bindings::proc_set_size(entry.as_ptr(), self.size) };
        }
        // INVARIANT: The entry was created for us; the directory stays until it is gone.
        Ok(Entry {
            entry,
            _directory: self.directory.clone(),
        })
    }
}

/// An entry in `/proc`.
///
/// # Invariants
///
/// `entry` is registered, and this value owns it.
struct Entry {
    entry: NonNull<bindings::proc_dir_entry>,
    // Removing a directory removes what is in it. It must not go first.
    _directory: Option<Arc<Directory>>,
}

// SAFETY: An entry may be removed by any thread.
unsafe impl Send for Entry {}
// SAFETY: Nothing can be done with a shared reference.
unsafe impl Sync for Entry {}

impl Drop for Entry {
    fn drop(&mut self) {
        // SAFETY: By the type invariants. When this returns, nobody is in the entry's operations
        // or will call them again, and all open files were released.
        unsafe { bindings::proc_remove(self.entry.as_ptr()) };
    }
}

/// A directory in `/proc`. It is removed after the last entry in it.
pub struct Directory {
    entry: Entry,
    path: Path,
}

impl Directory {
    /// Creates a directory.
    ///
    /// Fails with `EBUSY` if the name is taken, `EINVAL` if it is none that `/proc` can have, or the
    /// mode is none, `ENAMETOOLONG` if the path has more than 511 bytes, or `ENOMEM`. May sleep
    /// (`proc_mkdir_data`).
    pub fn new(options: Options<'_>) -> Result<Arc<Self>> {
        let mode = options.check()?;
        let path = options.path();
        // SAFETY: The name is a C string, and the parent exists.
        let entry = unsafe {
            bindings::proc_mkdir_data(
                options.name.as_char_ptr(),
                mode,
                options.parent(),
                core::ptr::null_mut(),
            )
        };
        let entry = options.finish(entry)?;
        Ok(Arc::new(Self { entry, path }, GFP_KERNEL)?)
    }
}

/// What a file in `/proc` shows, and perhaps takes.
#[vtable]
pub trait Show: Send + Sync + 'static {
    /// Writes the content to `out`.
    ///
    /// A reader gets what one call wrote, in as many reads as it likes; a read from the
    /// start, or from elsewhere than where the last one ended, calls this again. So does content that
    /// did not fit the buffer at first (a page), so it should do nothing else than show. An error is
    /// the reader's, `EAGAIN` as `EBUSY`. May sleep.
    fn show(&self, out: &mut SeqFile) -> Result;

    /// Takes what was written, at any offset. Returns the number of bytes taken. May sleep.
    fn write(&self, _data: &mut IovIterSource<'_>) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A file in `/proc` that shows something.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::{proc_fs, seq_file::SeqFile};
/// struct Answer;
///
/// #[vtable]
/// impl proc_fs::Show for Answer {
///     fn show(&self, out: &mut SeqFile) -> Result {
///         kernel::seq_print!(out, "{}\n", 42);
///         Ok(())
///     }
/// }
///
/// #[pin_data]
/// struct MyModule {
///     #[pin]
///     _answer: proc_fs::File<Answer>,
/// }
///
/// impl kernel::InPlaceModule for MyModule {
///     fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
///         try_pin_init!(Self {
///             _answer <- proc_fs::File::new(proc_fs::Options::new(c"answer", 0o444), Answer),
///         })
///     }
/// }
/// ```
#[pin_data]
pub struct File<T: Show> {
    // Removed first: afterwards nobody refers to `data`.
    _entry: Entry,
    #[pin]
    data: T,
    #[pin]
    _pin: PhantomPinned,
}

impl<T: Show> File<T> {
    /// Creates a file that shows `data`.
    ///
    /// Fails as [`Directory::new`] does. The file may be opened before this returns. May sleep
    /// (`proc_create_data`).
    pub fn new<'a, E>(
        options: Options<'a>,
        data: impl PinInit<T, E> + 'a,
    ) -> impl PinInit<Self, Error> + 'a
    where
        T: 'a,
        E: 'a,
        Error: From<E>,
    {
        try_pin_init!(&this in Self {
            data <- data,
            _pin: PhantomPinned,
            // SAFETY: `data` was initialised, is pinned, and is dropped after the entry.
            _entry: unsafe {
                options.create(&Self::OPS, (&raw mut (*this.as_ptr()).data).cast())
            }?,
        })
    }

    /// `proc_ops::proc_open`.
    ///
    /// # Safety
    ///
    /// To be called by procfs, for an entry of a [`File<T>`].
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The file is being opened. `show` fits the data of the entry.
        unsafe { bindings::single_open(file, Some(Self::show), (*inode).i_private) }
    }

    /// The `show` of the file's `seq_file`.
    ///
    /// # Safety
    ///
    /// To be called by `seq_file`, for a file that [`Self::open`] opened.
    unsafe extern "C" fn show(seq: *mut bindings::seq_file, _: *mut c_void) -> c_int {
        // SAFETY: `open` made the entry's data the private pointer, and the entry is not removed
        // as long as a caller is inside.
        let data = unsafe { &*(*seq).private.cast::<T>() };
        // SAFETY: `seq` is ours during the call.
        let out = unsafe { SeqFile::from_raw(seq) };
        Caller::SeqFile.status(context::without_pseudo_files(|| data.show(out)))
    }

    /// `proc_ops::proc_write`.
    ///
    /// # Safety
    ///
    /// To be called by procfs, for a file that [`Self::open`] opened.
    unsafe extern "C" fn write(
        file: *mut bindings::file,
        buf: *const c_char,
        len: usize,
        _pos: *mut Offset,
    ) -> isize {
        // SAFETY: As in `show`; an open file keeps its inode.
        let data = unsafe { &*(*(*file).f_inode).i_private.cast::<T>() };
        with_user_source(buf, len, |source| data.write(source))
    }

    const OPS: bindings::proc_ops = bindings::proc_ops {
        proc_open: Some(Self::open),
        proc_read_iter: Some(bindings::seq_read_iter),
        proc_write: member!(T::HAS_WRITE, Self::write),
        proc_lseek: Some(bindings::seq_lseek),
        proc_release: Some(bindings::single_release),
        ..pin_init::zeroed()
    };
}

impl<T: Show> core::ops::Deref for File<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

/// A file in `/proc` whose openers each have a state, as those of a character device do.
///
/// An open file keeps the module: it cannot be unloaded before the file is closed. But it goes with this
/// value, and a mapping of it does not. So this cannot be the file of `T` with a
/// [`fault`](FileOperations::fault):
///
/// ```compile_fail,E0080
/// # use lkm::{mmap::SharedPage, prelude::*};
/// # struct Opener(SharedPage);
/// #[vtable]
/// impl FileOperations for Opener {
/// #     type Data = ();
/// #     fn open(_: ArcBorrow<'_, ()>, _: &OpenFile) -> impl PinInit<Self, Error> {
/// #         Ok(Self(SharedPage::new()?))
/// #     }
///     fn fault(&self, _file: &OpenFile, _page: usize) -> Result<SharedPage> {
///         Ok(self.0.clone())
///     }
/// }
///
/// fn register(data: Arc<()>) -> Result<proc_fs::Node<Opener>> {
///     proc_fs::Node::new(proc_fs::Options::new(c"mine", 0o600), data)
/// }
/// # let _ = (|| register(Arc::new((), GFP_KERNEL)?))();
/// ```
pub struct Node<T: FileOperations> {
    _entry: Entry,
    // Used by the entry's `open`; must go after it.
    _data: Arc<T::Data>,
}

impl<T: FileOperations> Node<T> {
    /// Creates a file whose openers share `data`.
    ///
    /// Fails as [`Directory::new`] does. The file may be opened before this returns. May sleep
    /// (`proc_create_data`).
    pub fn new(options: Options<'_>, data: Arc<T::Data>) -> Result<Self> {
        const { assert!(!T::HAS_FAULT, "the file may go while it is mapped") };
        let raw = Arc::as_ptr(&data).cast_mut().cast();
        Ok(Self {
            // SAFETY: `open` expects a pointer of this kind, and the value goes after the entry.
            _entry: unsafe { options.create(&Self::OPS, raw) }?,
            _data: data,
        })
    }

    /// `proc_ops::proc_open`.
    ///
    /// # Safety
    ///
    /// To be called by procfs, for an entry of a [`Node<T>`].
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The module is there, since its code runs.
        if !unsafe { bindings::try_module_get(this_module().as_ptr()) } {
            return ENODEV.to_errno();
        }
        // SAFETY: This is the pointer that `new` gave, and the entry is not removed as long as a
        // caller is inside. `release` follows if this succeeds.
        let ret = unsafe { Shims::<T>::open(ArcBorrow::from_raw((*inode).i_private.cast()), file) };
        if ret != 0 {
            // SAFETY: Gives back the reference from above. Unloading waits for this caller.
            unsafe { bindings::module_put(this_module().as_ptr()) };
        }
        ret
    }

    /// `proc_ops::proc_poll`.
    ///
    /// # Safety
    ///
    /// To be called by procfs, for a file that [`Self::open`] opened.
    unsafe extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table,
    ) -> bindings::__poll_t {
        // When the file is gone, procfs says that it can be read and written, and nothing else. Who
        // waits for something else would stay in a queue that is to go, too: it is told that this
        // cannot be, in the ways of poll(2) and of select(2).
        //
        // SAFETY: `table` is the caller's own, or NULL.
        if unsafe { table.as_ref() }.is_some_and(|it| {
            it._qproc.is_some() && it._key & (Events::READABLE | Events::WRITABLE).0 == 0
        }) {
            return Events::ERROR.0 | Events::INVALID.0;
        }
        // SAFETY: By the safety requirements.
        unsafe { Shims::<T>::poll(file, table) }
    }

    /// `proc_ops::proc_release`.
    ///
    /// # Safety
    ///
    /// To be called by procfs, for a file that [`Self::open`] opened.
    unsafe extern "C" fn release(_inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The file was opened by `open`, and this is its last operation.
        unsafe { Shims::<T>::release(file) };
        // SAFETY: Gives back the reference of `open`. Unloading waits for this caller.
        unsafe { bindings::module_put(this_module().as_ptr()) };
        0
    }

    const OPS: bindings::proc_ops = bindings::proc_ops {
        proc_open: Some(Self::open),
        proc_read_iter: member!(T::HAS_READ, Shims::<T>::read_iter),
        proc_write: member!(T::HAS_WRITE, Shims::<T>::write),
        proc_lseek: member!(T::HAS_SIZE, Shims::<T>::llseek),
        proc_release: Some(Self::release),
        proc_poll: member!(T::HAS_POLL, Self::poll),
        proc_ioctl: member!(T::HAS_IOCTL, Shims::<T>::ioctl),
        #[cfg(CONFIG_COMPAT)]
        proc_compat_ioctl: member!(T::HAS_IOCTL, Shims::<T>::compat_ioctl),
        proc_mmap: member!(T::HAS_MMAP, Shims::<T>::mmap),
        ..pin_init::zeroed()
    };
}
