// SPDX-License-Identifier: GPL-2.0-only

//! scull_map.

use lkm::{memory::Mapping, raw};
use lkmpg_tests::{LoadError, Module, errno_of, refuses_nonsense};
use rustix::{fs::SeekFrom, io::Errno};
use std::{
    fs::{self, File},
    os::{fd::AsFd as _, unix::fs::FileExt as _},
    process::Command,
    thread,
};

const NODE: &str = "/dev/scull_map";
const PAGE: usize = 4096;
const SIZE: usize = 16 * PAGE;

fn load() -> Module {
    Module::load("scull_map", &[]).expect("the module loads")
}

fn open() -> File {
    File::options()
        .read(true)
        .write(true)
        .open(NODE)
        .expect("open")
}

fn map(length: usize) -> Mapping {
    Mapping::writable(open(), length).expect("mmap")
}

#[test]
fn it_is_the_same_memory() {
    let _module = load();
    let (file, one, two) = (open(), map(SIZE), map(SIZE));
    // By one way, and seen by all.
    for (n, at) in [0, PAGE - 2, 5 * PAGE, SIZE - 5].into_iter().enumerate() {
        let text = [b'a' + n as u8; 5];
        match n % 2 {
            0 => file.write_all_at(&text, at as u64).expect("write"),
            _ => one.write(at, &text),
        }
        let mut seen = [[0; 5]; 3];
        file.read_exact_at(&mut seen[0], at as u64).expect("read");
        one.read(at, &mut seen[1]);
        two.read(at, &mut seen[2]);
        assert_eq!(seen, [text; 3], "at {at}");
    }
}

#[test]
fn what_nobody_wrote_is_zero() {
    let _module = load();
    assert_eq!(fs::read(NODE).expect("read"), [0; SIZE]);
    let mut all = vec![0xaa; SIZE];
    map(SIZE).read(0, &mut all);
    assert_eq!(all, [0; SIZE]);
}

#[test]
fn habits_of_the_shell() {
    let _module = load();
    let script = "seq 1 3000 >/tmp/numbers
        cp /tmp/numbers $0 && head -c $(wc -c </tmp/numbers) $0 | cmp - /tmp/numbers
        dd if=/tmp/numbers of=$0 bs=77 seek=3 2>/dev/null
        dd if=$0 bs=77 skip=3 2>/dev/null | head -c $(wc -c </tmp/numbers) | cmp - /tmp/numbers
        tee $0 </tmp/numbers | cmp - /tmp/numbers
        echo start >>$0 && test $(head -c 5 $0) = start
        dd if=$0 bs=1001 2>/dev/null | wc -c | grep -qx 65536
        test -z \"$(tail -c 5 $0 | tr -d '\\0')\"
        ! dd if=/dev/zero of=$0 bs=1000 count=66 2>/tmp/error
        grep -q 'No space left' /tmp/error
        rm /tmp/numbers /tmp/error";
    let status = Command::new("bash").args(["-ec", script, NODE]).status();
    assert!(status.expect("a shell").success());
}

#[test]
fn it_has_an_end() {
    let _module = load();
    let file = open();
    assert_eq!(rustix::fs::seek(&file, SeekFrom::End(0)), Ok(SIZE as u64));
    let end = SIZE as u64;
    assert_eq!(rustix::io::pwrite(&file, b"four", end - 2), Ok(2));
    assert_eq!(rustix::io::pwrite(&file, b"x", end), Err(Errno::NOSPC));
    assert_eq!(rustix::io::pwrite(&file, b"", end), Ok(0));
    assert_eq!(rustix::io::pread(&file, &mut [0; 4], end - 2), Ok(2));
    for beyond in [end, end + 1, i64::MAX as u64 - 10] {
        assert_eq!(rustix::io::pread(&file, &mut [0; 4], beyond), Ok(0));
        assert_eq!(rustix::io::pwrite(&file, b"x", beyond), Err(Errno::NOSPC));
    }
    let beyond = Mapping::writable(open(), SIZE + 1).map(drop);
    assert_eq!(beyond.map_err(errno_of), Err(Errno::INVAL));
}

#[test]
fn parameters_are_checked() {
    for parameter in ["pages=0", "pages=4097"] {
        let error = Module::load("scull_map", &[parameter]).expect_err(parameter);
        assert!(matches!(error, LoadError::Refused(Errno::INVAL)), "{error}");
    }
    for pages in [1, 4096] {
        let parameter = format!("pages={pages}");
        let module = Module::load("scull_map", &[&parameter]).expect("the module loads");
        let file = open();
        let end = rustix::fs::seek(&file, SeekFrom::End(0));
        assert_eq!(end, Ok((pages * PAGE) as u64));
        let mapping = map(pages * PAGE);
        mapping.write(pages * PAGE - 1, b"!");
        let mut last = [0];
        file.read_exact_at(&mut last, (pages * PAGE) as u64 - 1)
            .expect("read");
        assert_eq!(&last, b"!");
        drop((mapping, file));
        module.unload().expect("unload");
    }
}

/// Each has a place of its own, by mapping or by write.
#[test]
fn writers_at_the_same_time_lose_nothing() {
    let _module = load();
    thread::scope(|scope| {
        for writer in 0..4_usize {
            scope.spawn(move || {
                let (file, mapping) = (open(), map(SIZE));
                for at in (writer..SIZE / 16).step_by(4).map(|it| it * 16) {
                    let bytes = [writer as u8 + 1; 16];
                    match writer % 2 {
                        0 => file.write_all_at(&bytes, at as u64).expect("write"),
                        _ => mapping.write(at, &bytes),
                    }
                }
            });
        }
    });
    let all = fs::read(NODE).expect("read");
    for (n, chunk) in all.chunks(16).enumerate() {
        assert_eq!(chunk, [(n % 4) as u8 + 1; 16], "{n}");
    }
}

/// To copy faults in a page of the device, and asks the module in its own `read`.
#[test]
fn it_is_read_into_its_own_memory() {
    let _module = load();
    let (file, memory) = (open(), map(SIZE));
    file.write_all_at(&[b'x'; PAGE], 0).expect("write");
    let to = memory.address(8 * PAGE);
    assert_eq!(raw::read(file.as_fd(), to, PAGE), Ok(PAGE));
    let mut seen = [0; PAGE];
    memory.read(8 * PAGE, &mut seen);
    assert_eq!(seen, [b'x'; PAGE]);
    let from = memory.address(12 * PAGE);
    assert_eq!(raw::write(file.as_fd(), from, PAGE), Ok(PAGE));
}

#[test]
fn bad_pointers_fault() {
    let _module = load();
    let file = open();
    refuses_nonsense(&file);
}

#[test]
fn a_mapping_keeps_the_module() {
    let module = load();
    let mapping = map(PAGE);
    let module = module.unload().expect_err("it is in use").busy();
    drop(mapping);
    module.unload().expect("unload");
}
