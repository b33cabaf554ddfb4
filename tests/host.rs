// SPDX-License-Identifier: GPL-2.0-only

//! The guest itself, and what a test asks of the host: typing, the far end of the serial line.

use lkmpg_tests::{Evdev, FarEnd, Keyboard, as_user};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::{
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::MetadataExt as _,
    process::Command,
    thread,
};

fn serial_port() -> File {
    let port = File::options()
        .read(true)
        .write(true)
        .open("/dev/ttyS1")
        .expect("/dev/ttyS1");
    let mut mode = tcgetattr(&port).expect("its mode");
    mode.make_raw();
    tcsetattr(&port, OptionalActions::Now, &mode).expect("its mode");
    port
}

#[test]
fn what_is_roots_on_a_distribution_is_roots_here() {
    for (path, mode) in [
        ("/sys/kernel/debug", 0o40_700),
        ("/dev/kmsg", 0o20_644),
        ("/dev", 0o40_755),
        ("/tmp", 0o41_777),
    ] {
        let it = fs::metadata(path).expect(path);
        assert_eq!(
            (it.uid(), format!("{:o}", it.mode())),
            (0, format!("{mode:o}")),
            "{path}"
        );
    }
    // The kernel's log is for everybody to read.
    let dmesg = as_user(1000, || Command::new("dmesg").output().expect("dmesg"));
    assert!(!dmesg.stdout.is_empty(), "{dmesg:?}");
}

#[test]
fn every_key_arrives_once_and_in_order() {
    const A: u16 = 30;
    let (mut keyboard, evdev) = (Keyboard::new(), Evdev::keyboard());
    for _ in 0..50 {
        keyboard.tap(&["a"; 10]);
        assert_eq!(evdev.wait_for_keys(20), [(A, true), (A, false)].repeat(10));
    }
}

#[test]
fn a_key_stays_pressed_until_it_is_released() {
    const SHIFT: u16 = 42;
    const B: u16 = 48;
    let (mut keyboard, evdev) = (Keyboard::new(), Evdev::keyboard());
    keyboard.press("shift");
    keyboard.tap(&["b"]);
    keyboard.release("shift");
    let expected = [(SHIFT, true), (B, true), (B, false), (SHIFT, false)];
    assert_eq!(evdev.wait_for_keys(4), expected);
}

#[test]
#[should_panic(expected = "the host does it")]
fn an_unknown_key_is_refused() {
    Keyboard::new().tap(&["no such key"]);
}

#[test]
fn what_is_written_to_the_serial_port_arrives_at_its_far_end() {
    let mut far_end = FarEnd::new();
    let bytes: Vec<u8> = (0..256 << 10).map(|it| (it % 251) as u8).collect();
    let sent = bytes.clone();
    let writer = thread::spawn(move || serial_port().write_all(&sent).expect("written"));
    assert!(far_end.read(bytes.len()) == bytes);
    writer.join().expect("written");
}

#[test]
fn what_the_far_end_sends_can_be_read_from_the_serial_port() {
    let mut port = serial_port();
    let mut bytes = [0; 5];
    FarEnd::new().write(b"hello");
    port.read_exact(&mut bytes).expect("bytes");
    assert_eq!(&bytes, b"hello");
}
