// SPDX-License-Identifier: GPL-2.0-only

//! `sleep` as the guide has it: closing the file wakes everybody, and the fastest gets it.
//!
//! To be measured beside the real one, by `make bench T=sleep`.

use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        Arc,
        ArcBorrow,
        Mutex, //
    },
};
use lkm::{
    fops::{
        FileOperations,
        OpenFile, //
    },
    new_wait_queue,
    proc_fs,
    wait::WaitQueue, //
};

module! {
    type: SleepAll,
    name: "sleep_all",
    authors: ["lkmpg-rs developers"],
    description: "A file in /proc whose closer wakes everybody",
    license: "GPL",
}

struct SleepAll {
    _file: proc_fs::Node<Turn>,
}

impl kernel::Module for SleepAll {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let gate = Arc::pin_init(Gate::new(), GFP_KERNEL)?;
        Ok(SleepAll {
            _file: proc_fs::Node::new(proc_fs::Options::new(c"sleep_all", 0o444), gate)?,
        })
    }
}

#[pin_data]
struct Gate {
    #[pin]
    taken: Mutex<bool>,
    #[pin]
    queue: WaitQueue,
}

impl Gate {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            taken <- new_mutex!(false),
            queue <- new_wait_queue!("sleep_all"),
        })
    }
}

struct Turn(Arc<Gate>);

#[vtable]
impl FileOperations for Turn {
    type Data = Gate;

    fn open(gate: ArcBorrow<'_, Gate>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        gate.queue
            .wait(&gate.taken, |taken| (!*taken).then(|| *taken = true))?;
        Ok(Turn(gate.into()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.taken.lock() = false;
        self.0.queue.wake_all();
    }
}
