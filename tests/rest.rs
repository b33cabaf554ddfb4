// SPDX-License-Identifier: GPL-2.0-only

//! What the support crate has and no sample needs: the module `rest` of the tests.

use lkmpg_tests::{Footprint, Keyboard, Module, as_user, ready, wait_until};
use rustix::event::PollFlags;
use std::{
    fs::{self, File},
    io::{Read as _, Seek as _},
    os::unix::fs::MetadataExt as _,
    time::Duration,
};

const FOLDER: &str = "/proc/rest";
const ALL: &str = "/proc/rest/all";
const NUMBER: &str = "/sys/kernel/debug/rest/number";
const BLOB: &str = "/sys/kernel/debug/rest/blob";
const TEXT: &str = "/sys/module/rest/parameters/text";
const NUMBERS: &str = "/sys/module/rest/parameters/numbers";
const COUNT: &str = "/sys/kernel/rest/count";

fn load() -> Module {
    Module::load("rest", &[]).expect("the module loads")
}

/// The rest of a line of what it shows.
fn shown(name: &str) -> String {
    let text = fs::read_to_string(ALL).expect(ALL);
    let mut lines = text.lines().filter_map(|it| it.split_once(' '));
    lines
        .find(|it| it.0 == name)
        .expect("its line")
        .1
        .to_owned()
}

#[test]
fn a_folder_in_proc_is_its_owner_s() {
    let before = Footprint::now();
    let module = load();
    for (path, group, mode) in [(FOLDER, 1000, 0o40500), (ALL, 5, 0o100_400)] {
        let it = fs::metadata(path).expect(path);
        assert_eq!(
            (it.uid(), it.gid(), it.mode()),
            (1000, group, mode),
            "{path}"
        );
    }
    assert!(as_user(1000, || fs::read(ALL)).is_ok());
    assert!(as_user(1001, || fs::read_dir(FOLDER).map(drop)).is_err());
    module.unload().expect("not in use");
    before.check("rest");
}

#[test]
fn each_handler_of_a_line_hears_an_interrupt() {
    let _module = load();
    let before: u64 = shown("interrupts").parse().expect("a number");
    Keyboard::new().tap(&["a"]);
    wait_until("an interrupt", || {
        shown("interrupts").parse::<u64>().expect("a number") > before
    });
}

#[test]
fn a_number_and_a_blob_are_the_same_on_both_sides() {
    let _module = load();
    assert_eq!(shown("number"), "7");
    assert_eq!(fs::read_to_string(NUMBER).expect(NUMBER), "8\n");
    fs::write(NUMBER, "41").expect(NUMBER);
    assert_eq!(shown("number"), "41");
    assert_eq!(shown("blob"), "blob");
    fs::write(BLOB, "THE BL").expect(BLOB);
    assert_eq!(shown("blob"), "E BL");
}

#[test]
fn a_change_in_the_kernel_wakes_those_who_poll() {
    let _module = load();
    let mut file = File::open(COUNT).expect(COUNT);
    let mut count = || {
        let mut text = String::new();
        file.rewind().expect("rewind");
        file.read_to_string(&mut text).expect("read");
        let waits = ready(&file, PollFlags::PRI, Some(Duration::ZERO)).is_empty();
        (text, waits)
    };
    assert_eq!(count(), ("0\n".to_owned(), true));
    shown("number");
    assert!(!ready(&file, PollFlags::PRI, Some(Duration::from_secs(60))).is_empty());
}

#[test]
fn parameters_can_be_changed_and_read_together() {
    let module = load();
    assert_eq!(shown("text"), "as built");
    fs::write(TEXT, "as written").expect(TEXT);
    assert_eq!(shown("text"), "as written");
    assert_eq!(fs::read_to_string(TEXT).expect(TEXT), "as written\n");
    assert_eq!(shown("numbers"), "[1, 2]");
    fs::write(NUMBERS, "7").expect(NUMBERS);
    assert_eq!(shown("numbers"), "[7, 2]");
    module.unload().expect("not in use");
    let _module = Module::load("rest", &["text=given"]).expect("the module loads");
    assert_eq!(shown("text"), "given");
}

#[test]
fn a_thread_has_a_number() {
    let _module = load();
    let name = fs::read_to_string(format!("/proc/{}/comm", shown("thread")));
    assert_eq!(name.expect("the thread"), "rest\n");
}
