// SPDX-License-Identifier: GPL-2.0-only

//! Has the lights of the keyboard for as long as somebody has `/dev/lights` open.

use lkm::{
    prelude::*,
    vt::{
        self,
        Lights, //
    },
};

module! {
    type: Module,
    name: "lights",
    authors: ["lkmpg-rs developers"],
    description: "Has lights for who opens a file",
    license: "GPL",
}

struct Module {
    _device: chrdev::Registration<Opened>,
}

impl kernel::Module for Module {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"lights");
        Ok(Self {
            _device: chrdev::Registration::new(options, Arc::new((), GFP_KERNEL)?)?,
        })
    }
}

struct Opened {
    _lights: Lights,
}

#[vtable]
impl FileOperations for Opened {
    type Data = ();

    fn open(_data: ArcBorrow<'_, ()>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        let mut lights = Lights::new(c"/dev/tty1")?;
        lights.show(vt::NUM)?;
        Ok(Self { _lights: lights })
    }
}
