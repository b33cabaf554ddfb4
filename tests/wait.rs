// SPDX-License-Identifier: GPL-2.0-only

//! The support crate's wait queues: waiting for a condition, and polling.

use lkmpg_tests::{Module, errno_of, ready, wait_until};
use rustix::{
    event::{PollFlags, epoll},
    io::Errno,
    process::Pid,
};
use std::{
    fs::{self, File, OpenOptions},
    io::Read as _,
    os::unix::fs::OpenOptionsExt as _,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

const FILE: &str = "/proc/waiters";
const REMOVE: &str = "/proc/waiters_remove";
const O_NONBLOCK: i32 = 0o4000;

fn load() -> Module {
    Module::load("waiters", &[]).expect("the module loads")
}

fn open() -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(FILE)
        .expect("open")
}

/// Puts in so many tokens.
fn put(count: usize) {
    assert_eq!(rustix::io::write(open(), &vec![0; count]), Ok(count));
}

/// Starts threads that wait in `wait`, and calls `then` with their numbers when all of them sleep.
fn with_sleepers(count: usize, wait: impl Fn() + Sync, then: impl FnOnce(&[Pid])) {
    let tids = std::sync::Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                tids.lock().expect("a lock").push(rustix::thread::gettid());
                wait();
            });
        }
        wait_until("all to sleep", || {
            let tids = tids.lock().expect("a lock");
            tids.len() == count
                && tids.iter().all(|tid| {
                    let stat = format!("/proc/self/task/{}/stat", tid.as_raw_nonzero());
                    fs::read_to_string(stat).is_ok_and(|it| it.contains(") S "))
                })
        });
        let tids = tids.lock().expect("a lock");
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| then(&tids))) {
            // Who still waits would keep the failure from being told.
            put(count);
            resume_unwind(panic);
        }
    });
}

/// How often each of the threads that are still there went to sleep.
fn sleeps(tids: &[Pid]) -> Vec<(Pid, String)> {
    let of = |tid: &Pid| {
        let status = format!("/proc/self/task/{}/status", tid.as_raw_nonzero());
        let status = fs::read_to_string(status).ok()?;
        let count = status.lines().find(|it| it.starts_with("voluntary"))?;
        Some((*tid, count.to_owned()))
    };
    tids.iter().filter_map(of).collect()
}

#[test]
fn a_condition_that_holds_needs_no_wait() {
    let _module = load();
    put(1);
    assert_eq!(open().read(&mut [0]).map_err(errno_of), Ok(1));
}

#[test]
fn threads_that_share_an_open_file_do_not_wait_for_each_other() {
    let module = load();
    let file = open();
    let read = || assert_eq!(rustix::io::read(&file, &mut [0]), Ok(1));
    // If the position in the file were locked, the write would wait for the read, for ever.
    with_sleepers(1, read, |_| {
        assert_eq!(rustix::io::write(&file, b"x"), Ok(1));
    });
    drop(file);
    module.unload().expect("nobody uses it");
}

#[test]
fn each_token_wakes_one() {
    let _module = load();
    let woken = AtomicUsize::new(0);
    let take = || {
        assert_eq!(open().read(&mut [0]).map_err(errno_of), Ok(1));
        woken.fetch_add(1, Relaxed);
    };
    with_sleepers(5, take, |tids| {
        for n in 1..=5 {
            let before = sleeps(tids);
            put(1);
            wait_until("one to be woken, and to end", || {
                sleeps(tids).len() == 5 - n
            });
            assert_eq!(woken.load(Relaxed), n);
            let others = sleeps(tids);
            assert!(others.iter().all(|it| before.contains(it)), "they slept on");
        }
    });
}

#[test]
fn many_tokens_wake_all() {
    let _module = load();
    let take = || assert_eq!(open().read(&mut [0]).map_err(errno_of), Ok(1));
    with_sleepers(5, take, |_| put(5));
}

