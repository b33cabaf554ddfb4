// SPDX-License-Identifier: GPL-2.0-only

//! What it costs to hand `/proc/sleep` to the next one, over the number of those who wait.
//!
//! Beside it, in the same run, the guide's way: the closer wakes everybody.

mod hand_off;

use hand_off::hand_off;
use lkmpg_tests::Module;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5;
const VARIANTS: [(&str, &str); 2] = [("sleep", "/proc/sleep"), ("sleep_all", "/proc/sleep_all")];

fn main() {
    println!(
        "hand-off to the next opener, microseconds each: median of {ROUNDS} rounds (least, most)"
    );
    println!(
        "{:>8}  {:>26}  {:>26}",
        "waiting", "sleep: wakes one", "sleep_all: wakes all"
    );
    for waiters in [10, 100, 1000] {
        let mut times = [const { Vec::new() }; VARIANTS.len()];
        for _ in 0..ROUNDS {
            for ((module, file), times) in VARIANTS.iter().zip(&mut times) {
                let _module = Module::load(module, &[]).expect("the module loads");
                let start = hand_off(file, waiters, Instant::now);
                times.push(start.elapsed() / waiters as u32);
            }
        }
        let cells = times.map(|mut times| {
            times.sort();
            let micros = |time: Duration| time.as_nanos() as f64 / 1000.0;
            let (least, most) = (times[0], times[ROUNDS - 1]);
            format!(
                "{:.1} ({:.1}, {:.1})",
                micros(times[ROUNDS / 2]),
                micros(least),
                micros(most)
            )
        });
        println!("{waiters:>8}  {:>26}  {:>26}", cells[0], cells[1]);
    }
}
