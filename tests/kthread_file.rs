// SPDX-License-Identifier: GPL-2.0-only

//! The mail of 2003: kthread_file.

use lkmpg_tests::{
    KernelLog, Module, Tmpfs, errno_named,
    faults::{self, Fault, Injector, Scope},
    skip,
    tally::{self, Column},
    times, wait_until,
};
use rustix::{
    fs::{CWD, FileType, Mode, mknodat},
    io::Errno,
};
use std::fs;

const STATUS: &str = "/proc/kthread_file";

fn load(path: &str, period_ms: u32) -> Module {
    let parameters = [format!("path={path}"), format!("period_ms={period_ms}")];
    let parameters = parameters.each_ref().map(String::as_str);
    Module::load("kthread_file", &parameters).expect("the module loads")
}

/// A line of the status: what follows its name.
fn status(name: &str) -> String {
    let status = fs::read_to_string(STATUS).expect(STATUS);
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    line.unwrap_or_else(|| panic!("no {name} in {status}"))
        .to_owned()
}

fn records() -> u64 {
    status("records").parse().expect("a number")
}

fn wait_for_records(count: u64) {
    wait_until("records", || records() >= count);
}

fn wait_for_state(state: &str) {
    wait_until(&format!("the state to be {state}"), || {
        status("state") == state
    });
}

/// Returns the numbers of the records in a file. All of it must be records.
fn numbers(content: &str) -> Vec<u64> {
    let lines = content.split_inclusive('\n').map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [time, "record", number] = fields[..] else {
            panic!("not a record: {line:?}");
        };
        assert!(time.parse::<f64>().expect("seconds") > 1e9, "{line:?}");
        number
            .strip_suffix('\n')
            .expect("the end of the line")
            .parse()
            .expect("a number")
    });
    lines.collect()
}

fn read_numbers(path: &str) -> Vec<u64> {
    numbers(&fs::read_to_string(path).expect("the file"))
}

/// The process numbers of the tasks of this name.
fn tasks(name: &str) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc").filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let comm = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (comm.trim_end() == name).then_some(pid)
    });
    processes.collect()
}

/// Waits until the thread has slept so many more times.
fn wait_for_periods(count: u64) {
    let [pid] = tasks("kthread_file")[..] else {
        panic!("no thread, or several");
    };
    let file = format!("/proc/{pid}/status");
    let switches = || {
        let status = fs::read_to_string(&file).expect("the thread's status");
        let line = status
            .lines()
            .find_map(|it| it.strip_prefix("voluntary_ctxt_switches:"));
        line.expect("the switches")
            .trim()
            .parse::<u64>()
            .expect("a number")
    };
    let end = switches() + count;
    wait_until("the thread to sleep", || switches() >= end);
}

#[test]
fn it_appends_numbered_records() {
    let log = KernelLog::now();
    let disk = Tmpfs::new("kthread_file", 1 << 20);
    let path = disk.file("log");
    fs::write(&path, "1.0 what was there before").expect("write");
    let module = load(&path, 1);
    wait_for_records(3);
    assert_eq!(status("file"), path);
    assert_eq!(status("state"), "writing");
    assert_eq!(status("last error"), "none");
    assert_eq!(tasks("kthread_file").len(), 1);
    let counted = records();
    module.unload().expect("not in use");

    assert!(tasks("kthread_file").is_empty());
    assert!(fs::metadata(STATUS).is_err());
    let content = fs::read_to_string(&path).expect("the file");
    let content = content
        .strip_prefix("1.0 what was there before")
        .expect("it stays");
    let numbers = numbers(content);
    assert!(numbers.len() as u64 >= counted);
    assert!(
        numbers.iter().copied().eq(1..=numbers.len() as u64),
        "{numbers:?}"
    );
    assert_eq!(
        log.lines_with("kthread_file: "),
        [format!("kthread_file: Appending to {path} every 1 ms.")]
    );
}

#[test]
fn unloading_at_any_moment_loses_no_record_that_was_counted() {
    for pause in 0..times("LKMPG_LOADS", 100) {
        let disk = Tmpfs::new("kthread_file", 1 << 20);
        let path = disk.file("log");
        let module = load(&path, 1);
        // Ever later, and in no step with the thread.
        for _ in 0..pause {
            fs::read_to_string(STATUS).expect(STATUS);
        }
        let counted = records();
        module.unload().expect("not in use");

        let numbers = match fs::read_to_string(&path) {
            Ok(content) => numbers(&content),
            // Unloaded before the thread came to run.
            Err(_) => Vec::new(),
        };
        assert!(
            numbers.len() as u64 >= counted,
            "{counted} were counted: {numbers:?}"
        );
        assert!(
            numbers.iter().copied().eq(1..=numbers.len() as u64),
            "{numbers:?}"
        );
        // The thread has closed the file for good.
        assert_eq!(disk.unmount(), Ok(()));
    }
}

