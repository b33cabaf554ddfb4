// SPDX-License-Identifier: GPL-2.0-only

//! What a job leaves behind for the next one.

use lkmpg_guest::marks::{self, entries, lines, name_and_parent};
use rustix::process::{WaitOptions, wait};
use std::{
    collections::BTreeSet,
    fs,
    path::Path,
    process,
    thread::sleep,
    time::{Duration, Instant},
};

const SETTINGS: &str = "/proc/sys";
/// Settings that change by themselves.
const RESTLESS: &[&str] = &[
    "/fs/dentry-state",
    "/fs/file-nr",
    "/fs/inode-nr",
    "/fs/inode-state",
    "/kernel/ns_last_pid",
    "/kernel/random/",
    // See below.
    "/kernel/tainted",
];
/// The taint of a module from elsewhere, and of one that nobody signed: each test leaves these.
const TAINT_OF_MODULES: u64 = 1 << 12 | 1 << 13;
/// How long what goes may take.
const LIMIT: Duration = Duration::from_secs(2);

/// Modules and all that they make, caches, files, mounts, processes, settings, the kernel's taint.
pub struct Footprint(BTreeSet<String>);

impl Footprint {
    /// What there is now.
    pub fn now() -> Self {
        let mut all = marks::of_modules();
        all.extend(entries("/sys/kernel/slab").map(|it| format!("the cache {it}")));
        all.extend(lines("/proc/mounts"));
        all.extend(processes());
        files(Path::new("/"), &mut all);
        settings(Path::new(SETTINGS), &mut all);
        all.insert(format!("taint {}", taint() & !TAINT_OF_MODULES));
        Self(all)
    }

    /// What has come since then, and what has gone; some of it may just be on its way.
    pub fn changes(&self) -> Vec<String> {
        let start = Instant::now();
        loop {
            reap();
            let now = Self::now();
            let came = now.0.difference(&self.0).cloned();
            let went = self.0.difference(&now.0).map(|it| format!("no {it}"));
            let changes: Vec<_> = came.chain(went).collect();
            if changes.is_empty() || start.elapsed() > LIMIT {
                return changes;
            }
            sleep(Duration::from_millis(10));
        }
    }
}

/// The kernel's taint: a bit for each kind.
pub fn taint() -> u64 {
    let taint = fs::read_to_string("/proc/sys/kernel/tainted").unwrap_or_default();
    taint.trim().parse().unwrap_or(0)
}

/// Forgets those that have ended, and that nobody else waits for.
fn reap() {
    while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
}

/// All but the kernel's threads, and us.
fn processes() -> impl Iterator<Item = String> {
    let processes = entries("/proc").filter_map(|it| it.parse().ok());
    let processes = processes.filter(|it| ![process::id(), 2].contains(it));
    let process = |it| match name_and_parent(it)? {
        (_, parent) if parent == "2" => None,
        (name, _) => Some(format!("the process {it} ({name})")),
    };
    processes.filter_map(process)
}

/// Adds what is in a folder and in those below, but for the kernel's own.
fn files(folder: &Path, all: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).ok().into_iter().flatten().flatten() {
        let path = entry.path();
        // The last is of what is plugged in, which a test may take out and put back.
        let others = ["/proc", "/sys", "/dev/bus/usb"];
        if others.iter().any(|it| path == Path::new(it)) {
            continue;
        }
        all.insert(path.display().to_string());
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            files(&path, all);
        }
    }
}

/// Adds the settings below a folder with their values.
fn settings(folder: &Path, all: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).ok().into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.display().to_string();
        let short = name.trim_start_matches(SETTINGS);
        if RESTLESS.iter().any(|it| short.starts_with(it)) {
            continue;
        }
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            settings(&path, all);
        } else if let Ok(value) = fs::read_to_string(&path) {
            all.insert(format!("{name}: {}", value.trim()));
        }
    }
}
