// SPDX-License-Identifier: GPL-2.0-only

//! I²C: i2c_sensor.

use lkmpg_tests::{I2cChip, KernelLog, Module, as_user, errno_of};
use rustix::io::Errno;
use std::{
    fs::{self, File},
    io::{Read as _, Seek as _},
    os::unix::fs::FileExt as _,
    path::PathBuf,
    thread,
};

const ADDRESS: u8 = 0x48;
const NAME: &str = "i2c_sensor";

/// A chip, the module, and a device that it has.
fn load() -> Option<(I2cChip, Module)> {
    let chip = I2cChip::new(ADDRESS)?;
    let module = Module::load(NAME, &[]).expect("the module loads");
    chip.add(NAME, ADDRESS);
    Some((chip, module))
}

/// A file of the chip's, if it has files.
fn file(chip: &I2cChip, name: &str) -> Option<PathBuf> {
    let folder = fs::read_dir(chip.device(ADDRESS).join("hwmon")).ok()?;
    let folder = folder.flatten().next().expect("a folder");
    Some(folder.path().join(name))
}

fn read(chip: &I2cChip, name: &str) -> i64 {
    let file = file(chip, name).expect("a driver");
    let text = fs::read_to_string(file).expect("a value");
    text.trim().parse().expect("a number")
}

fn write(chip: &I2cChip, name: &str, value: &str) -> Result<(), Errno> {
    let file = file(chip, name).expect("a driver");
    fs::write(file, value).map_err(errno_of)
}

#[test]
fn the_temperature_is_the_chips() {
    let Some((chip, module)) = load() else {
        return;
    };
    for (word, millidegrees) in [
        (0x0000, 0),
        (0x8015, 21_500),
        (0xff7f, 127_996),
        (0x00ff, -1_000),
        (0x80ff, -500),
        (0x0080, -128_000),
        (0xf0ff, -62),
    ] {
        chip.set_word(0, word);
        assert_eq!(read(&chip, "temp1_input"), millidegrees, "{word:#06x}");
    }
    let name = file(&chip, "name").expect("a driver");
    assert_eq!(fs::read_to_string(name).expect("name"), "i2c_sensor\n");
    chip.remove(ADDRESS);
    module.unload().expect("unload");
}

#[test]
fn a_limit_is_set_in_halves_of_a_degree() {
    let Some((chip, module)) = load() else {
        return;
    };
    for (text, register, set) in [
        ("80000", 0x0050_u16, 80_000),
        ("80249\n", 0x0050, 80_000),
        ("80250", 0x8050, 80_500),
        ("-1", 0x0000, 0),
        ("-500", 0x80ff, -500),
        ("-750", 0x80ff, -500),
        ("-55000", 0x00c9, -55_000),
        ("-9223372036854775808", 0x00c9, -55_000),
        ("9223372036854775807", 0x007d, 125_000),
    ] {
        for (name, number) in [("temp1_max", 3), ("temp1_max_hyst", 2)] {
            assert_eq!(write(&chip, name, text), Ok(()), "{text}");
            assert_eq!(chip.word(number), register, "{text}");
            assert_eq!(read(&chip, name), set, "{text}");
        }
    }
    for (text, errno) in [
        ("", Errno::INVAL),
        ("warm", Errno::INVAL),
        ("1.5", Errno::INVAL),
        ("9223372036854775808", Errno::RANGE),
    ] {
        let written = write(&chip, "temp1_max", text);
        // Nothing is written then.
        let expected = if text.is_empty() { Ok(()) } else { Err(errno) };
        assert_eq!(written, expected, "{text:?}");
    }
    assert_eq!(write(&chip, "temp1_input", "1"), Err(Errno::ACCESS));
    as_user(1000, || {
        assert_eq!(write(&chip, "temp1_max", "1"), Err(Errno::ACCESS));
        assert_eq!(read(&chip, "temp1_max"), 125_000);
    });
    chip.remove(ADDRESS);
    module.unload().expect("unload");
}

