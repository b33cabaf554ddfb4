// SPDX-License-Identifier: GPL-2.0-only

//! The serial port's chip, as uart sets it up, and a line that has hardly any room.

use lkmpg_tests::{Module, PciDevice, module_file, open_node, ready, skip, wait_until};
use rustix::{
    event::PollFlags,
    fs::OFlags,
    io::{Errno, write},
};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    time::Duration,
};

const DEVICE: PciDevice = PciDevice::new(0x1b36, 0x0002);

// Where the registers are: what is interrupted for, the form of a byte, and the lines of the modem. Where
// the form says so, the first two are what the clock is divided by.
const INTERRUPTS: u64 = 1;
const FORM: u64 = 3;
const MODEM: u64 = 4;
const DIVISOR: u8 = 0x80;

/// What is written at once, or not at all; and what the driver keeps in each direction.
const PIECE: usize = 256;
const KEPT: usize = 4096;

fn load(parameter: &str) -> Module {
    Module::load("uart", &[parameter]).expect("the module loads")
}

/// The runner leaves out `tests/uart.rs` where it is not.
fn is_built() -> bool {
    let is_built = module_file("uart").exists();
    if !is_built {
        skip("there is no uart for this kernel");
    }
    is_built
}

/// Its registers, behind the driver's back.
fn ports() -> File {
    let file = DEVICE.folder().expect("the device").join("resource0");
    let ports = File::options().read(true).write(true).open(file);
    ports.expect("its ports")
}

fn byte(ports: &File, at: u64) -> u8 {
    let mut byte = [0];
    ports.read_exact_at(&mut byte, at).expect("inb");
    byte[0]
}

/// What the clock is divided by. Nothing may interrupt meanwhile.
fn divisor(ports: &File) -> u16 {
    let form = byte(ports, FORM);
    ports.write_all_at(&[form | DIVISOR], FORM).expect("outb");
    let divisor = u16::from_le_bytes([byte(ports, 0), byte(ports, 1)]);
    ports.write_all_at(&[form], FORM).expect("outb");
    divisor
}

#[test]
fn it_has_eight_bits_and_its_speed_and_says_that_somebody_is_here() {
    if !is_built() {
        return;
    }
    for (baud, expected) in [(115_200, 1), (9600, 12), (50, 2304)] {
        let module = load(&format!("baud={baud}"));
        let ports = ports();
        assert_eq!(byte(&ports, FORM), 0x03, "no parity, one stop bit");
        // Present, ready to receive, and with its interrupt connected.
        assert_eq!(byte(&ports, MODEM), 0x0b);
        // Of bytes that come in, and lines that change; and nothing is to be sent.
        assert_eq!(byte(&ports, INTERRUPTS), 0x09);
        let mute = DEVICE.change(0, PciDevice::NO_INTERRUPT);
        assert_eq!(divisor(&ports), expected, "{baud}");
        drop((mute, ports));
        module.unload().expect("nobody has it open");
    }
}

#[test]
fn without_its_driver_it_is_silent() {
    if !is_built() {
        return;
    }
    load("baud=115200").unload().expect("nobody has it open");
    // The driver has had it answer no more.
    let enable = DEVICE.folder().expect("the device").join("enable");
    fs::write(&enable, "1").expect("enable");
    let ports = ports();
    let lines = (byte(&ports, INTERRUPTS), byte(&ports, MODEM));
    drop(ports);
    fs::write(&enable, "0").expect("enable");
    assert_eq!(lines, (0, 0));
}

/// Who polls wants to write a piece, not a byte.
#[test]
fn a_line_with_room_for_less_than_a_piece_is_not_ready() {
    if !is_built() {
        return;
    }
    let _module = load("loopback=1");
    let file = open_node("/dev/uart", OFlags::RDWR | OFlags::NONBLOCK);
    // Both directions are full then, but for less than a piece.
    let mut sent = 100;
    assert_eq!(write(&file, &[7; 100]), Ok(sent));
    wait_until("a line that is full", || {
        match write(&file, &[7; PIECE]) {
            Ok(length) => sent += length,
            Err(errno) => assert_eq!(errno, Errno::AGAIN),
        }
        sent > 2 * KEPT - PIECE
    });
    wait_until("room for a byte", || write(&file, &[7]) == Ok(1));
    let what = ready(&file, PollFlags::OUT, Some(Duration::ZERO));
    assert_eq!(what, PollFlags::empty());
    wait_until("room for another one", || write(&file, &[7]) == Ok(1));
}
