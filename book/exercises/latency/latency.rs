// SPDX-License-Identifier: GPL-2.0-only

//! A setting of a USB device, in `/dev/latency`.

use kernel::{
    device::Core,
    usb, //
};
use lkm::{
    new_usb_link,
    prelude::*,
    usb::Link, //
};

kernel::module_usb_driver! {
    type: Driver,
    name: "latency",
    authors: ["lkmpg-rs developers"],
    description: "A setting of a USB device",
    license: "GPL",
}

kernel::usb_device_table!(TABLE, (), [(usb::DeviceId::from_id(0x0403, 0x6001), ())]);

struct Driver;

impl usb::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = misc::Registration<Session>;
    const ID_TABLE: usb::IdTable<()> = &TABLE;

    fn probe<'bound>(
        interface: &'bound usb::Interface<Core<'_>>,
        _id: &usb::DeviceId,
        _info: Option<&'bound ()>,
    ) -> impl PinInit<misc::Registration<Session>, Error> + 'bound {
        let chip = Chip {
            _link: new_usb_link!(interface)?,
            latency: Atomic::new(16),
        };
        misc::Registration::new(c"latency", 0o600, Arc::new(chip, GFP_KERNEL)?)
    }

    fn disconnect<'bound>(
        _interface: &'bound usb::Interface<Core<'_>>,
        _file: Pin<&misc::Registration<Session>>,
    ) {
    }
}

/// The device, for as long as somebody has it open, or it is bound.
struct Chip {
    _link: Link,
    latency: Atomic<u32>,
}

impl Chip {
    fn latency(&self) -> Result<u32> {
        Ok(self.latency.load(Relaxed))
    }

    fn set_latency(&self, ms: u32) -> Result {
        self.latency.store(ms, Relaxed);
        Ok(())
    }
}

/// An open file.
struct Session(Arc<Chip>);

#[vtable]
impl FileOperations for Session {
    type Data = Chip;

    fn open(chip: ArcBorrow<'_, Chip>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Session(chip.into()))
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let text = Message::<8>::format(fmt!("{}\n", self.0.latency()?));
        read_from_buffer(out, pos, text.as_bytes())
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        let text = Message::<8>::copy_from(data)?;
        let text = core::str::from_utf8(text.as_bytes()).map_err(|_| EINVAL)?;
        match text.trim().parse() {
            Err(_) => Err(EINVAL),
            Ok(ms) => {
                self.0.set_latency(ms)?;
                Ok(length)
            }
        }
    }
}
