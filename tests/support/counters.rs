// SPDX-License-Identifier: GPL-2.0-only

//! What `/proc/smp` shows.

use std::{fs, thread::sleep, time::Duration};

/// A line of it.
#[derive(Debug)]
pub struct Counter {
    /// How it counts.
    pub name: String,
    /// What it has come to.
    pub count: u64,
    /// What it should come to in the end.
    pub expected: u64,
    /// What one increment took, on average, once all are done.
    pub nanoseconds: u64,
}

/// Returns the lines of a file, and whether all is done.
pub fn read(file: &str) -> (Vec<Counter>, bool) {
    let text = fs::read_to_string(file).expect("read");
    let (title, rest) = text.split_once('\n').expect("a title");
    assert_eq!(title, "counter       count   expected  ns each");
    let (lines, state) = rest.trim_end().rsplit_once('\n').expect("lines");
    let counters = lines.lines().map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let [name, numbers @ ..] = &*words else {
            panic!("an empty line in {text:?}")
        };
        let number = |n: usize| numbers[n].parse().expect("a number");
        Counter {
            name: (*name).to_owned(),
            count: number(0),
            expected: number(1),
            nanoseconds: number(2),
        }
    });
    match state {
        "done" => (counters.collect(), true),
        "counting" => (counters.collect(), false),
        _ => panic!("neither done nor counting: {text:?}"),
    }
}

/// Waits until all is done, as long as something happens.
pub fn wait(file: &str) -> Vec<Counter> {
    let (mut last, mut idle) = (0, 0);
    loop {
        let (counters, done) = read(file);
        if done {
            return counters;
        }
        let sum = counters.iter().map(|it| it.count).sum();
        idle = if sum == last { idle + 1 } else { 0 };
        last = sum;
        assert!(idle < 6000, "nobody counts any more: {counters:?}");
        sleep(Duration::from_millis(10));
    }
}
