// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 4: chardev.

use lkm::raw;
use lkmpg_tests::{
    BadMemory, KernelLog, KernelSetting, Module, as_user, errno_of, is_loaded, is_twin, majors,
    name, skip,
};
use rustix::{
    fs::{FileType, Mode, SeekFrom, makedev, mknodat, seek},
    io::Errno,
};
use std::{
    fs::{self, File, OpenOptions},
    io::{IoSliceMut, Read as _},
    os::{
        fd::AsFd as _,
        unix::fs::{FileExt as _, FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    },
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    thread,
};

const MODULE: &str = name!("chardev");
const NODE: &str = name!("/dev/chardev");

fn load() -> Module {
    Module::load(MODULE, &[]).expect("the module loads")
}

fn message(count: usize) -> String {
    format!("I already told you {count} times Hello world!\n")
}

/// A device node that is removed again.
struct Node(PathBuf);

impl Node {
    fn new(major: u32, minor: u32) -> Self {
        let path = PathBuf::from(format!(
            "/tmp/hello-{major}-{minor}-{:?}",
            thread::current().id()
        ));
        let device = makedev(major, minor);
        let mode = Mode::from_raw_mode(0o666);
        mknodat(
            rustix::fs::CWD,
            &path,
            FileType::CharacterDevice,
            mode,
            device,
        )
        .expect("mknod");
        Self(path)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

#[test]
fn it_counts_how_often_it_was_opened() {
    let _module = load();
    for count in 0..12 {
        assert_eq!(fs::read_to_string(NODE).expect("read"), message(count));
    }
}

#[test]
fn short_reads_continue() {
    let _module = load();
    let mut device = File::open(NODE).expect("open");
    let mut seen = Vec::new();
    for size in [1, 2, 3, 5, 7, 0, 11, 100] {
        let mut buffer = vec![0; size];
        let length = device.read(&mut buffer).expect("read");
        seen.extend_from_slice(&buffer[..length]);
    }
    assert_eq!(String::from_utf8_lossy(&seen), message(0));
    assert_eq!(device.read(&mut [0; 10]).expect("read"), 0);

    let (mut first, mut second) = ([0; 4], [0; 200]);
    seek(&device, SeekFrom::Start(0)).expect("seek");
    let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
    assert_eq!(
        device.read_vectored(&mut buffers).expect("readv"),
        message(0).len()
    );
    assert_eq!(&first, b"I al");
}

#[test]
fn lengths_at_the_edges() {
    let _module = load();
    let device = File::open(NODE).expect("open");
    let whole = message(0).len();
    for (size, expected) in [
        (0, 0),
        (1, 1),
        (whole - 1, whole - 1),
        (whole, whole),
        (whole + 1, whole),
        (1 << 20, whole),
    ] {
        let mut buffer = vec![0xaa; size];
        assert_eq!(
            device.read_at(&mut buffer, 0).expect("pread"),
            expected,
            "{size}"
        );
        assert!(
            buffer[expected..].iter().all(|byte| *byte == 0xaa),
            "nothing behind the message"
        );
    }
}

#[test]
fn offsets() {
    let _module = load();
    let device = File::open(NODE).expect("open");
    let whole = message(0).len() as u64;
    let mut buffer = [0; 10];
    assert_eq!(device.read_at(&mut buffer, whole).expect("at the end"), 0);
    assert_eq!(device.read_at(&mut buffer, whole + 1).expect("past it"), 0);
    assert_eq!(
        device
            .read_at(&mut buffer, i64::MAX as u64 - 10)
            .expect("far past it"),
        0
    );
    assert_eq!(
        device.read_at(&mut buffer, u64::MAX).map_err(errno_of),
        Err(Errno::INVAL)
    );
    assert_eq!(seek(&device, SeekFrom::End(0)), Ok(whole));
    assert_eq!(seek(&device, SeekFrom::End(-3)), Ok(whole - 3));
    assert_eq!(seek(&device, SeekFrom::Current(-1000)), Err(Errno::INVAL));
    assert_eq!(seek(&device, SeekFrom::Start(u64::MAX)), Err(Errno::INVAL));
    assert_eq!(
        seek(&device, SeekFrom::Current(0)),
        Ok(whole - 3),
        "a bad seek moves nothing"
    );
}

#[test]
fn a_second_opener_is_busy() {
    let _module = load();
    let first = File::open(NODE).expect("open");
    assert_eq!(File::open(NODE).map_err(errno_of).err(), Some(Errno::BUSY));
    drop(first);
    File::open(NODE).expect("it is free again");
}

#[test]
fn of_many_openers_one_gets_it() {
    let _module = load();
    let (inside, opened) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..500 {
                    match File::open(NODE) {
                        Ok(device) => {
                            assert_eq!(inside.fetch_add(1, Relaxed), 0, "two are inside");
                            opened.fetch_add(1, Relaxed);
                            inside.fetch_sub(1, Relaxed);
                            drop(device);
                        }
                        Err(error) => assert_eq!(errno_of(error), Errno::BUSY),
                    }
                }
            });
        }
    });
    assert_eq!(
        fs::read_to_string(NODE).expect("read"),
        message(opened.into_inner())
    );
}

