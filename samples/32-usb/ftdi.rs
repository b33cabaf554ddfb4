// SPDX-License-Identifier: GPL-2.0-only

//! A USB device: a serial adapter, with control and bulk transfers.
//!
//! QEMU has a serial adapter with FTDI's chip, like those in many cables. In the bench's guests a graphics
//! tablet is at the far end of its line. It takes commands as text: it answers `RE` with its settings.
//!
//! ```console
//! # insmod ftdi.ko
//! ...
//! ftdi 1-1:1.0: A line at 9600 baud, packets of 64 bytes.
//! ...
//! # exec 3<> /dev/ftdi
//! # echo RE >&3
//! # dd bs=100 count=1 <&3 2> /dev/null; echo
//! 96,N,8,0
//! # echo 1-1:1.0 > /sys/bus/usb/drivers/ftdi/unbind
//! # cat <&3
//! cat: read error: No such device
//! # exec 3<&-; rmmod ftdi
//! ...
//! ```
//!
//! - **The device may go at any time**, while a program still has its file open. So an open file does not own
//!   the interface, but a `Link` to it. When the interface is unbound, the link is cut: a transfer that is
//!   under way fails with `ENODEV`, and so does each later one.
//! - **A control transfer** is a question or an order to the chip, by number: how fast the line is.
//! - **A bulk transfer** moves the bytes of the line. A device describes its *endpoints*, and the driver
//!   takes them from there. It refuses a device without them, or with packets that have no room for data.
//! - **Data comes in packets**: two bytes of the chip's own, and at most 62 of the line. A reader that takes
//!   less finds the rest at the next read.
//! - **One reader waits for a packet.** The others wait until it has come, and share what is left of it. Nobody
//!   keeps a lock while bytes are copied to a reader, whose memory may be slow.
//! - **Each transfer has a limit** (`timeout_ms`). A signal ends a read before that. A write goes on, so that it is
//!   known how much was sent, unless the process is killed.
//!
//! There is no `poll` here: only a reader begins a transfer. With `O_NONBLOCK` a read waits for a
//! millisecond, and a write as long as it takes.
//!
//! Where to look: `drivers/usb/serial/ftdi_sio.c` drives the real ones, `Documentation/driver-api/usb`, and
//! chapter 18 of the book.

use kernel::{
    device::{
        self,
        Core, //
    },
    time::{
        Instant,
        Monotonic,
        Msecs, //
    },
    usb, //
};
use lkm::{
    new_usb_link,
    prelude::*,
    usb::{
        BulkIn,
        BulkOut,
        Kind,
        Recipient,
        Request, //
    }, //
};

kernel::module_usb_driver! {
    type: Driver,
    name: "ftdi",
    authors: ["lkmpg-rs developers"],
    description: "A driver for serial adapters with FTDI's chip",
    license: "GPL",
}

module_params! {
    baud: u32 {
        default: 9600,
        description: "How fast the line is, from 184 to 1000000",
        permissions: 0o444,
    },
    timeout_ms: u32 {
        default: 10_000,
        description: "How long the device may take, in milliseconds, at most 60000",
        permissions: 0o644,
    },
}

// ANCHOR: requests
/// Forgets what is in the chip.
const RESET: u8 = 0;
/// Sets how fast the line is.
const SET_BAUD: u8 = 3;
/// Gets the state of the line's wires, in two bytes.
const GET_STATUS: u8 = 5;

/// A request to the chip.
fn request(request: u8, value: u16, index: u16) -> Request {
    Request {
        kind: Kind::Vendor,
        recipient: Recipient::Device,
        request,
        value,
        index,
    }
}

/// What `SET_BAUD` takes: by what 3 MHz are divided, in 14 bits, and the code of the eighths in three.
fn divisor(speed: u32) -> Result<(u16, u16)> {
    const CODES: [u32; 8] = [0, 3, 2, 4, 1, 5, 6, 7];
    if !(184..=1_000_000).contains(&speed) {
        return Err(EINVAL);
    }
    let eighths = (24_000_000 + speed / 2) / speed;
    let divisor = (eighths / 8) | (CODES[eighths as usize % 8] << 14);
    Ok((divisor as u16, (divisor >> 16) as u16))
}
// ANCHOR_END: requests

/// The chip's bytes at the head of each packet.
const HEAD: usize = 2;
/// How much is sent at a time.
const PIECE: usize = 4096;

kernel::usb_device_table!(TABLE, (), [(usb::DeviceId::from_id(0x0403, 0x6001), ())]);

struct Driver;

