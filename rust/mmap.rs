// SPDX-License-Identifier: GPL-2.0-only

//! Memory that a module shares with the processes that map its files.
//!
//! A process writes to what it has mapped whenever it likes, and keeps it for as long as it likes. So
//! this cannot be any memory: it is a [`SharedPage`], in which nothing else is, and never was.
//! There are two ways to map it. [`FileOperations::mmap`] puts pages into the [`Area`] that it is given;
//! [`FileOperations::fault`] is asked for each page when a process first touches it.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h)
//!
//! [`FileOperations::mmap`]: crate::fops::FileOperations::mmap
//! [`FileOperations::fault`]: crate::fops::FileOperations::fault

use crate::{
    bindings,
    wait::is_killed, //
};
use kernel::{
    iov::{
        IovIterDest,
        IovIterSource, //
    },
    mm::virt::VmaNew,
    page::{
        Page,
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::Arc, //
};

/// A page of memory, of `PAGE_SIZE` bytes, that may be mapped. Clones are the same page.
///
/// It is freed when the last clone and the last mapping have gone, whichever goes last. It is mapped in 2^28 places at
/// most.
///
/// # Examples
///
/// ```
/// # use lkm::{mmap::{Area, SharedPage}, prelude::*};
/// struct Opener {
///     page: SharedPage,
/// }
///
/// #[vtable]
/// impl FileOperations for Opener {
///     type Data = SharedPage;
///
///     fn open(page: ArcBorrow<'_, SharedPage>, _file: &OpenFile) -> impl PinInit<Self, Error> {
///         Ok(Self { page: (*page).clone() })
///     }
///
///     fn mmap(&self, _file: &OpenFile, area: &Area) -> Result {
///         area.insert(0, &self.page)
///     }
/// }
/// ```
///
/// Another page might hold what was there before, or what the module keeps elsewhere:
///
/// ```compile_fail,E0308
/// # use kernel::{page::Page, prelude::*};
/// fn map(area: &lkm::mmap::Area, page: &Page) -> Result {
///     area.insert(0, page)
/// }
/// ```
#[derive(Clone)]
pub struct SharedPage(Arc<Page>);

impl SharedPage {
    /// Allocates a page of zeroes. It counts as memory of the caller's group (`GFP_KERNEL_ACCOUNT`).
    ///
    /// Fails with `ENOMEM`. May sleep (`alloc_page`).
    pub fn new() -> Result<Self> {
        let page = Page::alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO)?;
        Ok(Self(Arc::new(page, GFP_KERNEL_ACCOUNT)?))
    }

    /// Copies from `offset` on to `out`, up to the end of either. Returns the number of bytes.
    ///
    /// Fails with `EFAULT` if there is something to copy and none of it can be. May sleep
    /// (`copy_page_to_iter`).
    pub fn copy_to_iter(&self, offset: usize, out: &mut IovIterDest<'_>) -> Result<usize> {
        let length = PAGE_SIZE.saturating_sub(offset).min(out.len());
        if length == 0 {
            // C warns of an offset behind the page, whatever the length.
            return Ok(0);
        }
        // SAFETY: The range is within the page, and C copies what may change meanwhile. The iterator
        // is one to write to.
        let copied =
            unsafe { bindings::copy_page_to_iter(self.0.as_ptr(), offset, length, out.as_raw()) };
        to_count(copied, length)
    }

    /// Copies from `data` to `offset` and behind, up to the end of either. Returns the number of bytes.
    ///
    /// Fails with `EFAULT` if there is something to copy and none of it can be. May sleep
    /// (`copy_page_from_iter`).
    pub fn copy_from_iter(&self, offset: usize, data: &mut IovIterSource<'_>) -> Result<usize> {
        let length = PAGE_SIZE.saturating_sub(offset).min(data.len());
        if length == 0 {
            return Ok(0);
        }
        // SAFETY: The range is within the page, in which there is no Rust value. The iterator is one to
        // read from.
        let copied = unsafe {
            bindings::copy_page_from_iter(self.0.as_ptr(), offset, length, data.as_raw())
        };
        to_count(copied, length)
    }

    /// Copies the bytes from `offset` on, as they are at that moment.
    ///
    /// Fails with `EINVAL` if the page has not as many. Callable from any context.
    pub fn read(&self, offset: usize, bytes: &mut [u8]) -> Result {
        // SAFETY: The slice is valid for writes. Who writes to the page is outside of Rust, or copies
        // as this does; any bytes will do.
        unsafe { self.0.read_raw(bytes.as_mut_ptr(), offset, bytes.len()) }
    }

    /// Copies `bytes` to `offset` and behind.
    ///
    /// Fails with `EINVAL` if the page has no room for them. Callable from any context.
    pub fn write(&self, offset: usize, bytes: &[u8]) -> Result {
        // SAFETY: The slice is valid for reads. As for `read`.
        unsafe { self.0.write_raw(bytes.as_ptr(), offset, bytes.len()) }
    }

    pub(crate) fn page(&self) -> &Page {
        &self.0
    }

    /// Whether it may be mapped in one more place. C counts them in an `int`, and does not look whether that
    /// overflows: then the page is freed while processes have it.
    pub(crate) fn may_be_mapped(&self) -> bool {
        /// Several at once may come to some more.
        const PLACES: c_int = 1 << 28;

        // SAFETY: The page is there, with an `atomic_t` at this place, which begins at -1.
        let count = unsafe {
            let page = self.0.as_ptr().cast::<c_int>();
            page.byte_add(bindings::LKM_PAGE_MAPCOUNT).read_volatile()
        };
        count.wrapping_add(1) < PLACES
    }
}

