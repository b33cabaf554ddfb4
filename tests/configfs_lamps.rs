// SPDX-License-Identifier: GPL-2.0-only

//! configfs_lamps.

use lkmpg_tests::{Configfs, KernelLog, Module, errno_of};
use rustix::io::Errno;
use std::{fs, io::Read as _, path::Path, thread};

fn lamps() -> &'static Path {
    Path::new("/sys/kernel/config/lamps")
}

/// The module, with configfs mounted, which goes first: a configfs that is a module is unloaded
/// with what it was loaded for.
struct Lamps {
    _mounted: Configfs,
    module: Option<Module>,
}

impl Lamps {
    fn load() -> Self {
        let module = Module::load("configfs_lamps", &[]).expect("the module loads");
        Self {
            _mounted: Configfs::mount(),
            module: Some(module),
        }
    }
}

impl Drop for Lamps {
    fn drop(&mut self) {
        for lamp in fs::read_dir(lamps()).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(lamp.path());
        }
    }
}

fn made() -> String {
    fs::read_to_string(lamps().join("made")).expect("made")
}

#[test]
fn mkdir_makes_a_lamp_and_rmdir_removes_it() {
    let mut loaded_lamps = Lamps::load();
    let log = KernelLog::now();
    let kitchen = lamps().join("kitchen");
    fs::create_dir(&kitchen).expect("mkdir");
    assert_eq!(log.lines(), ["configfs_lamps: The lamp kitchen is there."]);
    assert_eq!(made(), "1\n");
    let brightness = kitchen.join("brightness");
    assert_eq!(fs::read_to_string(&brightness).expect("read"), "0\n");
    for value in ["1", "100", "0", "40\n"] {
        fs::write(&brightness, value).expect("write");
        let seen = fs::read_to_string(&brightness).expect("read");
        assert_eq!(seen.trim(), value.trim());
    }
    for (value, expected) in [
        ("101", Errno::INVAL),
        ("-1", Errno::INVAL),
        ("bright", Errno::INVAL),
        ("4294967296", Errno::RANGE),
    ] {
        let error = fs::write(&brightness, value).map_err(errno_of);
        assert_eq!(error, Err(expected), "{value}");
    }
    assert_eq!(
        fs::read_to_string(&brightness).expect("read"),
        "40\n",
        "it stays"
    );

    let again = fs::create_dir(&kitchen).map_err(errno_of);
    assert_eq!(again, Err(Errno::EXIST));
    // A lamp has nothing in it that could be made.
    let inner = fs::create_dir(kitchen.join("inner")).map_err(errno_of);
    assert_eq!(inner, Err(Errno::PERM));

    // As long as there is one, the module stays.
    let loaded = loaded_lamps.module.take().expect("the module");
    loaded_lamps.module = Some(loaded.unload().expect_err("a lamp is there").busy());
    assert!(log.lines().is_empty());
    fs::remove_dir(&kitchen).expect("rmdir");
    assert_eq!(log.lines(), ["configfs_lamps: The lamp kitchen is gone."]);
}

#[test]
fn an_open_attribute_ends_with_its_lamp() {
    let _module = Lamps::load();
    let log = KernelLog::now();
    let hall = lamps().join("hall");
    fs::create_dir(&hall).expect("mkdir");
    let mut open = fs::File::open(hall.join("brightness")).expect("open");
    fs::remove_dir(&hall).expect("rmdir");
    let both = ["there", "gone"].map(|it| format!("configfs_lamps: The lamp hall is {it}."));
    assert_eq!(log.lines(), both);
    let seen = open.read(&mut [0; 10]).map_err(errno_of);
    assert_eq!(seen, Err(Errno::NOENT));
}

#[test]
fn many_at_the_same_time() {
    let _module = Lamps::load();
    thread::scope(|scope| {
        for n in 0..4 {
            scope.spawn(move || {
                for _ in 0..50 {
                    let lamp = lamps().join(format!("lamp-{n}"));
                    fs::create_dir(&lamp).expect("mkdir");
                    fs::write(lamp.join("brightness"), format!("{n}")).expect("write");
                    let seen = fs::read_to_string(lamp.join("brightness")).expect("read");
                    assert_eq!(seen, format!("{n}\n"));
                    fs::remove_dir(&lamp).expect("rmdir");
                }
            });
        }
    });
    assert_eq!(made(), "200\n");
}
