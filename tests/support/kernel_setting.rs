// SPDX-License-Identifier: GPL-2.0-only

//! A setting of the kernel's, for a while.

use std::{fs, path::PathBuf};

/// A file with a setting, which is as before when this is dropped.
#[derive(Debug)]
pub struct KernelSetting {
    file: PathBuf,
    before: String,
}

impl KernelSetting {
    /// Writes a value to the file.
    pub fn new(file: impl Into<PathBuf>, value: &str) -> Self {
        let file = file.into();
        let before = fs::read_to_string(&file);
        let before = before.unwrap_or_else(|it| panic!("{}: {it}", file.display()));
        fs::write(&file, value).unwrap_or_else(|it| panic!("{}: {it}", file.display()));
        Self { file, before }
    }

    /// Has the kernel load no module by itself. It looks for one where a device is opened whose
    /// module is gone, and would find another with that number; who opens a netlink socket has it
    /// ask, which may come true after the end.
    pub fn no_modprobe() -> Self {
        Self::new("/proc/sys/kernel/modprobe", "\n")
    }
}

impl Drop for KernelSetting {
    fn drop(&mut self) {
        let _ = fs::write(&self.file, &self.before);
    }
}