#[test]
fn unloading_does_not_wait_for_the_period() {
    let disk = Tmpfs::new("kthread_file", 1 << 20);
    // Longer than any test may take.
    let module = load(&disk.file("log"), 24 * 60 * 60 * 1000);
    wait_for_records(1);
    module.unload().expect("not in use");
    assert_eq!(read_numbers(&disk.file("log")), [1]);
}

#[test]
fn odd_parameters_are_refused() {
    for parameters in [
        ["path=log", "period_ms=1"],
        ["path=", "period_ms=1"],
        ["path=/tmp/log", "period_ms=0"],
    ] {
        let log = KernelLog::now();
        let error = Module::load("kthread_file", &parameters).expect_err("it is refused");
        assert!(
            error.to_string().contains(&Errno::INVAL.to_string()),
            "{error}"
        );
        log.wait_for("kthread_file: path must start with a slash, and period_ms be at least 1.");
        assert!(fs::metadata(STATUS).is_err());
        assert!(tasks("kthread_file").is_empty());
    }
}

/// Loads the module with a path that it cannot write to, and looks at how it says so.
#[track_caller]
fn check_failure(path: &str, what: &str, errno: Errno) {
    let log = KernelLog::now();
    let module = load(path, 1);
    wait_for_state("failing");
    // It is said once, however often it is tried.
    wait_for_periods(10);
    let last_error = status("last error");
    assert!(
        last_error.ends_with(&format!(", cannot {what}")) && errno_named(&last_error, errno),
        "{path}: {last_error}"
    );
    assert_eq!(records(), 0);
    // Its own file goes before its thread.
    let lines = log.lines_with("kthread_file: Cannot");
    module.unload().expect("not in use");

    assert_eq!(lines.len(), 1, "{lines:?}");
    assert!(
        lines[0].starts_with(&format!("kthread_file: Cannot {what} {path}: ")),
        "{lines:?}"
    );
    assert!(errno_named(&lines[0], errno), "{lines:?}");
}

