// SPDX-License-Identifier: GPL-2.0-only

//! Files in `/proc` that show one item after the other.
//!
//! C header: [`include/linux/seq_file.h`](srctree/include/linux/seq_file.h)

use super::{
    Entry,
    Options, //
};
use crate::{
    bindings,
    callback::Caller,
    context,
    fops::{
        member,
        with_user_source, //
    },
    seq_file::SeqFile,
    wait, //
};
use core::{
    marker::PhantomPinned,
    mem::MaybeUninit, //
};
use kernel::{
    error::VTABLE_DEFAULT_ERROR,
    fs::file::Offset,
    iov::IovIterSource,
    prelude::*, //
};

/// A sequence of items that a file shows, as many as fit its reader's buffer at a time.
///
/// Each item has a number, its key, and they are shown in the order of their keys. Between two reads
/// nothing is locked, and items may come and go. The reader goes on behind the last key that it was
/// shown. So it sees each item once that is there all the time.
///
/// The functions are those of `struct seq_operations` in C: `start` is [`lock`](Self::lock), `stop`
/// is the drop of what that returns.
#[vtable]
pub trait Sequence: Send + Sync + 'static {
    /// What keeps the items as they are while some of them are shown: the guard of a lock.
    type Locked<'a>;

    /// Locks the items. May sleep.
    fn lock(&self) -> Self::Locked<'_>;

    /// Returns the first key that is at least `from`, if there is one. What is smaller, or above
    /// `i64::MAX - 1`, ends the sequence.
    fn next(locked: &Self::Locked<'_>, from: u64) -> Option<u64>;

    /// Writes the item to `out`. It is called again if the item did not fit the buffer, so it should
    /// do nothing else than show. An error is the reader's, `EAGAIN` as `EBUSY`.
    fn show(locked: &Self::Locked<'_>, key: u64, out: &mut SeqFile) -> Result;

    /// Takes what was written, at any offset. Returns the number of bytes taken. May sleep.
    fn write(&self, _data: &mut IovIterSource<'_>) -> Result<usize> {
        build_error!(VTABLE_DEFAULT_ERROR)
    }
}

/// A file in `/proc` that shows the items of a [`Sequence`].
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// # use lkm::{proc_fs, seq_file::SeqFile};
/// /// There is nothing to lock.
/// struct Squares;
///
/// #[vtable]
/// impl proc_fs::Sequence for Squares {
///     type Locked<'a> = ();
///
///     fn lock(&self) {}
///
///     fn next(_: &(), from: u64) -> Option<u64> {
///         (from <= 1000).then_some(from)
///     }
///
///     fn show(_: &(), n: u64, out: &mut SeqFile) -> Result {
///         kernel::seq_print!(out, "{}\n", n * n);
///         Ok(())
///     }
/// }
///
/// #[pin_data]
/// struct MyModule {
///     #[pin]
///     _squares: proc_fs::Listing<Squares>,
/// }
///
/// impl kernel::InPlaceModule for MyModule {
///     fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
///         try_pin_init!(Self {
///             _squares <- proc_fs::Listing::new(proc_fs::Options::new(c"squares", 0o444), Squares),
///         })
///     }
/// }
/// ```
#[pin_data]
pub struct Listing<T: Sequence> {
    // Removed first: afterwards nobody refers to `data`.
    _entry: Entry,
    #[pin]
    data: T,
    #[pin]
    _pin: PhantomPinned,
}

/// An open file.
///
/// # Invariants
///
/// `data` is that of the file's entry. `locked` and `key` are initialised between `start` and `stop`.
struct Open<T: Sequence> {
    data: *const T,
    locked: MaybeUninit<T::Locked<'static>>,
    key: u64,
}

impl<T: Sequence> Listing<T> {
    /// Creates a file that shows `data`.
    ///
    /// Fails as [`Directory::new`](super::Directory::new) does. The file may be opened before this
    /// returns. May sleep (`proc_create_data`).
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
    /// To be called by procfs, for an entry of a [`Listing<T>`].
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // What C allocates is aligned to 8 bytes at least.
        const { assert!(align_of::<Open<T>>() <= 8 && size_of::<Open<T>>() <= 4096) };
        // SAFETY: The file is being opened. Its operations fit what is allocated.
        let open = unsafe {
            bindings::__seq_open_private(file, &Self::SEQUENCE, size_of::<Open<T>>() as c_int)
        };
        if open.is_null() {
            return ENOMEM.to_errno();
        }
        // INVARIANT: This is the entry's data. It is not between `start` and `stop`.
        //
        // SAFETY: As much was allocated, and nobody else has it yet.
        unsafe { (*open.cast::<Open<T>>()).data = (*inode).i_private.cast() };
        0
    }

    /// `seq_operations::start`.
    ///
    /// # Safety
    ///
    /// To be called by `seq_file` as that operation, for a file that [`Self::open`] opened.
    unsafe extern "C" fn start(seq: *mut bindings::seq_file, pos: *mut Offset) -> *mut c_void {
        // SAFETY: `open` put it there, and `seq_file` calls the operations one after the other.
        let open = unsafe { &mut *(*seq).private.cast::<Open<T>>() };
        // SAFETY: By the type invariants. The entry is not removed before `stop`.
        let data = unsafe { &*open.data };
        open.locked
            .write(context::without_pseudo_files(|| data.lock()));
        // SAFETY: `pos` is the call's own, and the items are locked.
        unsafe { Self::find(open, pos) }
    }

    /// `seq_operations::next`.
    ///
    /// # Safety
    ///
    /// As for [`Self::start`], between that and [`Self::stop`].
    unsafe extern "C" fn next(
        seq: *mut bindings::seq_file,
        _: *mut c_void,
        pos: *mut Offset,
    ) -> *mut c_void {
        // SAFETY: As in `start`.
        let open = unsafe { &mut *(*seq).private.cast::<Open<T>>() };
        // SAFETY: `pos` is the call's own, and that of an item, so that it is no maximum.
        unsafe {
            *pos += 1;
            Self::find(open, pos)
        }
    }

    /// Goes to the first item that is at `pos` or behind it.
    ///
    /// # Safety
    ///
    /// `open` must be between `start` and `stop`, and `pos` valid.
    unsafe fn find(open: &mut Open<T>, pos: *mut Offset) -> *mut c_void {
        // SAFETY: By the safety requirements.
        let (locked, pos) = unsafe { (open.locked.assume_init_ref(), &mut *pos) };
        if wait::is_killed() {
            // Who asks for what comes late in a long listing has it all made.
            return EINTR.to_ptr();
        }
        let from = *pos as u64;
        match context::without_pseudo_files(|| T::next(locked, from)) {
            Some(key) if (from..Offset::MAX as u64).contains(&key) => {
                open.key = key;
                *pos = key as Offset;
                // Anything but null, and nobody looks at it.
                core::ptr::from_mut(open).cast()
            }
            _ => core::ptr::null_mut(),
        }
    }

    /// `seq_operations::show`.
    ///
    /// # Safety
    ///
    /// As for [`Self::next`], if there is an item.
    unsafe extern "C" fn show(seq: *mut bindings::seq_file, _: *mut c_void) -> c_int {
        // SAFETY: As in `start`.
        let open = unsafe { &*(*seq).private.cast::<Open<T>>() };
        // SAFETY: By the type invariants, since this is between `start` and `stop`.
        let locked = unsafe { open.locked.assume_init_ref() };
        // SAFETY: `seq` is ours during the call.
        let out = unsafe { SeqFile::from_raw(seq) };
        Caller::SeqFile.status(context::without_pseudo_files(|| {
            T::show(locked, open.key, out)
        }))
    }

    /// `seq_operations::stop`.
    ///
    /// # Safety
    ///
    /// As for [`Self::next`]. `seq_file` calls it once for each `start`.
    unsafe extern "C" fn stop(seq: *mut bindings::seq_file, _: *mut c_void) {
        // SAFETY: As in `start`.
        let open = unsafe { &mut *(*seq).private.cast::<Open<T>>() };
        // SAFETY: What `start` wrote is dropped once.
        context::without_pseudo_files(|| unsafe { open.locked.assume_init_drop() });
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
        // SAFETY: The entry is not removed as long as a caller is inside; an open file keeps its
        // inode.
        let data = unsafe { &*(*(*file).f_inode).i_private.cast::<T>() };
        with_user_source(buf, len, |source| data.write(source))
    }

    const SEQUENCE: bindings::seq_operations = bindings::seq_operations {
        start: Some(Self::start),
        stop: Some(Self::stop),
        next: Some(Self::next),
        show: Some(Self::show),
    };

    const OPS: bindings::proc_ops = bindings::proc_ops {
        proc_open: Some(Self::open),
        proc_read_iter: Some(bindings::seq_read_iter),
        proc_write: member!(T::HAS_WRITE, Self::write),
        proc_lseek: Some(bindings::seq_lseek),
        proc_release: Some(bindings::seq_release_private),
        ..pin_init::zeroed()
    };
}

impl<T: Sequence> core::ops::Deref for Listing<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}
