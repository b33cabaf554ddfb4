// SPDX-License-Identifier: GPL-2.0-only

//! scull.

use lkm::raw;
use lkmpg_tests::{BadMemory, LoadError, Module, as_user, errno_of, name, refuses_nonsense, times};
use rustix::{
    fs::{SeekFrom, sendfile},
    io::{Errno, ReadWriteFlags, pwritev2},
};
use std::{
    collections::HashMap,
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, IoSlice, IoSliceMut, Read as _, Write as _},
    os::{fd::AsFd as _, unix::fs::FileExt as _},
    process::{Command, Stdio},
    sync::atomic::{
        AtomicUsize,
        Ordering::{Relaxed, SeqCst},
    },
    thread,
};

/// What the four devices begin with.
const NODES: &str = name!("/dev/scull");
const NODE: &str = name!("/dev/scull", "0");
const SINGLE: &str = name!("/dev/scull_single");
const USER: &str = name!("/dev/scull_user");

fn load(parameters: &[&str]) -> Module {
    Module::load(name!("scull"), parameters).expect("the module loads")
}

fn open_for_both(node: &str) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(node)
        .expect("open")
}

fn content(node: &str) -> Vec<u8> {
    fs::read(node).expect("read")
}

fn run(script: &str) {
    let status = Command::new("sh").args(["-ec", script]).status();
    assert!(status.expect("a shell").success(), "{script}");
}

#[test]
fn each_device_keeps_its_own() {
    let module = load(&[]);
    for n in 0..4 {
        fs::write(format!("{NODES}{n}"), format!("device {n}\n")).expect("write");
    }
    for n in 0..4 {
        assert_eq!(
            content(&format!("{NODES}{n}")),
            format!("device {n}\n").as_bytes()
        );
    }
    assert!(!fs::exists(format!("{NODES}4")).expect("stat"));
    module.unload().expect("unload");
}

#[test]
fn opening_for_writing_empties_it() {
    let _module = load(&[]);
    fs::write(NODE, "a long text").expect("write");
    drop(open_for_both(NODE));
    assert_eq!(content(NODE), b"a long text", "for both, it is kept");
    fs::write(NODE, "short").expect("write");
    assert_eq!(content(NODE), b"short");
    let mut end = OpenOptions::new().append(true).open(NODE).expect("open");
    end.write_all(b", and more").expect("write");
    assert_eq!(content(NODE), b"short, and more");
    drop(OpenOptions::new().write(true).open(NODE).expect("open"));
    assert_eq!(content(NODE), b"");
    // As fopen(3) does with "w+".
    fs::write(NODE, "old").expect("write");
    let mut options = OpenOptions::new();
    options.read(true).write(true).truncate(true);
    drop(options.open(NODE).expect("open"));
    assert_eq!(content(NODE), b"");
    // Who is not let in changes nothing.
    let mut first = open_for_both(SINGLE);
    first.write_all(b"kept").expect("write");
    assert_eq!(
        options.open(SINGLE).map_err(errno_of).err(),
        Some(Errno::BUSY)
    );
    drop(first);
    assert_eq!(content(SINGLE), b"kept");
}

#[test]
fn appenders_do_not_overwrite_each_other() {
    let _module = load(&[]);
    thread::scope(|scope| {
        for letter in ["aaaa\n", "bbbb\n", "cccc\n", "dddd\n"] {
            scope.spawn(move || {
                let mut end = OpenOptions::new().append(true).open(NODE).expect("open");
                for _ in 0..100 {
                    end.write_all(letter.as_bytes()).expect("write");
                }
            });
        }
    });
    let mut lines = HashMap::new();
    for line in String::from_utf8(content(NODE)).expect("text").lines() {
        *lines.entry(line.to_owned()).or_insert(0) += 1;
    }
    let expected = ["aaaa", "bbbb", "cccc", "dddd"].map(|it| (it.to_owned(), 100));
    assert_eq!(lines, HashMap::from(expected));
}

