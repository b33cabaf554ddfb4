// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 9, the next step: a file that goes from one process to the next in order of arrival.
//!
//! ```console
//! # insmod sleep_fair.ko
//! # (echo mine; exec sleep 100) < /proc/sleep_fair &
//! [1] [..]
//! mine
//! # echo my turn < /proc/sleep_fair &
//! [2] [..]
//! # cat_noblock /proc/sleep_fair
//! Open would block
//! # kill %1; wait %2
//! ...
//! my turn
//! ...
//! # rmmod sleep_fair
//! ```
//!
//! In `sleep`, the file is free between its closing and the moment at which the process that was woken
//! looks, and a newcomer can take it. Here it is never free in between: closing it hands it over to
//! the first in the queue, which finds on waking that it has it already. A newcomer sees `taken`, and
//! goes to the end of the queue.

use lkm::{
    new_turn_queue,
    prelude::*,
    wait::TurnQueue, //
};

module! {
    type: SleepFair,
    name: "sleep_fair",
    authors: ["lkmpg-rs developers"],
    description: "A file in /proc that its openers get in order of arrival",
    license: "GPL",
}

struct SleepFair {
    _file: proc_fs::Node<Session>,
}

impl kernel::Module for SleepFair {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let gate = Arc::pin_init(Gate::new(), GFP_KERNEL)?;
        Ok(SleepFair {
            _file: proc_fs::Node::new(proc_fs::Options::new(c"sleep_fair", 0o444), gate)?,
        })
    }
}

/// What all openers share.
#[pin_data]
struct Gate {
    #[pin]
    taken: Mutex<bool>,
    #[pin]
    queue: TurnQueue,
}

impl Gate {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            taken <- new_mutex!(false),
            queue <- new_turn_queue!("sleep_fair"),
        })
    }
}

/// The one open file.
struct Session {
    gate: Arc<Gate>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Gate;

    fn open(gate: ArcBorrow<'_, Gate>, file: &OpenFile) -> impl PinInit<Self, Error> {
        let mut taken = gate.taken.lock();
        if !*taken {
            *taken = true;
        } else if file.nonblocking() {
            return Err(EAGAIN);
        } else {
            // Joins the queue before it lets go of the lock.
            gate.queue.wait(taken)?;
        }
        Ok(Session { gate: gate.into() })
    }

    fn read(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        _out: &mut IovIterDest<'_>,
    ) -> Result<usize> {
        Ok(0)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let mut taken = self.gate.taken.lock();
        *taken = self.gate.queue.hand_over();
    }
}
