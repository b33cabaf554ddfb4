// SPDX-License-Identifier: GPL-2.0-only

//! Chips on an I²C bus that does not exist: the kernel's i2c-stub.

use crate::skip;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

const DEVICES: &str = "/sys/bus/i2c/devices";

/// A bus with one chip that has registers, which goes when this is dropped. A driver is looked for when
/// there is a [device](Self::add).
#[derive(Debug)]
pub struct I2cChip {
    bus: u32,
    address: u8,
}

impl I2cChip {
    /// Makes the bus, and on it a chip that answers at an address. All of its registers are 0. Where
    /// the kernel has no such bus, as Debian's for arm64, the test is skipped, and there is `None`.
    pub fn new(address: u8) -> Option<Self> {
        let found = Command::new("modinfo").args(["-n", "i2c-stub"]).output();
        if !found.is_ok_and(|it| it.status.success()) {
            skip("the kernel has no bus without wires (CONFIG_I2C_STUB)");
            return None;
        }
        let address_is = format!("chip_addr={address}");
        run("modprobe", &["i2c-stub", &address_is]);
        let buses = fs::read_dir(DEVICES).expect("a kernel with CONFIG_I2C");
        let mut buses = buses.flatten().filter_map(|it| {
            let name = it.file_name().into_string().ok()?;
            let number = name.strip_prefix("i2c-")?.parse().ok()?;
            let driver = fs::read_to_string(it.path().join("name")).ok()?;
            driver.contains("stub").then_some(number)
        });
        let bus = buses.next().expect("the bus of i2c-stub");
        Some(Self { bus, address })
    }

    /// The number of the bus.
    pub fn bus(&self) -> u32 {
        self.bus
    }

    /// Tells the kernel of a device of this name, at an address of the bus.
    pub fn add(&self, name: &str, address: u8) {
        fs::write(self.file("new_device"), format!("{name} {address}")).expect("new_device");
    }

    /// Takes the device away.
    pub fn remove(&self, address: u8) {
        fs::write(self.file("delete_device"), address.to_string()).expect("delete_device");
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(DEVICES).join(format!("i2c-{}/{name}", self.bus))
    }

    /// The folder of the device at an address.
    pub fn device(&self, address: u8) -> PathBuf {
        Path::new(DEVICES).join(format!("{}-{address:04x}", self.bus))
    }

    /// Has the chip answer with this word, the lower byte first (`i2cset`).
    pub fn set_word(&self, register: u8, word: u16) {
        run(
            "i2cset",
            &self.arguments(register, &[&word.to_string(), "w"]),
        );
    }

    /// What is in a register, the lower byte first (`i2cget`).
    pub fn word(&self, register: u8) -> u16 {
        let text = run("i2cget", &self.arguments(register, &["w"]));
        let digits = text.trim().trim_start_matches("0x");
        u16::from_str_radix(digits, 16).expect("a word")
    }

    fn arguments(&self, register: u8, more: &[&str]) -> Vec<String> {
        // A driver may have the chip, too.
        let numbers = [self.bus, self.address.into(), register.into()];
        let numbers = numbers.map(|it| it.to_string());
        let more = more.iter().map(|it| (*it).to_owned());
        let options = ["-f", "-y"].map(str::to_owned);
        options.into_iter().chain(numbers).chain(more).collect()
    }
}

impl Drop for I2cChip {
    fn drop(&mut self) {
        // With the bus, its devices go.
        let gone = Command::new("modprobe").args(["-r", "i2c-stub"]).status();
        let gone = gone.is_ok_and(|it| it.success());
        assert!(gone || thread::panicking(), "i2c-stub is in use");
    }
}

/// Runs a program, which must succeed, and returns what it says.
fn run(program: &str, arguments: &[impl AsRef<str>]) -> String {
    let arguments = arguments.iter().map(AsRef::as_ref);
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
