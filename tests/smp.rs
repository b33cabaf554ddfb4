// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 13: smp.

use lkmpg_tests::{Module, counters, name, scaled, times};
use std::{
    fs,
    thread::{self, available_parallelism, sleep},
    time::Duration,
};

const FILE: &str = name!("/proc/smp");

#[test]
fn a_million_each_add_up() {
    // The sanitizers make it some 30 times slower.
    let slow = fs::exists("/proc/lockdep").expect("stat");
    let (parameters, each): (&[&str], _) = match slow {
        true => (&["increments=50000"], 50_000),
        false => (&[], 1_000_000),
    };
    let _module = Module::load(name!("smp"), parameters).expect("the module loads");
    let counters = counters::wait(FILE);
    let cpus = available_parallelism().expect("the CPUs").get() as u64;
    let names: Vec<_> = counters.iter().map(|it| &*it.name).collect();
    assert_eq!(names, ["Mutex", "SpinLock", "atomic", "per-CPU", "RCU"]);
    for counter in counters {
        assert_eq!(counter.expected, cpus * each, "{}", counter.name);
        assert_eq!(counter.count, counter.expected, "{}", counter.name);
        assert!(counter.nanoseconds > 0, "{}", counter.name);
    }
}

#[test]
fn edges() {
    for increments in [0, 1, 999, 1000, 1001] {
        let parameter = format!("increments={increments}");
        let _module = Module::load(name!("smp"), &[&parameter]).expect("the module loads");
        for counter in counters::wait(FILE) {
            assert_eq!(counter.count, counter.expected, "{increments}");
        }
    }
}

#[test]
fn nobody_sees_a_count_fall() {
    let _module = Module::load(name!("smp"), &["increments=20000"]).expect("the module loads");
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = vec![0; 5];
                loop {
                    let (counters, done) = counters::read(FILE);
                    let counts: Vec<_> = counters.iter().map(|it| it.count).collect();
                    assert!(counts.iter().zip(&last).all(|(now, then)| now >= then));
                    last = counts;
                    if done {
                        break;
                    }
                    sleep(Duration::from_millis(1));
                }
            });
        }
    });
}

#[test]
fn it_unloads_at_any_moment() {
    for round in 0..times("LKMPG_LOADS", scaled!(200)) as u64 {
        let module = Module::load(name!("smp"), &["increments=1000"]).expect("the module loads");
        sleep(Duration::from_micros(round * round / 2));
        module.unload().expect("unload");
    }
}