#[test]
fn no_token_is_lost() {
    let _module = load();
    let taken = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for _ in 0..400 {
                    assert_eq!(open().read(&mut [0]).map_err(errno_of), Ok(1));
                    taken.fetch_add(1, Relaxed);
                }
            });
            scope.spawn(|| (0..400).for_each(|_| put(1)));
        }
    });
    assert_eq!(taken.into_inner(), 1200);
}

#[test]
fn a_limited_wait_ends() {
    let _module = load();
    assert_eq!(open().read(&mut [0, 0]).map_err(errno_of), Err(Errno::TIME));
    put(1);
    assert_eq!(open().read(&mut [0, 0]).map_err(errno_of), Ok(1));
}

#[test]
fn who_does_not_want_to_wait_is_told_so() {
    let _module = load();
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(O_NONBLOCK)
        .open(FILE)
        .expect("open");
    assert_eq!(file.read(&mut [0]).map_err(errno_of), Err(Errno::AGAIN));
    put(1);
    assert_eq!(file.read(&mut [0]).map_err(errno_of), Ok(1));
}

/// Polls until the file can be read or is gone.
fn poll_readable(file: &File) -> PollFlags {
    ready(file, PollFlags::IN, None)
}

/// The same with epoll.
fn epoll_readable(file: &File) -> epoll::EventFlags {
    let set = epoll::create(epoll::CreateFlags::empty()).expect("epoll");
    epoll::add(
        &set,
        file,
        epoll::EventData::new_u64(0),
        epoll::EventFlags::IN,
    )
    .expect("add");
    let mut events = Vec::with_capacity(1);
    epoll::wait(&set, rustix::buffer::spare_capacity(&mut events), None).expect("wait");
    events[0].flags
}

#[test]
fn pollers_are_woken() {
    let _module = load();
    let (by_poll, by_epoll) = (open(), open());
    let wait = || {
        assert!(poll_readable(&by_poll).contains(PollFlags::IN));
        assert!(epoll_readable(&by_epoll).contains(epoll::EventFlags::IN));
    };
    with_sleepers(3, wait, |_| put(1));
}

#[test]
fn a_sleeping_poller_keeps_the_module() {
    let module = load();
    let file = open();
    let mut module = Some(module);
    with_sleepers(
        1,
        || assert!(poll_readable(&file).contains(PollFlags::IN)),
        |_| {
            let refused = module
                .take()
                .expect("a module")
                .unload()
                .expect_err("it is in use");
            module = Some(refused.into_module(Errno::AGAIN));
            put(1);
        },
    );
    drop(file);
    module.expect("a module").unload().expect("unload");
}

#[test]
fn removing_the_file_waits_for_pollers_to_leave() {
    let module = load();
    let files: Vec<_> = (0..4).map(|_| open()).collect();
    let next = AtomicUsize::new(0);
    let wait = || {
        let n = next.fetch_add(1, Relaxed);
        if n % 2 == 0 {
            poll_readable(&files[n]);
        } else {
            epoll_readable(&files[n]);
        }
    };
    with_sleepers(4, wait, |_| fs::write(REMOVE, "x").expect("remove"));
    assert!(!fs::exists(FILE).expect("stat"));
    for mut file in files {
        assert_eq!(file.read(&mut [0]).map_err(errno_of), Err(Errno::IO));
    }
    module.unload().expect("nobody is left");
}

/// When the file is gone, procfs says that it can be read and written: who waits for neither would not
/// leave.
#[test]
fn who_waits_for_what_never_comes_is_told_at_once() {
    let _module = load();
    let file = open();
    for what in [PollFlags::PRI, PollFlags::empty(), PollFlags::RDBAND] {
        assert_eq!(ready(&file, what, None), PollFlags::ERR, "{what:?}");
    }
    let both = ready(&file, PollFlags::PRI | PollFlags::OUT, None);
    assert_eq!(both, PollFlags::OUT);
}
