// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 7: ioctl, and its client.

use lkm::{ioctl, raw};
use lkmpg_tests::{
    BadMemory, KernelLog, LoadError, Module, Program, as_user, errno_of, is_twin, majors,
    message as messages, name, skip,
};
use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
    pipe,
    process::Signal,
};
use std::{
    fs::{self, File, OpenOptions},
    io::Read as _,
    os::{
        fd::AsFd as _,
        unix::{
            fs::{FileExt as _, MetadataExt as _, PermissionsExt as _},
            process::ExitStatusExt as _,
        },
    },
    process::{Command, Output},
    thread,
};

#[path = "../samples/07-ioctl/protocol.rs"]
mod protocol;

use protocol::*;

const MODULE: &str = name!("ioctl");
const DEVICE: &str = name!("char_dev");
const NODE: &str = name!("/dev/char_dev");
// Both can be loaded at the same time.
const DEVICE_MAJOR: u32 = if is_twin!() { 101 } else { 100 };

// The guide's numbers, as a C compiler makes them out of its header.
const IOCTL_SET_MSG: u32 = 0x8008_6400;
const IOCTL_GET_MSG: u32 = 0x8008_6401;
const IOCTL_GET_NTH_BYTE: u32 = 0xc004_6402;

fn load() -> Module {
    Module::load(MODULE, &[]).expect("the module loads")
}

fn open() -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(NODE)
        .expect("open")
}

/// The message, as somebody who opens the device reads it.
fn message(device: &File) -> Vec<u8> {
    let mut bytes = vec![0; 200];
    let length = device.read_at(&mut bytes, 0).expect("read");
    bytes.truncate(length);
    bytes
}

#[test]
fn the_numbers_are_the_guides() {
    assert_eq!(SET_MSG.number(), IOCTL_SET_MSG);
    assert_eq!(GET_MSG.number(), IOCTL_GET_MSG);
    assert_eq!(GET_NTH_BYTE.number(), IOCTL_GET_NTH_BYTE);
    assert_eq!(SET_MSG.compat_number(), 0x8004_6400);
}

#[test]
fn the_device_is_where_the_guide_has_it() {
    let log = KernelLog::now();
    let module = load();
    assert_eq!(majors()[DEVICE], DEVICE_MAJOR);
    let metadata = fs::metadata(NODE).expect("the node");
    assert_eq!(metadata.rdev(), rustix::fs::makedev(DEVICE_MAJOR, 0));
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
    assert!(
        log.lines()[0].contains(&format!("The major device number is {DEVICE_MAJOR}.")),
        "{:?}",
        log.lines()
    );
    as_user(1000, || {
        assert_eq!(
            File::open(NODE).map_err(errno_of).err(),
            Some(Errno::ACCESS)
        );
    });
    module.unload().expect("unload");
    assert!(!majors().contains_key(DEVICE));
}

#[test]
fn the_three_ioctls_of_the_guide() {
    let _module = load();
    let device = open();
    ioctl::write_string(&device, SET_MSG, c"Hello").expect("set");
    assert_eq!(
        ioctl::read_string(&device, GET_MSG)
            .expect("get")
            .as_c_str(),
        c"Hello"
    );
    // Getting is not reading: it can be repeated.
    assert_eq!(
        ioctl::read_string(&device, GET_MSG)
            .expect("get")
            .as_c_str(),
        c"Hello"
    );
    let bytes: Vec<_> = (0..=5)
        .map(|n| ioctl::call_with(&device, GET_NTH_BYTE, n))
        .collect();
    let expected = b"Hello\0".map(i32::from);
    assert_eq!(
        bytes
            .into_iter()
            .map(|it| it.expect("a byte"))
            .collect::<Vec<_>>(),
        expected
    );
    assert_eq!(message(&device), b"Hello");
}

#[test]
fn a_new_message_is_read_from_its_start() {
    let _module = load();
    let mut device = open();
    let read = |mut device: &File| {
        let mut seen = String::new();
        device.read_to_string(&mut seen).expect("read");
        seen
    };
    messages::are_read_from_their_start(&mut device, str::to_owned);
    ioctl::write_string(&device, SET_MSG, c"by ioctl").expect("set");
    assert_eq!(read(&device), "by ioctl");
    ioctl::write_bytes(&device, SET_MSG_BUF, b"by the other").expect("set");
    assert_eq!(read(&device), "by the other");
    // Of a write that does not fit, the rest is no message, and the next write is none of it.
    assert_eq!(rustix::io::write(&device, &[b'x'; 100]), Ok(100));
    assert_eq!(read(&device).as_bytes(), [b'x'; BUF_LEN]);
    let next = [b'y'; 100 - BUF_LEN];
    assert_eq!(rustix::io::write(&device, &next), Ok(next.len()));
    assert_eq!(read(&device).as_bytes(), next);
}

