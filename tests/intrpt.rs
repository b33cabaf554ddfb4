// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 12: intrpt.

use lkm::raw;
use lkmpg_tests::{
    BadMemory, Evdev, KernelLog, Keyboard, LoadError, Module, as_user, errno_named, errno_of,
    ready, times, wait_until,
};
use rustix::{
    event::PollFlags,
    fs::{Mode, OFlags},
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _},
    os::{
        fd::AsFd as _,
        unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    },
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

const NODE: &str = "/dev/scancode";
/// How many scan codes a reader may be behind.
const RING: usize = 1024;
/// Rows of letters, as QEMU names them, and the scan code of the first in each. In this part of the
/// keyboard, evdev's codes are the same.
const LETTERS: [(&str, u16); 3] = [("qwertyuiop", 0x10), ("asdfghjkl", 0x1e), ("zxcvbnm", 0x2c)];

fn load() -> Module {
    // Until its driver has set it up, the keyboard sends other things.
    drop(Evdev::keyboard());
    Module::load("intrpt", &[]).expect("the module loads")
}

fn open() -> File {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let node = rustix::fs::open(NODE, flags, Mode::empty()).expect("the node");
    node.into()
}

/// Who has interrupt 1.
fn handlers() -> String {
    let interrupts = fs::read_to_string("/proc/interrupts").expect("the interrupts");
    let line = interrupts
        .lines()
        .find(|line| line.trim_start().starts_with("1:"))
        .expect("the keyboard's line");
    line.rsplit_once("  ").expect("columns").1.to_owned()
}

/// So many letters, with their scan codes.
fn letters(count: usize) -> Vec<(String, u16)> {
    let keyboard = LETTERS.iter().flat_map(|(row, first)| {
        let keys = row.chars().map(String::from);
        keys.zip(*first..)
    });
    let keyboard: Vec<_> = keyboard.collect();
    keyboard.into_iter().cycle().take(count).collect()
}

/// Types keys, each batch when the keyboard's driver has seen the one before.
fn type_letters(keyboard: &mut Keyboard, evdev: &Evdev, keys: &[(String, u16)]) {
    let mut seen = Vec::new();
    for batch in keys.chunks(4) {
        let batch: Vec<_> = batch.iter().map(|(key, _)| &**key).collect();
        keyboard.tap(&batch);
        seen.extend(evdev.wait_for_keys(2 * batch.len()));
    }
    assert!(seen == changes_of(keys), "evdev saw something else");
}

fn changes_of(keys: &[(String, u16)]) -> Vec<(u16, bool)> {
    let changes = keys
        .iter()
        .flat_map(|(_, code)| [(*code, true), (*code, false)]);
    changes.collect()
}

/// The lines that are to be read for these keys.
fn lines_for(keys: &[(String, u16)]) -> Vec<String> {
    let line = |(code, down): (u16, bool)| format!("{:02x}", code | if down { 0 } else { 0x80 });
    changes_of(keys).into_iter().map(line).collect()
}

/// Whether there is something to read, now or within so many seconds.
fn readable(node: &File, seconds: u64) -> bool {
    !ready(node, PollFlags::IN, Some(Duration::from_secs(seconds))).is_empty()
}

/// Reads as many lines, sleeping in poll(2).
fn read_lines(node: &File, count: usize) -> Vec<String> {
    let mut text = String::new();
    let mut node = node;
    while text.lines().count() < count || !text.ends_with('\n') {
        assert!(readable(node, 60), "no more after {text:?}");
        let mut buffer = [0; 4096];
        let length = node.read(&mut buffer).expect("read");
        text.push_str(std::str::from_utf8(&buffer[..length]).expect("text"));
    }
    text.lines().map(String::from).collect()
}

/// Reads what is there.
fn read_now(node: &File) -> Vec<String> {
    let mut text = Vec::new();
    let mut node = node;
    let error = node.read_to_end(&mut text).map_err(errno_of);
    assert_eq!(error, Err(Errno::AGAIN));
    let text = String::from_utf8(text).expect("text");
    text.lines().map(String::from).collect()
}