#[test]
fn a_path_that_is_no_file_is_named_and_left_alone() {
    let disk = Tmpfs::new("kthread_file", 1 << 20);
    check_failure(&disk.file("missing/log"), "open", Errno::NOENT);
    check_failure(&disk.path().display().to_string(), "open", Errno::ISDIR);
    check_failure("/dev/null", "keep records in", Errno::INVAL);

    let fifo = disk.file("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).expect("mkfifo");
    check_failure(&fifo, "open", Errno::INVAL);
}

#[test]
fn a_file_that_keeps_nothing_is_refused_and_not_written() {
    check_failure("/proc/version", "keep records in", Errno::INVAL);
    // Its own file.
    check_failure(STATUS, "keep records in", Errno::INVAL);
    for name in [
        "/proc/sys/kernel/hostname",
        "/sys/module/kernel/parameters/panic",
    ] {
        let before = fs::read_to_string(name).expect(name);
        check_failure(name, "keep records in", Errno::INVAL);
        assert_eq!(fs::read_to_string(name).expect(name), before);
    }
}

#[test]
fn it_goes_on_when_the_path_comes_into_being() {
    let log = KernelLog::now();
    let disk = Tmpfs::new("kthread_file", 1 << 20);
    let path = disk.file("folder/log");
    let module = load(&path, 1);
    wait_for_state("failing");
    fs::create_dir(disk.path().join("folder")).expect("mkdir");
    wait_for_state("writing");
    assert!(errno_named(&status("last error"), Errno::NOENT));
    log.wait_for(&format!("kthread_file: Writing to {path} again."));

    // And when it vanishes.
    fs::rename(disk.path().join("folder"), disk.path().join("old")).expect("rename");
    wait_for_state("failing");
    log.wait_for(&format!("kthread_file: Cannot open {path}"));
    module.unload().expect("not in use");
}

#[test]
fn each_reason_that_it_fails_is_named_once() {
    let log = KernelLog::now();
    let disk = Tmpfs::new("kthread_file", 1 << 20);
    let path = disk.file("folder/log");
    let module = load(&path, 1);
    let mut said = Vec::new();
    let mut wait_for = |errno| {
        wait_until("the reason", || errno_named(&status("last error"), errno));
        wait_for_periods(3);
        said.extend(log.lines_with("kthread_file: Cannot "));
        let last = said.last().expect("a line");
        assert!(errno_named(last, errno), "{said:?}");
        said.len()
    };
    assert_eq!(wait_for(Errno::NOENT), 1);
    // All at once, or it would find a folder to make the file in.
    let folder = |name| disk.path().join(name);
    fs::create_dir_all(folder("other/log")).expect("mkdir");
    fs::rename(folder("other"), folder("folder")).expect("rename");
    assert_eq!(wait_for(Errno::ISDIR), 2);
    module.unload().expect("not in use");
}

#[test]
fn a_file_that_is_renamed_or_deleted_is_followed_by_a_new_one() {
    let disk = Tmpfs::new("kthread_file", 1 << 20);
    let path = disk.file("log");
    let module = load(&path, 1);
    wait_for_records(2);
    fs::rename(&path, disk.file("old")).expect("rename");
    let seen = records();
    wait_for_records(seen + 2);
    module.unload().expect("not in use");

    let all = [read_numbers(&disk.file("old")), read_numbers(&path)].concat();
    assert!(all.iter().copied().eq(1..=all.len() as u64), "{all:?}");

    let module = load(&path, 1);
    wait_for_records(1);
    fs::remove_file(&path).expect("rm");
    let seen = records();
    wait_for_records(seen + 2);
    module.unload().expect("not in use");
    let rest = read_numbers(&path);
    assert!(
        rest.windows(2).all(|pair| pair[1] == pair[0] + 1),
        "{rest:?}"
    );
}

#[test]
fn a_full_disk_holds_whole_records_only() {
    let log = KernelLog::now();
    // Two pages, so that the last record that fits hardly ever ends with the disk.
    let disk = Tmpfs::new("kthread_file", 8192);
    let path = disk.file("log");
    let ballast = disk.file("ballast");
    fs::write(&ballast, [0; 4096]).expect("write");
    let module = load(&path, 1);
    wait_for_state("failing");
    wait_for_periods(10);
    let last_error = status("last error");
    assert!(
        errno_named(&last_error, Errno::NOSPC) && last_error.ends_with("cannot write to"),
        "{last_error}"
    );
    // What fits of a record is there until the module has taken it back.
    let mut content = String::new();
    wait_until("whole records", || {
        content = fs::read_to_string(&path).expect("the file");
        content.ends_with('\n')
    });
    let written = numbers(&content);
    assert!(written.iter().copied().eq(1..=records()), "{written:?}");

    fs::remove_file(&ballast).expect("rm");
    wait_for_state("writing");
    log.wait_for(&format!("kthread_file: Writing to {path} again."));
    wait_for_records(written.len() as u64 + 2);
    module.unload().expect("not in use");
    let written = read_numbers(&path);
    assert!(
        written.iter().copied().eq(1..=written.len() as u64),
        "{written:?}"
    );
}

#[test]
fn a_read_only_disk_is_named_until_it_is_not() {
    let disk = Tmpfs::new("kthread_file", 1 << 20);
    disk.set_read_only(true);
    check_failure(&disk.file("log"), "open", Errno::ROFS);
    let module = load(&disk.file("log"), 1);
    wait_for_state("failing");
    disk.set_read_only(false);
    wait_for_records(1);
    assert_eq!(status("state"), "writing");
    // A file that is closed between two records does not keep the disk from changing.
    wait_until("the disk to be read-only again", || {
        rustix::mount::mount_remount(disk.path(), rustix::mount::MountFlags::RDONLY, c"").is_ok()
    });
    wait_for_state("failing");
    module.unload().expect("not in use");
}

#[test]
fn anybody_may_look_at_it() {
    let disk = Tmpfs::new("kthread_file", 1 << 20);
    let _module = load(&disk.file("log"), 1);
    lkmpg_tests::as_user(1000, || {
        fs::read_to_string(STATUS).expect("read");
    });
}

#[test]
fn a_page_that_cannot_be_had_costs_no_record() {
    if let Some(why) = faults::missing() {
        return skip(why);
    }
    let disk = Tmpfs::ramfs("kthread_file");
    let path = disk.file("log");
    let module = load(&path, 1);
    wait_for_records(1);
    let injector = Injector::new(Fault::FilePage, Scope::Below(module.code()));
    let ((), injected) = injector.fail(1, || {
        // The next record needs a page.
        fs::write(&path, "").expect("truncate");
        wait_until("an error", || {
            status("last error") == "EIO, cannot write to"
        });
    });
    assert!(injected);
    tally::add("kthread_file", Column::Faults, 1);
    let lost = records();
    wait_for_records(lost + 3);
    module.unload().expect("unload");
    let numbers = read_numbers(&path);
    let expected: Vec<_> = (numbers[0]..).take(numbers.len()).collect();
    assert_eq!(numbers, expected);
    assert!(numbers[0] <= lost + 1, "{lost} were written: {numbers:?}");
}