#[test]
fn a_bad_index_is_refused() {
    let _module = load();
    let device = open();
    ioctl::write_string(&device, SET_MSG, c"\xff!").expect("set");
    assert_eq!(
        ioctl::call_with(&device, GET_NTH_BYTE, 0).expect("a byte"),
        0xff
    );
    for n in [3, 79, 80, 81, 1000, i16::MAX, -1, i16::MIN] {
        let error = ioctl::call_with(&device, GET_NTH_BYTE, n).map_err(errno_of);
        assert_eq!(error, Err(Errno::INVAL), "{n}");
    }
}

#[test]
fn strings_at_the_edges() {
    let _module = load();
    let device = open();
    for length in [0, 1, BUF_LEN - 1, BUF_LEN, BUF_LEN + 1, 5000] {
        let text = std::ffi::CString::new("x".repeat(length)).expect("a string");
        ioctl::write_string(&device, SET_MSG, &text).expect("set");
        let kept = &text.as_bytes()[..length.min(BUF_LEN)];
        assert_eq!(message(&device), kept);
        assert_eq!(
            ioctl::read_string(&device, GET_MSG)
                .expect("get")
                .as_bytes(),
            kept
        );
    }
}

#[test]
fn the_ioctls_that_know_the_callers_room() {
    let _module = load();
    let device = open();
    ioctl::write_bytes(&device, SET_MSG_BUF, b"with \0 inside").expect("set");
    for room in [0, 1, 12, 13, 14, 100] {
        let mut bytes = vec![0xaa; room + 8];
        let length = ioctl::read_bytes(&device, GET_MSG_BUF, &mut bytes[..room]).expect("get");
        assert_eq!(length, 13);
        let filled = room.min(13);
        assert_eq!(&bytes[..filled], &b"with \0 inside"[..filled]);
        assert!(
            bytes[filled..].iter().all(|it| *it == 0xaa),
            "nothing behind {room}"
        );
    }
    let full = [b'y'; BUF_LEN];
    ioctl::write_bytes(&device, SET_MSG_BUF, &full).expect("set");
    let too_long = ioctl::write_bytes(&device, SET_MSG_BUF, &[b'z'; BUF_LEN + 1]);
    assert_eq!(too_long.map_err(errno_of), Err(Errno::INVAL));
    assert_eq!(message(&device), full);
    ioctl::write_bytes(&device, SET_MSG_BUF, b"").expect("set");
    assert_eq!(message(&device), b"");
}

#[test]
fn unknown_commands() {
    let _module = load();
    let device = open();
    for number in [
        0,
        u32::MAX,
        IOCTL_SET_MSG + 5,
        IOCTL_SET_MSG ^ 1 << 8,
        // The right number with the wrong size, and with the wrong direction.
        IOCTL_SET_MSG ^ 4 << 16,
        IOCTL_GET_NTH_BYTE ^ 4 << 16,
        IOCTL_GET_NTH_BYTE & !(1 << 30),
        SET_MSG_BUF.number() ^ 8 << 16,
        // What a 32-bit process would pass.
        SET_MSG.compat_number(),
    ] {
        assert_eq!(
            raw::ioctl(device.as_fd(), number, 0.into()),
            Err(Errno::NOTTY),
            "{number:#x}"
        );
    }
}

