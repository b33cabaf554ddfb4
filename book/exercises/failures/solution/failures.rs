// SPDX-License-Identifier: GPL-2.0-only

//! Counts the processes that do not end well.

use lkm::{
    kprobe::{
        self,
        Probe, //
    },
    prelude::*,
};

module! {
    type: Failures,
    name: "failures",
    authors: ["lkmpg-rs developers"],
    description: "Counts the processes that do not end well",
    license: "GPL",
}

struct Failures {
    _file: Pin<KBox<proc_fs::File<Report>>>,
}

impl kernel::Module for Failures {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let ends = Ends {
            exited: Atomic::new(0),
            killed: Atomic::new(0),
        };
        let probe = Arc::pin_init(Probe::new(c"do_exit", ends), GFP_KERNEL)?;
        let options = proc_fs::Options::new(c"failures", 0o444);
        let file = proc_fs::File::new(options, Report { probe });
        Ok(Failures {
            _file: KBox::pin_init(file, GFP_KERNEL)?,
        })
    }
}

/// How processes have ended.
struct Ends {
    exited: Atomic<u64>,
    killed: Atomic<u64>,
}

impl kprobe::Handler for Ends {
    type Arguments = (isize,);

    fn entered(&self, (code,): (isize,)) {
        if code & 0x7f != 0 {
            self.killed.fetch_add(1, Relaxed);
        } else if code & 0xff00 != 0 {
            self.exited.fetch_add(1, Relaxed);
        }
    }
}

/// `/proc/failures`
struct Report {
    probe: Arc<Probe<Ends>>,
}

#[vtable]
impl proc_fs::Show for Report {
    fn show(&self, out: &mut SeqFile) -> Result {
        let exited = self.probe.exited.load(Relaxed);
        let killed = self.probe.killed.load(Relaxed);
        seq_print!(out, "exited with an error: {exited}\n");
        seq_print!(out, "killed by a signal: {killed}\n");
        Ok(())
    }
}
