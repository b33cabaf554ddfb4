// SPDX-License-Identifier: GPL-2.0-only

//! What modules leave their marks on.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// Folders in which a module's entries appear.
const FOLDERS: &[&str] = &[
    "/dev",
    "/dev/input",
    "/sys/bus/platform/drivers",
    "/sys/fs",
    "/sys/kernel",
    "/sys/kernel/debug",
    "/sys/module",
];

/// Folders in each of whose folders they do, too.
const DEEP_FOLDERS: &[&str] = &[
    "/proc",
    "/sys/class",
    "/sys/devices",
    "/sys/devices/virtual",
];

/// Files in which a module's lines appear.
const FILES: &[&str] = &[
    "/proc/devices",
    "/proc/ioports",
    "/proc/misc",
    "/sys/kernel/debug/kprobes/list",
];

/// Nodes, files, devices, threads, interrupt handlers, probes: a line for each.
pub fn of_modules() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for folder in FOLDERS {
        all.extend(paths(folder));
    }
    for folder in DEEP_FOLDERS.iter().flat_map(|it| paths(it)) {
        all.extend(paths(&folder));
        all.insert(folder);
    }
    for file in FILES {
        all.extend(lines(file).into_iter().filter(|it| !is_a_devices(it)));
    }
    all.extend(interrupts());
    all.extend(threads());
    all
}

/// Whether these are the ports of a PCI device, which it has with and without a driver. It may have been
/// plugged in since. A serial port may also have been taken from the kernel's own driver since.
fn is_a_devices(line: &str) -> bool {
    let name = line.rsplit_once(" : ").map_or("", |it| it.1);
    let of_address = |c: char| c.is_ascii_hexdigit() || ":.".contains(c);
    name == "serial" || name.split(':').count() == 3 && name.chars().all(of_address)
}

/// The lines of a file, with its name.
pub fn lines(file: &str) -> Vec<String> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().map(|it| format!("{file}: {}", it.trim()));
    lines.collect()
}

/// The names in a folder.
pub fn entries(folder: impl AsRef<Path>) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).ok().into_iter().flatten().flatten();
    entries.filter_map(|it| it.file_name().into_string().ok())
}

/// What is in a folder, but for processes.
fn paths(folder: &str) -> impl Iterator<Item = String> {
    let names = entries(folder).filter(|it| !it.starts_with(|c: char| c.is_ascii_digit()));
    names.map(move |name| format!("{folder}/{name}"))
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
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
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
    let (name, parent) = name_and_parent(process)?;
    (parent == "2" && !name.starts_with("kworker")).then(|| format!("the thread {name}"))
}

/// What a process is called, and by whom it was made: the kernel's threads by 2.
pub fn name_and_parent(process: u32) -> Option<(String, String)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(") ")?;
    Some((name.to_owned(), rest.split(' ').nth(1)?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pci_devices_ports_are_no_modules() {
        for line in ["2000-2007 : 0000:02:00.0", "2000-2007 : serial"] {
            assert!(is_a_devices(&format!("/proc/ioports: {line}")), "{line}");
        }
        for line in ["2000-2007 : uart", "2000-2fff : PCI Bus 0000:02", "228 mem"] {
            assert!(!is_a_devices(line), "{line}");
        }
    }

    #[test]
    fn what_appears_in_a_folder_that_is_there_is_seen() {
        let all = of_modules();
        for path in ["/proc/version", "/proc/tty/drivers", "/proc/sys/vm"] {
            assert!(all.contains(path), "no {path}: {all:?}");
        }
    }
}
