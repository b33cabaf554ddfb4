// SPDX-License-Identifier: GPL-2.0-only

//! Relay channels: much data, from any context, to user space.
//!
//! A [`Channel`] has a ring buffer for each CPU, and each ring is a file in debugfs: `<name>0`,
//! `<name>1` and so on. A ring consists of sub-buffers. Whoever writes fills the one of the CPU it
//! runs on; a reader gets finished ones through poll(2) and mmap(2), or whatever there is through
//! read(2). A write never crosses the end of a sub-buffer; what is left over there is padding.
//!
//! read(2) keeps count of what it took. A reader that maps a ring has to be told how far the
//! writers are ([`Channel::state`], [`Channel::padding`]), and to say what it has taken
//! ([`Channel::consume`]); relay has no file for that. A ring is for one reader, of either kind.
//!
//! The module cannot be unloaded while a ring is open or mapped. Dropping the channel removes the
//! files and wakes those that poll, who get `EPOLLERR`; a ring that is open or mapped stays, with
//! its content, until the last user lets go.
//!
//! C's own read(2) looks at a ring without a lock: while a writer goes on to the next sub-buffer,
//! it may skip one, or return one of the previous round. Here it is done anew.
//!
//! C header: [`include/linux/relay.h`](srctree/include/linux/relay.h)

mod ring;

use crate::{
    bindings,
    debugfs::{
        self,
        keep_module,
        Directory, //
    },
    fops::{
        unlock_position,
        Events,
        Owner, //
    },
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    cpu::{
        nr_cpu_ids,
        CpuId, //
    },
    error::from_err_ptr,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        ArcBorrow, //
    },
    task::TASK_NORMAL, //
};
use ring::{
    Ring,
    Slot, //
};

/// What happens to a write when the ring is full: all sub-buffers wait for the reader.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is refused, and counted ([`State::lost`]): the oldest is kept.
    Keep,
    /// It takes the place of the oldest sub-buffer, which is counted ([`State::overwritten`]): the
    /// newest is kept. To be read when nobody writes; else the reader may find new data under its
    /// hands.
    Overwrite,
}

/// The shape of a channel.
#[derive(Clone, Copy)]
pub struct Options {
    /// Bytes in a sub-buffer, at least 1. The largest write.
    pub subbuffer_size: usize,
    /// Sub-buffers in a ring, at least 2. The two sizes multiplied must be below 2³¹.
    pub subbuffers: usize,
    /// What to do when a ring is full.
    pub mode: Mode,
}

/// How far a ring is.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// Sub-buffers that were finished since the channel was made.
    pub produced: usize,
    /// Sub-buffers that the reader is done with.
    pub consumed: usize,
    /// Writes that found no room.
    pub lost: u64,
    /// Sub-buffers that were overwritten before the reader was done with them.
    pub overwritten: u64,
}

/// A relay channel.
///
/// # Examples
///
/// ```
/// # use kernel::prelude::*;
/// use lkm::{debugfs::Directory, fops::Owner, relay::{Channel, Mode, Options}};
///
/// struct Trace;
///
/// impl Owner for Trace {
///     const MODULE: &'static ThisModule = lkm::this_module!();
/// }
///
/// fn trace() -> Result {
///     let options = Options { subbuffer_size: 4096, subbuffers: 8, mode: Mode::Keep };
///     let channel = Channel::<Trace>::new(Directory::new(c"trace")?, c"cpu", options)?;
///     channel.write(b"Hello")?;
///     channel.flush();
///     Ok(())
/// }
/// ```
///
/// # Invariants
///
/// `channel` was opened with `shared` as its private data, and this value owns it.
pub struct Channel<M: Owner> {
    channel: NonNull<bindings::rchan>,
    shared: Arc<Shared>,
    // The files in it must go first.
    _directory: Arc<Directory>,
    _module: PhantomData<fn() -> M>,
}

// SAFETY: The rings are only used with their slots locked.
unsafe impl<M: Owner> Send for Channel<M> {}
// SAFETY: As above.
unsafe impl<M: Owner> Sync for Channel<M> {}