#[test]
fn the_kernel_moves_bytes_in_and_out() {
    let _module = load(&["quantum=100"]);
    let bytes: Vec<u8> = (0..=255).cycle().take(200_000).collect();
    let (path, copy) = ("/tmp/scull.bytes", "/tmp/scull.copy");
    fs::write(path, &bytes).expect("a file");
    let move_all = |from: &File, to: &File| {
        let mut left = bytes.len();
        while left > 0 {
            left -= sendfile(to, from, None, left).expect("sendfile");
        }
        assert_eq!(sendfile(to, from, None, 1), Ok(0));
    };
    move_all(&File::open(path).expect("open"), &open_for_both(NODE));
    assert!(content(NODE) == bytes);
    move_all(
        &File::open(NODE).expect("open"),
        &File::create(copy).expect("a file"),
    );
    assert!(content(copy) == bytes);
    for path in [path, copy] {
        fs::remove_file(path).expect("remove");
    }
}

#[test]
fn a_call_may_append_to_what_is_open_otherwise() {
    let _module = load(&[]);
    let file = open_for_both(NODE);
    rustix::io::write(&file, b"hello").expect("write");
    let data = [IoSlice::new(b"XY")];
    let written = pwritev2(&file, &data, 0, ReadWriteFlags::APPEND);
    assert_eq!(written, Ok(2));
    assert_eq!(content(NODE), b"helloXY");
}

#[test]
fn a_call_may_overwrite_what_is_open_to_append() {
    const NOAPPEND: ReadWriteFlags = ReadWriteFlags::from_bits_retain(0x20);

    let _module = load(&[]);
    let file = open_for_both(NODE);
    rustix::io::write(&file, b"hello").expect("write");
    rustix::fs::fcntl_setfl(&file, rustix::fs::OFlags::APPEND).expect("F_SETFL");
    let data = [IoSlice::new(b"J")];
    assert_eq!(pwritev2(&file, &data, 0, NOAPPEND), Ok(1));
    assert_eq!(content(NODE), b"Jello");
    assert_eq!(rustix::io::write(&file, b"!"), Ok(1));
    assert_eq!(content(NODE), b"Jello!");
}

/// The device against a vector of bytes, with quanta and sets so small that everything crosses
/// their edges.
#[test]
fn it_does_what_a_vector_of_bytes_does() {
    for parameters in [
        &["quantum=1", "qset=1"],
        &["quantum=7", "qset=3"],
        &["quantum=4000", "qset=1000"],
    ] {
        let _module = load(parameters);
        let file = open_for_both(NODE);
        let mut model = Vec::new();
        let mut random = 12345_usize;
        let mut next = |below: usize| {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (random >> 33) % below
        };
        for round in 0..200 {
            let (at, length) = (next(500), next(100));
            if next(2) == 0 {
                let bytes = vec![round as u8; length];
                file.write_all_at(&bytes, at as u64).expect("write");
                if length > 0 && model.len() < at + length {
                    model.resize(at + length, 0);
                }
                if length > 0 {
                    model[at..at + length].copy_from_slice(&bytes);
                }
            } else {
                let mut bytes = vec![0xaa; length];
                let read = file.read_at(&mut bytes, at as u64).expect("read");
                let rest = model.get(at..).unwrap_or_default();
                assert_eq!(
                    bytes[..read],
                    rest[..rest.len().min(length)],
                    "{parameters:?}"
                );
            }
        }
        assert_eq!(content(NODE), model);
        assert_eq!(
            rustix::fs::seek(&file, SeekFrom::End(0)),
            Ok(model.len() as u64)
        );
    }
}

#[test]
fn gaps_read_as_zeros() {
    let _module = load(&[]);
    let file = open_for_both(NODE);
    file.write_all_at(b"end", 5_000_000).expect("write");
    let all = content(NODE);
    assert_eq!(all.len(), 5_000_003);
    assert!(all[..5_000_000].iter().all(|it| *it == 0));
    assert_eq!(&all[5_000_000..], b"end");
}

#[test]
fn there_is_a_limit() {
    let _module = load(&["limit=1000", "quantum=300"]);
    let file = open_for_both(NODE);
    assert_eq!(rustix::io::write(&file, &[b'x'; 990]), Ok(990));
    assert_eq!(rustix::io::write(&file, &[b'x'; 20]), Ok(10));
    assert_eq!(rustix::io::write(&file, b"x"), Err(Errno::NOSPC));
    assert_eq!(rustix::io::write(&file, b""), Ok(0));
    for far in [1000, 1 << 32, i64::MAX as u64 - 10] {
        assert_eq!(
            rustix::io::pwrite(&file, b"x", far),
            Err(Errno::NOSPC),
            "{far}"
        );
        assert_eq!(rustix::io::pread(&file, &mut [0; 10], far), Ok(0), "{far}");
    }
    assert_eq!(content(NODE), [b'x'; 1000]);
}

