// SPDX-License-Identifier: GPL-2.0-only

//! What it costs to add 1 to a counter that all CPUs add to, for each kind of counter.

use lkmpg_tests::{Module, counters};
use std::thread::available_parallelism;

const ROUNDS: usize = 5;

fn main() {
    let cpus = available_parallelism().expect("the CPUs");
    println!(
        "an increment on {cpus} CPUs at once, nanoseconds: median of {ROUNDS} rounds (least, most)"
    );
    let mut times: Vec<(String, Vec<u64>)> = Vec::new();
    for _ in 0..ROUNDS {
        let _module = Module::load("smp", &["increments=100000"]).expect("the module loads");
        for counter in counters::wait("/proc/smp") {
            match times.iter_mut().find(|(name, _)| *name == counter.name) {
                Some((_, times)) => times.push(counter.nanoseconds),
                None => times.push((counter.name, vec![counter.nanoseconds])),
            }
        }
    }
    for (name, mut times) in times {
        times.sort();
        let (least, median, most) = (times[0], times[ROUNDS / 2], times[ROUNDS - 1]);
        println!("{name:<8} {median:>8} ({least}, {most})");
    }
}
