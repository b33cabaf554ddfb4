// SPDX-License-Identifier: GPL-2.0-only

//! Block devices: disks that are made of software.
//!
//! A [`Disk`] answers the requests of the block layer (*blk-mq*). Upstream's `kernel::block::mq` does not
//! show a request's data, and its disks do not keep the module while somebody has them open.
//!
//! C header: [`include/linux/blk-mq.h`](srctree/include/linux/blk-mq.h)

use crate::{
    bindings,
    compat::{
        errno,
        EOPNOTSUPP, //
    },
    context,
    lifetime::{
        self,
        this_module,
        Kept,
        References, //
    },
    name::{
        self,
        is_device,
        Path, //
    },
};
use core::{
    marker::PhantomData,
    ops::Range, //
};
use kernel::{
    error::{
        from_err_ptr,
        to_result, //
    },
    page::PAGE_SIZE,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Relaxed,
            Release, //
        },
        LockClassKey, //
    },
    task::Task,
    types::Opaque, //
};

/// The unit of positions and sizes in the block layer, in bytes.
pub const SECTOR: u64 = 512;

/// How many sectors are forgotten at a time: a GiB.
const MOST_DISCARDED: u32 = 1 << 21;

/// What a disk does. All of it runs in process context, on any CPU, several at a time, and may sleep.
/// What it allocates is not found by writing to a disk, which could be this one: `GFP_KERNEL` is like
/// C's `GFP_NOIO` there. What a user can have it keep is asked for with
/// [`MAY_FAIL`](crate::memory::MAY_FAIL), or processes are killed to find it. Who holds a lock that is taken here asks for
/// memory with [`NO_IO`](crate::memory::NO_IO), wherever that is: it may be found by writing to this disk.
///
/// Nor may it wait for a disk: what a task asks of any disk while it is in here, the kernel leaves for
/// later. So [files](mod@crate::file) and images cannot be read there, and no disk made (`EDEADLK`); a
/// thread of the module's may. No other disk must be dropped there.
///
/// It runs in the task of who reads or writes, in that of who flushes what others have written, or in a thread of the
/// kernel's. A signal to that task is nothing that others should get an error for. So none ends the waits of
/// [`WaitQueue`](crate::wait::WaitQueue), [`TurnQueue`](crate::wait::TurnQueue) and
/// [`Completion`](crate::completion::Completion) here: each needs another end, such as a limit, or the kernel reports a hung
/// task after two minutes, and cannot suspend meanwhile. Nor should [`is_killed`](crate::wait::is_killed) end anything.
///
/// Nor is it the place to make or drop what others can see. A CPU that goes offline waits for its requests, and who makes
/// nodes and threads may wait for memory; and much that is made or dropped waits for these. So no thread, probe, handler of
/// an interrupt, device, entry in `/proc`, interface or family can be made there (`EDEADLK`), and no
/// [`StaticKey`](crate::static_key::StaticKey) turned; a [misc](crate::misc) device, an interface or a
/// [`Cache`](crate::slab::Cache) that is dropped there goes a little later. Nothing else of these must be dropped there, nor
/// a [`firmware::Request`](crate::firmware::Request); and [`params::lock`](crate::params::lock) may wait as long.
///
/// An error is the user's: with `O_DIRECT`, `ENOSPC`, `ENOMEM` and `EOPNOTSUPP` as they are, anything else as
/// `EIO`. Who reads or writes by way of the page cache gets `EIO`, a writer from fsync(2), and `EOPNOTSUPP` of
/// [`discard`](Self::discard) is no error to who asked for it.
pub trait Operations: Send + Sync + 'static {
    /// Fills a segment with what is at a position, in bytes. It lies within the disk, and within one
    /// page of it. What is left unfilled reads as zeroes.
    fn read(&self, position: u64, segment: &mut Segment<'_>) -> Result;

    /// Takes what is in a segment; as [`read`](Self::read).
    fn write(&self, position: u64, segment: &Segment<'_>) -> Result;

    /// Forgets what is in a range, in bytes: it reads as zeroes afterwards. It lies within the disk, and
    /// begins and ends with whole sectors.
    fn discard(&self, range: Range<u64>) -> Result;
}

/// A piece of a request's memory, which begins and ends with whole sectors and is at most a page.
///
/// It may be a process' own memory, which changes while it is looked at: so it can be copied, and not be
/// borrowed.
///
/// # Invariants
///
/// `start` is valid for reads and writes of `length` bytes, of any value, at any time.
pub struct Segment<'a> {
    start: *mut u8,
    length: usize,
    is_filled: bool,
    _request: PhantomData<&'a [u8]>,
}

