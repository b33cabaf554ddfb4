// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 9: a file that one process at a time can open, while the others sleep.
//!
//! ```sh
//! insmod sleep.ko && tail -f /proc/sleep &
//! cat /proc/sleep &            # sleeps
//! cat_noblock /proc/sleep      # "Open would block"
//! kill %1                      # now cat gets its turn
//! rmmod sleep
//! ```
//!
//! Changed from the guide: openers get the file in order of arrival, and closing it wakes the next
//! one, not all of them. Nobody who comes later can get in between, since the closer leaves the
//! file taken, for whom it wakes. A signal that the process handles ends the wait (`EINTR`), unless
//! the handler is to restart what it interrupts (`SA_RESTART`); being stopped and continued does
//! not. A signal that comes together with the turn leaves the process with the file. The module
//! cannot be unloaded while somebody sleeps. Any user may open the file for reading, and keep it
//! for as long as they like, from root as well. A message has 79 bytes; of a longer one the rest is
//! dropped, as in `procfs_2`.

use lkm::{
    new_turn_queue,
    prelude::*,
    wait::TurnQueue, //
};

module! {
    type: Sleep,
    name: "sleep",
    authors: ["lkmpg-rs developers"],
    description: "A file in /proc that puts all but one opener to sleep",
    license: "GPL",
}

struct Sleep {
    _file: proc_fs::Node<Turn>,
}

impl kernel::Module for Sleep {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let gate = Arc::pin_init(Gate::new(), GFP_KERNEL)?;
        Ok(Sleep {
            _file: proc_fs::Node::new(proc_fs::Options::new(c"sleep", 0o644), gate)?,
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
    #[pin]
    message: Mutex<Message<79>>,
}

impl Gate {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            taken <- new_mutex!(false),
            queue <- new_turn_queue!("sleep"),
            message <- new_mutex!(Message::new()),
        })
    }
}

/// What is around the message when it is read.
const LABEL: &[u8] = b"Last input:";
const END: &[u8] = b"\n";

/// The one process that has the file open.
struct Turn {
    gate: Arc<Gate>,
}

#[vtable]
impl FileOperations for Turn {
    type Data = Gate;

    fn open(gate: ArcBorrow<'_, Gate>, file: &OpenFile) -> impl PinInit<Self, Error> {
        let mut taken = gate.taken.lock();
        if !*taken {
            *taken = true;
        } else if file.nonblocking() {
            return Err(EAGAIN);
        } else {
            gate.queue.wait(taken)?;
        }
        Ok(Turn { gate: gate.into() })
    }

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

impl Drop for Turn {
    fn drop(&mut self) {
        let mut taken = self.gate.taken.lock();
        *taken = self.gate.queue.hand_over();
    }
}