impl<M: Owner> Channel<M> {
    /// Opens a channel: creates a ring, and a file with permissions 0400, for each CPU that is or
    /// comes online. Opening a file fails with `ENOENT` until its ring is complete.
    ///
    /// Fails with `EINVAL` if the sizes are not within their limits, `EEXIST` if the name is
    /// taken, or `ENOMEM`. May sleep (`relay_open`).
    pub fn new(directory: Arc<Directory>, name: &CStr, options: Options) -> Result<Self> {
        let size = options.subbuffer_size.checked_mul(options.subbuffers);
        if options.subbuffer_size == 0
            || options.subbuffers < 2
            || size.is_none_or(|size| size > i32::MAX as usize)
            || name.to_bytes().len() + 10 > bindings::NAME_MAX as usize
        {
            return Err(EINVAL);
        }
        let first = CString::try_from_fmt(fmt!("{name}0"))?;
        if debugfs::exists(&directory, &first) {
            return Err(EEXIST);
        }

        let shared = Arc::new(Shared::new(options)?, GFP_KERNEL)?;
        for slot in &shared.slots {
            slot.init(Files::<M>::CALLBACKS);
        }
        let private_data = Arc::into_raw(shared.clone());
        // SAFETY: The name is a C string, the directory exists, and the callbacks are static. The
        // private data goes after the channel and those who have a ring open.
        let channel = unsafe {
            bindings::relay_open(
                name.as_char_ptr(),
                directory.as_raw(),
                options.subbuffer_size,
                options.subbuffers,
                Files::<M>::CALLBACKS,
                private_data.cast_mut().cast(),
            )
        };
        let Some(channel) = NonNull::new(channel) else {
            // SAFETY: relay has given up, and calls nobody any more.
            unsafe { shared.remove_files() };
            // SAFETY: This is the reference from above, which nobody uses.
            drop(unsafe { Arc::from_raw(private_data) });
            return Err(ENOMEM);
        };
        // INVARIANT: The channel was just opened.
        Ok(Self {
            channel,
            shared,
            _directory: directory,
            _module: PhantomData,
        })
    }

    /// Writes to the ring of the CPU that this runs on.
    ///
    /// Fails with `EMSGSIZE` if the bytes do not fit a sub-buffer, and with `ENOSPC` if the ring is
    /// full, which is counted. Callable from any context but an NMI, even with interrupts off
    /// (`relay_write`).
    pub fn write(&self, bytes: &[u8]) -> Result {
        // The task may move to another CPU before the lock is taken; it may write there, too.
        let mut ring = self.ring(CpuId::current().as_u32()).ok_or(ENOSPC)?;
        ring.write(bytes)
    }

    /// Finishes the sub-buffers that have something in them, so that readers need not wait for
    /// more. Callable from any context but an NMI (`relay_flush`).
    pub fn flush(&self) {
        for cpu in 0..nr_cpu_ids() {
            if let Some(mut ring) = self.ring(cpu) {
                ring.flush();
            }
        }
    }

    /// Tells how far the ring of a CPU is. There is none if the CPU was never online, or is none.
    ///
    /// Callable from any context but an NMI.
    pub fn state(&self, cpu: u32) -> Option<State> {
        Some(self.ring(cpu)?.state())
    }

    /// Returns how many bytes at the end of a sub-buffer are not data.
    ///
    /// `subbuffer` counts as [`State::produced`] does. If it is not finished, or not in the ring
    /// any more, there is no answer. Callable from any context but an NMI.
    pub fn padding(&self, cpu: u32, subbuffer: usize) -> Option<usize> {
        self.ring(cpu)?.padding(subbuffer)
    }

    /// Gives sub-buffers back that a reader has taken from memory, oldest first
    /// (`relay_subbufs_consumed`).
    ///
    /// Fails with `EINVAL` if fewer are waiting, and `ENODEV` if there is no such ring. Callable
    /// from any context but an NMI.
    pub fn consume(&self, cpu: u32, subbuffers: usize) -> Result {
        self.ring(cpu).ok_or(ENODEV)?.consume(subbuffers)
    }

    /// The shape.
    pub fn options(&self) -> Options {
        self.shared.options
    }

    fn ring(&self, cpu: u32) -> Option<Ring<'_>> {
        // SAFETY: The channel exists.
        unsafe { self.shared.ring(cpu) }
    }
}

