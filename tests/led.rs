// SPDX-License-Identifier: GPL-2.0-only

//! GPIO: led.

use lkmpg_tests::{GpioChip, KernelLog, LoadError, Module, errno_named, errno_of, skip};
use rustix::io::Errno;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
    thread,
};

const LIT: &str = "/sys/devices/faux/led/lit";

fn load(parameters: &[&str]) -> Module {
    Module::load("led", parameters).expect("the module loads")
}

fn refused(parameters: &[&str]) -> Errno {
    match Module::load("led", parameters).expect_err("it is refused") {
        LoadError::Refused(errno) => errno,
        error => panic!("{error}"),
    }
}

fn set(text: &str) -> Result<(), Errno> {
    fs::write(LIT, text).map_err(errno_of)
}

fn lit() -> Result<String, Errno> {
    fs::read_to_string(LIT).map_err(errno_of)
}

/// Runs a program of the package gpiod on a line. Since version 2 they have an option for the chip.
fn gpio(program: &str, chip: &GpioChip, line: &str) -> Output {
    let version = Command::new(program).arg("--version").output();
    let version = version.expect("it runs").stdout;
    let mut command = Command::new(program);
    if !String::from_utf8_lossy(&version).contains("v1.") {
        command.arg("-c");
    }
    command
        .args([&*chip.name(), line])
        .output()
        .expect("it runs")
}

#[test]
fn the_line_is_what_was_written() {
    let chip = GpioChip::new("board", 4);
    let module = load(&["chip=board", "line=2"]);
    assert_eq!(lit().as_deref(), Ok("0\n"));
    for on in [true, false, true] {
        let text = format!("{}\n", u8::from(on));
        assert_eq!(set(&text), Ok(()));
        assert_eq!(lit(), Ok(text));
        assert_eq!(chip.is_high(2), on);
    }
    for line in [0, 1, 3] {
        assert!(!chip.is_high(line), "{line} is somebody else's");
    }
    // A pull is weaker than who drives the line, until it is given back.
    chip.pull(2, false);
    assert!(chip.is_high(2));
    module.unload().expect("unload");
    assert!(!chip.is_high(2));
}

#[test]
fn a_lamp_may_shine_when_it_is_low() {
    let chip = GpioChip::new("board", 1);
    let _module = load(&["active_low=1"]);
    assert!(chip.is_high(0));
    assert_eq!(set("1"), Ok(()));
    assert!(!chip.is_high(0));
    assert_eq!(lit().as_deref(), Ok("1\n"));
}

#[test]
fn odd_words_are_refused() {
    let chip = GpioChip::new("board", 1);
    let _module = load(&[]);
    set("1").expect("lit");
    for (text, errno) in [
        ("2", Errno::RANGE),
        ("-1", Errno::RANGE),
        ("99999999999", Errno::RANGE),
        ("on", Errno::INVAL),
        ("\n", Errno::INVAL),
        ("0 0", Errno::INVAL),
    ] {
        assert_eq!(set(text), Err(errno), "{text:?}");
    }
    assert!(chip.is_high(0));
}

#[test]
fn a_load_says_what_is_not_there() {
    let chip = GpioChip::new("board", 2);
    let log = KernelLog::now();
    for (parameters, errno) in [
        (&["chip=nothing"][..], Errno::NODEV),
        (&["chip="], Errno::NODEV),
        (&["line=2"], Errno::INVAL),
        // To C, this number would be the line that is called `board`.
        (&["line=65535"], Errno::INVAL),
    ] {
        assert_eq!(refused(parameters), errno, "{parameters:?}");
        let lines = log.lines_with("faux_driver led: no line");
        let [line] = &*lines else {
            panic!("{parameters:?}: {lines:?}");
        };
        assert!(line.contains("/sys/kernel/debug/gpio"), "{line}");
    }
    assert_eq!(refused(&["line=-1"]), Errno::INVAL);
    assert_eq!(refused(&["line=65536"]), Errno::RANGE);
    drop(chip);
    assert_eq!(
        refused(&[]),
        Errno::NODEV,
        "the number of `EPROBE_DEFER` is 517"
    );
}

#[test]
fn a_line_has_one_owner() {
    let _chip = GpioChip::new("board", 2);
    let module = load(&["line=1"]);
    let log = KernelLog::now();
    let error = Module::load("gpio_button", &["line=1"]).expect_err("the line is taken");
    assert!(matches!(error, LoadError::Refused(Errno::BUSY)), "{error}");
    let line = log.wait_for("faux_driver button: no line 1 of board");
    assert!(errno_named(&line, Errno::BUSY), "{line}");

    let debug = fs::read_to_string("/sys/kernel/debug/gpio").expect("debugfs");
    assert!(debug.contains("gpio-1   (led) output-low"), "{debug}");

    module.unload().expect("unload");
    load(&["line=1"]).unload().expect("unload");
}

#[test]
fn other_programs_do_not_get_it() {
    let chip = GpioChip::new("board", 2);
    let module = load(&["line=1"]);
    let free = gpio("gpioget", &chip, "0");
    if String::from_utf8_lossy(&free.stderr).contains("Invalid argument") {
        drop(module);
        return skip("gpiod 1 needs CONFIG_GPIO_CDEV_V1");
    }
    assert!(free.status.success(), "{free:?}");
    let taken = gpio("gpioget", &chip, "1");
    assert!(!taken.status.success());
    let error = String::from_utf8_lossy(&taken.stderr);
    assert!(error.contains("busy"), "{error}");
    module.unload().expect("unload");
    let free = gpio("gpioget", &chip, "1");
    assert!(free.status.success(), "{free:?}");
}

#[test]
fn the_chip_goes_and_comes() {
    let chip = GpioChip::new("board", 1);
    let module = load(&[]);
    set("1").expect("lit");
    chip.plug(false);
    assert_eq!(set("0"), Err(Errno::NODEV));
    assert_eq!(lit(), Err(Errno::NODEV));
    // A chip of the same name is another one.
    chip.plug(true);
    assert_eq!(lit(), Err(Errno::NODEV));
    module.unload().expect("unload");
    let module = load(&[]);
    assert_eq!(set("1"), Ok(()));
    assert!(chip.is_high(0));
    module.unload().expect("unload");
}

#[test]
fn the_chip_goes_while_it_is_used() {
    for _ in 0..10 {
        let chip = GpioChip::new("board", 1);
        let module = load(&[]);
        let user = thread::spawn(|| {
            let mut errno = None;
            for on in ["1", "0"].iter().cycle() {
                errno = errno.or(set(on).and_then(|()| lit()).err());
                if errno.is_some() {
                    break;
                }
            }
            errno
        });
        chip.plug(false);
        assert_eq!(user.join().expect("the user"), Some(Errno::NODEV));
        module.unload().expect("unload");
    }
    assert!(!Path::new(LIT).exists());
}
