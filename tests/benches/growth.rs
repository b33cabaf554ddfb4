// SPDX-License-Identifier: GPL-2.0-only

//! How costs grow: with those who wait, with files that are open, with CPUs.
//!
//! Prints a line of JSON for each point; `make bench` makes a picture of them. With an argument it
//! measures over CPUs, of which the guest then should have some: `LKMPG_SMP=8`. With
//! `scripts/vm --icount` all CPUs take turns, so the cost of an event is that of all instructions
//! on all of them.

mod hand_off;
#[path = "speed/measure.rs"]
#[allow(dead_code, reason = "it has more than is measured here")]
mod measure;

use hand_off::hand_off;
use lkmpg_tests::Module;
use measure::Clock;
use rustix::thread::{CpuSet, sched_setaffinity};
use serde_json::json;
use std::{
    env,
    fs::{self, File},
    os::unix::fs::FileExt as _,
    sync::Barrier,
    thread,
    time::Instant,
};

const ROUNDS: usize = 7;

fn main() {
    if env::args().skip(1).any(|it| !it.starts_with('-')) {
        events();
    } else {
        reads();
        hand_offs();
    }
}

/// Prints a point: the median of the rounds.
fn point(plot: &str, series: &str, x: usize, round: impl FnMut(usize) -> f64) {
    let mut rounds: Vec<f64> = (0..ROUNDS).map(round).collect();
    rounds.sort_by(f64::total_cmp);
    let cost = rounds[ROUNDS / 2];
    println!(
        "{}",
        json!({ "plot": plot, "series": series, "x": x, "cost": cost })
    );
}

/// What it costs to hand `/proc/sleep` to the next one.
fn hand_offs() {
    let clock = Clock::of_this_guest();
    for waiters in [1, 10, 100, 1000] {
        for (name, series) in [("sleep", "Rust"), ("sleep_c", "C")] {
            point("hand-off, over those who wait", series, waiters, |_| {
                let _module = Module::load(name, &[]).expect("the module loads");
                let start = hand_off(&format!("/proc/{name}"), waiters, || clock.now());
                (clock.now() - start).as_nanos() as f64 / waiters as f64
            });
        }
    }
}

/// What a read of `/proc/rw_test` costs, each of another open file than the last.
fn reads() {
    const READS: usize = 4000;

    let clock = Clock::of_this_guest();
    for (name, path, series) in [
        ("procfs_2", "/proc/rw_test", "Rust"),
        ("procfs_2_c", "/proc/rw_test_c", "C"),
    ] {
        let _module = Module::load(name, &[]).expect("the module loads");
        for count in [1, 10, 100, 1000] {
            let files: Vec<_> = (0..count)
                .map(|_| File::open(path).expect("open"))
                .collect();
            let mut room = [0; 128];
            point("read, over open files", series, count, |_| {
                let start = clock.now();
                for file in files.iter().cycle().take(READS) {
                    file.read_at(&mut room, 0).expect("read");
                }
                (clock.now() - start).as_nanos() as f64 / READS as f64
            });
        }
    }
}

/// What an event of relay costs when so many CPUs write some at the same time.
fn events() {
    const EVENTS: usize = 20_000;

    let cpus = thread::available_parallelism().expect("the CPUs").get();
    for (name, series) in [("chan_relay", "Rust"), ("chan_relay_c", "C")] {
        let _module = Module::load(name, &["overwrite=1"]).expect("the module loads");
        let control = format!("/sys/kernel/debug/{name}/control");
        for count in 1..=cpus {
            point("relay event, over CPUs", series, count, |_| {
                let line = Barrier::new(count + 1);
                let start = thread::scope(|scope| {
                    for cpu in 0..count {
                        let (line, control) = (&line, &control);
                        scope.spawn(move || {
                            let mut set = CpuSet::new();
                            set.set(cpu);
                            sched_setaffinity(None, &set).expect("sched_setaffinity");
                            line.wait();
                            line.wait();
                            let command = format!("generate {cpu} {EVENTS}");
                            fs::write(control, command).expect("generate");
                        });
                    }
                    // They are there, and wait for us.
                    line.wait();
                    let start = Instant::now();
                    line.wait();
                    start
                });
                start.elapsed().as_nanos() as f64 / (EVENTS * count) as f64
            });
        }
    }
}
