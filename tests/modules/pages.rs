// SPDX-License-Identifier: GPL-2.0-only

//! A device with several minors: each is a page that processes share by mapping it.
//!
//! There are nodes for minors 0 and 1, a third page behind minor 2, and nothing behind minor 3.
//! Reading tells the minor.

use kernel::{
    fs::file::Offset,
    iov::IovIterDest,
    mm::virt::VmaNew,
    page::{
        Page,
        PAGE_SIZE, //
    },
    prelude::*,
    str::CString,
    sync::{
        Arc,
        ArcBorrow, //
    },
};
use lkm::{
    chrdev,
    fops::{
        read_from_buffer,
        FileOperations,
        OpenFile, //
    }, //
};

module! {
    type: Pages,
    name: "pages",
    authors: ["lkmpg-rs developers"],
    description: "Pages behind several minors",
    license: "GPL",
}

const COUNT: usize = 3;

struct Pages {
    _device: chrdev::Registration<OpenPage>,
}

impl kernel::Module for Pages {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut pages = KVec::with_capacity(COUNT, GFP_KERNEL)?;
        for _ in 0..COUNT {
            pages.push(Page::alloc_page(GFP_KERNEL | __GFP_ZERO)?, GFP_KERNEL)?;
        }
        let options = chrdev::Options::new(c"pages")
            .minors(4)
            .nodes(2)
            .mode(0o600);
        Ok(Self {
            _device: chrdev::Registration::new(options, Arc::new(pages, GFP_KERNEL)?)?,
        })
    }
}

struct OpenPage {
    pages: Arc<KVec<Page>>,
    minor: usize,
    text: CString,
}

#[vtable]
impl FileOperations for OpenPage {
    type Data = KVec<Page>;

    fn open(data: ArcBorrow<'_, Self::Data>, file: &OpenFile) -> impl PinInit<Self, Error> {
        let minor = file.minor() as usize;
        if minor >= COUNT {
            return Err(ENXIO);
        }
        Ok(Self {
            pages: data.into(),
            minor,
            text: CString::try_from_fmt(fmt!("page {minor}\n"))?,
        })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        read_from_buffer(out, pos, self.text.to_bytes())
    }

    fn mmap(&self, _file: &OpenFile, vma: &VmaNew) -> Result {
        if vma.end() - vma.start() != PAGE_SIZE {
            return Err(EINVAL);
        }
        let page = self.pages.get(self.minor).ok_or(ENXIO)?;
        vma.set_mixedmap().vm_insert_page(vma.start(), page)
    }
}