/// What was copied of something.
fn to_count(copied: usize, length: usize) -> Result<usize> {
    if copied == 0 && length > 0 {
        return Err(EFAULT);
    }
    Ok(copied)
}

/// A mapping that is being made: pages of a process' address space, to be filled.
///
/// A process that touches a page which is not there, and which nobody provides
/// [later](crate::fops::FileOperations::fault), gets `SIGBUS`.
#[repr(transparent)]
pub struct Area(VmaNew);

impl Area {
    pub(crate) fn new(vma: &VmaNew) -> &Self {
        // SAFETY: The type is a transparent wrapper.
        unsafe { &*core::ptr::from_ref(vma).cast() }
    }

    #[allow(dead_code, reason = "only `relay` asks for it")]
    pub(crate) fn vma(&self) -> &VmaNew {
        &self.0
    }

    /// Returns the number of the first page: where in the file the process wants it to begin, in pages.
    pub fn first(&self) -> usize {
        // SAFETY: The area is being set up, and nobody else uses it.
        unsafe { (*self.0.as_ptr()).vm_pgoff }
    }

    /// Returns how many pages there are, at least one.
    pub fn pages(&self) -> usize {
        self.0.end().wrapping_sub(self.0.start()) >> PAGE_SHIFT
    }

    /// Maps a page as the `index`th of the area, counted from 0 (`vm_insert_page`).
    ///
    /// Fails with `EINVAL` if there are not as many, `EBUSY` if one was mapped there before, or if the page is in
    /// 2^28 places, `EINTR` if the process is being killed, or `ENOMEM`. May sleep.
    #[expect(clippy::disallowed_methods, reason = "it is a page that may be seen")]
    pub fn insert(&self, index: usize, page: &SharedPage) -> Result {
        if index >= self.pages() {
            return Err(EINVAL);
        }
        if !page.may_be_mapped() {
            return Err(EBUSY);
        }
        // A process may ask for as much as it likes, and nobody looks into its memory meanwhile.
        if is_killed() {
            return Err(EINTR);
        }
        let address = self.0.start().wrapping_add(index << PAGE_SHIFT);
        self.0.set_mixedmap().vm_insert_page(address, page.page())
    }

    /// Has the process, and those that it forks, read the area only, now and later.
    ///
    /// Fails with `EPERM` if it is to be written.
    pub fn deny_write(&self) -> Result {
        self.0.try_clear_maywrite().map_err(|_| EPERM)
    }
}