/// Each has its place in a set, and the set one in the tree, which is memory as well.
#[test]
fn small_quanta_count_more_than_their_bytes() {
    for (quantum, room) in [(1, 100), (63, 6300), (64, 6400), (65, 6400)] {
        let _module = load(&["limit=6400", "qset=1", &format!("quantum={quantum}")]);
        let mut file = open_for_both(NODE);
        let error = file.write_all(&[b'x'; 7000]).map_err(errno_of);
        assert_eq!(error, Err(Errno::NOSPC), "{quantum}");
        assert_eq!(content(NODE).len(), room, "{quantum}");
    }
}

#[test]
fn parameters_are_checked() {
    for parameter in [
        "quantum=0",
        "quantum=1048577",
        "qset=0",
        "qset=65537",
        "limit=-1",
    ] {
        let error = Module::load(name!("scull"), &[parameter]).expect_err(parameter);
        assert!(
            matches!(error, LoadError::Refused(Errno::INVAL)),
            "{parameter}: {error}"
        );
    }
    let _module = load(&["quantum=1048576", "qset=65536"]);
    fs::write(NODE, vec![b'x'; 3 << 20]).expect("write");
    assert_eq!(content(NODE), vec![b'x'; 3 << 20]);
}

#[test]
fn habits_of_the_shell() {
    let _module = load(&[]);
    run(&"seq 1 20000 >/tmp/numbers
        cp /tmp/numbers /dev/scull0 && cmp /tmp/numbers /dev/scull0
        dd if=/tmp/numbers of=/dev/scull1 bs=77 2>/dev/null && cmp /tmp/numbers /dev/scull1
        dd if=/dev/scull1 bs=1001 2>/dev/null | cmp - /tmp/numbers
        dd if=/dev/scull1 bs=1 skip=12345 count=678 2>/dev/null >/tmp/piece
        dd if=/tmp/numbers bs=1 skip=12345 count=678 2>/dev/null | cmp - /tmp/piece
        tee /dev/scull2 </tmp/numbers | cmp - /tmp/numbers && cmp /tmp/numbers /dev/scull2
        echo more >>/dev/scull2 && test \"$(tail -n 1 /dev/scull2)\" = more
        cat /dev/scull0 /dev/scull1 >/dev/scull3
        test $(wc -c </dev/scull3) = $((2 * $(wc -c </tmp/numbers)))
        rm /tmp/numbers /tmp/piece"
        .replace("/dev/scull", NODES));
}

/// `tail -f` looks at the end again each second.
#[test]
fn tail_follows_what_is_appended() {
    let _module = load(&[]);
    fs::write(NODE, "before\n").expect("write");
    let mut tail = Command::new("tail")
        .args(["-f", NODE])
        .stdout(Stdio::piped())
        .spawn()
        .expect("tail");
    let mut output = BufReader::new(tail.stdout.take().expect("its output")).lines();
    let mut next = || output.next().expect("a line").expect("text");
    assert_eq!(next(), "before");
    let mut end = OpenOptions::new().append(true).open(NODE).expect("open");
    end.write_all(b"after\n").expect("write");
    assert_eq!(next(), "after");
    tail.kill().expect("kill");
    tail.wait().expect("its end");
}

#[test]
fn several_buffers_are_one_write() {
    let _module = load(&["quantum=5"]);
    let mut file = open_for_both(NODE);
    let parts = [
        IoSlice::new(b"one"),
        IoSlice::new(b""),
        IoSlice::new(b"two three"),
    ];
    assert_eq!(file.write_vectored(&parts).expect("writev"), 12);
    rustix::fs::seek(&file, SeekFrom::Start(0)).expect("seek");
    let (mut first, mut second) = ([0; 7], [0; 20]);
    let mut parts = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(file.read_vectored(&mut parts).expect("readv"), 12);
    assert_eq!((&first, &second[..5]), (b"onetwo ", &b"three"[..]));
}