// ANCHOR: driver
impl usb::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = misc::Registration<Session>;
    const ID_TABLE: usb::IdTable<()> = &TABLE;

    fn probe<'bound>(
        interface: &'bound usb::Interface<Core<'_>>,
        _id: &usb::DeviceId,
        _info: Option<&'bound ()>,
    ) -> impl PinInit<misc::Registration<Session>, Error> + 'bound {
        let device: &device::Device<Core<'_>> = interface.as_ref();
        let speed = baud.value();
        let (value, index) = divisor(speed)
            .inspect_err(|_| dev_err!(device, "No line has {speed} baud: 184 to 1000000.\n"))?;
        let link = new_usb_link!(interface)?;
        let ends = BulkIn::new(&link).and_then(|input| Ok((input, BulkOut::new(&link)?)));
        let (input, output) =
            ends.inspect_err(|_| dev_err!(device, "It lacks an endpoint of an adapter's.\n"))?;
        let packet = input.packet_size();
        if packet <= HEAD {
            dev_err!(device, "Packets of {packet} bytes have no room for data.\n");
            return Err(ENODEV);
        }
        let limit = timeout_ms.value();
        link.control_out(request(RESET, 0, 0), KVec::new(), limit)?;
        link.control_out(request(SET_BAUD, value, index), KVec::new(), limit)?;
        if link.control_in(request(GET_STATUS, 0, 0), 2, limit)?.len() != 2 {
            dev_err!(device, "It does not say how it is.\n");
            return Err(EPROTO);
        }
        let adapter = Arc::pin_init(Adapter::new(input, output), GFP_KERNEL)?;
        let file = misc::Registration::new(c"ftdi", 0o600, adapter)
            .inspect_err(|_| dev_err!(device, "There is a /dev/ftdi, of another device.\n"))?;
        dev_info!(
            device,
            "A line at {speed} baud, packets of {packet} bytes.\n"
        );
        Ok(file)
    }

    /// The link is cut, and the file removed, without a word.
    fn disconnect<'bound>(
        _interface: &'bound usb::Interface<Core<'_>>,
        _file: Pin<&misc::Registration<Session>>,
    ) {
    }
}
// ANCHOR_END: driver

/// The adapter, for as long as somebody has it open, or it is bound.
#[pin_data]
struct Adapter {
    input: BulkIn,
    output: BulkOut,
    /// What has come, and nobody has read. `None` while somebody waits for a packet, or copies.
    #[pin]
    received: Mutex<Option<KVec<u8>>>,
    /// It is there again.
    #[pin]
    changed: WaitQueue,
}

impl Adapter {
    fn new(input: BulkIn, output: BulkOut) -> impl PinInit<Self> {
        pin_init!(Self {
            input,
            output,
            received <- new_mutex!(Some(KVec::new())),
            changed <- new_wait_queue!("ftdi"),
        })
    }

    // ANCHOR: receive
    /// Waits for a packet, or until somebody else has got one, unless there is something to read.
    fn receive(&self, limit: Msecs) -> Result {
        let take_turn = |received: &mut Option<KVec<u8>>| match received {
            None => None,
            Some(bytes) if bytes.is_empty() => Some(received.take()),
            Some(_) => Some(None),
        };
        let turn = self
            .changed
            .wait_timeout(&self.received, limit, take_turn)
            .map_err(|e| if e == ERESTARTSYS { e } else { ETIMEDOUT })?;
        let Some(mut bytes) = turn else {
            return Ok(());
        };
        let result = self.read_packet(&mut bytes, limit);
        self.give_back(bytes);
        result
    }

    /// Appends what comes in a packet. There is room before that is read: the device does not send it twice.
    fn read_packet(&self, bytes: &mut KVec<u8>, limit: Msecs) -> Result {
        let size = self.input.packet_size();
        bytes.reserve(size, GFP_KERNEL)?;
        let packet = self.input.read(size, limit)?;
        let data = packet.get(HEAD..).unwrap_or_default();
        Ok(bytes.extend_from_slice(data, GFP_KERNEL)?)
    }

    fn give_back(&self, bytes: KVec<u8>) {
        *self.received.lock() = Some(bytes);
        self.changed.wake_all();
    }

    /// Copies some of what has come.
    fn take(&self, out: &mut IovIterDest<'_>) -> Result<usize> {
        let Some(mut bytes) = self.received.lock().take() else {
            return Ok(0);
        };
        let result = read_from_buffer(out, &mut 0, &bytes);
        let taken = result.unwrap_or(0);
        bytes.copy_within(taken.., 0);
        bytes.truncate(bytes.len() - taken);
        self.give_back(bytes);
        result
    }
    // ANCHOR_END: receive
}

/// An open file.
struct Session(Arc<Adapter>);

// ANCHOR: file
#[vtable]
impl FileOperations for Session {
    type Data = Adapter;

    fn open(adapter: ArcBorrow<'_, Adapter>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Session(adapter.into()))
    }

    fn read(&self, file: &OpenFile, _pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        if out.is_empty() {
            return Ok(0);
        }
        let limit = match file.nonblocking() {
            true => 1,
            false => timeout_ms.value(),
        };
        let start = Instant::<Monotonic>::now();
        let mut left = limit;
        // The chip may send packets without data as often as it likes.
        loop {
            let received = self.0.receive(left);
            received.map_err(|e| match e {
                ETIMEDOUT if file.nonblocking() => EAGAIN,
                e => e,
            })?;
            let taken = self.0.take(out)?;
            left = limit.saturating_sub(start.elapsed().as_millis() as Msecs);
            match (taken, left) {
                (0, 0) if file.nonblocking() => return Err(EAGAIN),
                (0, 0) => return Err(ETIMEDOUT),
                (0, _) => {}
                (taken, _) => return Ok(taken),
            }
        }
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        if data.is_empty() {
            return Ok(0);
        }
        let mut piece = KVec::zeroed(data.len().min(PIECE), GFP_KERNEL)?;
        let length = data.copy_from_iter(&mut piece);
        if length == 0 {
            return Err(EFAULT);
        }
        piece.truncate(length);
        self.0.output.write(&piece, timeout_ms.value())?;
        Ok(length)
    }
}
// ANCHOR_END: file
