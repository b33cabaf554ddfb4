// SPDX-License-Identifier: GPL-2.0-only

//! A device whose memory a program can have in its own: by `mmap`.
//!
//! ```console
//! # insmod scull_map.ko
//! # echo hello > /dev/scull_map
//! # head -c 6 /dev/scull_map
//! hello
//! # rmmod scull_map
//! ```
//!
//! With `read` and `write` the kernel copies. A program that maps the device uses the memory itself,
//! like a variable, and so does every other program that maps it:
//!
//! ```c
//! char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
//!
//! memory[0] = 'H'; /* a reader of the device sees it */
//! ```
//!
//! Memory is mapped in pages, of 4,096 bytes on most machines. `mmap` itself maps none here. When the
//! program touches a page that is not there, the processor faults, and the kernel asks the module
//! (`fault`). It answers with a page, and the program goes on without noticing. So only the pages that
//! somebody uses cost memory. The device has its size from the beginning: `>` does not empty it, and `>>`
//! writes to its start as well.
//!
//! The program can read and change all of a mapped page, at any moment. So there must be nothing else in
//! the page, not even what was there before, and the module must not believe what it finds there. A
//! `SharedPage` is such a page: the module copies to it and from it, and never borrows it.
//!
//! In C a driver fills in a `struct vm_operations_struct`, and gets a page with `vmalloc_to_page()` or
//! `virt_to_page()`. It is easy to take the wrong page, and then a program sees the kernel's memory.
//!
//! Where to look: `mm/memory.c` (`__do_fault`), and `drivers/char/mem.c`.

use kernel::page::PAGE_SIZE;
use lkm::{
    mmap::{
        Area,
        SharedPage, //
    },
    prelude::*,
};

module! {
    type: ScullMap,
    name: "scull_map",
    authors: ["lkmpg-rs developers"],
    description: "A device whose memory can be mapped",
    license: "GPL",
}

module_params! {
    pages: u32 {
        default: 16,
        description: "How many pages the device has, up to 4096",
        permissions: 0o444,
        on_set: |count| if (1..=4096).contains(&count) { Ok(()) } else { Err(EINVAL) },
    },
}

struct ScullMap {
    _device: chrdev::Registration<Session>,
}

impl kernel::Module for ScullMap {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"scull_map").mode(0o666);
        let memory = Arc::pin_init(Memory::new(), GFP_KERNEL)?;
        Ok(ScullMap {
            _device: chrdev::Registration::new(options, memory)?,
        })
    }
}

#[pin_data]
struct Memory {
    /// Those that nobody has touched are not there.
    #[pin]
    touched: Mutex<KVec<Option<SharedPage>>>,
}

impl Memory {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            touched <- new_mutex!(KVec::new()),
        })
    }

    // ANCHOR: page
    /// Returns a page, which is made if it is not there. The lock is free again then: to copy to a
    /// program's memory may fault, in a page of this very device, and ask for it.
    fn page(&self, number: usize) -> Result<SharedPage> {
        if number >= pages.value() as usize {
            return Err(ENOSPC);
        }
        let mut all = self.touched.lock();
        while all.len() <= number {
            all.push(None, GFP_KERNEL)?;
        }
        let slot = all.get_mut(number).ok_or(ENOSPC)?;
        let page = match slot {
            Some(page) => page,
            None => slot.insert(SharedPage::new()?),
        };
        Ok(page.clone())
    }
    // ANCHOR_END: page

    /// Copies page by page with `copy`, which is given a page and where to begin in it, and moves `pos`.
    /// Where a page cannot be had or copied, what was copied before counts.
    fn copy(
        &self,
        pos: &mut Offset,
        mut copy: impl FnMut(&SharedPage, usize) -> Result<usize>,
    ) -> Result<usize> {
        let mut done = 0;
        loop {
            let at = usize::try_from(*pos)?;
            let page = self.page(at / PAGE_SIZE);
            match page.and_then(|page| copy(&page, at % PAGE_SIZE)) {
                Ok(0) => return Ok(done),
                Ok(copied) => {
                    *pos += copied as Offset;
                    done += copied;
                }
                Err(_) if done > 0 => return Ok(done),
                Err(error) => return Err(error),
            }
        }
    }
}

/// How many bytes the device has.
fn size() -> Offset {
    Offset::from(pages.value()) * PAGE_SIZE as Offset
}

/// An open file.
struct Session {
    memory: Arc<Memory>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Memory;

    fn open(memory: ArcBorrow<'_, Memory>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Session {
            memory: memory.into(),
        })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        if *pos >= size() {
            return Ok(0);
        }
        self.memory
            .copy(pos, |page, offset| page.copy_to_iter(offset, out))
    }

    fn write(
        &self,
        _file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        self.memory
            .copy(pos, |page, offset| page.copy_from_iter(offset, data))
    }

    fn size(&self) -> Offset {
        size()
    }

    // ANCHOR: mmap
    fn mmap(&self, _file: &OpenFile, area: &Area) -> Result {
        let end = area.first().checked_add(area.pages()).ok_or(EINVAL)?;
        if end > pages.value() as usize {
            return Err(EINVAL);
        }
        Ok(())
    }

    fn fault(&self, _file: &OpenFile, page: usize) -> Result<SharedPage> {
        self.memory.page(page)
    }
    // ANCHOR_END: mmap
}
