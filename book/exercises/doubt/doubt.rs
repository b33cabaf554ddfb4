// SPDX-License-Identifier: GPL-2.0-only

//! Keeps a word, and makes a mistake if it is asked to.

use lkm::prelude::*;

module! {
    type: Doubt,
    name: "doubt",
    authors: ["lkmpg-rs developers"],
    description: "Keeps a word, in /dev/doubt",
    license: "GPL",
}

module_params! {
    fault: u32 {
        default: 0,
        description: "Which mistake to make, 1 to 5, or none",
        permissions: 0o444,
    },
}

struct Doubt {
    _device: misc::Registration<Session>,
}

impl kernel::Module for Doubt {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let mode = if fault.value() == 1 { 0o666 } else { 0o644 };
        let first: &[u8] = if fault.value() == 2 {
            b"nothing\n"
        } else {
            b""
        };
        let word = new_mutex!(Message::concat(&[first]), "doubt");
        let word = Arc::pin_init(word, GFP_KERNEL)?;
        Ok(Doubt {
            _device: misc::Registration::new(c"doubt", mode, word)?,
        })
    }
}

/// What was written.
type Word = Mutex<Message<15>>;

/// An open file.
struct Session {
    word: Arc<Word>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Word;

    fn open(word: ArcBorrow<'_, Word>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok::<_, Error>(Session { word: word.into() })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let word = *self.word.lock();
        read_from_buffer(out, pos, word.as_bytes())
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        let room = match fault.value() {
            3 => 12,
            // What is too long is cut.
            4 => usize::MAX,
            _ => 15,
        };
        if length <= room {
            let word = Message::copy_from(data)?;
            *self.word.lock() = word;
            return Ok(length);
        }
        if fault.value() == 5 {
            *self.word.lock() = Message::new();
        }
        Err(EINVAL)
    }
}
