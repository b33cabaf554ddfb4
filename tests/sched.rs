// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 11: sched.

use lkmpg_tests::{Module, errno_of, name, scaled, times, wait_until};
use rustix::io::Errno;
use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::PermissionsExt as _,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

const FILE: &str = name!("/proc/sched");

fn load() -> Module {
    Module::load(name!("sched"), &[]).expect("the module loads")
}

/// The number in the file's only line.
fn calls() -> u64 {
    let text = fs::read_to_string(FILE).expect("read");
    text.strip_prefix("Timer called ")
        .and_then(|rest| rest.strip_suffix(" times so far\n"))
        .and_then(|number| number.parse().ok())
        .unwrap_or_else(|| panic!("not the expected line: {text:?}"))
}

#[test]
fn the_count_grows_by_itself() {
    let _module = load();
    let mut last = calls();
    for _ in 0..20 {
        wait_until("another tick", || calls() > last);
        last = calls();
    }
    assert_eq!(
        fs::metadata(FILE).expect("stat").permissions().mode() & 0o7777,
        0o444
    );
}

#[test]
fn it_starts_from_zero_each_time() {
    let module = load();
    wait_until("some ticks", || calls() > 30);
    module.unload().expect("unload");
    let _module = load();
    assert!(calls() < 30);
}

#[test]
fn an_open_file_is_an_error_once_the_module_is_gone() {
    let module = load();
    let mut file = File::open(FILE).expect("open");
    module.unload().expect("an open file does not keep it");
    let mut buffer = [0; 10];
    assert_eq!(file.read(&mut buffer).map_err(errno_of), Err(Errno::IO));
    assert!(!fs::exists(FILE).expect("stat"));
}

#[test]
fn loading_and_unloading_many_times_while_it_ticks_and_is_read() {
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Relaxed) {
                    // It is there, or it is not.
                    if let Ok(text) = fs::read_to_string(FILE) {
                        assert!(text.starts_with("Timer called "), "{text:?}");
                    }
                }
            });
        }
        for round in 0..times("LKMPG_LOADS", scaled!(200)) {
            let module = load();
            if round % 4 == 0 {
                wait_until("a tick", || calls() > 0);
            }
            module.unload().expect("unload");
        }
        stop.store(true, Relaxed);
    });
}
