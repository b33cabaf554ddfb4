// SPDX-License-Identifier: GPL-2.0-only

//! Channels: firmware, an image for the kernel.
//!
//! ```console
//! # insmod chan_firmware.ko
//! chan_firmware: Talk to /sys/kernel/chan_firmware
//! # mkdir -p /lib/firmware; echo image > /lib/firmware/chan.bin
//! # cd /sys/kernel/chan_firmware
//! # echo chan.bin > load; cat status image
//! loaded chan.bin 6
//! image
//! # cd /; rmmod chan_firmware
//! # rm /lib/firmware/chan.bin
//! ```
//!
//! A driver names an image, and gets its bytes: `Image::request` in `load` below. The kernel reads the
//! file itself, from `/lib/firmware`. `load` returns when the file is loaded or cannot be.
//!
//! If there is no such file, a driver can have user space asked: `Request::new` in `ask`, which returns
//! at once. Somebody then finds a folder in `/sys/class/firmware`, and writes the image to `data` between
//! 1 and 0 to `loading` (-1 gives up). The answer arrives in `Receiver::receive`. `cancel` takes the
//! question back. `firmware_outcome.rs` keeps what came of it, for the files `status` and `image`. Only root
//! reads `image`: the kernel reads any file of `/lib/firmware`, also one that not everybody may.
//!
//! ```console /proc/sys/kernel/firmware_config
//! # insmod chan_firmware.ko
//! chan_firmware: Talk to /sys/kernel/chan_firmware
//! # cd /sys/kernel/chan_firmware
//! # echo other.bin > ask; cat status
//! ...
//! pending other.bin
//! # cd /sys/class/firmware/other.bin
//! # echo 1 > loading; echo another > data; echo 0 > loading
//! # cd /sys/kernel/chan_firmware; cat status image
//! loaded other.bin 8
//! another
//! # cd /; rmmod chan_firmware
//! ```
//!
//! Changed from the survey: there the kernel asked each time; now it does so only when there is no
//! file and the driver wants that. The module can be unloaded while a question is open.
//!
//! Where to look: `drivers/base/firmware_loader/main.c` and `fallback.c`.

use lkm::{
    firmware::{
        self,
        Device,
        Fallback,
        Image,
        Receiver,
        Request, //
    },
    prelude::*,
    sysfs::{
        Attribute,
        Attributes,
        Binary,
        Directory,
        Group,
        StoreBuf, //
    },
};

#[path = "firmware_outcome.rs"]
mod outcome;

use outcome::{
    Outcome,
    State, //
};

module! {
    type: ChanFirmware,
    name: "chan_firmware",
    authors: ["lkmpg-rs developers"],
    description: "Loads firmware images, and shows them",
    license: "GPL",
}

struct ChanFirmware {
    directory: Directory<Loader>,
}

impl kernel::Module for ChanFirmware {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let device = Device::new(c"chan_firmware")?;
        let loader = Arc::pin_init(Loader::new(device), GFP_KERNEL)?;
        let directory = Directory::new(c"chan_firmware", loader)?;
        pr_info!("Talk to /sys/kernel/chan_firmware\n");
        Ok(ChanFirmware { directory })
    }
}

impl Drop for ChanFirmware {
    fn drop(&mut self) {
        // Removing the directory waits for those who load.
        self.directory.data().close();
    }
}

/// Loads one image at a time.
#[pin_data]
struct Loader {
    device: Arc<Device>,
    /// What user space is, or was, asked for.
    #[pin]
    asking: Mutex<Option<Request<Outcome>>>,
    outcome: Arc<Outcome>,
}

impl Attributes for Loader {
    const GROUPS: &'static [Group<Self>] = &[Group::new(&[
        Attribute::write_only(c"load", Loader::load),
        Attribute::write_only(c"ask", Loader::ask),
        Attribute::write_only(c"cancel", Loader::cancel),
        Attribute::read_only(c"status", |loader, out| loader.outcome.show(out)),
    ])
    .binaries(&[
        Binary::read_only(c"image", 0, |loader: &Self, offset, out| {
            loader.outcome.read(offset, out);
            Ok(())
        })
        .mode(0o400),
    ])];
}

impl Loader {
    fn new(device: Arc<Device>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            device,
            asking <- new_mutex!(None),
            outcome: Arc::pin_init(Outcome::new(), GFP_KERNEL)?,
        })
    }

    // ANCHOR: load
    fn load(&self, input: StoreBuf<'_>) -> Result {
        let line = line(input);
        let name = name(&line)?;
        self.outcome.begin(&line)?;
        let image = Image::request((*self.device).as_ref(), name);
        let result = image.as_ref().map(|_| ()).map_err(|e| *e);
        self.outcome.set(State::from(image));
        result
    }

    fn ask(&self, input: StoreBuf<'_>) -> Result {
        let line = line(input);
        let name = name(&line)?;
        // Until it is there to be cancelled, nobody else asks.
        let mut asking = self.asking.lock();
        self.outcome.begin(&line)?;
        // The one before may just be ending.
        drop(asking.take());
        let (device, outcome) = (self.device.clone(), self.outcome.clone());
        let request = Request::new(device, name, Fallback::UserSpace, outcome)
            .inspect_err(|e| self.outcome.set(State::Failed(Some(*e))))?;
        *asking = Some(request);
        Ok(())
    }
    // ANCHOR_END: load

    fn cancel(&self, _input: StoreBuf<'_>) -> Result {
        // Dropping it takes some time, and others should not wait for that.
        let asking = self.asking.lock().take();
        let pending = asking.filter(|it| it.is_pending());
        pending.map(drop).ok_or(ENOENT)
    }

    /// Ends what is going on, and lets nothing begin.
    fn close(&self) {
        self.outcome.close();
        let _ = self.cancel(StoreBuf::default());
        // A `load` asks user space, too, if the administrator has it so. C can only end that by the file
        // in `/sys/class/firmware`, which comes a little later than the question.
        while let Some(line) = self.outcome.pending() {
            let _ = name(&line).and_then(firmware::abort);
            fsleep(Delta::from_millis(1));
        }
    }
}

// ANCHOR: receive
impl Receiver for Outcome {
    fn receive(&self, image: Option<Image>) {
        self.set(image.map_or(State::Failed(None), State::Loaded));
    }
}
// ANCHOR_END: receive

/// A name, with a zero at its end.
type Name = Message<256>;

/// What somebody writes, without the line end that `echo` adds.
fn line(input: StoreBuf<'_>) -> Name {
    let bytes = input.as_bytes();
    Name::concat(&[bytes.strip_suffix(b"\n").unwrap_or(bytes), b"\0"])
}

/// Fails with `EINVAL` if it is too long, or has a zero within.
fn name(line: &Name) -> Result<&CStr> {
    CStr::from_bytes_with_nul(line.as_bytes()).map_err(|_| EINVAL)
}
