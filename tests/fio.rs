// SPDX-License-Identifier: GPL-2.0-only

//! Block devices under load: what several jobs of fio write to blkram at once is read back and compared.

use lkmpg_tests::Module;
use std::{
    fs::File,
    os::unix::fs::FileExt as _,
    process::{Command, Output},
};

/// Each has eight requests under way, of different sizes, in a part of the disk of its own.
const JOBS: [&str; 16] = [
    "--name=load",
    "--filename=/dev/blkram",
    "--thread",
    "--numjobs=4",
    "--size=8m",
    "--offset_increment=8m",
    "--rw=randrw",
    "--bsrange=512-64k",
    "--direct=1",
    "--ioengine=libaio",
    "--iodepth=8",
    "--verify=crc32c",
    "--verify_fatal=1",
    "--verify_state_save=0",
    "--group_reporting",
    "--output-format=terse",
];

fn load() -> Module {
    Module::load("blkram", &["size=32", "queues=4"]).expect("the module loads")
}

fn fio(more: &[&str]) -> Output {
    let mut fio = Command::new("fio");
    fio.args(JOBS).args(more).output().expect("fio")
}

fn check(more: &[&str]) {
    let output = fio(more);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{more:?}: {told}");
}

#[test]
fn what_all_jobs_write_is_read_back() {
    let module = load();
    check(&[]);
    // What they discard must not be somebody else's.
    check(&["--rw=randtrimwrite"]);
    module.unload().expect("unload");
}

/// fio notices if something is not what it wrote.
#[test]
fn a_byte_that_changes_is_noticed() {
    let module = load();
    check(&["--do_verify=0"]);
    let disk = File::options().write(true).open("/dev/blkram");
    let disk = disk.expect("open");
    for sector in 0..32 << 11 {
        disk.write_all_at(&[0xa5], sector * 512 + 100)
            .expect("write");
    }
    disk.sync_all().expect("sync");
    drop(disk);
    assert!(!fio(&["--verify_only"]).status.success());
    module.unload().expect("unload");
}
