// SPDX-License-Identifier: GPL-2.0-only

//! A setting of a USB device, in `/dev/latency`.

use kernel::{
    device::Core,
    usb, //
};
use lkm::{
    new_usb_link,
    prelude::*,
    usb::{
        Kind,
        Link,
        Recipient,
        Request, //
    }, //
};

kernel::module_usb_driver! {
    type: Driver,
    name: "latency",
    authors: ["lkmpg-rs developers"],
    description: "A setting of a USB device",
    license: "GPL",
}

/// Sets the time, which is the request's value.
const SET_LATENCY: u8 = 9;
/// Gets it, in one byte.
const GET_LATENCY: u8 = 10;

/// A request to the chip.
fn request(request: u8, value: u16) -> Request {
    Request {
        kind: Kind::Vendor,
        recipient: Recipient::Device,
        request,
        value,
        index: 0,
    }
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
            link: new_usb_link!(interface)?,
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
    link: Link,
}

impl Chip {
    fn latency(&self) -> Result<u8> {
        let answer = self.link.control_in(request(GET_LATENCY, 0), 1, 1000)?;
        answer.first().copied().ok_or(EPROTO)
    }

    fn set_latency(&self, ms: u8) -> Result {
        let request = request(SET_LATENCY, ms.into());
        self.link.control_out(request, KVec::new(), 1000)
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
            Ok(0) | Err(_) => Err(EINVAL),
            Ok(ms) => {
                self.0.set_latency(ms)?;
                Ok(length)
            }
        }
    }
}
