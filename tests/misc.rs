// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 4: misc.

use lkm::raw;
use lkmpg_tests::{BadMemory, Module, Program, as_user, errno_of, refuses_nonsense};
use rustix::{fs::SeekFrom, io::Errno};
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::{fd::AsFd as _, unix::fs::MetadataExt as _},
};

const NODE: &str = "/dev/misc_note";

fn load() -> Module {
    Module::load("misc", &[]).expect("the module loads")
}

fn open() -> File {
    File::options()
        .read(true)
        .write(true)
        .open(NODE)
        .expect("open")
}

fn listed() -> Option<u32> {
    let misc = fs::read_to_string("/proc/misc").expect("/proc/misc");
    let mut entries = misc.lines().filter_map(|it| it.trim().split_once(' '));
    let (number, _) = entries.find(|it| it.1 == "misc_note")?;
    number.parse().ok()
}

#[test]
fn it_shares_major_10() {
    let module = load();
    let node = fs::metadata(NODE).expect("the node");
    let number = node.rdev();
    assert_eq!(rustix::fs::major(number), 10);
    assert_eq!(Some(rustix::fs::minor(number)), listed());
    assert_eq!(node.mode() & 0o7777, 0o600);
    as_user(1000, || {
        assert_eq!(
            File::open(NODE).map_err(errno_of).err(),
            Some(Errno::ACCESS)
        );
    });
    module.unload().expect("unload");
    assert_eq!(listed(), None);
    assert!(!fs::exists(NODE).expect("stat"));
}

/// What the client in the header does.
#[test]
fn a_note_is_read_where_it_was_written() {
    let _module = load();
    let mut file = open();
    for text in ["remember\n", "something else", "x"] {
        file.write_all(text.as_bytes()).expect("write");
        let mut seen = String::new();
        file.read_to_string(&mut seen).expect("read");
        assert_eq!(seen, text);
    }
    assert_eq!(
        rustix::fs::seek(&file, SeekFrom::Start(0)),
        Err(Errno::SPIPE)
    );
}

#[test]
fn each_open_file_has_its_own() {
    let _module = load();
    let (mut one, mut two) = (open(), open());
    one.write_all(b"one").expect("write");
    two.write_all(b"two").expect("write");
    let mut seen = String::new();
    one.read_to_string(&mut seen).expect("read");
    assert_eq!(seen, "one");
    let mut seen = String::new();
    open().read_to_string(&mut seen).expect("read");
    assert_eq!(seen, "");
}

#[test]
fn of_a_long_note_80_bytes_are_kept() {
    let _module = load();
    for length in [0, 1, 79, 80, 81, 1 << 16] {
        let mut file = open();
        assert_eq!(rustix::io::write(&file, &vec![b'x'; length]), Ok(length));
        let mut seen = Vec::new();
        file.read_to_end(&mut seen).expect("read");
        assert_eq!(seen, vec![b'x'; length.min(80)]);
    }
}

#[test]
fn bad_pointers_fault_and_change_nothing() {
    let _module = load();
    let mut file = open();
    file.write_all(b"unchanged").expect("write");
    refuses_nonsense(&file);
    let memory = BadMemory::new();
    let (address, room) = memory.edge();
    let written = raw::write(file.as_fd(), address, room + 1);
    assert_eq!(written, Err(Errno::FAULT));
    let mut seen = String::new();
    file.read_to_string(&mut seen).expect("read");
    assert_eq!(seen, "unchanged");
}

#[test]
fn the_headers_program_works() {
    let _module = load();
    let program = Program::new("misc_client", include_bytes!(env!("MISC")));
    let output = program.command().output().expect("the program runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "remember\n");
}

#[test]
fn an_open_file_keeps_the_module() {
    let module = load();
    let file = open();
    let module = module.unload().expect_err("it is in use").busy();
    drop(file);
    module.unload().expect("unload");
}
