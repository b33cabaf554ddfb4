// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 8: syscall_spy.

use lkm::raw;
use lkmpg_tests::{
    BadMemory, KernelLog, KernelSetting, LoadError, Module, as_user, errno_named, is_loaded,
    is_twin, name, scaled, times,
};
use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, open, openat, openat2},
    io::Errno,
};
use std::{
    ffi::CString,
    fs,
    os::unix::process::CommandExt as _,
    process::Command,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

const WATCHED: u32 = 1000;
const OTHER: u32 = 1001;
const PROBES: &str = "/sys/kernel/debug/kprobes/list";

const MODULE: &str = name!("syscall_spy");
const OPENS: &str = if is_twin!() {
    "/sys/kernel/debug/syscall_spy_c/opens"
} else {
    "/sys/kernel/debug/syscall_spy/opens"
};

fn load() -> Module {
    Module::load(MODULE, &[&format!("uid={WATCHED}")]).expect("the module loads")
}

fn load_second() -> Module {
    Module::load("second_probe", &[&format!("uid={WATCHED}")]).expect("the module loads")
}

fn count_in(file: &str) -> usize {
    let text = fs::read_to_string(file).expect("read");
    text.trim().parse().expect("a number")
}

fn count() -> usize {
    count_in(OPENS)
}

/// How many opens the other probe saw.
fn second_count() -> usize {
    count_in("/proc/second_probe")
}

/// Opens a path for reading; what comes of it does not matter here.
fn try_open(path: &str) {
    let _ = open(path, OFlags::RDONLY, Mode::empty());
}

/// What the module logged about paths, without what comes before them.
fn paths(log: &KernelLog) -> Vec<String> {
    let prefix = format!("{MODULE}: Opened file by {WATCHED}: ");
    log.lines_with(&prefix)
        .iter()
        .map(|line| line[prefix.len()..].to_owned())
        .collect()
}

#[test]
fn it_logs_what_the_user_opens() {
    let log = KernelLog::now();
    let module = load();
    as_user(WATCHED, || {
        try_open("/etc/passwd");
        let _ = open("/tmp/forbidden/\u{e4}", OFlags::WRONLY, Mode::empty());
        let _ = openat(CWD, "relative", OFlags::RDONLY, Mode::empty());
        let (flags, resolve) = (OFlags::PATH, ResolveFlags::empty());
        let _ = openat2(CWD, "/by-openat2", flags, Mode::empty(), resolve);
    });
    as_user(OTHER, || try_open("/somebody/elses"));
    try_open("/roots");
    module.unload().expect("unload");
    let lines = log.lines_with(&format!("{MODULE}:"));
    let expected = [
        "Spying on UID:1000",
        "Opened file by 1000: /etc/passwd",
        "Opened file by 1000: /tmp/forbidden/\\xc3\\xa4",
        "Opened file by 1000: relative",
        "Opened file by 1000: /by-openat2",
        "Saw 4 opens by UID:1000, missed 0 of all",
    ];
    assert_eq!(lines, expected.map(|it| format!("{MODULE}: {it}")));
}

#[test]
fn it_goes_by_the_guides_name() {
    // On every kernel, also on one that has a part of that name.
    let status = Command::new("modprobe")
        .args([name!("syscall"), "uid=4711"])
        .status();
    assert!(status.expect("modprobe").success());
    assert!(is_loaded(MODULE));
    Module::adopt(MODULE).unload().expect("unload");
}

#[test]
fn it_sees_what_is_opened_when_probes_are_turned_on_again() {
    let off = KernelSetting::new("/sys/kernel/debug/kprobes/enabled", "0");
    let _module = load();
    as_user(WATCHED, || try_open("/etc/passwd"));
    assert_eq!(count(), 0);
    drop(off);
    as_user(WATCHED, || try_open("/etc/passwd"));
    assert_eq!(count(), 1);
}

#[test]
fn the_counter_may_be_open_when_the_module_goes() {
    let module = load();
    let file = fs::File::open(OPENS).expect("open");
    module.unload().expect("it unloads");
    let mut room = [0; 16];
    assert_eq!(rustix::io::read(&file, &mut room), Err(Errno::IO));
    drop(file);
    assert!(!fs::exists(OPENS).expect("stat"));
}

#[test]
fn a_program_that_is_executed_is_opened() {
    let log = KernelLog::now();
    let _module = load();
    // By its own name it prints a help.
    let program = fs::canonicalize("/bin/true").expect("a program");
    let output = Command::new(&program).uid(WATCHED).output();
    assert!(output.expect("a program").status.success());
    assert_eq!(paths(&log)[0], program.to_str().expect("a name"));
}

#[test]
fn paths_of_all_lengths() {
    let log = KernelLog::now();
    let _module = load();
    let longest = format!("/{}", "longest/".repeat(512))[..4095].to_owned();
    as_user(WATCHED, || {
        for (path, errno) in [
            ("", Errno::NOENT),
            ("x", Errno::NOENT),
            (&longest[..239], Errno::NOENT),
            (&longest[..240], Errno::NOENT),
            (&longest[..241], Errno::NOENT),
            (&longest, Errno::NOENT),
            (&format!("{longest}/"), Errno::NAMETOOLONG),
            (&longest.repeat(3), Errno::NAMETOOLONG),
            ("new\nline\t", Errno::NOENT),
        ] {
            let path = CString::new(path).expect("a path");
            let ret = open(path.as_c_str(), OFlags::RDONLY, Mode::empty());
            assert_eq!(ret.err(), Some(errno), "{} bytes", path.count_bytes());
        }
    });
    let mut paths = paths(&log).into_iter().peekable();
    let mut next = || {
        let mut path = paths.next().expect("a path");
        // The rest of it begins with dots, and follows a part of 240 bytes.
        let mut length = path.len();
        while let Some(part) = paths.next_if(|it| it.starts_with("...")) {
            assert!(length == 240 && part.len() > 3, "{part}");
            length = part.len() - 3;
            path.push_str(&part[3..]);
        }
        path
    };
    assert_failed(&next(), Errno::NOENT);
    assert_eq!(next(), "x");
    assert_eq!(next(), longest[..239]);
    assert_eq!(next(), longest[..240]);
    assert_eq!(next(), longest[..241]);
    assert_eq!(next(), longest);
    assert_failed(&next(), Errno::NAMETOOLONG);
    assert_failed(&next(), Errno::NAMETOOLONG);
    assert_eq!(next(), "new\\nline\\t");
    assert_eq!(paths.next(), None);
    assert_eq!(count(), 9);
}

#[test]
fn bad_pointers_are_reported_as_such() {
    let log = KernelLog::now();
    let _module = load();
    let memory = BadMemory::new();
    let addresses = memory.unreadable();
    as_user(WATCHED, || {
        for (what, address) in &addresses {
            assert_eq!(raw::open(*address).err(), Some(Errno::FAULT), "{what}");
        }
    });
    let paths = paths(&log);
    assert_eq!(paths.len(), addresses.len());
    paths
        .iter()
        .for_each(|path| assert_failed(path, Errno::FAULT));
    assert_eq!(count(), addresses.len());
}

/// What is logged in place of a path that could not be read.
fn assert_failed(path: &str, errno: Errno) {
    assert!(path.starts_with('<') && path.ends_with('>'), "{path}");
    assert!(errno_named(path, errno), "{path}");
}

#[test]
fn no_open_is_missed_and_no_other_counted() {
    let _module = load();
    let opens = scaled!(5000);
    thread::scope(|scope| {
        for uid in [WATCHED, OTHER, WATCHED, OTHER] {
            scope.spawn(move || {
                as_user(uid, || {
                    for _ in 0..opens {
                        open("/etc/passwd", OFlags::RDONLY, Mode::empty()).expect("open");
                    }
                });
            });
        }
    });
    assert_eq!(count(), 2 * opens);
}

#[test]
fn another_probe_may_come_and_go_in_any_order() {
    let before = fs::read_to_string(PROBES).expect("the probes");
    let opens = || as_user(WATCHED, || (0..10).for_each(|_| try_open("/etc/passwd")));
    for ours_first in [true, false] {
        for ours_goes_first in [true, false] {
            let (ours, second) = if ours_first {
                let ours = load();
                (ours, load_second())
            } else {
                let second = load_second();
                (load(), second)
            };
            opens();
            assert_eq!((count(), second_count()), (10, 10));
            if ours_goes_first {
                ours.unload().expect("unload");
                opens();
                assert_eq!(second_count(), 20);
                second.unload().expect("unload");
            } else {
                second.unload().expect("unload");
                opens();
                assert_eq!(count(), 20);
                ours.unload().expect("unload");
            }
            opens();
            let probes = fs::read_to_string(PROBES).expect("the probes");
            assert_eq!(probes, before, "all is as it was");
        }
    }
}

#[test]
fn loading_and_unloading_many_times_while_files_are_opened() {
    // What the kernel makes of a probe that stays, a jump, it takes back only when each task has
    // been elsewhere. Where emulated processors take turns, that can take half a minute. Not all make one.
    let jumps = "/proc/sys/debug/kprobes-optimization";
    let is_there = fs::exists(jumps).expect("stat");
    let _plain = is_there.then(|| KernelSetting::new(jumps, "0"));
    let before = fs::read_to_string(PROBES).expect("the probes");
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for uid in [WATCHED, OTHER] {
            let stop = &stop;
            scope.spawn(move || {
                as_user(uid, || {
                    while !stop.load(Relaxed) {
                        open("/etc/passwd", OFlags::RDONLY, Mode::empty()).expect("open");
                        thread::yield_now();
                    }
                });
            });
        }
        for round in 0..times("LKMPG_LOADS", scaled!(200)) {
            let module = load();
            if round % 10 == 0 {
                let _second = load_second();
            }
            module.unload().expect("unload");
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(fs::read_to_string(PROBES).expect("the probes"), before);
}

#[test]
fn the_user_is_a_number() {
    let module = load();
    let shown =
        fs::read_to_string(format!("/sys/module/{MODULE}/parameters/uid")).expect("the parameter");
    assert_eq!(shown, "1000\n");
    module.unload().expect("unload");
    for (parameter, errno) in [
        ("uid=nobody", Errno::INVAL),
        ("uid=-1", Errno::INVAL),
        ("uid=4294967296", Errno::RANGE),
    ] {
        match Module::load(MODULE, &[parameter]) {
            Err(LoadError::Refused(found)) => assert_eq!(found, errno, "{parameter}"),
            other => panic!("{parameter}: {other:?}"),
        }
    }
}
