// SPDX-License-Identifier: GPL-2.0-only

//! A device with several minors: each is a page that processes share by mapping it. And a device
//! whose pages come to be when somebody touches them; and one that maps one page everywhere.
//!
//! There are nodes for minors 0 and 1 of the first, a third page behind minor 2, and nothing behind
//! minor 3. Reading tells the minor. The second has room for four pages. Who opens the third reads how often it was
//! mapped, and what ended that.

use kernel::{
    page::PAGE_SIZE,
    str::CString, //
};
use lkm::{
    mmap::{
        Area,
        SharedPage, //
    },
    prelude::*,
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
    _lazy: chrdev::Registration<OpenLazy>,
    _everywhere: chrdev::Registration<OpenEverywhere>,
}

impl kernel::Module for Pages {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mut pages = KVec::with_capacity(COUNT, GFP_KERNEL)?;
        for _ in 0..COUNT {
            pages.push(SharedPage::new()?, GFP_KERNEL)?;
        }
        let options = chrdev::Options::new(c"pages")
            .minors(4)
            .nodes(2)
            .mode(0o600);
        Ok(Self {
            _device: chrdev::Registration::new(options, Arc::new(pages, GFP_KERNEL)?)?,
            _lazy: chrdev::Registration::new(
                chrdev::Options::new(c"lazy_pages"),
                Arc::pin_init(new_mutex!([const { None }; ROOM]), GFP_KERNEL)?,
            )?,
            _everywhere: chrdev::Registration::new(
                chrdev::Options::new(c"everywhere"),
                Arc::new(
                    Everywhere {
                        page: SharedPage::new()?,
                        places: Atomic::new(0),
                        errno: Atomic::new(0),
                    },
                    GFP_KERNEL,
                )?,
            )?,
        })
    }
}

struct OpenPage {
    pages: Arc<KVec<SharedPage>>,
    minor: usize,
    text: CString,
}

#[vtable]
impl FileOperations for OpenPage {
    type Data = KVec<SharedPage>;

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

    fn mmap(&self, _file: &OpenFile, area: &Area) -> Result {
        if area.pages() != 1 {
            return Err(EINVAL);
        }
        // Behind the page there is none, and nobody says so.
        if area.first() > 0 {
            return Ok(());
        }
        area.insert(0, self.pages.get(self.minor).ok_or(ENXIO)?)
    }
}

const ROOM: usize = 4;

type Room = Mutex<[Option<SharedPage>; ROOM]>;

struct OpenLazy(Arc<Room>);

impl OpenLazy {
    /// The page, which is there from now on. Nothing is copied with the lock held.
    fn page(&self, number: usize) -> Result<SharedPage> {
        let mut room = self.0.lock();
        // C would try the one again, and take the other for a page that is there.
        let page = room
            .get_mut(number)
            .ok_or(if number == ROOM { ENOMEM } else { EBUSY })?;
        match page {
            Some(page) => Ok(page.clone()),
            None => Ok(page.insert(SharedPage::new()?).clone()),
        }
    }
}

#[vtable]
impl FileOperations for OpenLazy {
    type Data = Room;

    fn open(room: ArcBorrow<'_, Room>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Self(room.into()))
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let at = *pos as usize;
        if at >= ROOM * PAGE_SIZE {
            return Ok(0);
        }
        let count = self
            .page(at / PAGE_SIZE)?
            .copy_to_iter(at % PAGE_SIZE, out)?;
        *pos += count as Offset;
        Ok(count)
    }

    fn write(
        &self,
        _file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let at = *pos as usize;
        let page = self.page(at / PAGE_SIZE)?;
        let count = page.copy_from_iter(at % PAGE_SIZE, data)?;
        *pos += count as Offset;
        Ok(count)
    }

    fn size(&self) -> Offset {
        (ROOM * PAGE_SIZE) as Offset
    }

    fn fault(&self, _file: &OpenFile, page: usize) -> Result<SharedPage> {
        self.page(page)
    }
}

struct Everywhere {
    page: SharedPage,
    places: Atomic<usize>,
    errno: Atomic<c_int>,
}

struct OpenEverywhere {
    everywhere: Arc<Everywhere>,
    text: CString,
}

#[vtable]
impl FileOperations for OpenEverywhere {
    type Data = Everywhere;

    fn open(data: ArcBorrow<'_, Everywhere>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        let (places, errno) = (data.places.load(Relaxed), data.errno.load(Relaxed));
        Ok(Self {
            everywhere: data.into(),
            text: CString::try_from_fmt(fmt!("{places} {errno}\n"))?,
        })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        read_from_buffer(out, pos, self.text.to_bytes())
    }

    fn mmap(&self, _file: &OpenFile, area: &Area) -> Result {
        for index in 0..area.pages() {
            area.insert(index, &self.everywhere.page)
                .inspect_err(|error| self.everywhere.errno.store(error.to_errno(), Relaxed))?;
            self.everywhere.places.fetch_add(1, Relaxed);
        }
        Ok(())
    }
}
