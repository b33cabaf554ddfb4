// SPDX-License-Identifier: GPL-2.0-only

//! The C functions behind [`FileOperations`].
//!
//! C header: [`include/linux/fs.h`](srctree/include/linux/fs.h)

use super::{
    FileOperations,
    OpenFile,
    PollTable, //
};
use crate::{
    bindings,
    callback::Caller,
    context,
    fasync::Subscribers,
    ioctl,
    lifetime::this_module,
    mmap::Area, //
};
use core::marker::PhantomData;
use kernel::{
    fs::file::Offset,
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    mm::virt::{
        VmaMixedMap,
        VmaNew, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Full, //
        },
        ArcBorrow, //
    },
    types::{
        ForeignOwnable,
        Opaque, //
    },
};

/// Lets threads that share an open file use it at once, as they can a character device. A regular
/// file's position is locked during a `read` or `write`: while one waits in there, the others
/// would, too, and could not be killed. Who cannot seek has no other position, either (`nonseekable_open`).
///
/// # Safety
///
/// `file` must be in its `open`.
unsafe fn set_position(file: *mut bindings::file, can_seek: bool) {
    let mut without = bindings::LKM_FMODE_ATOMIC_POS;
    if !can_seek {
        without |= bindings::LKM_FMODE_AT_POSITION;
    }
    // SAFETY: Nobody else has the file yet.
    unsafe { (*file).f_mode &= !without };
}

/// What belongs to an open file.
///
/// # Invariants
///
/// `subscribers` is null, or was borrowed from `state`, which is shared until the file is released.
#[pin_data]
struct Opened<T> {
    #[pin]
    state: T,
    /// What `T::subscribers` said first, or null: the file must leave the list that it is in.
    subscribers: Atomic<*mut Subscribers>,
}

/// The C functions behind [`FileOperations`].
pub(crate) struct Shims<T>(PhantomData<T>);

impl<T: FileOperations> Shims<T> {
    /// Makes the state of a file that is being opened.
    ///
    /// # Safety
    ///
    /// `file` must be in its `open`. If 0 is returned, `release` must be called once, after all
    /// other operations.
    pub(crate) unsafe fn open(data: ArcBorrow<'_, T::Data>, file: *mut bindings::file) -> c_int {
        // What a misc device finds there is not a state: `OpenFile::rewind` looks.
        //
        // SAFETY: The file is in its `open`, so nobody else has it.
        unsafe {
            (*file).private_data = core::ptr::null_mut();
            set_position(file, T::HAS_SIZE);
        }
        // SAFETY: The file is in its `open` for the duration of the call.
        let open_file = unsafe { OpenFile::from_raw(file) };
        let opened = KBox::pin_init(
            try_pin_init!(Opened {
                state <- T::open(data, &open_file),
                subscribers: Atomic::new(core::ptr::null_mut()),
            }),
            // A user may have as many as files.
            GFP_KERNEL_ACCOUNT,
        );
        Caller::Vfs.status(opened.map(|opened| {
            // SAFETY: `open` owns the private data.
            unsafe { (*file).private_data = opened.into_foreign() };
        }))
    }

    /// Drops the state of a file.
    ///
    /// # Safety
    ///
    /// `file` must be in its `release`, after a successful [`Self::open`].
    pub(crate) unsafe fn release(file: *mut bindings::file) {
        // SAFETY: `open` put the state there, and nobody else takes it out.
        drop(unsafe { Pin::<KBox<Opened<T>>>::from_foreign((*file).private_data) });
    }

