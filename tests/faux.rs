// SPDX-License-Identifier: GPL-2.0-only

//! The device model: faux.

use lkmpg_tests::{Module, errno_of};
use rustix::io::Errno;
use std::{
    fs::{self, File},
    io::{Read as _, Seek as _},
    path::Path,
    thread,
};

const DEVICE: &str = "/sys/devices/faux/lamp";
const LEVEL: &str = "/sys/devices/faux/lamp/level";

fn load() -> Module {
    Module::load("faux", &[]).expect("the module loads")
}

fn level() -> String {
    fs::read_to_string(LEVEL).expect("the level")
}

fn set(text: &str) -> Result<(), Errno> {
    fs::write(LEVEL, text).map_err(errno_of)
}

#[test]
fn the_device_is_bound_and_has_its_attribute() {
    let module = load();
    let driver = fs::read_link(format!("{DEVICE}/driver")).expect("a driver");
    assert!(driver.ends_with("faux_driver"), "{driver:?}");
    assert_eq!(level(), "0\n");
    for text in ["0", "7\n", "255"] {
        assert_eq!(set(text), Ok(()));
        assert_eq!(level().trim(), text.trim());
    }
    module.unload().expect("unload");
    assert!(!Path::new(DEVICE).exists());
}

#[test]
fn odd_levels_are_refused() {
    let _module = load();
    set("9").expect("a level");
    for (text, errno) in [
        ("256", Errno::RANGE),
        ("-1", Errno::INVAL),
        ("1 2", Errno::INVAL),
        ("x", Errno::INVAL),
        ("\n", Errno::INVAL),
        ("1\0", Errno::INVAL),
    ] {
        assert_eq!(set(text), Err(errno), "{text:?}");
    }
    assert_eq!(level(), "9\n");
}

/// An open attribute does not keep the module, and is no way to a device that has gone.
#[test]
fn an_open_attribute_fails_when_the_device_is_gone() {
    let module = load();
    let mut file = File::open(LEVEL).expect("open");
    module.unload().expect("unload");
    let error = file.read_to_end(&mut Vec::new()).expect_err("no device");
    assert_eq!(errno_of(error), Errno::NODEV);
}

#[test]
fn the_device_goes_while_it_is_read() {
    let module = load();
    let mut file = File::open(LEVEL).expect("open");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        loop {
            text.clear();
            let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
            match read {
                Ok(_) => assert_eq!(text, "0\n"),
                Err(e) => return errno_of(e),
            }
        }
    });
    module.unload().expect("unload");
    assert_eq!(reader.join().expect("the reader"), Errno::NODEV);
}

/// The name of a device that is there is taken.
#[test]
fn it_comes_and_goes() {
    for _ in 0..20 {
        load().unload().expect("unload");
    }
}
