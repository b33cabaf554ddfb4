// SPDX-License-Identifier: GPL-2.0-only

//! Handing `/proc/sleep` from one process to the next.

use lkmpg_tests::wait_until;
use std::{
    fs::{self, File},
    sync::mpsc,
    thread,
};

/// Has so many threads wait for the file, and each have it, one after the other. Returns what
/// `now` said when the first of them got it.
pub fn hand_off<T>(file: &str, waiters: usize, now: impl FnOnce() -> T) -> T {
    let first = File::open(file).expect("open");
    thread::scope(|scope| {
        let (sender, tids) = mpsc::channel();
        for _ in 0..waiters {
            let sender = sender.clone();
            let wait = move || {
                sender.send(rustix::thread::gettid()).expect("send");
                drop(File::open(file).expect("open"));
            };
            thread::Builder::new()
                .stack_size(64 << 10)
                .spawn_scoped(scope, wait)
                .expect("a thread");
        }
        for tid in tids.iter().take(waiters) {
            let stat = format!("/proc/self/task/{}/stat", tid.as_raw_nonzero());
            wait_until("all to sleep", || {
                fs::read_to_string(&stat).is_ok_and(|it| it.contains(") S "))
            });
        }
        let start = now();
        drop(first);
        start
    })
}
