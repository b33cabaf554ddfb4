// SPDX-License-Identifier: GPL-2.0-only

//! Threads, timers, lines, values, files and so on of the support crate, used as nobody should.

use lkmpg_tests::{KernelLog, Module, open_node, skip};
use rustix::{
    fs::OFlags,
    io::{Errno, pwrite},
};
use std::{fs, io::Read as _, thread::available_parallelism};

#[test]
fn rough_use_does_no_harm() {
    let log = KernelLog::now();
    let liar = Module::load("liar", &[]).expect("the module loads");
    for _ in 0..2 {
        let loaded = Module::load("parts", &[]);
        let module = loaded.unwrap_or_else(|error| panic!("{error}: {:?}", log.lines()));
        module.unload().expect("not in use");
    }
    // Whether it is a tty was not asked of a driver that may do anything.
    assert_eq!(fs::read_to_string("/proc/liar").expect("the count"), "0\n");
    liar.unload().expect("not in use");
    if available_parallelism().is_ok_and(|it| it.get() == 1) {
        skip("one CPU has nobody who reads what is replaced");
    }
}

#[test]
fn values_are_whole_and_end_where_they_end() {
    let log = KernelLog::now();
    let loaded = Module::load("values", &[]);
    let module = loaded.unwrap_or_else(|error| panic!("{error}: {:?}", log.lines()));
    module.unload().expect("not in use");
}

/// What a disk can write to itself.
#[repr(align(512))]
struct Sector([u8; 512]);

#[test]
fn devices_of_odd_shapes_are_refused() {
    let log = KernelLog::now();
    let loaded = Module::load("devices", &[]);
    let module = loaded.unwrap_or_else(|error| panic!("{error}: {:?}", log.lines()));
    // What the driver does not fill is not what was in the memory before.
    let mut disk = open_node("/dev/nothing", OFlags::RDONLY | OFlags::DIRECT);
    let mut sector = Sector([0xaa; 512]);
    disk.read_exact(&mut sector.0).expect("a sector");
    assert_eq!(sector.0, [0; 512]);
    drop(disk);
    // Of an error that a disk can have, its user is told; of others, that it is one.
    let disk = open_node("/dev/refusing", OFlags::WRONLY | OFlags::DIRECT);
    for (errno, told) in [
        (Errno::NOSPC, Errno::NOSPC),
        (Errno::NOMEM, Errno::NOMEM),
        (Errno::OPNOTSUPP, Errno::OPNOTSUPP),
        (Errno::IO, Errno::IO),
        (Errno::PERM, Errno::IO),
        (Errno::AGAIN, Errno::IO),
    ] {
        let parameter = "/sys/module/devices/parameters/errno";
        fs::write(parameter, errno.raw_os_error().to_string()).expect(parameter);
        assert_eq!(pwrite(&disk, &sector.0, 0), Err(told), "{errno}");
    }
    drop(disk);
    // What the search for partitions has read is not kept.
    let later = fs::read("/dev/later").expect("a disk");
    assert!(later == [1; 8 * 512], "it begins with {}", later[0]);
    module.unload().expect("not in use");
}
