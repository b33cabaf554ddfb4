// SPDX-License-Identifier: GPL-2.0-only

//! GPIO chips that do not exist, and what is at the end of their lines: the kernel's gpio-sim.

use rustix::{
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount, unmount},
};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const CONFIGFS: &str = "/sys/kernel/config";

/// A chip, which goes when this is dropped.
#[derive(Debug)]
pub struct GpioChip {
    folder: PathBuf,
}

impl GpioChip {
    /// Makes a chip with a label and so many lines, all of which are pulled down.
    pub fn new(label: &str, lines: u16) -> Self {
        // As in Debian's kernels it may be a module, which brings configfs; and if not, this does nothing.
        let _ = Command::new("modprobe").arg("gpio-sim").output();
        match mount("none", CONFIGFS, "configfs", MountFlags::empty(), None) {
            // A second chip.
            Ok(()) | Err(Errno::BUSY) => {}
            Err(errno) => panic!("mount configfs: {errno}"),
        }
        let folder = Path::new(CONFIGFS).join("gpio-sim").join(label);
        let bank = folder.join("bank");
        fs::create_dir(&folder).expect("a kernel with CONFIG_GPIO_SIM");
        fs::create_dir(&bank).expect("a bank");
        let set = |file: PathBuf, value: &str| fs::write(file, value).expect("configfs");
        set(bank.join("label"), label);
        set(bank.join("num_lines"), &lines.to_string());
        set(folder.join("live"), "1");
        Self { folder }
    }

    /// Its name, as that of its node in `/dev`. It has another one each time it comes back.
    pub fn name(&self) -> String {
        self.read("bank/chip_name")
    }

    fn read(&self, name: &str) -> String {
        let text = fs::read_to_string(self.folder.join(name)).expect("configfs");
        text.trim().to_owned()
    }

    /// Pulls a line up or down. If nobody drives it, that is what it is from now on.
    pub fn pull(&self, line: u16, up: bool) {
        assert!(self.try_pull(line, up), "the chip has gone");
    }

    /// The same, if the chip is there.
    pub fn try_pull(&self, line: u16, up: bool) -> bool {
        let pull = if up { "pull-up" } else { "pull-down" };
        fs::write(self.file(line, "pull"), pull).is_ok()
    }

    /// Whether a line is high.
    pub fn is_high(&self, line: u16) -> bool {
        let value = fs::read_to_string(self.file(line, "value")).expect("value");
        value == "1\n"
    }

    fn file(&self, line: u16, name: &str) -> PathBuf {
        let device = Path::new("/sys/devices/platform").join(self.read("dev_name"));
        let line = device.join(self.name()).join(format!("sim_gpio{line}"));
        line.join(name)
    }

    /// Takes the chip away, though somebody has its lines, or brings it back.
    pub fn plug(&self, there: bool) {
        fs::write(self.folder.join("live"), if there { "1" } else { "0" }).expect("live");
    }
}

impl Drop for GpioChip {
    fn drop(&mut self) {
        // If something here fails, a test has failed on that already.
        let _ = fs::write(self.folder.join("live"), "0");
        let _ = fs::remove_dir(self.folder.join("bank"));
        let _ = fs::remove_dir(&self.folder);
        let _ = unmount(CONFIGFS, UnmountFlags::empty());
    }
}