#[test]
fn a_thousand_keys_each_once_and_in_order() {
    let log = KernelLog::now();
    let _module = load();
    let (mut keyboard, evdev) = (Keyboard::new(), Evdev::keyboard());
    let keys = letters(1000);
    let (quick, slow) = (open(), open());
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        // Something else to do for the CPUs.
        scope.spawn(|| {
            while !stop.load(Relaxed) {
                fs::read("/proc/interrupts").expect("read");
            }
        });
        let reader = scope.spawn(|| read_lines(&quick, 2 * keys.len()));
        type_letters(&mut keyboard, &evdev, &keys);
        let seen = reader.join();
        stop.store(true, Relaxed);
        assert!(seen.expect("the reader") == lines_for(&keys));
    });
    assert!(read_now(&quick).is_empty());

    // Who reads only now has lost the oldest, and is told how many.
    let expected = lines_for(&keys);
    let seen = read_now(&slow);
    assert_eq!(seen[0], format!("lost {}", expected.len() - RING));
    assert!(seen[1..] == expected[expected.len() - RING..]);

    let message = |(code, down)| {
        let change = if down { "Pressed" } else { "Released" };
        format!("intrpt: Scan Code {code:x} {change}.")
    };
    let expected: Vec<_> = changes_of(&keys).into_iter().map(message).collect();
    let mut logged = Vec::new();
    wait_until("the bottom half", || {
        logged.extend(log.lines_with("intrpt: Scan Code"));
        logged.len() >= expected.len()
    });
    assert!(logged == expected);
}

#[test]
fn special_keys() {
    let _module = load();
    let (mut keyboard, evdev) = (Keyboard::new(), Evdev::keyboard());
    let node = open();
    keyboard.tap(&["right"]);
    assert_eq!(read_lines(&node, 4), ["e0", "4d", "e0", "cd"]);
    keyboard.press("shift");
    keyboard.tap(&["a"]);
    keyboard.release("shift");
    assert_eq!(read_lines(&node, 4), ["2a", "1e", "9e", "aa"]);
    // The driver switches a light on and off, which the keyboard acknowledges.
    keyboard.tap(&["caps_lock", "caps_lock"]);
    assert_eq!(read_lines(&node, 4), ["3a", "ba", "3a", "ba"]);
    let seen = evdev.wait_for_keys(10);
    let codes: Vec<_> = seen.iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [106, 106, 42, 30, 30, 42, 58, 58, 58, 58]);
    assert!(read_now(&node).is_empty());
}

#[test]
fn each_reader_has_all_that_came_since_it_opened_the_file() {
    let _module = load();
    let mut keyboard = Keyboard::new();
    let first = open();
    assert!(!readable(&first, 0));
    keyboard.tap(&["a"]);
    assert_eq!(read_lines(&first, 2), ["1e", "9e"]);
    let second = open();
    assert!(!readable(&second, 0));
    keyboard.tap(&["b"]);
    assert_eq!(read_lines(&first, 2), ["30", "b0"]);
    assert_eq!(read_lines(&second, 2), ["30", "b0"]);
}

#[test]
fn short_reads_continue() {
    let _module = load();
    let mut keyboard = Keyboard::new();
    let mut node = open();
    assert_eq!(node.read(&mut [0; 8]).map_err(errno_of), Err(Errno::AGAIN));
    assert_eq!(node.read(&mut []).map_err(errno_of), Ok(0));
    keyboard.tap(&["a"]);
    let mut text = String::new();
    while text.len() < 6 {
        assert!(readable(&node, 60));
        let mut buffer = [0; 2];
        let length = node.read(&mut buffer).expect("read");
        text.push_str(std::str::from_utf8(&buffer[..length]).expect("text"));
    }
    assert_eq!(text, "1e\n9e\n");
}

