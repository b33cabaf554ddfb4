// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 9, another way to wait: until something is done.
//!
//! A wait queue is for a condition that comes and goes. A completion is for what happens once: a
//! device has started, a thread has ended, an answer has arrived. One side waits, the other one says
//! that it is done. There is nothing to check and nothing to lock, and it does not matter which
//! side comes first.
//!
//! Here a thread of the kernel makes tea, and those who read the file wait for it:
//!
//! ```console
//! # insmod completion.ko brew_ms=3000
//! # cat /proc/completion
//! The tea is ready.
//! # cat /proc/completion
//! The tea is ready.
//! # rmmod completion
//! ```
//!
//! The first `cat` takes three seconds, the second one none: `complete_all` lets everybody go on,
//! now and later. (`complete` would let one waiter go on.)
//!
//! Somebody who waits must be able to give up. Ctrl-C ends the wait, and so does the reader's
//! patience, if there is a limit:
//!
//! ```console
//! # insmod completion.ko brew_ms=60000 patience_ms=100
//! # cat /proc/completion
//! cat: [..]Timer expired
//! # rmmod completion
//! ```
//!
//! There is no `poll` here: poll(2) says that the file is ready, also while a read would wait. A completion
//! wakes those who sleep in it, and tells nobody else.
//!
//! C declares a `struct completion` and calls the same functions. The driver must make sure that the
//! completion is still there when the thread says that it is done. Here the thread and each open file
//! own a share of it (`Arc`), and the last one to go frees it.
//!
//! Where to look: `kernel/sched/completion.c`, and `Documentation/scheduler/completion.rst`.

use lkm::{
    completion::Completion,
    prelude::*, //
};

module! {
    type: Tea,
    name: "completion",
    authors: ["lkmpg-rs developers"],
    description: "Readers that wait until a thread is done",
    license: "GPL",
}

module_params! {
    brew_ms: u32 {
        default: 3000,
        description: "How long the tea takes, in milliseconds",
        permissions: 0o444,
    },
    patience_ms: u32 {
        default: 0,
        description: "How long a reader waits, in milliseconds; 0 is for ever",
        permissions: 0o644,
    },
}

struct Tea {
    _file: proc_fs::Node<Session>,
    _cook: kthread::Thread<()>,
}

// ANCHOR: init
impl kernel::Module for Tea {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let ready = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let tell = ready.clone();
        Ok(Tea {
            _cook: kthread::spawn(c"cook", move |me| {
                // Ends early, and with nothing made, if the module goes.
                if me.sleep(brew_ms.value()) {
                    tell.complete_all();
                }
            })?,
            _file: proc_fs::Node::new(proc_fs::Options::new(c"completion", 0o444), ready)?,
        })
    }
}
// ANCHOR_END: init

/// An open file.
struct Session {
    ready: Arc<Completion>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Completion;

    fn open(ready: ArcBorrow<'_, Completion>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        Ok(Session {
            ready: ready.into(),
        })
    }

    // ANCHOR: read
    fn read(&self, file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        match patience_ms.value() {
            _ if out.is_empty() => return Ok(0),
            _ if self.ready.is_done() => {}
            _ if file.nonblocking() => return Err(EAGAIN),
            0 => self.ready.wait_interruptible()?,
            limit => self.ready.wait_timeout(limit)?,
        }
        read_from_buffer(out, pos, b"The tea is ready.\n")
    }
    // ANCHOR_END: read
}
