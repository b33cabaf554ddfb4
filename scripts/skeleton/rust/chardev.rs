// SPDX-License-Identifier: GPL-2.0-only

//! A character device that keeps the last line that was written to it.

use lkm::prelude::*;

module! {
    type: Skeleton,
    name: "skeleton",
    authors: ["@AUTHOR@"],
    description: "A character device that keeps a line",
    license: "GPL",
}

/// The longest line, in bytes.
const LONGEST: usize = 80;

/// The line that all openers share.
type Line = Mutex<Message<LONGEST>>;

struct Skeleton {
    _device: chrdev::Registration<Session>,
}

impl kernel::Module for Skeleton {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let line = Arc::pin_init(new_mutex!(Message::new()), GFP_KERNEL)?;
        let options = chrdev::Options::new(c"skeleton").mode(0o600);
        Ok(Skeleton {
            _device: chrdev::Registration::new(options, line)?,
        })
    }
}

/// A process that has the device open.
struct Session {
    line: Arc<Line>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Line;

    fn open(line: ArcBorrow<'_, Line>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok::<_, Error>(Session { line: line.into() })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        read_from_buffer(out, pos, self.line.lock().as_bytes())
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        if length > LONGEST {
            return Err(EINVAL);
        }
        let line = Message::copy_from(data)?;
        *self.line.lock() = line;
        Ok(length)
    }
}