    /// Borrows the state and the file during an operation.
    ///
    /// # Safety
    ///
    /// `file` must be in one of its operations, between [`Self::open`] and [`Self::release`], for
    /// the lifetime of the result.
    unsafe fn borrow<'a>(file: *mut bindings::file) -> (&'a T, OpenFile) {
        // SAFETY: By the safety requirements.
        unsafe { (&Self::opened(file).state, OpenFile::from_raw(file)) }
    }

    /// # Safety
    ///
    /// As for [`Self::borrow`].
    unsafe fn opened<'a>(file: *mut bindings::file) -> &'a Opened<T> {
        // SAFETY: `open` put it there, and `release` has not taken it out yet.
        unsafe { <Pin<KBox<Opened<T>>> as ForeignOwnable>::borrow((*file).private_data) }.get_ref()
    }

    /// What all kinds of nodes have in common; `open` is theirs.
    pub(crate) const OPS: bindings::file_operations = bindings::file_operations {
        owner: this_module().as_ptr(),
        release: Some(Self::release_file),
        read_iter: member!(T::HAS_READ, Self::read_iter),
        write_iter: member!(T::HAS_WRITE, Self::write_iter),
        llseek: member!(T::HAS_SIZE, Self::llseek),
        // They lock a pipe meanwhile, which nobody can be kept from for long: what waits has no position. For files in
        // `/proc` C has them in any case.
        splice_read: member!(T::HAS_READ && T::HAS_SIZE, bindings::copy_splice_read),
        splice_write: member!(
            T::HAS_WRITE && T::HAS_SIZE,
            bindings::iter_file_splice_write
        ),
        poll: member!(T::HAS_POLL, Self::poll),
        fasync: member!(T::HAS_SUBSCRIBERS, Self::fasync),
        unlocked_ioctl: member!(T::HAS_IOCTL, Self::ioctl),
        #[cfg(CONFIG_COMPAT)]
        compat_ioctl: member!(T::HAS_IOCTL, Self::compat_ioctl),
        mmap: member!(T::HAS_MMAP || T::HAS_FAULT, Self::mmap),
        ..pin_init::zeroed()
    };

    const AREA_OPS: bindings::vm_operations_struct = bindings::vm_operations_struct {
        fault: Some(Self::fault),
        ..pin_init::zeroed()
    };

    /// `file_operations::release`.
    ///
    /// # Safety
    ///
    /// To be called by the VFS as that operation, on a file that [`Self::open`] opened.
    pub(crate) unsafe extern "C" fn release_file(
        _inode: *mut bindings::inode,
        file: *mut bindings::file,
    ) -> c_int {
        // SAFETY: The file was opened by `open`, and this is its last operation.
        unsafe { Self::release(file) };
        0
    }

    /// `file_operations::read_iter`, `proc_ops::proc_read_iter`.
    ///
    /// # Safety
    ///
    /// To be called by the VFS as that operation, on a file between [`Self::open`] and
    /// [`Self::release`].
    pub(crate) unsafe extern "C" fn read_iter(
        kiocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: The file is open and in its `read_iter`.
        let (state, file) = unsafe { Self::borrow((*kiocb).ki_filp) };
        // SAFETY: As above.
        let file = file.in_call(unsafe { (*kiocb).ki_flags });
        // SAFETY: The `kiocb` is the call's own.
        let pos = unsafe { &mut (*kiocb).ki_pos };
        // SAFETY: `read_iter` is given an iterator to write to, which is the call's own.
        let out = unsafe {
            clear(iter);
            destination(iter)
        };
        let room = out.len();
        let count = state.read(&file, pos, out);
        // What was not copied would be somebody else's memory.
        Caller::Vfs.count(count, room.saturating_sub(out.len()))
    }

    /// `file_operations::write_iter`.
    ///
    /// # Safety
    ///
    /// As for [`Self::read_iter`].
    pub(crate) unsafe extern "C" fn write_iter(
        kiocb: *mut bindings::kiocb,
        iter: *mut bindings::iov_iter,
    ) -> isize {
        // SAFETY: The file is open and in its `write_iter`.
        let (state, file) = unsafe { Self::borrow((*kiocb).ki_filp) };
        // SAFETY: As above.
        let file = file.in_call(unsafe { (*kiocb).ki_flags });
        // SAFETY: The `kiocb` is the call's own.
        let pos = unsafe { &mut (*kiocb).ki_pos };
        // SAFETY: `write_iter` is given an iterator to read from, which is the call's own.
        let data = unsafe { source(iter) };
        let offered = data.len();
        Caller::Vfs.count(state.write(&file, pos, data), offered)
    }

    /// `proc_ops::proc_write`, which has no iterator form.
    ///
    /// # Safety
    ///
    /// As for [`Self::read_iter`].
    pub(crate) unsafe extern "C" fn write(
        file: *mut bindings::file,
        buf: *const c_char,
        len: usize,
        pos: *mut Offset,
    ) -> isize {
        // SAFETY: The file is open and in its `write`.
        let (state, file) = unsafe { Self::borrow(file) };
        // SAFETY: `pos` is the call's own.
        let pos = unsafe { &mut *pos };
        with_user_source(buf, len, |data| state.write(&file, pos, data))
    }

    /// `llseek`.
    ///
    /// # Safety
    ///
    /// As for [`Self::read_iter`].
    pub(crate) unsafe extern "C" fn llseek(
        file: *mut bindings::file,
        offset: Offset,
        whence: c_int,
    ) -> Offset {
        // SAFETY: The file is open and in its `llseek`.
        let (state, _) = unsafe { Self::borrow(file) };
        // SAFETY: As above.
        unsafe {
            bindings::generic_file_llseek_size(
                file,
                offset,
                whence,
                Offset::MAX,
                state.size().max(0),
            )
        }
    }

    /// `poll`.
    ///
    /// # Safety
    ///
    /// As for [`Self::read_iter`].
    pub(crate) unsafe extern "C" fn poll(
        file: *mut bindings::file,
        table: *mut bindings::poll_table,
    ) -> bindings::__poll_t {
        // SAFETY: The file is open and in its `poll`.
        let (state, open_file) = unsafe { Self::borrow(file) };
        // INVARIANT: This is the file's `poll`.
        let table = PollTable {
            file,
            table,
            _state: PhantomData,
        };
        // Whoever adds the file to an epoll has that one's lock.
        context::without_registering(|| state.poll(&open_file, &table).0)
    }

    /// `file_operations::fasync`.
    ///
    /// # Safety
    ///
    /// As for [`Self::read_iter`].
    unsafe extern "C" fn fasync(fd: c_int, file: *mut bindings::file, on: c_int) -> c_int {
        // SAFETY: The file is open and in its `fasync`.
        let opened = unsafe { Self::opened(file) };
        let subscribers = core::ptr::from_ref(opened.state.subscribers()).cast_mut();
        let first = opened
            .subscribers
            .cmpxchg(core::ptr::null_mut(), subscribers, Full);
        // SAFETY: It was borrowed from the file's state, which is shared until the file is released.
        // Before that, the VFS calls this to take the file out.
        unsafe { (*first.err().unwrap_or(subscribers)).set(fd, file, on) }
    }

    /// `unlocked_ioctl`.
    ///
    /// # Safety
    ///
    /// As for [`Self::read_iter`].
    pub(crate) unsafe extern "C" fn ioctl(
        file: *mut bindings::file,
        number: c_uint,
        argument: c_ulong,
    ) -> c_long {
        // SAFETY: By the safety requirements.
        unsafe { Self::any_ioctl(file, number, argument, false) }
    }

    /// `compat_ioctl`.
    ///
    /// # Safety
    ///
    /// As for [`Self::read_iter`].
    #[cfg(CONFIG_COMPAT)]
    pub(crate) unsafe extern "C" fn compat_ioctl(
        file: *mut bindings::file,
        number: c_uint,
        argument: c_ulong,
    ) -> c_long {
        // SAFETY: By the safety requirements.
        unsafe { Self::any_ioctl(file, number, argument, true) }
    }

    /// Both: what `T` does with an ioctl is there once.
    ///
    /// # Safety
    ///
    /// As for [`Self::read_iter`].
    #[inline(never)]
    unsafe fn any_ioctl(
        file: *mut bindings::file,
        number: c_uint,
        argument: c_ulong,
        compat: bool,
    ) -> c_long {
        // SAFETY: The file is open and in its `ioctl`.
        let (state, file) = unsafe { Self::borrow(file) };
        Caller::Vfs.number(state.ioctl(&file, ioctl::Request::new(number, argument, compat)))
    }

    /// `mmap`.
    ///
    /// # Safety
    ///
    /// As for [`Self::read_iter`].
    pub(crate) unsafe extern "C" fn mmap(
        file: *mut bindings::file,
        vma: *mut bindings::vm_area_struct,
    ) -> c_int {
        // SAFETY: The file is open and in its `mmap`.
        let (state, file) = unsafe { Self::borrow(file) };
        // SAFETY: `mmap` is given an area that is being set up.
        let area = unsafe { VmaNew::from_raw(vma) };
        // Also of one that stays empty: C's userfaultfd would have marks in it, and a process that touches one
        // of these tries for ever (docs/upstream.md).
        area.set_mixedmap();
        if T::HAS_FAULT {
            // SAFETY: Nobody else uses the area yet. It keeps the file, and the file the module.
            unsafe { (*vma).vm_ops = &Self::AREA_OPS };
        }
        // The process' memory is locked.
        Caller::Vfs.status(if T::HAS_MMAP {
            context::without_registering(|| state.mmap(&file, Area::new(area)))
        } else {
            Ok(())
        })
    }

    /// `vm_operations_struct::fault`.
    ///
    /// # Safety
    ///
    /// To be called by C as that operation, for an area that [`Self::mmap`] set up, of a file between
    /// [`Self::open`] and [`Self::release`].
    #[expect(clippy::disallowed_methods, reason = "it is a page that may be seen")]
    unsafe extern "C" fn fault(fault: *mut bindings::vm_fault) -> bindings::vm_fault_t {
        // SAFETY: The fault is the call's own.
        let fault = unsafe { &(*fault).__bindgen_anon_1 };
        // SAFETY: The area keeps its file, whose `release` comes after this.
        let (state, file) = unsafe { Self::borrow((*fault.vma).vm_file) };
        // So may a file be that is being written, of which a write would wait for itself.
        let page = context::without_registering(|| state.fault(&file, fault.pgoff)).ok();
        let Some(page) = page.filter(|page| page.may_be_mapped()) else {
            return bindings::vm_fault_reason_VM_FAULT_SIGBUS;
        };
        // SAFETY: The area is locked during the call, and `mmap` set the flag.
        let area = unsafe { VmaMixedMap::from_raw(fault.vma) };
        match area.vm_insert_page(fault.address, page.page()) {
            // Another thread may have been faster.
            Ok(()) | Err(EBUSY) => bindings::vm_fault_reason_VM_FAULT_NOPAGE,
            Err(_) => bindings::vm_fault_reason_VM_FAULT_SIGBUS,
        }
    }
}

