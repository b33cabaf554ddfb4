// SPDX-License-Identifier: GPL-2.0-only

//! What modules leave their marks on.

use crate::netlink;
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
    "/dev/input",
    "/proc",
    "/proc/driver",
    "/proc/fs",
    "/proc/net",
    "/proc/sys",
    "/sys/bus/platform/drivers",
    "/sys/fs",
    "/sys/kernel",
    "/sys/kernel/debug",
    "/sys/module",
];

/// Folders in each of whose folders they do, too.
const DEEP_FOLDERS: &[&str] = &["/sys/class", "/sys/devices", "/sys/devices/virtual"];

/// Files in which a module's lines appear.
const FILES: &[&str] = &[
    "/proc/devices",
    "/proc/ioports",
    "/proc/misc",
    "/sys/kernel/debug/kprobes/list",
];

/// How long what was left behind may take to go.
const LIMIT: Duration = Duration::from_secs(20);

/// Everything in a running system that a module could leave behind: nodes, files, devices, netlink
/// protocols and families, threads, interrupt handlers, probes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Footprint(BTreeSet<String>);

impl Footprint {
    /// What there is now.
    pub fn now() -> Self {
        let mut all = BTreeSet::new();
        for folder in FOLDERS {
            all.extend(paths(folder));
        }
        for folder in DEEP_FOLDERS.iter().flat_map(|it| paths(it)) {
            all.extend(paths(&folder));
            all.insert(folder);
        }
        for file in FILES {
            let text = fs::read_to_string(file).unwrap_or_default();
            all.extend(text.lines().map(|line| format!("{file}: {}", line.trim())));
        }
        all.extend(interrupts());
        all.extend(threads());
        all.extend(netlink::protocols());
        all.extend(netlink::families().into_keys());
        Self(all)
    }

    /// What there is that was not there before.
    pub fn since<'a>(&'a self, before: &'a Self) -> impl Iterator<Item = &'a String> {
        self.0.difference(&before.0)
    }

    /// How what there is now differs from what there was then, if it does.
    pub fn difference(&self) -> Option<String> {
        let now = Self::now();
        let left: Vec<_> = now.since(self).collect();
        let lost: Vec<_> = self.since(&now).collect();
        (now != *self).then(|| format!("left {left:?} behind, and took {lost:?} away"))
    }

    /// Fails unless all is again as it was then.
    #[track_caller]
    pub fn check(&self, what: &str) {
        let start = Instant::now();
        while let Some(difference) = self.difference() {
            assert!(start.elapsed() < LIMIT, "{what} {difference}");
            sleep(Duration::from_millis(1));
        }
    }
}

/// What is in a folder, but for processes.
fn paths(folder: &str) -> impl Iterator<Item = String> {
    let names = entries(folder).filter(|it| !it.starts_with(|c: char| c.is_ascii_digit()));
    names.map(move |name| format!("{folder}/{name}"))
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
