// SPDX-License-Identifier: GPL-2.0-only

//! The device model: platform.

use lkmpg_tests::{KernelLog, Module, errno_of};
use rustix::io::Errno;
use std::{
    fs::{self, File},
    io::{Read as _, Seek as _},
    path::{Path, PathBuf},
    thread,
};

const DRIVER: &str = "/sys/bus/platform/drivers/platform";
// As ACPI calls them, and as device trees do.
#[cfg(target_arch = "x86_64")]
const NAMES: [&str; 4] = ["LKMP0001:00", "LKMP0001:01", "PRP0001:00", "QEMU0002:00"];
#[cfg(target_arch = "aarch64")]
const NAMES: [&str; 4] = ["door", "oven", "window", "9020000.fw-cfg"];
#[cfg(target_arch = "riscv64")]
const NAMES: [&str; 4] = ["door", "oven", "window", "10100000.fw-cfg"];
const DOOR: &str = NAMES[0];
const OVEN: &str = NAMES[1];
const WINDOW: &str = NAMES[2];
/// A device of QEMU's, which has no driver and none of the properties.
const STRANGER: &str = NAMES[3];

fn load() -> Module {
    Module::load("platform", &[]).expect("the module loads")
}

fn file(device: &str, name: &str) -> PathBuf {
    Path::new("/sys/bus/platform/devices")
        .join(device)
        .join(name)
}

fn get(device: &str, name: &str) -> String {
    fs::read_to_string(file(device, name)).expect("an attribute")
}

fn set_limit(text: &str) -> Result<(), Errno> {
    fs::write(file(DOOR, "limit"), text).map_err(errno_of)
}

fn bind(device: &str) -> Result<(), Errno> {
    fs::write(format!("{DRIVER}/bind"), device).map_err(errno_of)
}

fn unbind(device: &str) {
    fs::write(format!("{DRIVER}/unbind"), device).expect("unbind");
}

fn is_bound(device: &str) -> bool {
    file(device, "driver").exists()
}

#[test]
fn what_the_firmware_says_is_in_the_folder() {
    let log = KernelLog::now();
    let module = load();
    for (device, label, limit) in [(DOOR, "door\n", "42\n"), (WINDOW, "window\n", "85\n")] {
        assert!(is_bound(device), "{device}");
        assert_eq!(get(device, "label"), label);
        assert_eq!(get(device, "limit"), limit);
    }
    module.unload().expect("unload");
    let lines = log.lines();
    for device in [DOOR, WINDOW] {
        assert!(file(device, "modalias").exists(), "{device}");
        assert!(!is_bound(device), "{device}");
        assert!(!file(device, "limit").exists(), "{device}");
        assert!(lines.contains(&format!("platform {device}: Goodbye.")));
    }
}

#[test]
fn firmware_that_lies_is_refused() {
    let log = KernelLog::now();
    let _module = load();
    log.wait_for(&format!(
        "platform {OVEN}: limit-celsius is 300, and must be 0 to 125."
    ));
    assert!(!is_bound(OVEN));
    assert!(!file(OVEN, "limit").exists());
    assert_eq!(bind(OVEN), Err(Errno::INVAL));
}

#[test]
fn a_device_without_the_property_is_refused() {
    let _module = load();
    let choice = file(STRANGER, "driver_override");
    fs::write(&choice, "platform").expect("driver_override");
    let log = KernelLog::now();
    let answer = bind(STRANGER);
    fs::write(&choice, "\n").expect("driver_override");
    assert_eq!(answer, Err(Errno::INVAL));
    log.wait_for("property 'label' is missing");
    assert!(!is_bound(STRANGER));
}

#[test]
fn odd_limits_are_refused() {
    let _module = load();
    for text in ["0", "125\n", "9"] {
        assert_eq!(set_limit(text), Ok(()), "{text:?}");
        assert_eq!(get(DOOR, "limit").trim(), text.trim());
    }
    for (text, errno) in [
        ("126", Errno::RANGE),
        ("4294967296", Errno::RANGE),
        ("-1", Errno::INVAL),
        ("1 2", Errno::INVAL),
        ("\n", Errno::INVAL),
    ] {
        assert_eq!(set_limit(text), Err(errno), "{text:?}");
    }
    assert_eq!(get(DOOR, "limit"), "9\n");
    let answer = fs::write(file(DOOR, "label"), "x").map_err(errno_of);
    assert_eq!(answer, Err(Errno::ACCESS));
}

/// What was set is of the binding. One device's is not the other's.
#[test]
fn each_binding_begins_anew() {
    let _module = load();
    for _ in 0..20 {
        assert_eq!(set_limit("7"), Ok(()));
        assert_eq!(get(WINDOW, "limit"), "85\n");
        unbind(DOOR);
        assert!(!file(DOOR, "limit").exists());
        assert!(is_bound(WINDOW));
        assert_eq!(bind(DOOR), Ok(()));
        assert_eq!(get(DOOR, "limit"), "42\n");
    }
}

/// Reads an attribute until that fails, while something is done that unbinds the device.
fn is_read_while(goes: impl FnOnce()) {
    let mut file = File::open(file(DOOR, "label")).expect("open");
    let mut idle = file.try_clone().expect("another");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        loop {
            text.clear();
            let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
            match read {
                Ok(_) => assert_eq!(text, "door\n"),
                Err(error) => return errno_of(error),
            }
        }
    });
    goes();
    assert_eq!(reader.join().expect("the reader"), Errno::NODEV);
    let error = idle.read(&mut [0; 10]).expect_err("no device");
    assert_eq!(errno_of(error), Errno::NODEV);
}

#[test]
fn it_is_unbound_while_somebody_reads() {
    let _module = load();
    for _ in 0..10 {
        is_read_while(|| unbind(DOOR));
        assert_eq!(bind(DOOR), Ok(()));
    }
}

#[test]
fn the_module_goes_while_somebody_reads() {
    let module = load();
    is_read_while(|| module.unload().expect("unload"));
}
