// SPDX-License-Identifier: GPL-2.0-only

//! `/dev/scancode`: a line for each scan code.

use crate::Keyboard;
use lkm::{
    prelude::*,
    ring::{
        Next,
        Position,
        Ring, //
    },
};

/// An open `/dev/scancode`.
#[pin_data]
pub(crate) struct Session {
    keyboard: Arc<Keyboard>,
    #[pin]
    lines: Mutex<Lines>,
}

/// How far a reader is.
struct Lines {
    position: Position,
    line: Message<32>,
    read: usize,
}

impl Lines {
    /// Whether there is something to read.
    fn is_there(&self, codes: &Ring) -> bool {
        self.read < self.line.len() || codes.has_next(&self.position)
    }

    /// Takes what there is room for of the next line, which is nothing if no scan code has come.
    fn take(&mut self, codes: &Ring, room: usize) -> Message<32> {
        if self.read == self.line.len() {
            self.line = match codes.next(&mut self.position) {
                Some(Next::Byte(code)) => Message::format(fmt!("{code:02x}\n")),
                Some(Next::Lost(n)) => Message::format(fmt!("lost {n}\n")),
                None => return Message::new(),
            };
            self.read = 0;
        }
        let rest = self.line.as_bytes().get(self.read..).unwrap_or_default();
        let taken = Message::concat(&[rest.get(..room).unwrap_or(rest)]);
        self.read += taken.len();
        taken
    }
}

impl Session {
    /// Copies what is there and fits, without the lock: that may sleep for long. Returns how many bytes that is.
    fn copy(&self, out: &mut IovIterDest<'_>) -> Result<usize> {
        let mut copied = 0;
        while !out.is_empty() {
            let mut lines = self.lines.lock();
            let taken = lines.take(&self.keyboard.codes, out.len());
            let end = (lines.position, lines.read);
            drop(lines);
            let length = out.copy_to_iter(taken.as_bytes());
            copied += length;
            if length < taken.len() {
                // The rest is the next reader's, unless another one has read on.
                let mut lines = self.lines.lock();
                if (lines.position, lines.read) == end {
                    lines.read -= taken.len() - length;
                    self.keyboard.arrived.wake_all();
                }
                if copied == 0 {
                    return Err(EFAULT);
                }
                break;
            }
            if taken.is_empty() {
                break;
            }
        }
        Ok(copied)
    }
}

#[vtable]
impl FileOperations for Session {
    type Data = Keyboard;

    fn open(keyboard: ArcBorrow<'_, Keyboard>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        let lines = Lines {
            position: keyboard.codes.end(),
            line: Message::new(),
            read: 0,
        };
        try_pin_init!(Self {
            keyboard: keyboard.into(),
            lines <- new_mutex!(lines),
        })
    }

    fn read(&self, file: &OpenFile, _pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let keyboard = &self.keyboard;
        let there = |lines: &mut Lines| lines.is_there(&keyboard.codes).then_some(());
        let mut copied = 0;
        while copied == 0 && !out.is_empty() {
            if file.nonblocking() {
                there(&mut self.lines.lock()).ok_or(EAGAIN)?;
            } else {
                keyboard.arrived.wait(&self.lines, there)?;
            }
            // Another thread may have been faster.
            copied = self.copy(out)?;
        }
        Ok(copied)
    }

    fn poll<'a>(&'a self, _file: &OpenFile, table: &PollTable<'a>) -> Events {
        table.watch(&self.keyboard.arrived);
        Events::READABLE.when(self.lines.lock().is_there(&self.keyboard.codes))
    }
}
