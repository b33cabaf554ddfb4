// SPDX-License-Identifier: GPL-2.0-only

//! `/dev/button`: a line for each press.

use crate::Button;
use lkm::prelude::*;

/// An open `/dev/button`.
#[pin_data]
pub(crate) struct Session {
    button: Arc<Button>,
    #[pin]
    lines: Mutex<Lines>,
}

/// How far a reader is.
struct Lines {
    seen: u64,
    line: Message<24>,
    read: usize,
}

impl Lines {
    /// Whether there is something to read, or never will be.
    fn next(&mut self, button: &Button) -> Option<Result> {
        if self.read < self.line.len() {
            return Some(Ok(()));
        }
        if self.seen < button.told.load(Acquire) {
            self.seen += 1;
            self.line = Message::format(fmt!("{}\n", self.seen));
            self.read = 0;
            return Some(Ok(()));
        }
        button.gone.load(Acquire).then_some(Err(ENODEV))
    }

    /// Takes what there is room for of the line.
    fn take(&mut self, room: usize) -> Message<24> {
        let rest = self.line.as_bytes().get(self.read..).unwrap_or_default();
        let taken = Message::concat(&[rest.get(..room).unwrap_or(rest)]);
        self.read += taken.len();
        taken
    }
}

impl Session {
    /// Copies what fits of the line, without the lock: that may sleep for long.
    fn copy(&self, out: &mut IovIterDest<'_>) -> Result<usize> {
        let mut lines = self.lines.lock();
        let taken = lines.take(out.len());
        let end = (lines.seen, lines.read);
        drop(lines);
        let copied = out.copy_to_iter(taken.as_bytes());
        if copied < taken.len() {
            // The rest is the next reader's, unless another one has read on.
            let mut lines = self.lines.lock();
            if (lines.seen, lines.read) == end {
                lines.read -= taken.len() - copied;
                self.button.changed.wake_all();
            }
            if copied == 0 {
                return Err(EFAULT);
            }
        }
        Ok(copied)
    }
}

#[vtable]
impl FileOperations for Session {
    type Data = Button;

    fn open(button: ArcBorrow<'_, Button>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        let lines = Lines {
            seen: button.told.load(Acquire),
            line: Message::new(),
            read: 0,
        };
        try_pin_init!(Self {
            button: button.into(),
            lines <- new_mutex!(lines),
        })
    }

    fn read(&self, file: &OpenFile, _pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let next = |lines: &mut Lines| lines.next(&self.button);
        let mut copied = 0;
        // Another thread may be faster.
        while copied == 0 && !out.is_empty() {
            if file.nonblocking() {
                next(&mut self.lines.lock()).ok_or(EAGAIN)??;
            } else {
                self.button.changed.wait(&self.lines, next)??;
            }
            copied = self.copy(out)?;
        }
        Ok(copied)
    }

    fn poll<'a>(&'a self, _file: &OpenFile, table: &PollTable<'a>) -> Events {
        table.watch(&self.button.changed);
        match self.lines.lock().next(&self.button) {
            Some(Ok(())) => Events::READABLE,
            Some(Err(_)) => Events::ERROR | Events::HANG_UP,
            None => Events::NONE,
        }
    }
}