/// There is nobody at that address: i2c-stub's own answer is `ENODEV`.
#[test]
fn a_chip_that_does_not_answer_is_not_bound() {
    let Some((chip, module)) = load() else {
        return;
    };
    let log = KernelLog::now();
    chip.add(NAME, ADDRESS + 1);
    let line = log.wait_for("no answer");
    assert!(line.starts_with("i2c_sensor "), "{line}");
    assert!(line.contains("-0049"), "{line}");
    let bound = chip.device(ADDRESS + 1).join("driver");
    assert!(!bound.exists());
    chip.remove(ADDRESS + 1);
    assert_eq!(read(&chip, "temp1_input"), 0, "the other one is");
    chip.remove(ADDRESS);
    module.unload().expect("unload");
}

#[test]
fn the_device_goes_while_a_file_is_open() {
    let Some((chip, module)) = load() else {
        return;
    };
    let mut open = File::open(file(&chip, "temp1_input").expect("a driver")).expect("open");
    chip.remove(ADDRESS);
    let error = open.read(&mut [0; 8]).expect_err("no device");
    assert_eq!(errno_of(error), Errno::NODEV);
    assert_eq!(file(&chip, "temp1_input"), None);
    // The next one is another device.
    chip.add(NAME, ADDRESS);
    let error = open.read(&mut [0; 8]).expect_err("no device");
    assert_eq!(errno_of(error), Errno::NODEV);
    assert_eq!(read(&chip, "temp1_input"), 0);
    module.unload().expect("a file does not keep it");
    assert_eq!(file(&chip, "temp1_input"), None);
    chip.remove(ADDRESS);
}

#[test]
fn the_device_goes_while_it_is_read() {
    let Some((chip, module)) = load() else {
        return;
    };
    for round in 0..10 {
        let path = file(&chip, "temp1_input").expect("a driver");
        let mut open = File::open(path).expect("open");
        let reader = thread::spawn(move || {
            let mut text = String::new();
            loop {
                text.clear();
                match open.rewind().and_then(|()| open.read_to_string(&mut text)) {
                    Ok(_) => assert_eq!(text, "0\n"),
                    Err(e) => return errno_of(e),
                }
            }
        });
        // By its address, and by its driver.
        if round % 2 == 0 {
            chip.remove(ADDRESS);
            chip.add(NAME, ADDRESS);
        } else {
            let driver = chip.device(ADDRESS).join("driver");
            let device = format!("{}-{ADDRESS:04x}", chip.bus());
            fs::write(driver.join("unbind"), &device).expect("unbind");
            fs::write("/sys/bus/i2c/drivers/i2c_sensor/bind", &device).expect("bind");
        }
        assert_eq!(reader.join().expect("the reader"), Errno::NODEV);
    }
    module.unload().expect("unload");
    chip.remove(ADDRESS);
}

#[test]
fn the_bus_goes_while_it_is_read() {
    let Some((chip, module)) = load() else {
        return;
    };
    let mut open = File::open(file(&chip, "temp1_input").expect("a driver")).expect("open");
    let reader = thread::spawn(move || {
        let mut text = String::new();
        loop {
            match open.rewind().and_then(|()| open.read_to_string(&mut text)) {
                Ok(_) => text.clear(),
                Err(e) => return errno_of(e),
            }
        }
    });
    drop(chip);
    assert_eq!(reader.join().expect("the reader"), Errno::NODEV);
    module.unload().expect("unload");
}

/// A driver in safe Rust that keeps the way to its chip.
#[test]
fn who_still_has_a_chip_that_is_gone_gets_nowhere() {
    const ODD: &str = "i2c_odd";
    let Some(chip) = I2cChip::new(ADDRESS) else {
        return;
    };
    let module = Module::load(ODD, &[]).expect("the module loads");
    chip.add(ODD, ADDRESS);
    let mut options = File::options();
    let file = options.read(true).write(true).open("/dev/i2c_odd");
    let file = file.expect("open");
    let mut byte = [0];
    for register in 0..=255 {
        file.write_at(b"x", register.into()).expect("write");
        file.read_at(&mut byte, register.into()).expect("read");
        assert_eq!(byte, [register]);
    }
    let is_gone = || {
        assert_eq!(
            file.read_at(&mut [0], 7).map_err(errno_of),
            Err(Errno::NODEV)
        );
        assert_eq!(file.write_at(b"x", 7).map_err(errno_of), Err(Errno::NODEV));
    };
    chip.remove(ADDRESS);
    is_gone();
    // The bus, too.
    drop(chip);
    is_gone();
    drop(file);
    module.unload().expect("unload");
}