impl<M: Owner> Drop for Channel<M> {
    fn drop(&mut self) {
        // Whoever polls gets the last data.
        self.flush();
        // SAFETY: By the type invariants. Nobody writes any more, since nobody has a reference.
        // What readers still use is counted: the rings by C, what the rings share by `open`.
        unsafe {
            let private_data = (*self.channel.as_ptr()).private_data.cast_const();
            bindings::relay_close(self.channel.as_ptr());
            self.shared.remove_files();
            drop(Arc::from_raw(private_data.cast::<Shared>()));
        }
    }
}

/// What the callbacks and the files need.
struct Shared {
    options: Options,
    /// For each CPU. They do not move.
    slots: KVec<Slot>,
    /// The files that there are, or null. relay's callbacks use them, one at a time.
    files: KVec<UnsafeCell<*mut bindings::dentry>>,
}

// SAFETY: The slots have locks, and relay's mutex is that of the files.
unsafe impl Send for Shared {}
// SAFETY: As above.
unsafe impl Sync for Shared {}

impl Shared {
    fn new(options: Options) -> Result<Self> {
        let cpus = nr_cpu_ids() as usize;
        let mut slots = KVec::with_capacity(cpus, GFP_KERNEL)?;
        let mut files = KVec::with_capacity(cpus, GFP_KERNEL)?;
        for _ in 0..cpus {
            slots.push(Slot::new(), GFP_KERNEL)?;
            files.push(UnsafeCell::new(core::ptr::null_mut()), GFP_KERNEL)?;
        }
        Ok(Self {
            options,
            slots,
            files,
        })
    }

    /// Notes that a file came, in place of null, or went.
    ///
    /// # Safety
    ///
    /// To be called in a callback that relay calls with its mutex held.
    unsafe fn replace_file(&self, old: *mut bindings::dentry, new: *mut bindings::dentry) {
        for file in &self.files {
            // SAFETY: By the safety requirements, nobody else is here.
            if unsafe { core::ptr::eq(*file.get(), old) } {
                // SAFETY: As above.
                unsafe { *file.get() = new };
                return;
            }
        }
    }

    /// Removes what relay has left: when it fails to make a ring's file, it forgets the ring of CPU 0.
    ///
    /// # Safety
    ///
    /// relay must have given up the channel.
    unsafe fn remove_files(&self) {
        for file in &self.files {
            // SAFETY: By the safety requirements, nobody else is here. A file that was not removed
            // is there, and so is its ring, which relay has leaked.
            unsafe {
                let file = file.get().replace(core::ptr::null_mut());
                if !file.is_null() {
                    let buffer = (*(*file).d_inode).i_private.cast::<bindings::rchan_buf>();
                    (*buffer).finalized = 1;
                    remove(file, buffer);
                }
            }
        }
    }

    /// Locks the ring of a CPU.
    ///
    /// # Safety
    ///
    /// The ring must exist: the channel does, or somebody has it open.
    unsafe fn ring(&self, cpu: u32) -> Option<Ring<'_>> {
        // SAFETY: By the safety requirements.
        unsafe { self.slots.get(cpu as usize)?.ring(&self.options) }
    }
}

/// The callbacks, and the files. They are static in each module that uses them.
struct Files<M>(PhantomData<M>);

