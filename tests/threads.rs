// SPDX-License-Identifier: GPL-2.0-only

//! The support crate's kernel threads and files, tried by a module.

use lkmpg_tests::{KernelLog, Module, Tmpfs};
use std::{fs, os::unix::fs::MetadataExt as _};

#[test]
fn threads_and_files_do_what_they_say() {
    let log = KernelLog::now();
    let disk = Tmpfs::new("threads", 1 << 20);
    let folder = format!("folder={}", disk.path().display());
    let loaded = Module::load("threads", &[&folder]);
    let module = loaded.unwrap_or_else(|error| panic!("{error}: {:?}", log.lines()));
    module.unload().expect("not in use");
    let made = fs::metadata(disk.file("threads")).expect("what it has made");
    assert_eq!(made.mode() & 0o7777, 0o640);
    // Nothing is left behind.
    assert_eq!(disk.unmount(), Ok(()));
}
