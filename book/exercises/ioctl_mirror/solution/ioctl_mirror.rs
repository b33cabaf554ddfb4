// SPDX-License-Identifier: GPL-2.0-only

//! A device that gives back what it was given, turned round.

use lkm::{
    ioctl::{
        Command,
        ReadBytes,
        Request,
        WriteBytes, //
    },
    prelude::*,
};

module! {
    type: IoctlMirror,
    name: "ioctl_mirror",
    authors: ["lkmpg-rs developers"],
    description: "Turns messages round",
    license: "GPL",
}

/// The numbers of chapter 8.
const GET_MSG_BUF: Command<ReadBytes> = Command::read_bytes(100, 3);
const SET_MSG_BUF: Command<WriteBytes> = Command::write_bytes(100, 4);

/// The longest message, in bytes.
const LENGTH: usize = 16;

struct IoctlMirror {
    _device: chrdev::Registration<Session>,
}

impl kernel::Module for IoctlMirror {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"ioctl_mirror");
        let message = Arc::pin_init(new_mutex!(Message::new()), GFP_KERNEL)?;
        Ok(IoctlMirror {
            _device: chrdev::Registration::new(options, message)?,
        })
    }
}

/// An open file.
struct Session {
    message: Arc<Mutex<Message<LENGTH>>>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Mutex<Message<LENGTH>>;

    fn open(
        message: ArcBorrow<'_, Mutex<Message<LENGTH>>>,
        _file: &OpenFile,
    ) -> impl PinInit<Self, Error> {
        Ok(Session {
            message: message.into(),
        })
    }

    fn ioctl(&self, _file: &OpenFile, request: Request) -> Result<isize> {
        request
            .write_bytes(SET_MSG_BUF, |message| {
                *self.message.lock() = message;
                Ok(0)
            })
            .read_bytes(GET_MSG_BUF, || Ok(self.turned()))
            .finish()
    }
}

impl Session {
    fn turned(&self) -> Message<LENGTH> {
        let message = *self.message.lock();
        let mut turned = Message::new();
        for byte in message.as_bytes().iter().rev() {
            turned.push(&[*byte]);
        }
        turned
    }
}
