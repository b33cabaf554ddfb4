// SPDX-License-Identifier: GPL-2.0-only

//! `/proc/html_parser_timing`: what reading and parsing take.

use crate::{
    limit, path, strip_into,
    timing::{
        self,
        Subject,
        Timing, //
    },
};
use lkm::{
    cycles,
    file::{
        self,
        File, //
    },
    memory::MAY_FAIL,
    prelude::*, //
};

/// No allocation may be larger than 2 GiB, and `lkm` reads no file that is larger than this.
const LARGEST: usize = 1 << 30;

/// Makes the table.
pub(crate) fn measure() -> Result<KVVec<u8>> {
    let mut page = Page::new()?;
    let timing = Timing::measure(page.document.len(), &mut page)?;
    let mut table = Message::<512>::new();
    timing.write(&mut table).map_err(|_| EOVERFLOW)?;

    let mut copy = KVVec::new();
    copy.extend_from_slice(table.as_bytes(), GFP_KERNEL)?;
    Ok(copy)
}

/// What is measured.
struct Page {
    file: File,
    document: KVVec<u8>,
    text: KVVec<u8>,
}

impl Page {
    fn new() -> Result<Self> {
        let mut file = file::open_regular(path.value())?;
        let size = usize::try_from(file.size()?).unwrap_or(usize::MAX);
        if size > (limit.value() as usize).min(LARGEST) {
            return Err(EFBIG);
        }
        Ok(Self {
            file,
            document: KVVec::from_elem(0, size, MAY_FAIL)?,
            text: KVVec::with_capacity(size, MAY_FAIL)?,
        })
    }
}

impl Subject for Page {
    type Error = Error;

    fn renew(&mut self) -> Result {
        *self = Self::new()?;
        KVVec::from_elem(1u8, timing::FLUSH, MAY_FAIL)?;
        Ok(())
    }

    fn read(&mut self) -> Result {
        if current!().signal_pending() {
            return Err(EINTR);
        }
        let count = self.file.read_at(&mut self.document, 0)?;
        if count < self.document.len() {
            // The file has become shorter.
            return Err(EAGAIN);
        }
        Ok(())
    }

    fn parse(&mut self) -> Result {
        if current!().signal_pending() {
            return Err(EINTR);
        }
        self.text.clear();
        strip_into(&self.document, &mut self.text)
    }

    fn cycles(&self) -> u64 {
        cycles::now()
    }
}
