// SPDX-License-Identifier: GPL-2.0-only

//! Channels: firmware, an image for the kernel.
//!
//! ```sh
//! insmod chan_firmware.ko && cd /sys/kernel/chan_firmware
//! mkdir -p /lib/firmware && echo image > /lib/firmware/chan.bin
//! echo chan.bin > load && cat status image
//!
//! echo other.bin > ask && cat status           # pending: nobody has such a file
//! cd /sys/class/firmware/other.bin
//! echo 1 > loading && echo another > data && echo 0 > loading
//! cat /sys/kernel/chan_firmware/status         # -1 instead of 0 would give up
//! rmmod chan_firmware
//! ```
//!
//! `load` takes a name, and returns when the file is loaded or cannot be. `ask` asks user space
//! for what is not there, and returns at once; `cancel` takes the question back.
//!
//! Changed from the survey: the kernel reads the file itself; only when there is none, and the
//! driver wants that, does it ask for it in `/sys/class/firmware`. The module can be unloaded while
//! a question is open.

use kernel::{
    new_mutex,
    prelude::*,
    str::CString,
    sync::{
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    },
};
use lkm::{
    firmware::{
        Device,
        Fallback,
        Image,
        Receiver,
        Request, //
    },
    sysfs::{
        Attribute,
        Attributes,
        Binary,
        Directory,
        Group,
        Input,
        Room,
        Text, //
    },
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
    #[pin]
    work: Mutex<Work>,
    outcome: Arc<Outcome>,
}

/// What is going on.
#[derive(Default)]
struct Work {
    /// The image that a process waits for.
    loading: Option<CString>,
    /// The image that user space is, or was, asked for.
    asking: Option<Request<Outcome>>,
    /// The module goes.
    closed: bool,
}

impl Attributes for Loader {
    const GROUPS: &'static [Group<Self>] = &[Group::new(&[
        Attribute::write_only(c"load", Loader::load),
        Attribute::write_only(c"ask", Loader::ask),
        Attribute::write_only(c"cancel", Loader::cancel),
        Attribute::read_only(c"status", |loader, out| loader.outcome.show(out)),
    ])
    .binaries(&[Binary::read_only(c"image", 0, |loader, offset, out| {
        loader.outcome.read(offset, out);
        Ok(())
    })])];
}

impl Loader {
    fn new(device: Arc<Device>) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            device,
            work <- new_mutex!(Work::default()),
            outcome: Arc::pin_init(Outcome::new(), GFP_KERNEL)?,
        })
    }

    fn load(&self, input: Input<'_>) -> Result {
        let name = name(input)?;
        self.begin(&name, |work| {
            work.loading = Some(CString::try_from(&*name)?);
            Ok(())
        })?;

        let image = Image::request((*self.device).as_ref(), &name);
        self.work.lock().loading = None;
        let result = image.as_ref().map(|_| ()).map_err(|e| *e);
        self.outcome.set(State::from(image));
        result
    }

    fn ask(&self, input: Input<'_>) -> Result {
        let name = name(input)?;
        self.begin(&name, |work| {
            let (device, outcome) = (self.device.clone(), self.outcome.clone());
            let request = Request::new(device, &name, Fallback::UserSpace, outcome)?;
            work.asking = Some(request);
            Ok(())
        })
    }

    fn begin(&self, name: &CStr, start: impl FnOnce(&mut Work) -> Result) -> Result {
        let mut work = self.work.lock();
        if work.closed {
            return Err(ENODEV);
        }
        let asking = work.asking.as_ref().is_some_and(Request::is_pending);
        if work.loading.is_some() || asking {
            return Err(EBUSY);
        }
        self.outcome.begin(name)?;
        start(&mut work).inspect_err(|e| self.outcome.set(State::Failed(Some(*e))))
    }

    fn cancel(&self, _input: Input<'_>) -> Result {
        // Dropping it takes some time; nobody need wait for that.
        let asking = self.work.lock().asking.take();
        asking.map(drop).ok_or(ENOENT)
    }

    /// Ends what is going on, and lets nothing begin.
    fn close(&self) {
        self.work.lock().closed = true;
        let _ = self.cancel(Input::default());
        while let Some(name) = &self.work.lock().loading {
            let _ = self.device.abort(name);
            fsleep(Delta::from_millis(1));
        }
    }
}

/// What became of the last request.
#[pin_data]
struct Outcome {
    #[pin]
    last: Mutex<(CString, State)>,
}

enum State {
    None,
    Pending,
    Loaded(Image),
    Failed(Option<Error>),
}

impl From<Result<Image>> for State {
    fn from(result: Result<Image>) -> Self {
        match result {
            Ok(image) => Self::Loaded(image),
            Err(e) => Self::Failed(Some(e)),
        }
    }
}

impl Receiver for Outcome {
    fn receive(&self, image: Option<Image>) {
        self.set(image.map_or(State::Failed(None), State::Loaded));
    }
}

impl Outcome {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            last <- new_mutex!((CString::try_from(c"")?, State::None)),
        })
    }

    fn begin(&self, name: &CStr) -> Result {
        *self.last.lock() = (CString::try_from(name)?, State::Pending);
        Ok(())
    }

    fn set(&self, state: State) {
        self.last.lock().1 = state;
    }

    fn show(&self, out: &mut Text<'_>) -> Result {
        let last = self.last.lock();
        let (name, state) = &*last;
        match state {
            State::None => out.line("none"),
            State::Pending => out.line(fmt!("pending {}", &**name)),
            State::Loaded(image) => out.line(fmt!("loaded {} {}", &**name, image.data().len())),
            State::Failed(Some(e)) => out.line(fmt!("failed {} {}", &**name, -e.to_errno())),
            State::Failed(None) => out.line(fmt!("failed {}", &**name)),
        }
    }

    fn read(&self, offset: u64, out: &mut Room<'_>) {
        if let State::Loaded(image) = &self.last.lock().1 {
            out.push(image.data().get(offset as usize..).unwrap_or_default());
        }
    }
}

/// The name of an image, as somebody writes it.
fn name(input: Input<'_>) -> Result<CString> {
    CString::try_from_fmt(fmt!("{}", input.text()?))
}
