// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 10: kbleds.

use lkm::raw;
use lkmpg_tests::{Evdev, KernelLog, Keyboard, LoadError, Module, wait_until};
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
};
use std::{fs, os::fd::AsFd as _, process::Command};

/// The keyboard's lights, by evdev's numbers.
const NUM: u16 = 0;
const CAPS: u16 = 1;
const SCROLL: u16 = 2;

/// Hangs up a terminal, for who may do so.
const TIOCVHANGUP: u32 = 0x5437;

fn load(parameters: &[&str]) -> Module {
    Module::load("kbleds", parameters).expect("the module loads")
}

/// Waits until these lights are on and no others.
fn wait_for(keyboard: &Evdev, wanted: &[u16]) {
    wait_until(&format!("the lights {wanted:?}"), || {
        keyboard.lights() == wanted
    });
}

#[test]
fn they_blink_in_the_pattern() {
    let keyboard = Evdev::keyboard();
    let _module = load(&["pattern=1242"]);
    let seen = keyboard.wait_for_lights(9);
    let steps = [
        &[(SCROLL, true)][..],
        &[(SCROLL, false), (NUM, true)],
        &[(NUM, false), (CAPS, true)],
        &[(NUM, true), (CAPS, false)],
        &[(SCROLL, true), (NUM, false)],
    ];
    assert_eq!(seen[..9], steps.concat());
}

/// Who has ended can use no files any more.
#[test]
fn they_show_the_keys_when_a_process_ends_that_had_them() {
    let keyboard = Evdev::keyboard();
    let module = Module::load("lights", &[]).expect("the module loads");
    let shell = Command::new("/bin/sh")
        .args(["-c", "exec 3</dev/lights"])
        .status();
    assert!(shell.expect("a shell").success());
    assert_eq!(
        keyboard.wait_for_lights(2)[..2],
        [(NUM, true), (NUM, false)]
    );
    // A thread has given them back.
    wait_until("nobody to use it", || {
        fs::read_to_string("/sys/module/lights/refcnt").is_ok_and(|it| it == "0\n")
    });
    module.unload().expect("nobody uses it");
}

#[test]
fn they_show_the_keys_afterwards() {
    let keyboard = Evdev::keyboard();
    let mut keys = Keyboard::new();
    keys.tap(&["caps_lock"]);
    wait_for(&keyboard, &[CAPS]);
    // One step, for ever.
    let module = load(&["pattern=2", "period_ms=100000"]);
    wait_for(&keyboard, &[NUM]);
    module.unload().expect("nobody uses it");
    wait_for(&keyboard, &[CAPS]);

    // What is pressed meanwhile is seen afterwards.
    let module = load(&["pattern=2"]);
    wait_for(&keyboard, &[NUM]);
    keys.tap(&["caps_lock"]);
    module.unload().expect("nobody uses it");
    wait_for(&keyboard, &[]);
}

#[test]
fn a_hang_up_is_survived() {
    let keyboard = Evdev::keyboard();
    let module = load(&["pattern=20"]);
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let terminal = open("/dev/tty1", flags, Mode::empty()).expect("the terminal");
    raw::ioctl(terminal.as_fd(), TIOCVHANGUP, 0.into()).expect("hang up");
    drop(terminal);
    // What was before does not count.
    keyboard.lights();
    keyboard.wait_for_lights(4);
    module.unload().expect("nobody uses it");
    wait_for(&keyboard, &[]);
}

#[test]
fn a_keyboard_may_be_unplugged() {
    let plug = plug();
    let module = load(&["pattern=20"]);
    plug(false);
    plug(true);
    let keyboard = Evdev::keyboard();
    keyboard.wait_for_lights(4);
    module.unload().expect("nobody uses it");
    wait_for(&keyboard, &[]);

    // Gone when the module goes.
    let module = load(&[]);
    plug(false);
    module.unload().expect("nobody uses it");
    plug(true);
}

/// Has the keyboard's driver let go of it, or take it.
fn plug() -> impl Fn(bool) {
    let (drvctl, virtio) = (
        "/sys/bus/serio/devices/serio0/drvctl",
        "/sys/bus/virtio/drivers/virtio_input",
    );
    let devices = fs::read_dir(virtio).into_iter().flatten().flatten();
    let names = devices.map(|it| it.file_name().into_string().expect("UTF-8"));
    let device = { names }.find(|it| it.starts_with("virtio"));
    move |plugged| {
        let (file, what) = match (&device, plugged) {
            (None, true) => (drvctl.to_owned(), "atkbd"),
            (None, false) => (drvctl.to_owned(), "none"),
            (Some(device), true) => (format!("{virtio}/bind"), &**device),
            (Some(device), false) => (format!("{virtio}/unbind"), &**device),
        };
        fs::write(&file, what).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for (parameter, errno, words) in [
        ("pattern=", Errno::INVAL, "each step is a digit"),
        ("pattern=8", Errno::INVAL, "pattern=8: each step is a digit"),
        ("period_ms=0", Errno::INVAL, "period_ms must be at least 1"),
        ("terminal=ttyS1", Errno::NOTTY, "ttyS1 has no lights"),
        ("terminal=null", Errno::NODEV, "null has no lights"),
        ("terminal=nosuch", Errno::NOENT, "nosuch has no lights"),
    ] {
        let log = KernelLog::now();
        let error = Module::load("kbleds", &[parameter]).expect_err(parameter);
        assert!(
            matches!(error, LoadError::Refused(it) if it == errno),
            "{parameter}: {error}"
        );
        let lines = log.lines();
        assert!(lines.iter().any(|it| it.contains(words)), "{lines:?}");
    }
}
