// SPDX-License-Identifier: GPL-2.0-only

//! The VM runner's promises: a guest that was saved is as good as one that boots.

use lkmpg_runner_tests::{Ran, any_kernel, root, vm};
use lkmpg_tools_tests::executable;
use std::{
    collections::HashSet,
    env,
    fs::{self, File},
    os::unix::fs::{FileExt, symlink},
    path::{Path, PathBuf},
    process::Child,
    time::{SystemTime, UNIX_EPOCH},
};
use tempfile::TempDir;

/// What is said when a guest is booted to be saved.
const BOOTS: &str = "for this run and others to start from";

/// A user without any saved guest.
struct User {
    cache: TempDir,
}

impl User {
    fn new() -> Self {
        Self {
            cache: tempfile::tempdir().expect("a folder"),
        }
    }

    fn starts(&self, kernel: &str, path: Option<&str>, arguments: &[&str]) -> Child {
        let mut command = vm(kernel, &[&["--accel", "tcg"], arguments].concat());
        command.env("XDG_CACHE_HOME", self.cache.path());
        if let Some(path) = path {
            command.env("PATH", path);
        }
        command.spawn().expect("scripts/vm starts")
    }

    fn runs(&self, arguments: &[&str]) -> Ran {
        ended(self.starts(&any_kernel(), None, arguments))
    }

    fn runs_true(&self) -> Ran {
        self.runs(&["--", "true"]).expect(0)
    }

    /// The folders of the guests that are saved.
    fn snapshots(&self) -> Vec<PathBuf> {
        let folder = self.cache.path().join("lkmpg-rs/snapshots");
        let folders = fs::read_dir(folder).into_iter().flatten().flatten();
        folders.map(|it| it.path()).collect()
    }

    fn snapshot(&self) -> PathBuf {
        let [snapshot] = &self.snapshots()[..] else {
            panic!("{:?}", self.snapshots())
        };
        snapshot.clone()
    }
}

fn ended(child: Child) -> Ran {
    child.wait_with_output().expect("it ends").into()
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a time after 1970").as_secs()
}

#[test]
fn time_goes_on_and_no_random_number_comes_twice() {
    let user = User::new();
    let script = "date +%s; cat /proc/sys/kernel/random/boot_id; \
                  head -c 8 /dev/urandom | od -t x8 -A n; cat /proc/uptime";
    let starts = env::var("LKMPG_STARTS").map_or(3, |it| it.parse().expect("a number"));
    let mut seen = HashSet::new();
    for _ in 0..starts {
        let before = now();
        let ran = user
            .runs(&["--smp", "2", "--", "sh", "-c", script])
            .expect(0);
        let text = ran.text();
        let lines: Vec<_> = text.lines().collect();
        let date: u64 = lines[0].parse().expect("a date");
        // The kernel's date is that of its last tick.
        assert!((before - 1..=now()).contains(&date), "{before} and {date}");
        for random in &lines[1..3] {
            assert!(seen.insert(random.to_string()), "{random} twice");
        }
    }
    assert_eq!(user.snapshots().len(), 1);
}

#[test]
fn the_first_run_saves_a_guest_for_all() {
    let user = User::new();
    let kernel = any_kernel();
    let runs: Vec<_> = (0..3)
        .map(|_| user.starts(&kernel, None, &["--", "true"]))
        .collect();
    let runs = runs.into_iter().map(|it| ended(it).expect(0).stderr);
    assert_eq!(runs.filter(|it| it.contains(BOOTS)).count(), 1);
    user.runs_true().does_not_say(BOOTS);
    // What the guest is given is no part of it, but the machine is.
    let add = format!("{}:/etc/added", root().join("README.md").display());
    let arguments = ["--add", &add, "--env", "A=b", "--", "cmp", "/etc/added"];
    user.runs(&[&arguments[..], &["/etc/added"]].concat())
        .expect(0)
        .does_not_say(BOOTS);
    user.runs(&["--smp", "2", "--", "true"])
        .expect(0)
        .says(BOOTS);
}

