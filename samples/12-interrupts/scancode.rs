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
    /// Returns what is there to read, which is nothing if no scan code has come.
    fn text(&mut self, codes: &Ring) -> &[u8] {
        if self.read == self.line.len() {
            self.read = 0;
            self.line = match codes.next(&mut self.position) {
                Some(Next::Byte(code)) => Message::format(fmt!("{code:02x}\n")),
                Some(Next::Lost(n)) => Message::format(fmt!("lost {n}\n")),
                None => Message::new(),
            };
        }
        self.line.as_bytes().get(self.read..).unwrap_or_default()
    }

    /// Copies what is there and fits. Returns how many bytes that is.
    fn copy(&mut self, codes: &Ring, out: &mut IovIterDest<'_>) -> Result<usize> {
        let mut copied = 0;
        while !out.is_empty() && !self.text(codes).is_empty() {
            let taken = out.copy_to_iter(self.text(codes));
            if taken == 0 && copied == 0 {
                return Err(EFAULT);
            } else if taken == 0 {
                break;
            }
            self.read += taken;
            copied += taken;
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
        let there = |lines: &mut Lines| (!lines.text(&keyboard.codes).is_empty()).then_some(());
        let mut copied = 0;
        while copied == 0 && !out.is_empty() {
            if file.nonblocking() {
                there(&mut self.lines.lock()).ok_or(EAGAIN)?;
            } else {
                keyboard.arrived.wait(&self.lines, there)?;
            }
            // Another thread may have been faster.
            copied = self.lines.lock().copy(&keyboard.codes, out)?;
        }
        Ok(copied)
    }

    fn poll<'a>(&'a self, _file: &OpenFile, table: &PollTable<'a>) -> Events {
        table.watch(&self.keyboard.arrived);
        Events::READABLE.when(!self.lines.lock().text(&self.keyboard.codes).is_empty())
    }
}
