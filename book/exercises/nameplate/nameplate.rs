// SPDX-License-Identifier: GPL-2.0-only

//! Asks a USB device who it is.

use kernel::{
    device::{
        self,
        Core, //
    },
    fmt::{
        self,
        Write as _, //
    },
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
    type: Nameplate,
    name: "nameplate",
    authors: ["lkmpg-rs developers"],
    description: "Asks a USB device who it is",
    license: "GPL",
}

/// The request for a descriptor, and a kind of them.
const GET_DESCRIPTOR: u8 = 6;
const DEVICE: u8 = 1;

/// Gets a descriptor: at most `length` bytes of it.
fn descriptor(link: &Link, kind: u8, number: u8, language: u16, length: u16) -> Result<KVec<u8>> {
    let request = Request {
        kind: Kind::Standard,
        recipient: Recipient::Device,
        request: GET_DESCRIPTOR,
        value: u16::from_be_bytes([kind, number]),
        index: language,
    };
    link.control_in(request, length, 1000)
}

/// The two bytes of a descriptor at an offset, if it is so long.
fn word(descriptor: &[u8], offset: usize) -> Result<u16> {
    match descriptor.get(offset..) {
        Some([low, high, ..]) => Ok(u16::from_le_bytes([*low, *high])),
        _ => Err(EPROTO),
    }
}

/// A text in UTF-16, the lower byte first. The device has said it: no part of it may begin a line of the log, or paint
/// the terminal on which somebody reads that.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pairs = self.0.chunks_exact(2).flat_map(<[u8; 2]>::try_from);
        let units = pairs.map(u16::from_le_bytes);
        char::decode_utf16(units).try_for_each(|it| {
            let shown = it.ok().filter(|it| !it.is_control());
            f.write_char(shown.unwrap_or(char::REPLACEMENT_CHARACTER))
        })
    }
}

kernel::usb_device_table!(TABLE, (), [(usb::DeviceId::from_id(0x0627, 0x0001), ())]);

struct Nameplate;

impl usb::Driver for Nameplate {
    type IdInfo = ();
    type Data<'bound> = Self;
    const ID_TABLE: usb::IdTable<()> = &TABLE;

    fn probe<'bound>(
        interface: &'bound usb::Interface<Core<'_>>,
        _id: &usb::DeviceId,
        _info: Option<&'bound ()>,
    ) -> impl PinInit<Self, Error> + 'bound {
        let device: &device::Device<Core<'_>> = interface.as_ref();
        let link = new_usb_link!(interface)?;
        let plate = descriptor(&link, DEVICE, 0, 0, 8)?;
        let version = word(&plate, 2)?;
        dev_info!(device, "It speaks USB {version:x}.\n");

        let name = Text(&[]);
        dev_info!(device, "It is called {name}.\n");
        Ok(Nameplate)
    }

    fn disconnect<'bound>(_interface: &'bound usb::Interface<Core<'_>>, _data: Pin<&Self>) {}
}
