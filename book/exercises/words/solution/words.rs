// SPDX-License-Identifier: GPL-2.0-only

//! Counts the words that are written to `/proc/words`.

use lkm::prelude::*;

module! {
    type: Words,
    name: "words",
    authors: ["lkmpg-rs developers"],
    description: "Counts words",
    license: "GPL",
}

#[pin_data]
struct Words {
    #[pin]
    _file: proc_fs::File<Text>,
}

impl kernel::InPlaceModule for Words {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        let options = proc_fs::Options::new(c"words", 0o644);
        try_pin_init!(Self {
            _file <- proc_fs::File::new(options, Text::new()),
        })
    }
}

#[pin_data]
struct Text {
    #[pin]
    counter: Mutex<Counter>,
}

impl Text {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            counter <- new_mutex!(Counter::default(), "words"),
        })
    }
}

#[vtable]
impl proc_fs::Show for Text {
    fn show(&self, out: &mut SeqFile) -> Result {
        seq_print!(out, "{}\n", self.counter.lock().words);
        Ok(())
    }

    /// Takes at most 64 bytes. A program that has more writes again.
    fn write(&self, data: &mut IovIterSource<'_>) -> Result<usize> {
        let piece = Message::<64>::copy_from(data)?;
        self.counter.lock().feed(piece.as_bytes());
        Ok(piece.len())
    }
}

#[derive(Default)]
struct Counter {
    words: u64,
    /// The last byte was part of a word.
    in_word: bool,
}

impl Counter {
    /// Takes the next bytes of the text.
    fn feed(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if byte.is_ascii_whitespace() {
                self.in_word = false;
            } else if !self.in_word {
                self.in_word = true;
                self.words += 1;
            }
        }
    }
}