/// Answers a `write` that is given the caller's buffer with what `f` makes of an iterator over it.
pub(crate) fn with_user_source(
    buf: *const c_char,
    len: usize,
    f: impl FnOnce(&mut IovIterSource<'_>) -> Result<usize>,
) -> isize {
    let iter = Opaque::<bindings::iov_iter>::uninit();
    let direction = bindings::ITER_SOURCE as c_int;
    // SAFETY: `iter` is valid for writes. Who copies checks the address.
    let ret = unsafe { bindings::import_ubuf(direction, buf.cast_mut().cast(), len, iter.get()) };
    if ret < 0 {
        return ret as isize;
    }
    // SAFETY: This is an iterator to read from, over memory of the calling process.
    Caller::Vfs.count(f(unsafe { source(iter.get()) }), len)
}

/// Clears what a read into the kernel's own memory, as for a pipe, may advance over without a write:
/// what was there before would pass for data. A buffer that a process has registered with io_uring looks the same, and
/// has zeroes behind what was read then.
///
/// # Safety
///
/// `iter` must be an iterator to write to, which nobody else uses meanwhile.
unsafe fn clear(iter: *mut bindings::iov_iter) {
    // SAFETY: By the safety requirements. Only the copy is advanced.
    unsafe {
        if !matches!(
            (*iter).iter_type.into(),
            bindings::iter_type_ITER_UBUF | bindings::iter_type_ITER_IOVEC
        ) {
            let mut iter = iter.read();
            let room = destination(&mut iter).len();
            bindings::iov_iter_zero(room, &mut iter);
        }
    }
}

/// Does what `IovIterDest::from_raw` does, without a check, and a panic, in every module.
///
/// # Safety
///
/// `iter` must be an iterator to write to, which nobody else uses for the lifetime of the result.
unsafe fn destination<'a>(iter: *mut bindings::iov_iter) -> &'a mut IovIterDest<'a> {
    // SAFETY: By the safety requirements; the type is a transparent wrapper.
    unsafe { &mut *iter.cast() }
}

/// Does what `IovIterSource::from_raw` does, without a check, and a panic, in every module.
///
/// # Safety
///
/// `iter` must be an iterator to read from, which nobody else uses for the lifetime of the result.
unsafe fn source<'a>(iter: *mut bindings::iov_iter) -> &'a mut IovIterSource<'a> {
    // SAFETY: By the safety requirements; the type is a transparent wrapper.
    unsafe { &mut *iter.cast() }
}

/// Makes the members of `file_operations` or `proc_ops` out of what `T` implements.
macro_rules! member {
    ($has:expr, $function:expr) => {
        if $has {
            Some($function)
        } else {
            None
        }
    };
}
pub(crate) use member;
