// SPDX-License-Identifier: GPL-2.0-only

//! A driver that asks its device what no driver should. It is bound if all was as it should be; the log says
//! what was not.

use kernel::{
    device::{
        self,
        Core, //
    },
    devres,
    usb::{
        DeviceId,
        Driver,
        IdTable,
        Interface, //
    },
};
use lkm::{
    kthread::{
        self,
        Thread, //
    },
    new_usb_link,
    prelude::*,
    usb::{
        BulkIn,
        BulkOut,
        Kind,
        Link,
        Recipient,
        Request, //
    },
};

kernel::module_usb_driver! {
    type: Odd,
    name: "usb_odd",
    authors: ["lkmpg-rs developers"],
    description: "Uses a USB device as nobody should",
    license: "GPL",
}

// QEMU's serial adapter.
kernel::usb_device_table!(TABLE, (), [(DeviceId::from_id(0x0403, 0x6001), ())]);

type Case = fn(&Link) -> Result<bool>;

const CASES: &[(&str, Case)] = &[
    ("questions of odd sizes", odd_questions),
    ("orders of odd sizes", odd_orders),
    ("any question", any_question),
    ("reads of odd sizes", odd_reads),
    ("writes of odd sizes", odd_writes),
];

/// How long each may take, in milliseconds.
const LIMIT: u32 = 20;

struct Odd;

impl Driver for Odd {
    type IdInfo = ();
    type Data<'bound> = Thread<()>;
    const ID_TABLE: IdTable<()> = &TABLE;

    fn probe<'bound>(
        interface: &'bound Interface<Core<'_>>,
        _id: &DeviceId,
        _info: Option<&'bound ()>,
    ) -> impl PinInit<Thread<()>, Error> + 'bound {
        let device: &device::Device<Core<'_>> = interface.as_ref();
        // Is cut when the interface goes, though nobody has it any more.
        drop(new_usb_link!(interface)?);
        let link = new_usb_link!(interface)?;
        for (name, case) in CASES {
            let result = case(&link);
            if result != Ok(true) {
                dev_err!(device, "{name}: not as it should be: {result:?}\n");
                return Err(EINVAL);
            }
        }
        let input = BulkIn::new(&link)?;
        devres::register(device, Late(BulkIn::new(&link)?), GFP_KERNEL)?;
        reads_for_ever(input)
    }

    fn disconnect<'bound>(_interface: &'bound Interface<Core<'_>>, _reader: Pin<&Thread<()>>) {}
}

/// Reads when the interface is bound no more, and its endpoints are there again: before the link is cut, which
/// was registered first.
struct Late(BulkIn);

impl Drop for Late {
    fn drop(&mut self) {
        let read = self.0.read(self.0.packet_size(), u32::MAX);
        if read.as_ref().err() != Some(&ENODEV) {
            pr_err!("nobody has refused a read: {read:?}\n");
        }
    }
}

/// Reads, whatever it is told, for as long as there is the driver's data, which waits for it. If nothing comes, a
/// read ends with the device.
fn reads_for_ever(input: BulkIn) -> Result<Thread<()>> {
    kthread::spawn(c"usb_odd", move |me| {
        while !me.should_stop() {
            match input.read(input.packet_size(), u32::MAX) {
                Ok(_) | Err(ENODEV) => {}
                other => pr_err!("nobody has ended a read: {other:?}\n"),
            }
        }
    })
}

fn request(kind: Kind, recipient: Recipient, request: u8) -> Request {
    Request {
        kind,
        recipient,
        request,
        value: u16::MAX,
        index: u16::MAX,
    }
}

/// The device says what it is.
const DESCRIBE: Request = Request {
    kind: Kind::Standard,
    recipient: Recipient::Device,
    request: 6,
    value: 0x100,
    index: 0,
};

fn odd_questions(link: &Link) -> Result<bool> {
    let answers = |length| link.control_in(DESCRIBE, length, 1000);
    Ok(answers(0).err() == Some(EINVAL)
        && answers(1)?.len() == 1
        && answers(18)?.len() == 18
        && answers(4096)?.len() == 18
        && !answers(u16::MAX).is_ok_and(|it| it.len() > 18))
}

fn odd_orders(link: &Link) -> Result<bool> {
    let unknown = request(Kind::Vendor, Recipient::Other, 0xff);
    let bytes = |length| KVec::zeroed(length, GFP_KERNEL);
    for length in [0, 1, 63, 64, 65, usize::from(u16::MAX)] {
        if link.control_out(unknown, bytes(length)?, LIMIT).is_ok() {
            return Ok(false);
        }
    }
    Ok([1 << 16, (1 << 16) + 1, 1 << 20].into_iter().all(|length| {
        let order = bytes(length).map_err(Error::from);
        order.and_then(|order| link.control_out(unknown, order, LIMIT)) == Err(EINVAL)
    }))
}

/// Those of a class or of the maker: the standard ones may change what the core knows.
fn any_question(link: &Link) -> Result<bool> {
    let recipients = [
        Recipient::Device,
        Recipient::Interface,
        Recipient::Endpoint,
        Recipient::Other,
    ];
    for kind in [Kind::Class, Kind::Vendor] {
        for recipient in recipients {
            for number in [0, 1, 2, 3, 4, 5, 9, 10, 127, 128, 255] {
                let question = request(kind, recipient, number);
                // A limit of nothing, and one of more than there is.
                for limit in [0, u32::MAX] {
                    let answer = link.control_in(question, 255, limit);
                    if answer.is_ok_and(|it| it.len() > 255) {
                        return Ok(false);
                    }
                }
            }
        }
    }
    Ok(true)
}

fn odd_reads(link: &Link) -> Result<bool> {
    let input = BulkIn::new(link)?;
    for length in [0, 1, 2, 63, 64, 65, 4096, 1 << 16] {
        let read = input.read(length, LIMIT);
        if read.is_ok_and(|it| it.len() > length) {
            return Ok(false);
        }
    }
    Ok([
        i32::MAX as usize,
        i32::MAX as usize + 1,
        isize::MAX as usize,
        usize::MAX,
    ]
    .into_iter()
    .all(|length| input.read(length, LIMIT).err() == Some(ENOMEM)))
}

fn odd_writes(link: &Link) -> Result<bool> {
    let output = BulkOut::new(link)?;
    for length in [0, 1, 63, 64, 65, 4096, 1 << 16] {
        output.write(&KVec::zeroed(length, GFP_KERNEL)?, 10_000)?;
    }
    Ok(matches!(
        output.write(&KVec::new(), 0),
        Ok(()) | Err(ETIMEDOUT)
    ))
}
