// SPDX-License-Identifier: GPL-2.0-only

//! Opening a module's file at the first moment there is one, while the module is still being loaded.

use crate::errno_of;
use lkm::raw;
use rustix::{
    fs::inotify::{self, CreateFlags, WatchFlags},
    io::Errno,
};
use std::{
    fs::{self, File},
    mem::MaybeUninit,
    path::Path,
    sync::mpsc::channel,
    thread::{self, JoinHandle},
};

/// What came of it.
pub struct Outcome {
    /// What the open returned.
    pub file: Result<File, Errno>,
    /// Whether the module was still being loaded afterwards.
    pub is_loading: bool,
}

/// Has a thread open `path`, a file of `module` that does not exist, as soon as it does. The thread
/// runs before those that are not real-time; with one CPU, before the one that loads the module can
/// go on.
///
/// Returns when the thread waits.
pub fn opener(module: &'static str, path: &'static str) -> JoinHandle<Outcome> {
    let (watches, is_watched) = channel();
    let opener = thread::spawn(move || {
        raw::run_first().expect("sched_setscheduler");
        let watch = inotify::init(CreateFlags::empty()).expect("inotify");
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&watch, &mut buffer);
        let mut waits = Path::new(path).ancestors().collect::<Vec<_>>();
        waits.retain(|it| !it.exists());
        for missing in waits.into_iter().rev() {
            let (folder, name) = (missing.parent(), missing.file_name());
            let (folder, name) = (folder.expect("a folder"), name.expect("a name"));
            inotify::add_watch(&watch, folder, WatchFlags::CREATE).expect("a watch");
            // The test may be gone by then.
            let _ = watches.send(());
            while !missing.exists() {
                let event = events.next().expect("an event");
                if event
                    .file_name()
                    .is_some_and(|it| it.to_bytes() == name.as_encoded_bytes())
                {
                    break;
                }
            }
        }
        let file = File::open(path).map_err(errno_of);
        let state = fs::read_to_string(format!("/sys/module/{module}/initstate"));
        Outcome {
            file,
            is_loading: state.expect("initstate").trim() == "coming",
        }
    });
    is_watched.recv().expect("the opener");
    opener
}
