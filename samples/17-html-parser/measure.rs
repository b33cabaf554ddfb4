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
    prelude::*, //
};

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
        if size > limit.value() as usize {
            return Err(EFBIG);
        }
        Ok(Self {
            file,
            document: KVVec::from_elem(0, size, GFP_KERNEL)?,
            text: KVVec::with_capacity(size, GFP_KERNEL)?,
        })
    }
}

impl Subject for Page {
    type Error = Error;

    fn renew(&mut self) -> Result {
        *self = Self::new()?;
        KVVec::from_elem(1u8, timing::FLUSH, GFP_KERNEL)?;
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