#[test]
fn bad_pointers_fault_and_change_nothing() {
    let _module = load();
    let device = open();
    ioctl::write_bytes(&device, SET_MSG_BUF, b"unchanged").expect("set");
    let (memory, page) = (BadMemory::new(), raw::LowMemory::new().expect("a page"));
    let buffer = |address: usize, length: u64| {
        page.write(
            [address as u64, length]
                .map(u64::to_le_bytes)
                .as_flattened(),
        );
        page.address()
    };
    for (what, address) in memory.unreadable() {
        for number in [IOCTL_SET_MSG, SET_MSG_BUF.number(), GET_MSG_BUF.number()] {
            let error = raw::ioctl(device.as_fd(), number, address);
            assert_eq!(error, Err(Errno::FAULT), "{what}, {number:#x}");
        }
        let argument = buffer(address.get(), 5);
        let error = raw::ioctl(device.as_fd(), SET_MSG_BUF.number(), argument);
        assert_eq!(error, Err(Errno::FAULT), "a buffer, {what}");
        assert_eq!(
            raw::write(device.as_fd(), address, 10),
            Err(Errno::FAULT),
            "{what}"
        );
    }
    for (what, address) in memory.unwritable() {
        let error = raw::ioctl(device.as_fd(), IOCTL_GET_MSG, address);
        assert_eq!(error, Err(Errno::FAULT), "{what}");
        let argument = buffer(address.get(), 5);
        let error = raw::ioctl(device.as_fd(), GET_MSG_BUF.number(), argument);
        assert_eq!(error, Err(Errno::FAULT), "a buffer, {what}");
        assert_eq!(page.read(16)[8], 5, "a call that failed changes nothing");
        assert_eq!(
            raw::read(device.as_fd(), address, 10),
            Err(Errno::FAULT),
            "{what}"
        );
    }
    // Some of it can be read, and not all.
    let (address, room) = memory.edge();
    assert_eq!(
        raw::write(device.as_fd(), address, room + 1),
        Err(Errno::FAULT)
    );
    let huge = buffer(16, u64::MAX);
    assert_eq!(
        raw::ioctl(device.as_fd(), GET_MSG_BUF.number(), huge),
        Err(Errno::FAULT)
    );
    assert_eq!(message(&device), b"unchanged");
}

#[test]
fn a_32_bit_process_has_its_own_numbers() {
    if cfg!(not(target_arch = "x86_64")) {
        return skip("a 32-bit call is made here by int 0x80, which is a PC's");
    }
    let _module = load();
    let device = open();
    let low = raw::LowMemory::new().expect("memory below 4 GiB");
    low.write(b"thirty-two\0");
    let call = |number, argument| raw::compat_ioctl(device.as_fd(), number, argument);
    assert_eq!(call(SET_MSG.compat_number(), low.address()), Ok(0));
    assert_eq!(message(&device), b"thirty-two");
    assert_eq!(call(GET_NTH_BYTE.compat_number(), 1.into()), Ok('h' as i32));
    assert_eq!(
        call(GET_NTH_BYTE.compat_number(), (-1).into()),
        Err(Errno::INVAL)
    );
    low.write(&[0xaa; 32]);
    assert_eq!(call(GET_MSG.compat_number(), low.address()), Ok(0));
    assert_eq!(low.read(12), b"thirty-two\0\xaa");
    assert_eq!(call(SET_MSG.number(), low.address()), Err(Errno::NOTTY));
    assert_eq!(call(SET_MSG.compat_number(), 0.into()), Err(Errno::FAULT));
}

#[test]
fn reading_and_writing() {
    let _module = load();
    let mut device = open();
    for length in [0, 1, BUF_LEN, BUF_LEN + 1, 1 << 20] {
        let text = vec![b'w'; length];
        let taken = rustix::io::write(open_again(&mut device), &text).expect("write");
        assert_eq!(taken, length, "a writer that is told less writes the rest");
        assert_eq!(message(&device), &text[..length.min(BUF_LEN)]);
    }
    rustix::io::write(open_again(&mut device), b"short reads").expect("write");
    let mut seen = Vec::new();
    loop {
        let mut buffer = [0; 4];
        match device.read(&mut buffer).expect("read") {
            0 => break,
            length => seen.extend_from_slice(&buffer[..length]),
        }
    }
    assert_eq!(seen, b"short reads");
    assert_eq!(seek(&device, SeekFrom::Current(-100)), Err(Errno::INVAL));
    assert_eq!(seek(&device, SeekFrom::End(2)), Ok(13));
    assert_eq!(device.read(&mut [0; 4]).expect("past the end"), 0);
}

/// Only one opener at a time: closes the device before it opens it again.
fn open_again(device: &mut File) -> &File {
    *device = File::open("/dev/null").expect("open");
    *device = open();
    device
}

#[test]
fn one_process_at_a_time() {
    let module = load();
    let device = open();
    assert_eq!(File::open(NODE).map_err(errno_of).err(), Some(Errno::BUSY));
    let module = module
        .unload()
        .expect_err("it is in use")
        .into_module(Errno::AGAIN);
    drop(device);
    drop(open());
    module.unload().expect("unload");
}

