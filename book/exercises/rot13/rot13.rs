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
        let text = Arc::pin_init(new_mutex!(Message::new(), "rot13"), GFP_KERNEL)?;
        Ok(Rot13 {
            _device: chrdev::Registration::new(options, text)?,
        })
    }
}

/// What was written.
type Text = Mutex<Message<80>>;

/// An open file.
struct Session {
    text: Arc<Text>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Text;

    fn open(text: ArcBorrow<'_, Text>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok::<_, Error>(Session { text: text.into() })
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
        let text = Message::copy_from(data)?;
        *self.text.lock() = text;
        // What is read next is the new text, from its start.
        *pos = 0;
        Ok(length)
    }
}