#[test]
fn writing_is_refused_with_a_word() {
    let _module = load();
    let log = KernelLog::now();
    let device = OpenOptions::new().write(true).open(NODE).expect("open");
    assert_eq!(rustix::io::write(&device, b"hi\n"), Err(Errno::INVAL));
    assert_eq!(
        log.lines(),
        [format!("{MODULE}: Sorry, this operation isn't supported.")]
    );
}

#[test]
fn everybody_may_read_and_nobody_but_root_may_try_to_write() {
    let _module = load();
    let metadata = fs::metadata(NODE).expect("the node");
    assert!(metadata.file_type().is_char_device());
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o444);
    assert_eq!((metadata.uid(), metadata.gid()), (0, 0));
    as_user(1000, || {
        assert_eq!(fs::read_to_string(NODE).expect("read"), message(0));
        let error = OpenOptions::new().write(true).open(NODE).map_err(errno_of);
        assert_eq!(error.err(), Some(Errno::ACCESS));
    });
}

#[test]
fn it_is_in_proc_devices_as_long_as_it_is_loaded() {
    let log = KernelLog::now();
    let module = load();
    let major = majors()[MODULE];
    assert_eq!(
        rustix::fs::major(fs::metadata(NODE).expect("the node").rdev()),
        major
    );
    let lines = log.lines();
    assert!(
        lines[0].starts_with(&format!("{MODULE}: I was assigned major number {major}.")),
        "{lines:?}"
    );
    assert!(
        lines[1].contains(&format!("'mknod /dev/hello c {major} 0'")),
        "{lines:?}"
    );
    module.unload().expect("unload");
    assert!(!majors().contains_key(MODULE));
    assert!(!fs::exists(NODE).expect("stat"));
}

#[test]
fn a_node_of_ones_own_works() {
    // The twin has no alias, but the sample has its number.
    let _no_modprobe = KernelSetting::no_modprobe();
    let _module = load();
    let major = majors()[MODULE];
    for (count, minor) in [0, 1, 255].into_iter().enumerate() {
        let node = Node::new(major, minor);
        assert_eq!(fs::read_to_string(&node.0).expect("read"), message(count));
    }
    let beyond = Node::new(major, 256);
    let error = File::open(&beyond.0).map_err(errno_of).err();
    assert!(
        matches!(error, Some(Errno::NXIO | Errno::NODEV)),
        "{error:?}"
    );
}

#[test]
fn opening_a_node_loads_the_module() {
    if is_twin!() {
        return skip("the aliases are the sample's");
    }
    let module = load();
    let node = Node::new(majors()[MODULE], 0);
    module.unload().expect("unload");
    assert_eq!(fs::read_to_string(&node.0).expect("read"), message(0));
    assert!(is_loaded(MODULE));
    Module::adopt(MODULE).unload().expect("unload");
}

#[test]
fn an_open_file_keeps_the_module() {
    let module = load();
    let device = File::open(NODE).expect("open");
    let module = module
        .unload()
        .expect_err("it is in use")
        .into_module(Errno::AGAIN);
    let mut buffer = [0; 7];
    device
        .read_exact_at(&mut buffer, 2)
        .expect("the file still works");
    assert_eq!(&buffer, b"already");
    drop(device);
    module.unload().expect("unload");
}

#[test]
fn bad_pointers_fault_and_change_nothing() {
    let _module = load();
    let device = OpenOptions::new()
        .read(true)
        .write(true)
        .open(NODE)
        .expect("open");
    let memory = BadMemory::new();
    for (what, address) in memory.unwritable() {
        assert_eq!(
            raw::read(device.as_fd(), address, 10),
            Err(Errno::FAULT),
            "{what}"
        );
    }
    // The first bytes have room, the others do not: what was copied is what counts. Not each processor
    // copies up to the edge.
    let (address, room) = memory.edge();
    let copied = raw::read(device.as_fd(), address, room + 20).expect("some have room");
    let least = if cfg!(target_arch = "x86_64") {
        room
    } else {
        1
    };
    assert!((least..=room).contains(&copied), "{copied} of {room}");
    let mut rest = String::new();
    (&device).read_to_string(&mut rest).expect("read");
    assert_eq!(rest, message(0)[copied..]);
}
