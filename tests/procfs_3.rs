// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 5: procfs_3.

use lkmpg_tests::{KernelLog, Module, as_user, errno_of};
use rustix::{fs::SeekFrom, io::Errno};
use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{FileExt as _, MetadataExt as _},
};

const DIRECTORY: &str = "/proc/procfs_3";
const FILE: &str = "/proc/procfs_3/note";
const SIZE: usize = 80;

fn load() -> Module {
    Module::load("procfs_3", &[]).expect("the module loads")
}

fn open_for_both() -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true).open(FILE).expect("open")
}

#[test]
fn ls_shows_owner_mode_and_size() {
    let module = load();
    let directory = fs::metadata(DIRECTORY).expect("the directory");
    assert_eq!(directory.mode() & 0o7777, 0o555);
    let file = fs::metadata(FILE).expect("the file");
    assert_eq!(file.mode() & 0o7777, 0o640);
    assert_eq!((file.uid(), file.gid()), (1000, 1000));
    assert_eq!(file.size(), SIZE as u64);
    assert_eq!(fs::read(FILE).expect("read").len(), SIZE, "which is true");
    module.unload().expect("unload");
    assert!(!fs::exists(DIRECTORY).expect("stat"));
}

#[test]
fn the_mode_counts() {
    let _module = load();
    as_user(1000, || fs::write(FILE, "mine").expect("its owner writes"));
    as_user(1001, || {
        assert_eq!(fs::read(FILE).map_err(errno_of), Err(Errno::ACCESS));
    });
}

#[test]
fn every_place_can_be_read_and_written() {
    let _module = load();
    let file = open_for_both();
    assert_eq!(fs::read(FILE).expect("read"), [0; SIZE]);
    file.write_all_at(b"middle", 40).expect("write");
    file.write_all_at(b"end", 77).expect("write");
    let all = fs::read(FILE).expect("read");
    assert_eq!((&all[40..46], &all[77..]), (&b"middle"[..], &b"end"[..]));
    assert!(all[..40].iter().all(|it| *it == 0));

    // Only some of it fits, and then nothing does.
    assert_eq!(rustix::io::pwrite(&file, b"four", 78), Ok(2));
    assert_eq!(rustix::io::pwrite(&file, b"x", 80), Err(Errno::NOSPC));
    assert_eq!(
        rustix::io::pwrite(&file, b"x", i64::MAX as u64 - 10),
        Err(Errno::NOSPC)
    );
    assert_eq!(rustix::io::pwrite(&file, b"", 80), Ok(0));
    assert_eq!(rustix::io::write(&file, &[b'x'; 200]), Ok(SIZE));
    assert_eq!(fs::read(FILE).expect("read"), [b'x'; SIZE]);
    // A write goes on where the last one ended.
    let mut other = open_for_both();
    for piece in [b"one, ", b"two, "] {
        other.write_all(piece).expect("write");
    }
    assert_eq!(&fs::read(FILE).expect("read")[..11], b"one, two, x");
    assert_eq!(rustix::fs::seek(&file, SeekFrom::End(-1)), Ok(79));
    // `>>`, and `>`.
    for (open, text) in [
        (OpenOptions::new().append(true), "at"),
        (OpenOptions::new().write(true).truncate(true), "the"),
    ] {
        open.open(FILE)
            .expect("open")
            .write_all(text.as_bytes())
            .expect("write");
    }
    assert_eq!(&fs::read(FILE).expect("read")[..11], b"the, two, x");
}

#[test]
fn it_hears_of_open_and_close() {
    let _module = load();
    let log = KernelLog::now();
    let mut file = open_for_both();
    assert_eq!(log.lines(), ["procfs_3: The note was opened."]);
    let copy = file.try_clone().expect("dup");
    file.write_all(b"nothing to hear").expect("write");
    drop(file);
    assert!(log.lines().is_empty(), "somebody still has it open");
    drop(copy);
    assert_eq!(log.lines(), ["procfs_3: The note was closed."]);
}