impl<M: Owner> Files<M> {
    const CALLBACKS: &'static bindings::rchan_callbacks = &bindings::rchan_callbacks {
        subbuf_start: Some(subbuf_start),
        create_buf_file: Some(Self::create_buf_file),
        remove_buf_file: Some(remove_buf_file),
    };

    /// What a file is created with. Only `open` is called.
    const OPS: bindings::file_operations = bindings::file_operations {
        open: Some(Self::open),
        release: Some(release),
        read: Some(read),
        poll: Some(poll),
        mmap_prepare: Some(mmap_prepare),
        ..pin_init::zeroed()
    };

    /// What a file that is open has.
    const OWNED: bindings::file_operations = bindings::file_operations {
        owner: M::MODULE.as_ptr(),
        ..Self::OPS
    };

    /// `rchan_callbacks::create_buf_file`.
    ///
    /// # Safety
    ///
    /// To be called by relay.
    unsafe extern "C" fn create_buf_file(
        name: *const c_char,
        parent: *mut bindings::dentry,
        mode: bindings::umode_t,
        buffer: *mut bindings::rchan_buf,
        _is_global: *mut c_int,
    ) -> *mut bindings::dentry {
        // SAFETY: The name is a C string, and the directory exists. The operations have the file keep
        // the module that they are in, and fit the ring, to which they count their references.
        // debugfs has no mmap in files that it guards, and need not guard this one.
        unsafe {
            let file =
                bindings::debugfs_create_file_unsafe(name, mode, parent, buffer.cast(), &Self::OPS);
            if from_err_ptr(file).is_ok() {
                let (shared, _) = shared(buffer);
                shared.replace_file(core::ptr::null_mut(), file);
            }
            file
        }
    }

    /// `file_operations::open`.
    ///
    /// # Safety
    ///
    /// To be called by debugfs, on a file of [`Self::create_buf_file`].
    unsafe extern "C" fn open(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
        // SAFETY: The channel exists, since removing the file waits for this call.
        let (buffer, shared) = unsafe {
            let buffer = (*inode).i_private.cast::<bindings::rchan_buf>();
            (buffer, shared(buffer).0)
        };
        // What this leaves is needed even if the rest fails.
        // SAFETY: debugfs calls this, on a file that was created without an owner.
        let kept = unsafe { keep_module(file, &Self::OWNED) };
        // relay makes the file first, and only then starts to count references to the ring. For a
        // reader the file is not there yet.
        if !shared.slots.iter().any(|it| it.is_filled_with(buffer)) {
            return ENOENT.to_errno();
        }
        if let Err(e) = kept {
            return e.to_errno();
        }
        // SAFETY: The ring is complete. C's own function counts a reference to it, and leaves it in
        // `private_data`.
        unsafe {
            let open = bindings::relay_file_operations.open;
            let ret = open.map_or(0, |open| open(inode, file));
            if ret == 0 {
                unlock_position(file);
                // The file's own reference, which `release` finds the same way.
                let _ = Arc::into_raw(Arc::from(shared));
            }
            ret
        }
    }
}

/// `rchan_callbacks::subbuf_start`: decides whether the next sub-buffer may be written.
///
/// # Safety
///
/// To be called by relay, for a ring of a [`Channel`]; with its slot locked unless `previous` is
/// null, which says that the ring is new.
unsafe extern "C" fn subbuf_start(
    buffer: *mut bindings::rchan_buf,
    _new: *mut c_void,
    previous: *mut c_void,
) -> c_int {
    // SAFETY: The ring and its channel are valid, and the private data is that of `Channel::new`.
    let (shared, cpu) = unsafe { shared(buffer) };
    let Some(slot) = shared.slots.get(cpu as usize) else {
        return 0;
    };
    if previous.is_null() {
        slot.fill(buffer);
        return 1;
    }
    // SAFETY: The ring is valid, and locked by the writer that this is called for.
    let waiting = unsafe { (*buffer).subbufs_produced - (*buffer).subbufs_consumed };
    let full = waiting >= shared.options.subbuffers;
    if full && shared.options.mode == Mode::Overwrite {
        // SAFETY: As above.
        unsafe { slot.count_overwritten() };
        return 1;
    }
    (!full).into()
}

/// `rchan_callbacks::remove_buf_file`.
///
/// # Safety
///
/// To be called by relay, with a file of [`Files::create_buf_file`].
unsafe extern "C" fn remove_buf_file(file: *mut bindings::dentry) -> c_int {
    // SAFETY: The file exists, and the ring, which has been marked as finished, until this
    // function returns. Who polls it must be told so, which relay leaves out.
    unsafe {
        let buffer = (*(*file).d_inode).i_private.cast::<bindings::rchan_buf>();
        let (shared, _) = shared(buffer);
        shared.replace_file(file, core::ptr::null_mut());
        remove(file, buffer);
    }
    0
}

/// Removes a ring's file, and wakes who polls it.
///
/// # Safety
///
/// The file and its ring must exist, and the ring be marked as finished.
unsafe fn remove(file: *mut bindings::dentry, buffer: *mut bindings::rchan_buf) {
    // SAFETY: By the safety requirements. Removing the file waits for those who open it.
    unsafe {
        bindings::debugfs_remove(file);
        bindings::__wake_up(
            &raw mut (*buffer).read_wait,
            TASK_NORMAL,
            0,
            core::ptr::null_mut(),
        );
    }
}