impl Segment<'_> {
    /// How many bytes.
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Copies all of it. Fails with `EINVAL` if `to` has another length.
    pub fn copy_to(&self, to: &mut [u8]) -> Result {
        if to.len() != self.length {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariants, and the lengths are the same. The slice is nobody else's.
        unsafe { bindings::memcpy(to.as_mut_ptr().cast(), self.start.cast(), to.len()) };
        Ok(())
    }

    /// Replaces all of it. Fails with `EINVAL` if `from` has another length.
    pub fn copy_from(&mut self, from: &[u8]) -> Result {
        if from.len() != self.length {
            return Err(EINVAL);
        }
        // SAFETY: As above.
        unsafe { bindings::memcpy(self.start.cast(), from.as_ptr().cast(), from.len()) };
        self.is_filled = true;
        Ok(())
    }

    /// Replaces all of it by zeroes.
    pub fn clear(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::memset(self.start.cast(), 0, self.length) };
        self.is_filled = true;
    }
}

/// The shape of a disk.
#[derive(Clone, Copy)]
pub struct Options {
    /// Its size, in sectors of 512 bytes: at least one.
    pub sectors: u64,
    /// How many requests are queued and answered side by side: 1 to 64. There are no more than processors.
    pub queues: u32,
}

/// A disk. Dropping it takes it away, after the requests that are being answered. Who has a partition of it
/// open, or has mounted it, gets `EIO` from then on; who has all of it open finds no bytes in it, and no room
/// (`ENOSPC`). They keep the module: it cannot be unloaded before, and a load that fails waits for that. The `T`
/// in it is dropped when nobody has the disk open any more: in a thread, if somebody had.
///
/// # Examples
///
/// ```
/// # use core::ops::Range;
/// # use kernel::{prelude::*, static_lock_class};
/// use lkm::block::{Disk, Operations, Options, Segment};
///
/// /// Forgets all that is written to it.
/// struct Sieve;
///
/// impl Operations for Sieve {
///     fn read(&self, _position: u64, segment: &mut Segment<'_>) -> Result {
///         segment.clear();
///         Ok(())
///     }
///
///     fn write(&self, _position: u64, _segment: &Segment<'_>) -> Result {
///         Ok(())
///     }
///
///     fn discard(&self, _range: Range<u64>) -> Result {
///         Ok(())
///     }
/// }
///
/// fn sieve() -> Result<Disk<Sieve>> {
///     let options = Options {
///         sectors: 2048,
///         queues: 1,
///     };
///     Disk::new(c"sieve", options, Sieve, static_lock_class!())
/// }
/// ```
pub struct Disk<T: Operations> {
    /// Taken by the drop. Goes first: afterwards nobody can open it.
    inner: Option<Pin<KBox<Inner<T>>>>,
    _references: References,
}

impl<T: Operations> Drop for Disk<T> {
    fn drop(&mut self) {
        let Some(mut inner) = self.inner.take() else {
            return;
        };
        inner.as_mut().take_away();
        // Who drops it may be the one who has it open.
        if inner.released_by.load(Acquire) == 0 {
            lifetime::drop_later(inner);
        }
    }
}

