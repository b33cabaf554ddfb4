// SPDX-License-Identifier: GPL-2.0-only

//! Threads, timers, lines, values, files and so on of the support crate, used as nobody should.

use lkm::raw;
use lkmpg_tests::{KernelLog, Module, is_asleep, is_in, open_node, skip, wait_until};
use rustix::{
    fs::OFlags,
    io::{Errno, pwrite},
};
use std::{
    fs,
    io::Read as _,
    os::unix::{fs::FileExt as _, process::ExitStatusExt as _},
    process::Command,
    thread::{self, available_parallelism},
    time::Duration,
};

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

/// A disk that waits, in the task of who asks, whoever has written.
#[test]
fn what_others_write_is_not_lost_by_a_signal() {
    let module = Module::load("devices", &[]).expect("the module loads");
    let disk = open_node("/dev/slow", OFlags::RDWR);
    for byte in 1..=3 {
        disk.write_all_at(&[byte; 4096], 0).expect("to the cache");
        let mut other = Command::new("sync").arg("/dev/slow").spawn().expect("sync");
        let pid = other.id();
        wait_until("the other one to write it", || {
            is_in(&pid.to_string(), &[libc::SYS_fsync]) && is_asleep(pid, pid as i32)
        });
        other.kill().expect("kill");
        let status = other.wait().expect("its end");
        assert_eq!(status.signal(), Some(libc::SIGKILL), "it came too late");
        assert!(disk.sync_all().is_ok(), "it is lost");
    }
    // Who writes himself, and gets signals that he handles.
    let direct = open_node("/dev/slow", OFlags::RDWR | OFlags::DIRECT);
    let written = thread::spawn(move || {
        raw::interrupt_every(Duration::from_millis(5));
        disk.write_all_at(&[4; 4096], 0)?;
        disk.sync_all()?;
        direct.write_all_at(&Sector([5; 512]).0, 0)
    });
    let result = written.join().expect("no panic");
    assert!(result.is_ok(), "{result:?}");
    module.unload().expect("not in use");
}