/// What the ring shares with others, and the ring's CPU.
///
/// # Safety
///
/// The ring must be one of a [`Channel`]'s, which must exist or have been when the ring was opened,
/// for the lifetime of the result.
unsafe fn shared<'a>(buffer: *mut bindings::rchan_buf) -> (ArcBorrow<'a, Shared>, u32) {
    // SAFETY: By the safety requirements. A ring refers to its `rchan`, and `Channel::new` gave
    // the private data.
    unsafe {
        let shared = (*(*buffer).chan).private_data.cast_const();
        (ArcBorrow::from_raw(shared.cast()), (*buffer).cpu)
    }
}

/// `file_operations::release`.
///
/// # Safety
///
/// To be called by the VFS, on a file that [`Files::open`] opened.
unsafe extern "C" fn release(inode: *mut bindings::inode, file: *mut bindings::file) -> c_int {
    // SAFETY: Gives back the references of `Files::open`, that to the ring first.
    unsafe {
        let buffer = (*file).private_data.cast::<bindings::rchan_buf>();
        let shared = (*(*buffer).chan).private_data.cast_const();
        let shared = Arc::from_raw(shared.cast::<Shared>());
        let release = bindings::relay_file_operations.release;
        let ret = release.map_or(0, |release| release(inode, file));
        drop(shared);
        ret
    }
}

/// `file_operations::poll`.
///
/// # Safety
///
/// As for [`release`].
unsafe extern "C" fn poll(
    file: *mut bindings::file,
    table: *mut bindings::poll_table,
) -> bindings::__poll_t {
    // SAFETY: C's own function expects no more than what `open` left, which refers to the ring.
    // `finalized` is set once, when relay gives up the ring, before who is in the queue is woken.
    unsafe {
        let buffer = (*file).private_data.cast::<bindings::rchan_buf>();
        let poll = bindings::relay_file_operations.poll;
        let events = poll.map_or(0, |poll| poll(file, table));
        // C looks only before the caller is in the queue.
        if (&raw const (*buffer).finalized).read_volatile() != 0 {
            Events::ERROR.0
        } else {
            events
        }
    }
}

/// `file_operations::mmap_prepare`.
///
/// # Safety
///
/// As for [`release`].
unsafe extern "C" fn mmap_prepare(area: *mut bindings::vm_area_desc) -> c_int {
    // SAFETY: C's own function expects no more than what `open` left. The mapping keeps the file.
    unsafe {
        let prepare = bindings::relay_file_operations.mmap_prepare;
        prepare.map_or(ENODEV.to_errno(), |prepare| prepare(area))
    }
}

/// `file_operations::read`.
///
/// # Safety
///
/// As for [`release`].
unsafe extern "C" fn read(
    file: *mut bindings::file,
    to: *mut c_char,
    count: usize,
    _position: *mut bindings::loff_t,
) -> isize {
    // SAFETY: The file has references to the ring and to what it shares.
    let (shared, cpu, lock) = unsafe {
        let (shared, cpu) = shared((*file).private_data.cast());
        (shared, cpu, &raw mut (*(*file).f_inode).i_rwsem)
    };
    // SAFETY: The lock is that of an open file. As in C, one reads at a time.
    if unsafe { bindings::down_write_killable(lock) } != 0 {
        return EINTR.to_errno() as isize;
    }
    // SAFETY: The file has a reference to the ring.
    let ring = || unsafe { shared.ring(cpu) };
    let mut done = 0;
    let mut fault = false;
    while done < count {
        let Some(piece) = ring().and_then(|mut ring| ring.next()) else {
            break;
        };
        let length = piece.length.min(count - done);
        // SAFETY: The function checks where it writes. What it reads is in the ring; if it is
        // overwritten meanwhile, it is not counted.
        let left = unsafe {
            let to = to.wrapping_add(done).cast();
            bindings::copy_to_user(to, piece.address.cast(), length)
        };
        let length = length - left as usize;
        if ring().is_some_and(|mut ring| ring.taken(&piece, length)) {
            done += length;
        }
        if left > 0 {
            fault = true;
            break;
        }
    }
    // SAFETY: The lock was taken above.
    unsafe { bindings::up_write(lock) };
    if done == 0 && fault {
        EFAULT.to_errno() as isize
    } else {
        done as isize
    }
}