impl<T: Operations> Disk<T> {
    /// Adds a disk that is called `name` in `/dev` and `/sys/block`. Partitions are looked for before this
    /// returns, so `operations` is called at once. Something else that has its name in `/dev` stays, and then there is no
    /// node, of which nobody is told (`devtmpfs`).
    ///
    /// Fails with `EINVAL` if the shape is none, or the name is none that a file can have or has more
    /// than 31 bytes, `EEXIST` if it is taken, `EDEADLK` in what answers a disk's requests,
    /// `ENODEV` when the module is being unloaded, or `ENOMEM`. May sleep (`blk_mq_alloc_tag_set`, `add_disk`).
    pub fn new<E>(
        name: &'static CStr,
        options: Options,
        operations: impl PinInit<T, E>,
        key: Pin<&'static LockClassKey>,
    ) -> Result<Self>
    where
        Error: From<E>,
    {
        let valid = (1..=i64::MAX as u64 / SECTOR).contains(&options.sectors)
            && (1..=64).contains(&options.queues)
            && is_device(name)
            && name.to_bytes().len() < 32;
        if !valid {
            return Err(EINVAL);
        }
        if context::answers_requests() {
            return Err(errno(bindings::EDEADLK));
        }
        let references = References;
        // Who opens the disk keeps the module. When that goes, C could not open it, and would let go of it when the task
        // is back in user space, for which the disk's drop would wait.
        let _kept = Kept::new()?;
        let inner = try_pin_init!(Inner {
            tags <- Tags::new(options.queues),
            queue: core::ptr::null_mut(),
            disk: core::ptr::null_mut(),
            is_gone: Atomic::new(false),
            released_by: Atomic::new(0),
            sectors: options.sectors,
            operations <- operations,
        }? Error);
        let mut inner = KBox::pin_init::<Error>(inner, GFP_KERNEL)?;
        inner.as_mut().add(name, key)?;
        Ok(Self {
            inner: Some(inner),
            _references: references,
        })
    }
}

/// The tags that requests have while they are being answered.
///
/// # Invariants
///
/// The set is allocated.
#[pin_data(PinnedDrop)]
struct Tags<T: Operations> {
    #[pin]
    set: Opaque<bindings::blk_mq_tag_set>,
    _operations: PhantomData<T>,
}

impl<T: Operations> Tags<T> {
    fn new(queues: u32) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            // SAFETY: The slot is valid for writes, is pinned, and a member of C's that is not given is
            // 0. INVARIANT: It is allocated if this succeeds.
            set <- Opaque::try_ffi_init(move |slot: *mut bindings::blk_mq_tag_set| unsafe {
                slot.write(bindings::blk_mq_tag_set {
                    ops: &Inner::<T>::QUEUE,
                    nr_hw_queues: queues,
                    queue_depth: 64,
                    numa_node: bindings::NUMA_NO_NODE,
                    flags: bindings::BLK_MQ_F_BLOCKING,
                    nr_maps: 1,
                    ..pin_init::zeroed()
                });
                to_result(bindings::blk_mq_alloc_tag_set(slot))
            }),
            _operations: PhantomData,
        })
    }
}

#[pinned_drop]
impl<T: Operations> PinnedDrop for Tags<T> {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: By the type invariants. The queue that used them was destroyed.
        unsafe { bindings::blk_mq_free_tag_set(self.set.get()) };
    }
}

/// # Invariants
///
/// `queue` is null, or owned, with a pointer to this as its data. `disk` is null, or one that was added or is about
/// to be, with that queue and a pointer to this as its data.
#[pin_data(PinnedDrop)]
struct Inner<T: Operations> {
    disk: *mut bindings::gendisk,
    /// The disk was there, and was taken away.
    is_gone: Atomic<bool>,
    /// The task, as a number.
    released_by: Atomic<usize>,
    /// The disk could have a queue of its own. But one that could not be added would then need the tags until it
    /// is released, which nobody is told of.
    queue: *mut bindings::request_queue,
    sectors: u64,
    #[pin]
    operations: T,
    #[pin]
    tags: Tags<T>,
}

// SAFETY: A disk may be taken away by any thread.
unsafe impl<T: Operations> Send for Inner<T> {}
// SAFETY: C has locks for what it changes in a disk.
unsafe impl<T: Operations> Sync for Inner<T> {}