#[test]
fn a_cold_guest_boots_and_saves_nothing() {
    let user = User::new();
    user.runs(&["--cold", "--", "true"]).expect(0);
    assert!(user.snapshots().is_empty());
}

#[test]
fn what_the_kernel_said_before_it_was_saved_is_in_the_log() {
    let user = User::new();
    let log = user.cache.path().join("log");
    for _ in 0..2 {
        let log = log.to_str().expect("UTF-8");
        let script = "echo last >/dev/kmsg; dmesg | head -n 1";
        let ran = user
            .runs(&["--log", log, "--", "sh", "-c", script])
            .expect(0);
        let log = fs::read_to_string(log).expect("a log");
        let lines: Vec<_> = log.lines().filter(|it| it.starts_with('[')).collect();
        assert_eq!(ran.text().trim_end(), lines[0]);
        let once = |what: &str| lines.iter().filter(|it| it.ends_with(what)).count();
        assert!(lines[0].contains("Linux version"), "{log}");
        assert_eq!(once("] Run /init as init process"), 1, "{log}");
        assert_eq!(once("] last"), 1, "{log}");
    }
}

#[test]
fn a_snapshot_that_is_cut_short_is_made_anew() {
    let user = User::new();
    user.runs_true();
    for name in ["memory", "state", "log", "about.json"] {
        let file = File::options()
            .write(true)
            .open(user.snapshot().join(name))
            .expect("a file of the snapshot");
        let length = file.metadata().expect("its length").len();
        file.set_len(length / 2).expect("it is cut");
        user.runs_true().says("is of no use").says(BOOTS);
        user.runs_true().does_not_say(BOOTS);
    }
    fs::remove_file(user.snapshot().join("memory")).expect("it is removed");
    user.runs_true().says("is of no use").says(BOOTS);
}

#[test]
fn a_snapshot_that_does_not_start_is_made_anew() {
    let user = User::new();
    user.runs_true();
    // Nobody sees that it has changed.
    let state = user.snapshot().join("state");
    let file = File::options().write(true).open(&state).expect("the state");
    let time = file
        .metadata()
        .and_then(|it| it.modified())
        .expect("a time");
    file.write_all_at(&[0; 4096], 0).expect("it is overwritten");
    file.set_modified(time).expect("its time");
    user.runs_true().says("so this one boots");
    user.runs_true().says(BOOTS);
    user.runs_true().does_not_say(BOOTS);
}

#[test]
fn another_qemu_starts_from_another_snapshot() {
    let user = User::new();
    user.runs_true();
    let folder = tempfile::tempdir().expect("a folder");
    let other = folder.path().join("qemu-system-x86_64");
    let program = in_path("qemu-system-x86_64");
    executable(&other, &format!("exec {} \"$@\"", program.display()));
    let path = env::var("PATH").expect("a PATH");
    let path = format!("{}:{path}", folder.path().display());
    let run = || ended(user.starts(&any_kernel(), Some(&path), &["--", "true"])).expect(0);
    run().says(BOOTS);
    run().does_not_say(BOOTS);
}

fn in_path(program: &str) -> PathBuf {
    let path = env::var_os("PATH").expect("a PATH");
    let mut found = env::split_paths(&path).map(|it| it.join(program));
    found.find(|it| it.is_file()).expect("the program")
}

#[test]
fn a_kernel_that_was_replaced_is_booted() {
    let user = User::new();
    let folder = tempfile::tempdir().expect("a folder");
    let kernel = root().join("build").join(any_kernel()).join("kernel");
    for name in ["release", "config", "modules"] {
        let there = kernel.join(name);
        if there.exists() {
            symlink(
                there.canonicalize().expect("a path"),
                folder.path().join(name),
            )
            .expect("a link");
        }
    }
    let replace = || {
        let new = folder.path().join("new");
        fs::copy(kernel.join("image"), &new).expect("a copy");
        fs::rename(new, folder.path().join("image")).expect("it is there");
    };
    let path = Path::to_str(folder.path()).expect("UTF-8");
    let run = || ended(user.starts(path, None, &["--", "true"])).expect(0);
    replace();
    run().says(BOOTS);
    run().does_not_say(BOOTS);
    replace();
    run().says(BOOTS);
}
