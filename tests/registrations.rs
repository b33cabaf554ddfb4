// SPDX-License-Identifier: GPL-2.0-only

//! A module in safe Rust that registers, and lets go of what somebody uses.

use lkmpg_tests::{
    Footprint, KernelSetting, LoadError, Module, errno_of, netlink::Connection, ready, times,
    wait_until, while_asleep,
};
use rustix::{
    event::PollFlags,
    fs::{Mode, OFlags, open},
    io::{Errno, read},
};
use std::{
    fs::{self, File},
    os::fd::{AsRawFd as _, OwnedFd},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

const REGISTERED: [&str; 9] = [
    "/dev/adversary0",
    "/dev/adversary1",
    "/dev/adversary_misc",
    "/proc/adversary/node",
    "/proc/adversary/file",
    "/sys/kernel/debug/adversary/node",
    "/sys/kernel/debug/adversary/number",
    "/sys/kernel/debug/adversary/blob",
    "/sys/kernel/adversary/value",
];

/// Has the module `registrations` do one of its tricks.
fn trick(name: &str) {
    fs::write("/proc/registrations", name).expect(name);
}

#[test]
fn registrations_come_and_go() {
    let before = Footprint::now();
    let module = Module::load("registrations", &[]).expect("the module loads");
    for name in [
        "churn", "threads", "twice", "names", "notify", "modes", "numbers", "sizes",
    ] {
        trick(name);
    }
    module.unload().expect("nobody uses it");
    before.check("registrations");
}

#[test]
fn what_is_open_may_go() {
    let before = Footprint::now();
    let module = Module::load("registrations", &[]).expect("the module loads");
    let mut old = Vec::new();
    for _ in 0..3 {
        // Under the same names as those before, which are still open.
        trick("keep");
        let files = REGISTERED.map(|path| File::open(path).expect(path));
        trick("let go");
        for (path, file) in REGISTERED.iter().zip(&files) {
            let result = read(file, &mut [0; 4]);
            // These work for whoever has them open.
            if path.starts_with("/dev/") || path.ends_with("debug/adversary/node") {
                assert_eq!(result, Ok(4), "{path}");
            } else {
                assert!(
                    matches!(result, Err(Errno::IO | Errno::NODEV)),
                    "{path}: {result:?}"
                );
            }
            assert!(!Path::new(path).exists(), "{path}");
        }
        old.extend(files);
    }
    let module = module
        .unload()
        .expect_err("in use")
        .into_module(Errno::AGAIN);
    drop(old);
    module.unload().expect("nobody uses it");
    before.check("what was open");
}

#[test]
fn who_polls_a_channel_is_told_that_it_goes() {
    let module = Module::load("registrations", &[]).expect("the module loads");
    trick("keep");
    let ring = File::open("/sys/kernel/debug/adversary/ring0").expect("a ring");
    let told = while_asleep(|| ready(&ring, PollFlags::IN, None), || trick("let go"));
    assert_eq!(told, PollFlags::ERR);
    drop(ring);
    module.unload().expect("nobody uses it");
}

/// Opens a device by an inode that knows it, whatever became of its node.
fn open_again(known: &OwnedFd) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", known.as_raw_fd());
    open(path, OFlags::RDONLY, Mode::empty())
}

#[test]
fn a_device_that_is_gone_is_not_found_by_who_knows_it() {
    let before = Footprint::now();
    let _modprobe = KernelSetting::no_modprobe();
    let module = Module::load("registrations", &[]).expect("the module loads");
    trick("keep");
    let known = open("/dev/adversary0", OFlags::PATH, Mode::empty()).expect("a node");
    let file = open_again(&known).expect("the device");
    trick("let go");
    assert_eq!(open_again(&known).err(), Some(Errno::NXIO));
    drop(file);
    module.unload().expect("nobody uses it");
    assert_eq!(open_again(&known).err(), Some(Errno::NXIO));
    drop(known);
    before.check("a device");
}

#[test]
fn a_device_that_fails_to_load_is_not_found_by_who_knows_it() {
    let before = Footprint::now();
    let _modprobe = KernelSetting::no_modprobe();
    for _ in 0..times("LKMPG_ROUNDS", 3) {
        let load = thread::spawn(|| Module::load("failing", &["files=1"]));
        let mut known = None;
        wait_until("a node", || {
            known = open("/dev/failing", OFlags::PATH, Mode::empty()).ok();
            known.is_some()
        });
        let known = known.expect("a node");
        while !load.is_finished() {
            if let Ok(file) = open_again(&known) {
                let _ = read(&file, &mut [0; 4]);
            }
        }
        let result = load.join().expect("no panic");
        assert!(
            matches!(result, Err(LoadError::Refused(Errno::CANCELED))),
            "{result:?}"
        );
        assert_eq!(open_again(&known).err(), Some(Errno::NXIO));
    }
    before.check("a device that failed to load");
}

#[test]
fn a_number_is_not_taken_again_while_there_are_old_sockets() {
    let before = Footprint::now();
    let module = Module::load("registrations", &[]).expect("the module loads");
    trick("socket");
    let old = Connection::open(29).expect("a socket");
    trick("let go");
    let taken = fs::write("/proc/registrations", "socket").map_err(errno_of);
    assert_eq!(taken, Err(Errno::BUSY));
    drop(old);
    trick("socket");
    trick("let go");
    module.unload().expect("nobody uses it");
    before.check("netlink");
}

#[test]
fn what_is_being_used_may_go() {
    let before = Footprint::now();
    let _modprobe = KernelSetting::no_modprobe();
    let module = Module::load("registrations", &[]).expect("the module loads");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let uses = REGISTERED.map(|path| {
            let (count, done) = (Arc::new(AtomicUsize::new(0)), &done);
            let uses = count.clone();
            scope.spawn(move || {
                while !done.load(Relaxed) {
                    if let Ok(file) = File::open(path) {
                        let _ = read(&file, &mut [0; 4]);
                        count.fetch_add(1, Relaxed);
                    }
                }
            });
            uses
        });
        for _ in 0..times("LKMPG_ROUNDS", 10) {
            let seen = uses.each_ref().map(|it| it.load(Relaxed));
            trick("keep");
            wait_until("all to be used", || {
                uses.iter()
                    .zip(seen)
                    .all(|(it, seen)| it.load(Relaxed) > seen)
            });
            trick("let go");
        }
        done.store(true, Relaxed);
    });
    module.unload().expect("nobody uses it");
    before.check("what was being used");
}

/// As some drivers do with what has their name. They wait for those who are in it, with the directory locked.
#[test]
fn who_lets_go_of_a_file_that_is_being_taken_away_waits_for_its_callers() {
    let module = Module::load("taken", &[]).expect("the module loads");
    let write = |word| fs::write("/proc/taken", word);
    let take = || Module::load("taker", &["name=taken"]);
    let open = || File::open("/sys/kernel/debug/taken/node");
    let opened = while_asleep(open, || {
        let taker = while_asleep(take, || {
            let dropped = while_asleep(|| write("drop"), || write("go").expect("it goes on"));
            dropped.expect("nobody is inside when it is dropped");
        });
        taker.expect("it loads").unload().expect("not in use");
    });
    drop(opened);
    module.unload().expect("not in use");
}
