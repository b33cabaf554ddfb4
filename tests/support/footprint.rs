// SPDX-License-Identifier: GPL-2.0-only

//! What modules leave their marks on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Mutex,
    thread::sleep,
    time::{Duration, Instant},
};

/// Folders in which a module's entries appear.
const FOLDERS: &[&str] = &[
    "/dev",
    "/proc",
    "/sys/class",
    "/sys/devices",
    "/sys/devices/virtual",
    "/sys/kernel",
    "/sys/kernel/debug",
    "/sys/module",
];

/// Files in which a module's lines appear.
const FILES: &[&str] = &[
    "/proc/devices",
    "/proc/ioports",
    "/proc/misc",
    "/sys/kernel/debug/kprobes/list",
];

/// How long what was left behind may take to go.
const LIMIT: Duration = Duration::from_secs(20);

/// Everything in a running system that a module could leave behind: nodes, files, devices, threads,
/// interrupt handlers, probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint(BTreeSet<String>);

impl Footprint {
    /// What there is now.
    pub fn now() -> Self {
        let mut all = BTreeSet::new();
        for folder in FOLDERS {
            let names = entries(folder);
            let names = names.filter(|it| !it.starts_with(|c: char| c.is_ascii_digit()));
            all.extend(names.map(|name| format!("{folder}/{name}")));
        }
        for file in FILES {
            let text = fs::read_to_string(file).unwrap_or_default();
            all.extend(text.lines().map(|line| format!("{file}: {}", line.trim())));
        }
        all.extend(interrupts());
        all.extend(threads());
        Self(all)
    }

    /// Fails unless all is again as it was then.
    #[track_caller]
    pub fn check(&self, what: &str) {
        let start = Instant::now();
        loop {
            let now = Self::now();
            if now == *self {
                return;
            }
            if start.elapsed() > LIMIT {
                let left: Vec<_> = now.0.difference(&self.0).collect();
                let lost: Vec<_> = self.0.difference(&now.0).collect();
                panic!("{what} left {left:?} behind, and took {lost:?} away");
            }
            sleep(Duration::from_millis(1));
        }
    }
}

fn entries(folder: impl AsRef<Path>) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).ok().into_iter().flatten().flatten();
    entries.filter_map(|it| it.file_name().into_string().ok())
}

/// The handlers of each interrupt.
fn interrupts() -> Vec<String> {
    let text = fs::read_to_string("/proc/interrupts").unwrap_or_default();
    let words = |line: &str| {
        let words = line.split_whitespace();
        let words = words.filter(|it| it.parse::<u64>().is_err());
        words.collect::<Vec<_>>().join(" ")
    };
    text.lines().skip(1).map(words).collect()
}

/// The kernel's threads, but for its workers, which come and go.
fn threads() -> Vec<String> {
    /// Those that were seen before: to ask for each one every time would take long.
    static KNOWN: Mutex<BTreeMap<u32, Option<String>>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().expect("nobody failed here");
    let processes: Vec<u32> = entries("/proc").filter_map(|it| it.parse().ok()).collect();
    known.retain(|it, _| processes.contains(it));
    let thread = |process: &u32| {
        known
            .entry(*process)
            .or_insert_with(|| thread(*process))
            .clone()
    };
    processes.iter().filter_map(thread).collect()
}

fn thread(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
    let of_the_kernel = rest.split(' ').nth(1)? == "2";
    (of_the_kernel && !name.starts_with("kworker")).then(|| format!("the thread {name}"))
}