impl<T: Operations> Inner<T> {
    const QUEUE: bindings::blk_mq_ops = bindings::blk_mq_ops {
        queue_rq: Some(Self::queue_rq),
        ..pin_init::zeroed()
    };

    const OPS: bindings::block_device_operations = bindings::block_device_operations {
        owner: this_module().as_ptr(),
        free_disk: Some(Self::free_disk),
        ..pin_init::zeroed()
    };

    fn add(self: Pin<&mut Self>, name: &CStr, key: Pin<&'static LockClassKey>) -> Result {
        // C would show who adds what is there, as if it were an error of the kernel's. A disk that goes leaves the second
        // one last.
        for folder in [&b"/sys/class/block/"[..], b"/sys/devices/virtual/block/"] {
            if name::exists(Path::concat(&[folder, name.to_bytes()]))? {
                return Err(EEXIST);
            }
        }
        // SAFETY: Nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        let data: *mut Self = this;
        let mut limits = bindings::queue_limits {
            logical_block_size: SECTOR as u32,
            physical_block_size: PAGE_SIZE as u32,
            discard_granularity: PAGE_SIZE as u32,
            // More is asked for in pieces, between which others have their turn.
            max_hw_discard_sectors: MOST_DISCARDED,
            max_write_zeroes_sectors: MOST_DISCARDED,
            ..pin_init::zeroed()
        };
        // SAFETY: The tags are allocated, and freed after the queue was destroyed. INVARIANT: It is owned.
        this.queue = from_err_ptr(unsafe {
            bindings::blk_mq_alloc_queue(this.tags.set.get(), &mut limits, data.cast())
        })?;
        // SAFETY: The queue is alive; the key is static.
        let disk = unsafe { bindings::blk_mq_alloc_disk_for_queue(this.queue, key.as_ptr()) };
        if disk.is_null() {
            return Err(ENOMEM);
        }
        // SAFETY: Nobody else knows the disk yet. The name fits, with the zero behind it: it was looked at.
        unsafe {
            (*disk).fops = &Self::OPS;
            (*disk).private_data = data.cast();
            for (to, from) in (*disk).disk_name.iter_mut().zip(name.to_bytes_with_nul()) {
                *to = *from as c_char;
            }
            bindings::set_capacity(disk, (*data).sectors);
            (*disk).state |= 1 << bindings::GD_SUPPRESS_PART_SCAN;
            // Others look at this before the next call has returned.
            (*data).disk = disk;
        }
        // SAFETY: The disk is complete. INVARIANT: It is added if this succeeds.
        let added = unsafe {
            bindings::device_add_disk(core::ptr::null_mut(), disk, core::ptr::null_mut())
        };
        if let Err(error) = name::registered(to_result(added)) {
            // Who looked at the disk when it was half added may still refer to it. C does not look at anything of
            // this then.
            //
            // SAFETY: It was allocated, and not added; nobody has requests for it any more. INVARIANT:
            // There is none.
            unsafe {
                (*data).disk = core::ptr::null_mut();
                bindings::put_disk(disk);
            }
            return Err(error);
        }
        // SAFETY: It was added.
        unsafe { find_partitions(disk) };
        Ok(())
    }

    /// Takes the disk away, if it is there. Afterwards there are no requests, and nobody can open it.
    fn take_away(self: Pin<&mut Self>) {
        // SAFETY: Nothing is moved.
        let this = unsafe { self.get_unchecked_mut() };
        // INVARIANT: There is none from now on.
        let disk = core::mem::replace(&mut this.disk, core::ptr::null_mut());
        if disk.is_null() {
            return;
        }
        // SAFETY: By the type invariants.
        unsafe { bindings::del_gendisk(disk) };
        // Until here it had to write back. C has made the disk smaller, but no partition that is open.
        this.is_gone.store(true, Release);
        // SAFETY: As above.
        unsafe { bindings::put_disk(disk) };
    }

