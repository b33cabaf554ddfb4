// SPDX-License-Identifier: GPL-2.0-only

//! Another probe where the sample `syscall_spy` has its own; `/proc/second_probe` shows its count.

use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
};
use lkm::{
    kprobe::{
        Handler,
        Probe, //
    },
    proc_fs,
    seq_file::SeqFile, //
};

module! {
    type: SecondProbe,
    name: "second_probe",
    authors: ["lkmpg-rs developers"],
    description: "Another probe on do_file_open",
    license: "GPL",
}

lkm::module_params! {
    uid: u32 {
        default: 0,
        description: "The user whose opens are counted",
        permissions: 0o444,
    },
}

#[pin_data]
struct SecondProbe {
    #[pin]
    _file: proc_fs::File<Shown>,
}

impl kernel::InPlaceModule for SecondProbe {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _file <- proc_fs::File::new(
                proc_fs::Options::new(c"second_probe", 0o444),
                Shown::new(),
            ),
        })
    }
}

#[pin_data]
struct Shown {
    #[pin]
    probe: Probe<Opens>,
}

impl Shown {
    fn new() -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            probe <- Probe::new(c"do_file_open", Opens(Atomic::new(0))),
        })
    }
}

#[vtable]
impl proc_fs::Show for Shown {
    fn show(&self, out: &mut SeqFile) -> Result {
        kernel::seq_print!(out, "{}\n", self.probe.0.load(Relaxed));
        Ok(())
    }
}

struct Opens(Atomic<u64>);

impl Handler for Opens {
    type Arguments = (c_int,);

    fn entered(&self, _arguments: Self::Arguments) {
        if kernel::current!().uid().into_raw().val == uid.value() {
            self.0.fetch_add(1, Relaxed);
        }
    }
}
