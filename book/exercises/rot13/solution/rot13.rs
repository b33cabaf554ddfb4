// SPDX-License-Identifier: GPL-2.0-only

//! A device that turns letters.

use lkm::prelude::*;

module! {
    type: Rot13,
    name: "rot13",
    authors: ["lkmpg-rs developers"],
    description: "A device that turns letters",
    license: "GPL",
}

struct Rot13 {
    _device: chrdev::Registration<Session>,
}

impl kernel::Module for Rot13 {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"rot13").mode(0o666);
        Ok(Rot13 {
            _device: chrdev::Registration::new(options, Arc::new((), GFP_KERNEL)?)?,
        })
    }
}

/// The longest text, in bytes.
const LONGEST: usize = 80;

/// An open file.
#[pin_data]
struct Session {
    #[pin]
    text: Mutex<Message<LONGEST>>,
}

#[vtable]
impl FileOperations for Session {
    type Data = ();

    fn open(_: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        try_pin_init!(Session {
            text <- new_mutex!(Message::new(), "rot13"),
        })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let text = *self.text.lock();
        read_from_buffer(out, pos, text.as_bytes())
    }

    fn write(
        &self,
        _file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        if length > LONGEST {
            return Err(EINVAL);
        }
        let text = Message::<LONGEST>::copy_from(data)?;
        let mut turned = Message::new();
        for byte in text.as_bytes() {
            turned.push(&[turn(*byte)]);
        }
        *self.text.lock() = turned;
        // What is read next is the new text, from its start.
        *pos = 0;
        Ok(length)
    }
}

fn turn(byte: u8) -> u8 {
    let first = match byte {
        b'a'..=b'z' => b'a',
        b'A'..=b'Z' => b'A',
        _ => return byte,
    };
    first + (byte - first + 13) % 26
}
