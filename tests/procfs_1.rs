// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 5: procfs_1.

use lkmpg_tests::{KernelLog, LoadError, Module, Tmpfs, as_user, errno_of, is_twin, name, skip};
use rustix::{
    fs::{SeekFrom, seek},
    io::Errno,
};
use std::{
    fs::{self, File, OpenOptions},
    io::Read as _,
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::Path,
    process::Command,
    thread,
};

const FILE: &str = name!("/proc/test");

fn load() -> Module {
    Module::load(name!("procfs_1"), &[]).expect("the module loads")
}

fn ordinals() -> impl Iterator<Item = (u64, &'static str)> {
    (1..).map(|n| {
        let suffix = match n % 100 {
            11..=13 => "th",
            _ => ["th", "st", "nd", "rd", "th", "th", "th", "th", "th", "th"][(n % 10) as usize],
        };
        (n, suffix)
    })
}

#[test]
fn it_counts_its_readers_in_english() {
    let _module = load();
    for (n, suffix) in ordinals().take(125) {
        let seen = fs::read_to_string(FILE).expect("read");
        assert_eq!(seen, format!("For the {n}{suffix} time, go away!\n"));
        match n {
            1 => assert!(seen.contains("1st")),
            22 => assert!(seen.contains("22nd")),
            11..=13 | 111..=113 => assert!(seen.contains("th")),
            _ => {}
        }
    }
}

#[test]
fn a_small_reader_gets_one_message() {
    let _module = load();
    let mut file = File::open(FILE).expect("open");
    let mut seen = Vec::new();
    loop {
        let mut buffer = [0; 3];
        match file.read(&mut buffer).expect("read") {
            0 => break,
            length => seen.extend_from_slice(&buffer[..length]),
        }
    }
    assert_eq!(seen, b"For the 1st time, go away!\n");
    seek(&file, SeekFrom::Start(0)).expect("seek");
    let mut again = String::new();
    file.read_to_string(&mut again).expect("read");
    assert_eq!(again, "For the 2nd time, go away!\n");
    assert_eq!(seek(&file, SeekFrom::Current(-1000)), Err(Errno::INVAL));
}

#[test]
fn readers_do_not_steal_from_each_other() {
    let _module = load();
    let mut counts: Vec<u64> = thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let read = || fs::read_to_string(FILE).expect("read");
                    (0..250).map(|_| number(&read())).collect::<Vec<_>>()
                })
            })
            .collect();
        readers
            .into_iter()
            .flat_map(|it| it.join().expect("a reader"))
            .collect()
    });
    counts.sort();
    assert_eq!(counts, (1..=1000).collect::<Vec<_>>());
}

/// The number in a whole message.
fn number(message: &str) -> u64 {
    let rest = message.strip_prefix("For the ").expect("the beginning");
    let rest = rest.strip_suffix(" time, go away!\n").expect("the end");
    rest.trim_end_matches(char::is_alphabetic)
        .parse()
        .expect("a number")
}

#[test]
fn everybody_may_read_and_nobody_may_write() {
    let _module = load();
    let metadata = fs::metadata(FILE).expect("the file");
    assert_eq!(metadata.permissions().mode() & 0o7777, 0o444);
    assert_eq!((metadata.uid(), metadata.gid()), (0, 0));
    let as_root = OpenOptions::new()
        .write(true)
        .open(FILE)
        .expect("root may open anything");
    assert_eq!(rustix::io::write(&as_root, b"x"), Err(Errno::IO));
    as_user(1000, || {
        fs::read_to_string(FILE).expect("read");
        let error = OpenOptions::new().write(true).open(FILE).map_err(errno_of);
        assert_eq!(error.err(), Some(Errno::ACCESS));
    });
}

#[test]
fn a_name_that_is_taken_is_refused() {
    if is_twin!() {
        return skip("C warns instead, with a stack trace");
    }
    let _module = load();
    let log = KernelLog::now();
    // The same name is wanted by a module of another one.
    match Module::load("proc_taken", &[]) {
        Err(LoadError::Refused(errno)) => assert_eq!(errno, Errno::BUSY),
        other => panic!("{other:?}"),
    }
    let said = log.lines();
    assert!(
        said.iter().any(|it| it == "lkm: /proc/test is taken."),
        "{said:?}"
    );
    assert_eq!(
        fs::read_to_string(FILE).expect("read"),
        "For the 1st time, go away!\n"
    );
}

#[test]
fn a_name_is_taken_also_where_it_is_not_seen() {
    if is_twin!() {
        return skip("C warns instead, with a stack trace");
    }
    let _module = load();
    let log = KernelLog::now();
    // There is no /proc.
    let root = Tmpfs::new("root", 32 << 20);
    for file in ["/bin/busybox", "/modules/proc_taken.ko"] {
        let name = Path::new(file).file_name().expect("a name");
        fs::copy(file, root.path().join(name)).expect(file);
    }
    let status = Command::new("busybox")
        .arg("chroot")
        .arg(root.path())
        .args(["/busybox", "insmod", "/proc_taken.ko"])
        .status();
    assert!(!status.expect("busybox").success());
    log.wait_for("lkm: /proc/test is taken.");
}

#[test]
fn an_open_file_is_an_error_once_the_module_is_gone() {
    let module = load();
    let mut file = File::open(FILE).expect("open");
    module.unload().expect("an idle reader does not hold it");
    assert!(!fs::exists(FILE).expect("stat"));
    let mut buffer = [0; 10];
    assert_eq!(file.read(&mut buffer).map_err(errno_of), Err(Errno::IO));
    // The next one with that name has nothing to do with it.
    let _module = load();
    assert_eq!(file.read(&mut buffer).map_err(errno_of), Err(Errno::IO));
}
