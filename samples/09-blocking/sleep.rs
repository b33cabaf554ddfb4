// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 9: a file that one process at a time can open, while the others sleep.
//!
//! ```console
//! # insmod sleep.ko
//! # tail -f /proc/sleep &
//! [1] [..]
//! Last input:
//! # cat /proc/sleep &                 # sleeps until tail has closed the file
//! [2] [..]
//! # cat_noblock /proc/sleep           # does not want to sleep
//! Open would block
//! # kill %1; wait %2
//! ...
//! Last input:
//! ...
//! # rmmod sleep
//! ```
//!
//! Three things make a process sleep for as long as it must:
//!
//! - A condition: `taken` is false.
//! - A queue: a process that finds the condition false puts itself into `waiters`, and the scheduler
//!   runs others.
//! - A wake-up: the process that makes the condition true wakes one of the sleepers. That one looks
//!   again.
//!
//! One lock protects the condition. Without it the wake-up could come between the look and the sleep,
//! and nobody would wake the sleeper any more. `WaitQueue` lets go of the lock only when the process is
//! in the queue.
//!
//! Changed from the guide: closing the file wakes one process, not all of them to run for it. A
//! signal that the process handles ends the wait (`EINTR`), unless the handler is to restart what it
//! interrupts (`SA_RESTART`); Ctrl-Z and `fg` do not. The module cannot be unloaded while somebody
//! sleeps. A message has 79 bytes, and a write of 0 bytes empties it, as in `procfs_2`. `ls` shows the
//! size 0 and not the guide's 80, as for any file in `/proc`.
//!
//! Any user may open the file and keep it, from root as well. And a newcomer may take it just before
//! the process that was woken looks: `sleep_fair.rs` is the next step.
//!
//! Where to look: `kernel/sched/wait.c`, and `fs/pipe.c` for a reader that sleeps until somebody
//! writes.

use core::mem::replace;
use lkm::prelude::*;

module! {
    type: Sleep,
    name: "sleep",
    authors: ["lkmpg-rs developers"],
    description: "A file in /proc that puts all but one opener to sleep",
    license: "GPL",
}

struct Sleep {
    _file: proc_fs::Node<Session>,
}

impl kernel::Module for Sleep {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let gate = Arc::pin_init(Gate::new(), GFP_KERNEL)?;
        Ok(Sleep {
            _file: proc_fs::Node::new(proc_fs::Options::new(c"sleep", 0o644), gate)?,
        })
    }
}

// ANCHOR: gate
/// What all openers share.
#[pin_data]
struct Gate {
    #[pin]
    taken: Mutex<bool>,
    #[pin]
    waiters: WaitQueue,
    #[pin]
    message: Mutex<Message<79>>,
}

impl Gate {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            taken <- new_mutex!(false),
            waiters <- new_wait_queue!("sleep"),
            message <- new_mutex!(Message::new()),
        })
    }
}
// ANCHOR_END: gate

/// The one open file.
struct Session {
    gate: Arc<Gate>,
}

/// What is around the message when it is read.
const LABEL: &[u8] = b"Last input:";
const END: &[u8] = b"\n";

#[vtable]
impl FileOperations for Session {
    type Data = Gate;

    // ANCHOR: open
    fn open(gate: ArcBorrow<'_, Gate>, file: &OpenFile) -> impl PinInit<Self, Error> {
        // The condition: the file is free. Finding it free and taking it is one step.
        let take = |taken: &mut bool| (!replace(taken, true)).then_some(());
        if file.nonblocking() {
            take(&mut gate.taken.lock()).ok_or(EAGAIN)?;
        } else {
            gate.waiters.wait_exclusive(&gate.taken, take)?;
        }
        Ok(Session { gate: gate.into() })
    }
    // ANCHOR_END: open

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let mut shown = Message::<91>::new();
        shown.set(&[LABEL, self.gate.message.lock().as_bytes(), END]);
        read_from_buffer(out, pos, shown.as_bytes())
    }

    fn size(&self) -> Offset {
        (LABEL.len() + self.gate.message.lock().len() + END.len()) as Offset
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
        *self.gate.message.lock() = message;
        Ok(length)
    }
}

// ANCHOR: drop
impl Drop for Session {
    /// The file is closed.
    fn drop(&mut self) {
        *self.gate.taken.lock() = false;
        self.gate.waiters.wake_one();
    }
}
// ANCHOR_END: drop