    /// `block_device_operations::free_disk`.
    ///
    /// # Safety
    ///
    /// To be called by C, for a disk of this type, when nobody refers to it any more.
    unsafe extern "C" fn free_disk(disk: *mut bindings::gendisk) {
        // SAFETY: By the type invariants. The drop waits for this.
        let this = unsafe { &*(*disk).private_data.cast::<Self>() };
        this.released_by.store(this_task(), Release);
    }

    /// `blk_mq_ops::queue_rq`.
    ///
    /// # Safety
    ///
    /// To be called by C, for a queue of a disk of this type.
    unsafe extern "C" fn queue_rq(
        hctx: *mut bindings::blk_mq_hw_ctx,
        data: *const bindings::blk_mq_queue_data,
    ) -> bindings::blk_status_t {
        // SAFETY: The queue's data was set when it was made. The disk's drop waits for its requests.
        let this = unsafe { &*(*(*hctx).queue).queuedata.cast::<Self>() };
        // SAFETY: The request is this function's until it has ended it, below.
        let request = unsafe { (*data).rq };
        // SAFETY: As above.
        unsafe { bindings::blk_mq_start_request(request) };
        let answer = match this.is_gone.load(Acquire) {
            true => Err(EIO),
            // SAFETY: It was started, and has not ended.
            false => context::answering(|| unsafe { this.answer(request) }),
        };
        let status = match answer {
            Ok(()) => bindings::BLK_STS_OK,
            Err(ENOSPC) => bindings::LKM_BLK_STS_NOSPC,
            Err(ENOMEM) => bindings::LKM_BLK_STS_RESOURCE,
            Err(EOPNOTSUPP) => bindings::LKM_BLK_STS_NOTSUPP,
            Err(_) => bindings::LKM_BLK_STS_IOERR,
        };
        // SAFETY: As above; afterwards nobody here uses it.
        unsafe { bindings::blk_mq_end_request(request, status as bindings::blk_status_t) };
        bindings::BLK_STS_OK as bindings::blk_status_t
    }

    /// Who reads the disk does not get to see what was in the memory before.
    fn read(&self, position: u64, segment: &mut Segment<'_>) -> Result {
        self.operations.read(position, segment)?;
        if !segment.is_filled {
            segment.clear();
        }
        Ok(())
    }

    /// # Safety
    ///
    /// `request` must have been started, and not have ended.
    unsafe fn answer(&self, request: *mut bindings::request) -> Result {
        // SAFETY: By the safety requirements, here and below.
        let (operation, sector, bytes) = unsafe {
            let operation = (*request).cmd_flags & ((1 << bindings::REQ_OP_BITS) - 1);
            (
                operation,
                (*request).__sector,
                u64::from((*request).__data_len),
            )
        };
        let start = sector.checked_mul(SECTOR).ok_or(EIO)?;
        let end = start.checked_add(bytes).ok_or(EIO)?;
        // C has looked, unless the disk became smaller meanwhile, which it does not.
        if end > self.sectors * SECTOR {
            return Err(EIO);
        }
        match operation {
            bindings::req_op_REQ_OP_READ => {
                // SAFETY: As above.
                unsafe { each_segment(request, start, |at, it| self.read(at, it)) }
            }
            bindings::req_op_REQ_OP_WRITE => {
                // SAFETY: As above.
                unsafe { each_segment(request, start, |at, it| self.operations.write(at, it)) }
            }
            bindings::req_op_REQ_OP_DISCARD | bindings::req_op_REQ_OP_WRITE_ZEROES => {
                self.operations.discard(start..end)
            }
            // Without a cache to write back, no flush comes here.
            _ => Err(EOPNOTSUPP),
        }
    }
}

