// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 6: procfs_2.

use lkm::raw;
use lkmpg_tests::{BadMemory, Module, as_user, errno_of, message, name, refuses_nonsense, times};
use rustix::{fs::SeekFrom, io::Errno};
use std::{
    fs::{self, File, OpenOptions},
    io::{IoSlice, Read as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::fs::{MetadataExt as _, PermissionsExt as _},
    },
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

const FILE: &str = name!("/proc/rw_test");
const ROOM: usize = 79;

fn load() -> Module {
    Module::load(name!("procfs_2"), &[]).expect("the module loads")
}

fn shown() -> String {
    fs::read_to_string(FILE).expect("read")
}

fn open_to_write() -> File {
    OpenOptions::new().write(true).open(FILE).expect("open")
}

#[test]
fn it_shows_the_last_input() {
    let _module = load();
    assert_eq!(shown(), "Last input:");
    for input in ["hello\n", "", "and again"] {
        let length = rustix::io::write(open_to_write(), input.as_bytes()).expect("write");
        assert_eq!(length, input.len());
        assert_eq!(shown(), format!("Last input:{input}"));
    }
}

#[test]
fn it_keeps_79_bytes() {
    let _module = load();
    for length in [0, 1, ROOM - 1, ROOM, ROOM + 1, 1 << 20] {
        let input = "x".repeat(length);
        let taken = rustix::io::write(open_to_write(), input.as_bytes()).expect("write");
        assert_eq!(taken, length, "a writer that is told less writes the rest");
        assert_eq!(
            shown(),
            format!("Last input:{}", &input[..length.min(ROOM)])
        );
    }
}

#[test]
fn the_rest_of_a_long_message_does_not_replace_it() {
    let _module = load();
    let long: String = ('a'..='z').cycle().take(200).collect();
    // As `echo` does it, which would go on where a write stopped.
    fs::write(FILE, &long).expect("write");
    assert_eq!(shown(), format!("Last input:{}", &long[..ROOM]));
    let mut writer = open_to_write();
    writer.write_all(long.as_bytes()).expect("write");
    writer.write_all(b"another").expect("write");
    assert_eq!(shown(), "Last input:another");
}

#[test]
fn each_write_is_a_message() {
    let _module = load();
    let writer = open_to_write();
    assert_eq!(rustix::io::write(&writer, &[b'x'; 200]), Ok(200));
    // As long as what was dropped.
    let next = [b'y'; 200 - ROOM];
    assert_eq!(rustix::io::write(&writer, &next), Ok(next.len()));
    assert_eq!(shown(), format!("Last input:{}", "y".repeat(ROOM)));
    assert_eq!(rustix::io::write(&writer, &[b'z'; 20]), Ok(20));
    assert_eq!(shown(), format!("Last input:{}", "z".repeat(20)));
}

#[test]
fn it_can_be_read_from_anywhere() {
    let _module = load();
    fs::write(FILE, "hello").expect("write");
    let file = File::open(FILE).expect("open");
    let mut bytes = [0; 20];
    assert_eq!(rustix::io::pread(&file, &mut bytes, 11), Ok(5));
    assert_eq!(&bytes[..5], b"hello");
    let file = File::open(FILE).expect("open");
    assert_eq!(rustix::fs::seek(&file, SeekFrom::End(-2)), Ok(14));
    assert_eq!(rustix::io::read(&file, &mut bytes), Ok(2));
    assert_eq!(&bytes[..2], b"lo");
}

#[test]
fn what_was_written_is_read_from_its_start() {
    let _module = load();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(FILE)
        .expect("open");
    message::are_read_from_their_start(&mut file, |it| format!("Last input:{it}"));
}

#[test]
fn several_buffers_are_one_message() {
    let _module = load();
    let mut writer = open_to_write();
    // procfs has no vectored form, so each buffer is a write.
    let _ = writer
        .write_vectored(&[IoSlice::new(b"one"), IoSlice::new(b"two")])
        .expect("writev");
    assert_eq!(shown(), "Last input:two");
}

#[test]
fn a_small_reader_gets_the_rest_of_what_it_began() {
    let _module = load();
    fs::write(FILE, "the first message").expect("write");
    let mut reader = File::open(FILE).expect("open");
    let mut seen = vec![0; 16];
    reader.read_exact(&mut seen).expect("read");
    fs::write(FILE, "a second one").expect("write");
    reader.read_to_end(&mut seen).expect("read");
    assert_eq!(
        String::from_utf8_lossy(&seen),
        "Last input:the first message"
    );
    assert_eq!(shown(), "Last input:a second one");
}

#[test]
fn only_root_writes() {
    let _module = load();
    let metadata = fs::metadata(FILE).expect("the file");
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o644);
    assert_eq!((metadata.uid(), metadata.gid()), (0, 0));
    as_user(1000, || {
        assert_eq!(shown(), "Last input:");
        let error = OpenOptions::new().write(true).open(FILE).map_err(errno_of);
        assert_eq!(error.err(), Some(Errno::ACCESS));
    });
}

#[test]
fn bad_pointers_fault_and_change_nothing() {
    let _module = load();
    fs::write(FILE, "unchanged").expect("write");
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(FILE)
        .expect("open");
    refuses_nonsense(&file);
    let memory = BadMemory::new();
    let (address, room) = memory.edge();
    assert_eq!(
        raw::write(file.as_fd(), address, room + 1),
        Err(Errno::FAULT)
    );
    assert_eq!(shown(), "Last input:unchanged");
}

#[test]
fn messages_are_never_torn() {
    let _module = load();
    let inputs: Vec<String> = ('a'..='d').map(|it| it.to_string().repeat(ROOM)).collect();
    fs::write(FILE, &inputs[0]).expect("write");
    let writing = AtomicUsize::new(inputs.len());
    thread::scope(|scope| {
        for input in &inputs {
            let writing = &writing;
            scope.spawn(move || {
                for _ in 0..times("LKMPG_ROUNDS", 300) {
                    fs::write(FILE, input).expect("write");
                }
                writing.fetch_sub(1, Relaxed);
            });
        }
        for size in [1, 7, 64, 200] {
            let (inputs, writing) = (&inputs, &writing);
            scope.spawn(move || {
                while writing.load(Relaxed) > 0 {
                    let seen = read_in_pieces(size);
                    let message = seen.strip_prefix("Last input:").expect("the label");
                    assert!(inputs.iter().any(|it| it == message), "torn: {seen}");
                }
            });
        }
    });
}

/// Reads the file, `size` bytes at a time.
fn read_in_pieces(size: usize) -> String {
    let mut file = File::open(FILE).expect("open");
    let (mut seen, mut buffer) = (Vec::new(), vec![0; size]);
    loop {
        match file.read(&mut buffer).expect("read") {
            0 => return String::from_utf8(seen).expect("text"),
            length => seen.extend_from_slice(&buffer[..length]),
        }
    }
}

#[test]
fn an_open_file_keeps_the_module() {
    let module = load();
    let file = File::open(FILE).expect("open");
    let module = module
        .unload()
        .expect_err("it is in use")
        .into_module(Errno::AGAIN);
    drop(file);
    module.unload().expect("unload");
    assert!(!fs::exists(FILE).expect("stat"));
}