#[test]
fn one_opener_at_a_time() {
    let _module = load(&[]);
    let first = File::open(SINGLE).expect("open");
    assert_eq!(
        File::open(SINGLE).map_err(errno_of).err(),
        Some(Errno::BUSY)
    );
    drop(first);
    let inside = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..times("LKMPG_ROUNDS", 300) {
                    match File::open(SINGLE) {
                        Ok(_device) => {
                            assert_eq!(inside.fetch_add(1, Relaxed), 0, "two are inside");
                            // Somebody else may try meanwhile.
                            thread::yield_now();
                            inside.fetch_sub(1, Relaxed);
                        }
                        Err(error) => assert_eq!(errno_of(error), Errno::BUSY),
                    }
                }
            });
        }
    });
    File::open(SINGLE).expect("it is free again");
}

#[test]
fn one_user_at_a_time() {
    let _module = load(&[]);
    let first = as_user(1000, || File::open(USER).expect("open"));
    let second = as_user(1000, || File::open(USER).expect("the same user"));
    for other in [0, 1001] {
        as_user(other, || {
            assert_eq!(File::open(USER).map_err(errno_of).err(), Some(Errno::BUSY));
        });
    }
    drop(first);
    as_user(1001, || {
        assert_eq!(File::open(USER).map_err(errno_of).err(), Some(Errno::BUSY));
    });
    drop(second);
    as_user(1001, || {
        File::open(USER).map(drop).expect("it is free again")
    });
}

#[test]
fn users_at_the_same_time_do_not_meet() {
    let _module = load(&[]);
    let rounds = times("LKMPG_ROUNDS", 300);
    let (inside, opened, refused) = (
        [0; 2].map(AtomicUsize::new),
        AtomicUsize::new(0),
        AtomicUsize::new(0),
    );
    let open_often = |mine: usize| {
        for _ in 0..rounds {
            match File::open(USER) {
                Ok(_device) => {
                    inside[mine].fetch_add(1, SeqCst);
                    // Somebody else may try meanwhile.
                    thread::yield_now();
                    assert_eq!(inside[1 - mine].load(SeqCst), 0, "the other user is inside");
                    inside[mine].fetch_sub(1, SeqCst);
                    opened.fetch_add(1, Relaxed);
                }
                Err(error) => {
                    assert_eq!(errno_of(error), Errno::BUSY);
                    refused.fetch_add(1, Relaxed);
                }
            }
        }
    };
    thread::scope(|scope| {
        for n in 0..4 {
            let open_often = &open_often;
            scope.spawn(move || as_user(1000 + n % 2, || open_often(n as usize % 2)));
        }
    });
    assert_eq!(opened.into_inner() + refused.into_inner(), 4 * rounds);
    as_user(1002, || {
        File::open(USER).map(drop).expect("it is free again")
    });
}

/// Each writer has a place of its own, so what is there in the end is known.
#[test]
fn writers_at_the_same_time_lose_nothing() {
    let _module = load(&["quantum=13", "qset=5"]);
    const EACH: usize = 1000;
    thread::scope(|scope| {
        for writer in 0..4_usize {
            scope.spawn(move || {
                let file = open_for_both(NODE);
                for n in 0..EACH {
                    let at = (n * 4 + writer) * 3;
                    file.write_all_at(&[writer as u8 + 1; 3], at as u64)
                        .expect("write");
                }
            });
        }
    });
    let all = content(NODE);
    assert_eq!(all.len(), EACH * 4 * 3);
    for writer in 1..=4 {
        assert_eq!(all.iter().filter(|it| **it == writer).count(), EACH * 3);
    }
}

#[test]
fn bad_pointers_fault() {
    let _module = load(&["quantum=10"]);
    let mut file = open_for_both(NODE);
    file.write_all(b"unchanged, and longer than a quantum")
        .expect("write");
    rustix::fs::seek(&file, SeekFrom::Start(0)).expect("seek");
    refuses_nonsense(&file);
    // The first bytes have room, the others do not: what was copied is what counts.
    let memory = BadMemory::new();
    let (address, room) = memory.edge();
    let wanted = room.min(20);
    assert_eq!(
        raw::read(file.as_fd(), address, wanted + 5),
        Ok(wanted.min(36))
    );
    let mut rest = String::new();
    file.read_to_string(&mut rest).expect("read");
    assert_eq!(rest, &"unchanged, and longer than a quantum"[wanted..]);
}

#[test]
fn an_open_file_keeps_the_module() {
    let module = load(&[]);
    let file = File::open(NODE).expect("open");
    let module = module.unload().expect_err("it is in use").busy();
    drop(file);
    module.unload().expect("unload");
}
