// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 13: locks.

use lkmpg_tests::{KernelSetting, Module, errno_of, wait_until};
use rustix::io::Errno;
use std::{
    fs, os::unix::process::ExitStatusExt as _, process::Command, thread::available_parallelism,
};

const FILE: &str = "/proc/lock_costs";

/// The table, and how many reads of how many were torn.
fn report() -> (Vec<Vec<u64>>, u64, u64) {
    let text = fs::read_to_string(FILE).expect("read");
    let mut lines = text.lines();
    let header: Vec<_> = lines.next().expect("a header").split_whitespace().collect();
    assert_eq!(header, ["readers", "mutex", "rwsem", "seqlock", "RCU"]);
    let last = lines.next_back().expect("a last line");
    let words: Vec<_> = last.split(' ').collect();
    let [torn, "of", reads, "reads", "were", "torn"] = words[..] else {
        panic!("{last}");
    };
    let row = |line: &str| {
        let numbers = line.split_whitespace();
        numbers.map(|it| it.parse().expect("a number")).collect()
    };
    let number = |it: &str| it.parse().expect("a number");
    (lines.map(row).collect(), number(torn), number(reads))
}

#[test]
fn no_reader_sees_half_of_a_change() {
    // The sanitizers make it some 30 times slower.
    let each = match fs::exists("/proc/lockdep").expect("stat") {
        true => 2_000,
        false => 100_000,
    };
    let _module = Module::load("locks", &[&format!("reads={each}")]).expect("the module loads");
    let (rows, torn, reads) = report();
    let cpus = available_parallelism().expect("the CPUs").get().min(8) as u64;
    let readers: Vec<_> = rows.iter().map(|it| it[0]).collect();
    assert_eq!(readers, (1..=cpus).collect::<Vec<_>>());
    assert!(rows.iter().all(|it| it.len() == 5), "{rows:?}");
    // Four locks, with one reader, then two, and so on.
    assert_eq!(reads, 4 * each * readers.iter().sum::<u64>());
    assert_eq!(torn, 0);
}

#[test]
fn edges() {
    for reads in [0, 1, 1023, 1025] {
        let module = Module::load("locks", &[&format!("reads={reads}")]).expect("it loads");
        let (_, torn, _) = report();
        assert_eq!(torn, 0);
        module.unload().expect("unload");
    }
}

#[test]
fn one_race_at_a_time() {
    let module = Module::load("locks", &["reads=4294967295"]).expect("the module loads");
    let mut reader = Command::new("cat").arg(FILE).spawn().expect("cat");
    // The racers' threads.
    wait_until("a race", || {
        let tasks = fs::read_dir("/proc").expect("/proc").flatten();
        let mut names = tasks.filter_map(|it| fs::read_to_string(it.path().join("comm")).ok());
        names.any(|it| it == "locks\n")
    });
    assert_eq!(fs::read(FILE).map_err(errno_of), Err(Errno::BUSY));
    reader.kill().expect("kill");
    assert_eq!(reader.wait().expect("its end").signal(), Some(9));
    module.unload().expect("unload");
}

/// As many threads as there may be are no reason to ask again at once.
#[test]
fn without_threads_there_is_no_memory() {
    let module = Module::load("locks", &["reads=1"]).expect("the module loads");
    let most = KernelSetting::new("/proc/sys/kernel/threads-max", "20");
    assert_eq!(fs::read(FILE).map_err(errno_of), Err(Errno::NOMEM));
    drop(most);
    report();
    module.unload().expect("unload");
}

#[test]
fn only_root_has_it_measured() {
    let _module = Module::load("locks", &["reads=1"]).expect("the module loads");
    lkmpg_tests::as_user(1000, || {
        assert_eq!(fs::read(FILE).map_err(errno_of), Err(Errno::ACCESS));
    });
}
