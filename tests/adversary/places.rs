// SPDX-License-Identifier: GPL-2.0-only

//! A page that is in many places. `/dev/places` shows it wherever it is touched; what is mapped from the second
//! page on has it in all places at once.

use lkm::{
    mmap::{
        Area,
        SharedPage, //
    },
    prelude::*, //
};

module! {
    type: Places,
    name: "places",
    authors: ["lkmpg-rs developers"],
    description: "A page that is in many places",
    license: "GPL",
}

struct Places {
    _device: chrdev::Registration<Opened>,
}

impl kernel::Module for Places {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"places");
        let page = Arc::new(SharedPage::new()?, GFP_KERNEL)?;
        Ok(Self {
            _device: chrdev::Registration::new(options, page)?,
        })
    }
}

struct Opened(SharedPage);

#[vtable]
impl FileOperations for Opened {
    type Data = SharedPage;

    fn open(page: ArcBorrow<'_, SharedPage>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Self((*page).clone()))
    }

    fn mmap(&self, _file: &OpenFile, area: &Area) -> Result {
        if area.first() > 0 {
            for index in 0..area.pages() {
                area.insert(index, &self.0)?;
            }
        }
        Ok(())
    }

    fn fault(&self, _file: &OpenFile, _page: usize) -> Result<SharedPage> {
        Ok(self.0.clone())
    }
}
