// SPDX-License-Identifier: GPL-2.0-only

//! What a test asks of the host: typing, and the far end of the serial line.

use lkmpg_tests::{FarEnd, Keyboard};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::{
    fs::File,
    io::{Read, Write},
    thread,
};

/// One event that evdev reports: its type, its code and its value.
type Event = (u16, u16, i32);

/// Reads events from evdev, as `struct input_event` with 64-bit times.
fn events(device: &mut File, count: usize) -> Vec<Event> {
    const SIZE: usize = 24;
    const EV_KEY: u16 = 1;
    let mut events = Vec::new();
    while events.len() < count {
        let mut record = [0; SIZE];
        device.read_exact(&mut record).expect("an event");
        let [kind, code] = [16, 18].map(|at| u16::from_le_bytes([record[at], record[at + 1]]));
        let value = i32::from_le_bytes(record[20..].try_into().expect("four bytes"));
        if kind == EV_KEY {
            events.push((kind, code, value));
        }
    }
    events
}

/// The input device of the keyboard.
fn keyboard() -> File {
    let list = std::fs::read_to_string("/proc/bus/input/devices").expect("input devices");
    let device = list
        .split("\n\n")
        .find(|it| it.contains("AT Translated Set 2 keyboard"));
    let handlers = device.and_then(|it| it.lines().find_map(|it| it.strip_prefix("H: Handlers=")));
    let handlers = handlers.expect("a keyboard");
    let event = handlers
        .split_whitespace()
        .find(|it| it.starts_with("event"));
    File::open(format!("/dev/input/{}", event.expect("an event device"))).expect("the device")
}

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
fn every_key_arrives_once_and_in_order() {
    const TAPS: usize = 500;
    const A: u16 = 30;
    let mut device = keyboard();
    let reader = thread::spawn(move || events(&mut device, 2 * TAPS));
    Keyboard::new().tap(&["a"; TAPS]);
    let expected = [(1, A, 1), (1, A, 0)].into_iter().cycle().take(2 * TAPS);
    assert!(reader.join().expect("events").into_iter().eq(expected));
}

#[test]
fn a_key_stays_pressed_until_it_is_released() {
    const SHIFT: u16 = 42;
    const B: u16 = 48;
    let mut device = keyboard();
    let mut keyboard = Keyboard::new();
    keyboard.press("shift");
    keyboard.tap(&["b"]);
    keyboard.release("shift");
    let expected = [(1, SHIFT, 1), (1, B, 1), (1, B, 0), (1, SHIFT, 0)];
    assert_eq!(events(&mut device, 4), expected);
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