#[test]
fn a_bad_buffer_is_told_and_costs_no_key() {
    let _module = load();
    let node = open();
    let keys = letters(2);
    type_letters(&mut Keyboard::new(), &Evdev::keyboard(), &keys);
    assert!(readable(&node, 60));
    let memory = BadMemory::new();
    for (what, address) in memory.unwritable() {
        assert_eq!(
            raw::read(node.as_fd(), address, 64),
            Err(Errno::FAULT),
            "{what}"
        );
    }
    let lines = lines_for(&keys);
    // There is room for the first line only.
    let (address, line) = memory.before_the_edge(lines[0].len() + 1);
    let read = raw::read(node.as_fd(), address, 64);
    assert_eq!(read, Ok(line));
    assert_eq!(read_lines(&node, 3), lines[1..]);
}

#[test]
fn a_reader_sleeps_until_a_key_or_a_signal() {
    let module = load();
    let mut keyboard = Keyboard::new();
    let mut cat = Command::new("cat")
        .arg(NODE)
        .stdout(Stdio::piped())
        .spawn()
        .expect("cat");
    let stat = format!("/proc/{}/syscall", cat.id());
    let asleep = || {
        // In read, or in sendfile, of a file that is not the first three.
        wait_until("cat to sleep in a system call on the node", || {
            fs::read_to_string(&stat)
                .is_ok_and(|it| it.starts_with("0 0x3") || it.starts_with("40 "))
        });
    };
    asleep();
    keyboard.tap(&["a"]);
    let mut stdout = BufReader::new(cat.stdout.take().expect("a pipe"));
    let mut line = String::new();
    stdout.read_line(&mut line).expect("read");
    assert_eq!(line, "1e\n");
    asleep();
    let module = module
        .unload()
        .expect_err("it is in use")
        .into_module(Errno::AGAIN);
    kill_process(Pid::from_child(&cat), Signal::TERM).expect("kill");
    assert_eq!(cat.wait().expect("wait").signal(), Some(15));
    module.unload().expect("unload");
}

#[test]
fn only_root_reads_what_is_typed() {
    let _module = load();
    let mode = fs::metadata(NODE).expect("the node").permissions().mode();
    assert_eq!(mode & 0o7777, 0o400);
    as_user(1000, || {
        assert_eq!(
            File::open(NODE).map_err(errno_of).err(),
            Some(Errno::ACCESS)
        );
    });
}

#[test]
fn the_line_is_shared_as_long_as_it_is_loaded() {
    assert_eq!(handlers(), "i8042");
    let module = load();
    assert_eq!(handlers(), "i8042, test_keyboard_irq_handler");
    module.unload().expect("unload");
    assert_eq!(handlers(), "i8042");
}

#[test]
fn another_filter_is_in_the_way() {
    let log = KernelLog::now();
    let other = Module::load("filter_taken", &[]).expect("the module loads");
    match Module::load("intrpt", &[]) {
        Err(LoadError::Refused(errno)) => assert_eq!(errno, Errno::BUSY),
        other => panic!("{other:?}"),
    }
    let lines = log.lines_with("intrpt: Another driver filters the keyboard: ");
    assert_eq!(lines.len(), 1);
    assert!(errno_named(&lines[0], Errno::BUSY), "{lines:?}");
    assert_eq!(handlers(), "i8042");
    assert!(!fs::exists(NODE).expect("stat"));
    other.unload().expect("unload");
    drop(load());
}

#[test]
fn loading_and_unloading_many_times_while_somebody_types() {
    let stop = AtomicBool::new(false);
    let (mut keyboard, evdev) = (Keyboard::new(), Evdev::keyboard());
    thread::scope(|scope| {
        let typist = scope.spawn(|| {
            while !stop.load(Relaxed) {
                type_letters(&mut keyboard, &evdev, &letters(26));
            }
        });
        for _ in 0..times("LKMPG_LOADS", 200) {
            let module = load();
            let node = open();
            assert!(typist.is_finished() || readable(&node, 60));
            drop(node);
            module.unload().expect("unload");
        }
        stop.store(true, Relaxed);
    });
    assert_eq!(handlers(), "i8042");
    type_letters(&mut keyboard, &evdev, &letters(26));
}