#[pinned_drop]
impl<T: Operations> PinnedDrop for Inner<T> {
    fn drop(self: Pin<&mut Self>) {
        let mut this = self;
        this.as_mut().take_away();
        if this.is_gone.load(Relaxed) {
            // Somebody may still refer to the disk, which has the functions and this.
            lifetime::wait(
                || this.released_by.load(Acquire) != 0,
                || pr_warn!("Waiting for who still looks at the disk.\n"),
            );
            // Another task has yet to return from `free_disk`, whose code may be about to go.
            if this.released_by.load(Relaxed) != this_task() {
                lifetime::wait_for_returns();
            }
        }
        if !this.queue.is_null() {
            // SAFETY: By the type invariants. Its disk has gone, or was never there.
            unsafe {
                bindings::blk_mq_destroy_queue(this.queue);
                // Who swaps has nothing open, and may yet have to return from `queue_rq`, through what goes now.
                bindings::blk_mq_wait_quiesce_done(this.tags.set.get());
                bindings::blk_put_queue(this.queue);
            }
        }
    }
}

fn this_task() -> usize {
    Task::current_raw().addr()
}

/// Looks for partitions, as `disk_scan_partitions` does when the disk is added: who opens it as the first one looks, and
/// who closes it as the last one forgets what was read. But C closes it when the task is back in user space: who drops the
/// disk before, as an `init` that fails, would wait for that for ever.
///
/// # Safety
///
/// The disk must have been added, with `GD_SUPPRESS_PART_SCAN`.
unsafe fn find_partitions(disk: *mut bindings::gendisk) {
    // SAFETY: By the safety requirements. The bits are of those.
    unsafe {
        let state = &raw mut (*disk).state;
        bindings::clear_bit(bindings::GD_SUPPRESS_PART_SCAN as usize, state);
        bindings::set_bit(bindings::GD_NEED_PART_SCAN as usize, state);
        // A table that cannot be read is told in the log, and the disk is there without.
        let opened = bindings::bdev_file_open_by_dev(
            (*(*disk).part0).bd_dev,
            bindings::LKM_BLK_OPEN_READ,
            core::ptr::null_mut(),
            core::ptr::null(),
        );
        if let Ok(file) = from_err_ptr(opened) {
            bindings::__fput_sync(file);
        }
        bindings::clear_bit(bindings::GD_NEED_PART_SCAN as usize, state);
    }
}

/// Calls `call` for each piece of the memory of a request that reads or writes, with its position.
///
/// # Safety
///
/// `request` must have been started, and not have ended. It must read or write.
unsafe fn each_segment(
    request: *mut bindings::request,
    mut position: u64,
    mut call: impl FnMut(u64, &mut Segment<'_>) -> Result,
) -> Result {
    // SAFETY: By the safety requirements the request keeps its bios, each with as many vectors as the
    // iterator says it goes through, and these keep their pages.
    unsafe {
        let mut bio = (*request).bio;
        while !bio.is_null() {
            let iter = &raw const (*bio).bi_iter;
            let mut left = (&raw const (*iter).bi_size).read_unaligned() as usize;
            let mut index = (&raw const (*iter).bi_idx).read_unaligned() as usize;
            let done = iter.byte_add(bindings::LKM_BVEC_ITER_DONE).cast::<c_uint>();
            let mut done = done.read_unaligned() as usize;
            while left > 0 {
                let vector = &*(*bio).bi_io_vec.add(index);
                let offset = vector.bv_offset as usize + done;
                let in_page = offset % PAGE_SIZE;
                let length = (vector.bv_len as usize - done)
                    .min(PAGE_SIZE - in_page)
                    .min(PAGE_SIZE - position as usize % PAGE_SIZE)
                    .min(left);
                // The pages of one vector are next to each other.
                let page = vector.bv_page.add(offset / PAGE_SIZE);
                let address = bindings::kmap_local_page(page).cast::<u8>();
                // INVARIANT: The page is mapped during the call, and the piece is in it.
                let mut segment = Segment {
                    start: address.add(in_page),
                    length,
                    is_filled: false,
                    _request: PhantomData,
                };
                let result = call(position, &mut segment);
                bindings::kunmap_local(address.cast());
                result?;
                position += length as u64;
                left -= length;
                done += length;
                if done == vector.bv_len as usize {
                    (index, done) = (index + 1, 0);
                }
            }
            bio = (*bio).bi_next;
        }
    }
    Ok(())
}
