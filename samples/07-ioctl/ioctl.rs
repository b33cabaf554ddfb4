// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 7: talking to a device file, with write and with ioctls.
//!
//! ```console
//! # insmod ioctl.ko
//! ioctl: Registration is a success. The major device number is 100.
//! ioctl: Talk to /dev/char_dev, or make a node: mknod char_dev c 100 0
//! # ioctl set Hello
//! # ioctl get
//! Hello
//! # ioctl nth 1
//! 101
//! # cat /dev/char_dev; echo
//! Hello
//! # ioctl nth 80
//! Error: the message has no byte 80
//! ...
//! # rmmod ioctl
//! ```
//!
//! An ioctl is a system call with a number of the driver's own, and one argument. The number says
//! what the argument is:
//!
//! ```text
//! _IOR(100, 1, char *) = 0x80086401
//!
//!  31 30 29               16 15         8 7          0
//! +-----+-------------------+------------+------------+
//! | 2   | 8                 | 0x64       | 1          |
//! +-----+-------------------+------------+------------+
//!  who   bytes of the        which        which of the
//!        argument            driver       driver's
//! ```
//!
//! *Who*: 1, `_IOW`: the caller passes data to the kernel; 2, `_IOR`: the caller reads; 3, `_IOWR`:
//! both; 0, `_IO`: no data. The guide takes `_IOR` for "the kernel reads", and so has it for the message
//! that is set as well as for the one that is got. `protocol.rs` keeps its three numbers, so that its
//! own client works, and is compiled into both sides.
//!
//! *Which driver* is a number that the driver's author chooses. Others may have chosen the same one, so
//! a driver answers `ENOTTY` to what it does not know. Authors of drivers in the kernel's tree register
//! theirs in `Documentation/userspace-api/ioctl/ioctl-number.rst`, by a patch to that file.
//!
//! Changed from the guide:
//!
//! - One process at a time has the device open, on several processors, too.
//! - An index beyond the message's end is `EINVAL`, and a bad pointer `EFAULT`.
//! - No ioctl writes more than 81 bytes. Two more ioctls say how much room the caller has.
//! - The log has two lines on loading, not six: the kernel makes the node.
//! - There is no line in the log for each call (`DEBUG`): `strace` on the client shows the calls.
//! - The node belongs to root (mode 0600). The guide's client opens it for reading, and sets the message:
//!   everybody who may open it may change it.
//! - Of a long write the rest is dropped, as in `procfs_2`: `Message::copy_from` does what
//!   `Input::copy_from` does there. A write of 0 bytes empties the message.
//!
//! Where to look: `fs/ioctl.c`, `include/uapi/asm-generic/ioctl.h`, and `drivers/char/random.c` for a
//! driver with a handful of ioctls.

use lkm::{
    ioctl::Request,
    prelude::*, //
};

mod protocol;

use protocol::*;

module! {
    type: Ioctl,
    name: "ioctl",
    authors: ["lkmpg-rs developers"],
    description: "A character device that talks by ioctls",
    license: "GPL",
    alias: ["char-major-100-*"],
}

struct Ioctl {
    _device: chrdev::Registration<Session>,
}

impl kernel::Module for Ioctl {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = chrdev::Options::new(c"char_dev").major(MAJOR.into());
        let device = Arc::pin_init(Device::new(), GFP_KERNEL)?;
        let device = chrdev::Registration::new(options, device).inspect_err(|e| {
            pr_alert!("Sorry, registering the character device failed: {e:?}\n");
            if *e == EBUSY {
                pr_alert!("Major {MAJOR} is taken: see /proc/devices, unload that driver.\n");
            }
        })?;

        pr_info!("Registration is a success. The major device number is {MAJOR}.\n");
        pr_info!("Talk to /dev/char_dev, or make a node: mknod char_dev c {MAJOR} 0\n");
        Ok(Ioctl { _device: device })
    }
}

/// What all openers share.
#[pin_data]
struct Device {
    taken: Atomic<bool>,
    #[pin]
    message: Mutex<Message<BUF_LEN>>,
}

impl Device {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            taken: Atomic::new(false),
            message <- new_mutex!(Message::new()),
        })
    }
}

/// The one open file.
struct Session {
    device: Arc<Device>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Device;

    fn open(device: ArcBorrow<'_, Device>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        if device.taken.xchg(true, Acquire) {
            return Err(EBUSY);
        }
        Ok(Session {
            device: device.into(),
        })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let message = self.get();
        read_from_buffer(out, pos, message.as_bytes())
    }

    fn write(
        &self,
        _file: &OpenFile,
        pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        // What is read next is the new message, from its start.
        *pos = 0;
        let length = data.len();
        let message = Message::copy_from(data)?;
        *self.device.message.lock() = message;
        Ok(length)
    }

    fn size(&self) -> Offset {
        self.device.message.lock().len() as Offset
    }

    // ANCHOR: ioctl
    fn ioctl(&self, file: &OpenFile, request: Request) -> Result<isize> {
        // Each looks whether the request has its number. If none of them has, `finish` is `ENOTTY`.
        request
            .write_string(SET_MSG, |text| self.set(file, text))
            .read_string(GET_MSG, || Ok(self.get()))
            .value(GET_NTH_BYTE, |n| self.nth_byte(n))
            .read_bytes(GET_MSG_BUF, || Ok(self.get()))
            .write_bytes(SET_MSG_BUF, |bytes| self.set(file, bytes))
            .finish()
    }
    // ANCHOR_END: ioctl
}

impl Session {
    fn get(&self) -> Message<BUF_LEN> {
        *self.device.message.lock()
    }

    fn set(&self, file: &OpenFile, message: Message<BUF_LEN>) -> Result<isize> {
        *self.device.message.lock() = message;
        // As after a write: what is read next is the new message, from its start.
        file.rewind();
        Ok(0)
    }

    // ANCHOR: nth
    fn nth_byte(&self, n: i32) -> Result<isize> {
        let n = usize::try_from(n).map_err(|_| EINVAL)?;
        let message = self.device.message.lock();
        match message.as_bytes().get(n) {
            Some(byte) => Ok((*byte).into()),
            None if n == message.len() => Ok(0),
            None => Err(EINVAL),
        }
    }
    // ANCHOR_END: nth
}

impl Drop for Session {
    fn drop(&mut self) {
        self.device.taken.store(false, Release);
    }
}