#[test]
fn threads_of_one_opener_see_whole_messages() {
    let _module = load();
    let device = open();
    let texts = [[b'a'; BUF_LEN], [b'b'; BUF_LEN]];
    ioctl::write_bytes(&device, SET_MSG_BUF, &texts[0]).expect("set");
    thread::scope(|scope| {
        for text in &texts {
            scope.spawn(|| {
                for _ in 0..2000 {
                    ioctl::write_bytes(&device, SET_MSG_BUF, text).expect("set");
                }
            });
            scope.spawn(|| {
                for _ in 0..2000 {
                    let mut seen = [0; BUF_LEN];
                    ioctl::read_bytes(&device, GET_MSG_BUF, &mut seen).expect("get");
                    assert!(
                        texts.contains(&seen),
                        "torn: {}",
                        String::from_utf8_lossy(&seen)
                    );
                }
            });
        }
    });
}

#[test]
fn a_major_that_is_taken_is_refused_with_advice() {
    let major = format!("major={DEVICE_MAJOR}");
    let _taken = Module::load("major_taken", &[&major]).expect("a module that has the major");
    let log = KernelLog::now();
    match Module::load(MODULE, &[]) {
        Err(LoadError::Refused(errno)) => assert_eq!(errno, Errno::BUSY),
        other => panic!("{other:?}"),
    }
    let lines = log.lines_with(&format!("{MODULE}: "));
    assert!(
        lines
            .iter()
            .any(|it| it.contains(&format!("Major {DEVICE_MAJOR} is taken"))),
        "{lines:?}"
    );
    assert!(
        lines.iter().any(|it| it.contains("/proc/devices")),
        "{lines:?}"
    );
}

#[test]
fn numbers_that_no_device_has_are_refused() {
    for major in ["major=512", "major=4096", "major=4294967295"] {
        match Module::load("major_taken", &[major]) {
            Err(LoadError::Refused(errno)) => assert_eq!(errno, Errno::INVAL, "{major}"),
            other => panic!("{major}: {other:?}"),
        }
    }
}

#[test]
fn a_c_program_with_the_guides_numbers_works() {
    if is_twin!() {
        return skip("the program opens the sample's node");
    }
    let program = Program::new("ioctl_guide", include_bytes!(env!("IOCTL_GUIDE")));
    let _module = load();
    let output = program
        .command()
        .arg("Message passed by ioctl")
        .output()
        .expect("the program runs");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "get_msg:Message passed by ioctl\nget_nth_byte:Message passed by ioctl\n",
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn client(arguments: &[&str]) -> Output {
    Command::new("ioctl")
        .args(["--device", NODE])
        .args(arguments)
        .output()
        .expect("the client is on the PATH")
}

#[test]
fn the_client() {
    let missing = client(&["get"]);
    assert_eq!(missing.status.code(), Some(1));
    let words = String::from_utf8_lossy(&missing.stderr).into_owned();
    assert!(
        words.contains(NODE) && words.contains("modprobe ioctl"),
        "{words}"
    );

    let _module = load();
    assert!(client(&["set", "Hello, client"]).status.success());
    assert_eq!(client(&["get"]).stdout, b"Hello, client\n");
    assert_eq!(client(&["nth", "1"]).stdout, b"101\n");
    for beyond in ["99", "-1"] {
        let output = client(&["nth", beyond]);
        assert_eq!(output.status.code(), Some(1));
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(words.contains(&format!("no byte {beyond}")), "{words}");
    }
    let too_long = client(&["set", &"x".repeat(81)]);
    assert_eq!(too_long.status.code(), Some(1));
    assert_eq!(client(&["get"]).stdout, b"Hello, client\n");

    // As `ioctl get | head -c 1` has it, when `head` is through.
    let (reader, writer) = pipe::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new("ioctl");
    command.args(["--device", NODE, "get"]).stdout(writer);
    let enough = command.output().expect("the client");
    assert_eq!(enough.status.signal(), Some(Signal::PIPE.as_raw()));
    assert_eq!(enough.stderr, b"");

    let demo = client(&["demo"]);
    assert!(demo.status.success());
    assert_eq!(
        String::from_utf8_lossy(&demo.stdout),
        "get_nth_byte message:Hello, client\nget_msg message:Hello, client\n"
    );
    assert_eq!(client(&["get"]).stdout, b"Message passed by ioctl\n");

    let _device = open();
    let busy = client(&["get"]);
    assert!(String::from_utf8_lossy(&busy.stderr).contains("another process has it open"));
}
