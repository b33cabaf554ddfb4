// SPDX-License-Identifier: GPL-2.0-only

//! A mail of 2003: a kernel thread that writes to a file.
//!
//! ```console
//! # insmod kthread_file.ko path=/tmp/log period_ms=100
//! kthread_file: Appending to /tmp/log every 100 ms.
//! # until grep 'record 2' /tmp/log; do sleep 0.1; done
//! [..] record 2
//! # head -n 1 /tmp/log
//! [..] record 1
//! # cat /proc/kthread_file
//! file: /tmp/log
//! state: writing
//! records: [..]
//! last error: none
//! # rmmod kthread_file
//! # rm /tmp/log
//! ```
//!
//! Should you do this? No: a program can do it better. The kernel acts for processes, and a file
//! means little without one: whose descriptors, whose permissions, which root directory? If a
//! module needs a file's content, have the program that loads it hand it over. If it has something
//! to say, let a program read it from a device. If you must do it all the same, this is how: a kernel
//! thread has a process context of its own, so it borrows nobody else's.
//!
//! Each record is a line: the time in seconds, and a number that grows by one. It is counted when
//! it is complete and `fsync` has returned, so unloading at any moment loses no record that was
//! counted. If the disk is full and only a part of a record fits, that part is cut off again, unless
//! somebody else appends at that very moment.
//!
//! The file is opened anew for each record. So it may be renamed, deleted or unmounted: the next
//! record goes to what has the name then. The thread has root's permissions, and looks up the path
//! from the root directory of process 1. It writes only to regular files that keep what is written,
//! not to those in `/proc` or `/sys`, which act on it (`EINVAL`).
//!
//! No error ends the thread. After each period it tries again, with the same number. The log gets
//! a line when the error changes, and one when all is well again.
//!
//! Changed from the mail: its thread is killed with a signal to a number, which may be another
//! process's by then. Here it is asked to stop, and waited for.
//!
//! `keep_writing` is the thread, and `append` what it does each time. `Journal` keeps what became of it,
//! for the log and for `/proc/kthread_file`.
//!
//! Where to look: `kernel/kthread.c`, and `fs/coredump.c` for the kernel writing a file.

use kernel::time::{
    ClockSource,
    Msecs,
    RealTime,
    NSEC_PER_SEC, //
};
use lkm::{
    file,
    prelude::*, //
};
use pin_init::pin_init_scope;

module! {
    type: KthreadFile,
    name: "kthread_file",
    authors: ["lkmpg-rs developers"],
    description: "A kernel thread that appends records to a file",
    license: "GPL",
}

module_params! {
    path: str {
        default: c"/tmp/kthread_file.log",
        description: "File to append to, as an absolute path",
        permissions: 0o444,
    },
    period_ms: u32 {
        default: 1000,
        description: "Milliseconds from one record to the next, at least 1",
        permissions: 0o444,
    },
}

#[pin_data]
struct KthreadFile {
    #[pin]
    _status: proc_fs::File<Status>,
    _thread: kthread::Thread<()>,
}

impl kernel::InPlaceModule for KthreadFile {
    fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
        // What is to be done before the fields are made.
        pin_init_scope(|| {
            let period = period_ms.value();
            if !path.value().to_bytes().starts_with(b"/") || period == 0 {
                pr_err!("path must start with a slash, and period_ms be at least 1.\n");
                return Err(EINVAL);
            }
            pr_info!("Appending to {} every {period} ms.\n", path.value());

            let journal = Arc::pin_init(new_mutex!(Journal::default()), GFP_KERNEL)?;
            let status = Status(journal.clone());
            Ok(try_pin_init!(Self {
                _status <- proc_fs::File::new(
                    proc_fs::Options::new(c"kthread_file", 0o444),
                    status,
                ),
                _thread: kthread::spawn(c"kthread_file", move |me| {
                    keep_writing(me, &journal, period)
                })?,
            }))
        })
    }
}

/// What failed, and why.
type Failure = (&'static str, Error);

/// What became of the records.
#[derive(Default)]
struct Journal {
    written: u64,
    failing: bool,
    last_error: Option<Failure>,
}

// ANCHOR: thread
/// The thread.
fn keep_writing(me: &kthread::Current<'_>, journal: &Mutex<Journal>, period: Msecs) {
    loop {
        // Nobody else changes the number.
        let number = journal.lock().written + 1;
        let outcome = append(path.value(), &record(number));
        journal.lock().note(outcome);
        if !me.sleep(period) {
            return;
        }
    }
}
// ANCHOR_END: thread

fn record(number: u64) -> Message<64> {
    let now = RealTime::ktime_get();
    let (seconds, nanoseconds) = (now / NSEC_PER_SEC, now % NSEC_PER_SEC);
    Message::format(fmt!("{seconds}.{nanoseconds:09} record {number}\n"))
}

// ANCHOR: append
fn append(to: &CStr, record: &Message<64>) -> Result<(), Failure> {
    // Opening a device must not wait for the other end.
    let options = file::Options::new().append().create().nonblocking(true);
    let mut file = options.open(to).map_err(|e| ("open", e))?;
    if !file.is_regular() || file.is_pseudo() {
        return Err(("keep records in", EINVAL));
    }
    // Those in debugfs and tracefs keep nothing, either.
    file.sync().map_err(|e| ("keep records in", e))?;
    file.append_all(record.as_bytes())
        .map_err(|e| ("write to", e))?;
    file.sync().map_err(|e| ("sync", e))
}
// ANCHOR_END: append

impl Journal {
    fn note(&mut self, outcome: Result<(), Failure>) {
        match outcome {
            Ok(()) => {
                if self.failing {
                    pr_info!("Writing to {} again.\n", path.value());
                }
                self.written += 1;
                self.failing = false;
            }
            Err(failure @ (what, error)) => {
                if !self.failing || self.last_error != Some(failure) {
                    pr_err!("Cannot {what} {}: {error:?}. Trying again.\n", path.value());
                }
                self.last_error = Some(failure);
                self.failing = true;
            }
        }
    }
}

/// `/proc/kthread_file`.
struct Status(Arc<Mutex<Journal>>);

#[vtable]
impl proc_fs::Show for Status {
    fn show(&self, out: &mut SeqFile) -> Result {
        let journal = self.0.lock();
        let state = if journal.failing {
            "failing"
        } else {
            "writing"
        };
        seq_print!(out, "file: {}\n", path.value());
        seq_print!(out, "state: {state}\n");
        seq_print!(out, "records: {}\n", journal.written);
        match journal.last_error {
            None => seq_print!(out, "last error: none\n"),
            Some((what, e)) => seq_print!(out, "last error: {e:?}, cannot {what}\n"),
        }
        Ok(())
    }
}
