// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 5: procfs_4.

use lkmpg_tests::{Module, errno_of, name, refuses_nonsense};
use rustix::io::Errno;
use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::fs::FileExt as _,
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

const FILE: &str = name!("/proc/procfs_4");
const ROOM: usize = 500;

fn load() -> Module {
    Module::load(name!("procfs_4"), &[]).expect("the module loads")
}

fn tell(line: &str) {
    fs::write(FILE, line).unwrap_or_else(|error| panic!("{line:?}: {error}"));
}

fn refused(line: &str) -> Errno {
    errno_of(fs::write(FILE, line).expect_err("it must be refused"))
}

fn guests(count: usize) -> String {
    (1..=count).map(|n| format!("{n} guest-{n}\n")).collect()
}

/// Reads the file, `size` bytes at a time, and calls `between` after each piece.
fn read_in_pieces(size: usize, mut between: impl FnMut(usize)) -> String {
    let mut file = File::open(FILE).expect("open");
    let (mut seen, mut buffer, mut pieces) = (Vec::new(), vec![0; size], 0);
    loop {
        match file.read(&mut buffer).expect("read") {
            0 => return String::from_utf8(seen).expect("text"),
            length => seen.extend_from_slice(&buffer[..length]),
        }
        pieces += 1;
        between(pieces);
    }
}

/// The numbers of the guests in a listing, which must be whole lines.
fn numbers(listing: &str) -> Vec<usize> {
    assert!(listing.is_empty() || listing.ends_with('\n'), "{listing:?}");
    let number = |line: &str| {
        let (number, name) = line.split_once(' ').expect("a number and a name");
        let number = number.parse().expect("a number");
        assert!(name == format!("guest-{number}"), "{line}");
        number
    };
    listing.lines().map(number).collect()
}

fn fill(count: usize) {
    (1..=count).for_each(|n| tell(&format!("guest-{n}\n")));
}

#[test]
fn who_comes_and_who_goes() {
    let _module = load();
    assert_eq!(fs::read_to_string(FILE).expect("read"), "");
    tell("Ada\n");
    tell("Grace");
    assert_eq!(fs::read_to_string(FILE).expect("read"), "1 Ada\n2 Grace\n");
    tell("-1\n");
    tell("Barbara\n");
    assert_eq!(
        fs::read_to_string(FILE).expect("read"),
        "2 Grace\n3 Barbara\n"
    );

    for (line, errno) in [
        ("-1\n", Errno::NOENT),
        ("-\n", Errno::INVAL),
        ("-x\n", Errno::INVAL),
        ("-18446744073709551616\n", Errno::INVAL),
        ("\n", Errno::INVAL),
    ] {
        assert_eq!(refused(line), errno, "{line:?}");
    }
    // What is cut would be another number.
    assert_eq!(refused(&format!("-{:031}", 22)), Errno::NOENT);
    assert_eq!(refused(&format!("-{:032}", 22)), Errno::NAMETOOLONG);
    assert_eq!(refused(&"x".repeat(33)), Errno::NAMETOOLONG);
    // What would break the lines is escaped.
    tell(&"x".repeat(32));
    tell("two\nlines\n");
    tell("-2\n");
    tell("-3\n");
    let all = format!("4 {}\n5 two\\nlines\n", "x".repeat(32));
    assert_eq!(fs::read_to_string(FILE).expect("read"), all);
}

#[test]
fn it_is_longer_than_a_page() {
    let _module = load();
    fill(ROOM);
    let whole = guests(ROOM);
    assert!(whole.len() > 4096);
    assert_eq!(fs::read_to_string(FILE).expect("read"), whole);
    assert_eq!(refused("one more"), Errno::NOSPC);
    tell("-7");
    tell("one more");

    for size in [1, 7, 100, 4095, 4097, 1 << 20] {
        let seen = read_in_pieces(size, |_| {});
        assert_eq!(seen.lines().count(), ROOM, "{size}");
    }
}

#[test]
fn it_can_be_read_from_the_middle() {
    let _module = load();
    fill(ROOM);
    let whole = guests(ROOM);
    let file = File::open(FILE).expect("open");
    for at in [0, 1, 4000, 4096, 5000, whole.len() - 1] {
        let mut piece = vec![0; 20.min(whole.len() - at)];
        file.read_exact_at(&mut piece, at as u64).expect("pread");
        assert_eq!(piece, &whole.as_bytes()[at..at + piece.len()], "{at}");
    }
    let mut nothing = [0; 1];
    assert_eq!(
        file.read_at(&mut nothing, whole.len() as u64)
            .expect("the end"),
        0
    );
    assert_eq!(file.read_at(&mut nothing, 1 << 40).expect("beyond"), 0);
}

/// What a number of the line for a place would get wrong.
#[test]
fn nobody_is_missed_while_others_go() {
    let _module = load();
    fill(ROOM);
    // The kernel has at least a page ready, so those who go first have been seen.
    let mut gone = 0;
    let seen = read_in_pieces(64, |_| {
        if gone < 100 {
            gone += 1;
            tell(&format!("-{gone}"));
        }
    });
    let seen = numbers(&seen);
    assert!(seen.is_sorted_by(|a, b| a < b), "somebody was seen twice");
    let stayed = 101..=ROOM;
    assert!(
        stayed.clone().all(|n| seen.contains(&n)),
        "missed: {seen:?}"
    );
}

#[test]
fn readers_and_writers_at_the_same_time() {
    let _module = load();
    fill(ROOM / 2);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for size in [1, 63, 5000] {
            let done = &done;
            scope.spawn(move || {
                while !done.load(Relaxed) {
                    let seen = numbers(&read_in_pieces(size, |_| {}));
                    assert!(seen.is_sorted_by(|a, b| a < b));
                    // These stay.
                    assert!((1..=100).all(|n| seen.contains(&n)), "{seen:?}");
                }
            });
        }
        for n in ROOM / 2 + 1..=ROOM {
            tell(&format!("guest-{n}"));
            tell(&format!("-{}", n - 150));
        }
        done.store(true, Relaxed);
    });
    assert_eq!(
        fs::read_to_string(FILE).expect("read").lines().count(),
        ROOM / 2
    );
}

#[test]
fn bad_pointers_fault_and_change_nothing() {
    let _module = load();
    tell("Ada");
    let file = File::options()
        .read(true)
        .write(true)
        .open(FILE)
        .expect("open");
    refuses_nonsense(&file);
    assert_eq!(fs::read_to_string(FILE).expect("read"), "1 Ada\n");
}

#[test]
fn it_unloads_while_the_file_is_open() {
    let module = load();
    fill(ROOM);
    let mut file = File::open(FILE).expect("open");
    let mut some = [0; 10];
    file.read_exact(&mut some).expect("read");
    module.unload().expect("an open file does not keep it");
    assert_eq!(file.read(&mut some).map_err(errno_of), Err(Errno::IO));
}
