// SPDX-License-Identifier: GPL-2.0-only

//! The VM runner's promises: a guest that was saved is as good as one that boots.

use lkmpg_guest::END_OF_LOG;
use lkmpg_runner_tests::{Fake, Ran, any_kernel, ended, root, vm};
use lkmpg_tools_tests::target;
use std::{
    collections::HashSet,
    env,
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
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

    fn runs(&self, arguments: &[&str]) -> Ran {
        let mut command = vm(&any_kernel(), &[&["--accel", "tcg"], arguments].concat());
        command.env("XDG_CACHE_HOME", self.cache.path());
        ended(command.spawn().expect("scripts/vm starts"))
    }
}

/// The folders of the guests that are saved.
fn snapshots(cache: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(cache.join("lkmpg-rs/snapshots"));
    let folders = folders.into_iter().flatten().flatten();
    folders.map(|it| it.path()).collect()
}

fn snapshot(cache: &Path) -> PathBuf {
    let [snapshot] = &snapshots(cache)[..] else {
        panic!("{:?}", snapshots(cache))
    };
    snapshot.clone()
}

/// Runs a command in a guest that is none.
fn runs_true(fake: &Fake) -> Ran {
    fake.runs(&["--", "true"]).expect(0)
}

fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("a time after 1970").as_secs()
}

/// Copies a program that is run afterwards: by another process, since what this one starts meanwhile would have
/// it open for writing.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").args([from, to]).status();
    assert!(copied.expect("cp").success(), "{from:?}");
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
    assert_eq!(snapshots(user.cache.path()).len(), 1);
    // What the guest is given is no part of it.
    let add = format!("{}:/etc/added", root().join("README.md").display());
    let arguments = ["--smp", "2", "--add", &add, "--env", "A=b", "--"];
    user.runs(&[&arguments[..], &["cmp", "/etc/added", "/etc/added"]].concat())
        .expect(0)
        .does_not_say(BOOTS);
}

#[test]
fn the_first_run_saves_a_guest_for_all() {
    let fake = Fake::new();
    let runs: Vec<_> = (0..3).map(|_| fake.starts(&["--", "true"])).collect();
    let runs = runs.into_iter().map(|it| ended(it).expect(0).stderr);
    assert_eq!(runs.filter(|it| it.contains(BOOTS)).count(), 1);
    runs_true(&fake).does_not_say(BOOTS);
    // The machine is a part of it.
    let two = || fake.runs(&["--smp", "2", "--", "true"]).expect(0);
    two().says(BOOTS);
    two().does_not_say(BOOTS);
    // And so is what its kernel is told.
    let core = fake.path("core");
    let arguments = ["--core", core.to_str().expect("UTF-8"), "--", "true"];
    fake.runs(&arguments).expect(0).says(BOOTS);
}

#[test]
fn what_an_earlier_boot_has_saved_is_removed() {
    let fake = Fake::new();
    let old = fake.path("cache/lkmpg-rs/snapshots/before-x");
    fs::create_dir_all(&old).expect("a folder");
    runs_true(&fake);
    assert!(!old.exists());
}

#[test]
fn a_cold_guest_boots_and_saves_nothing() {
    let fake = Fake::new();
    fake.runs(&["--cold", "--", "true"]).expect(0);
    assert!(snapshots(&fake.path("cache")).is_empty());
}

#[test]
fn what_the_kernel_said_before_it_was_saved_is_in_the_log() {
    let fake = Fake::new();
    let log = fake.path("log");
    for _ in 0..2 {
        let log = log.to_str().expect("UTF-8");
        let script = "echo '[    1.000000] last' >$KMSG";
        fake.runs(&["--log", log, "--", "sh", "-c", script])
            .expect(0);
        let log = fs::read_to_string(log).expect("a log");
        let lines: Vec<_> = log.lines().filter(|it| it.starts_with('[')).collect();
        let expected = [
            "] Linux version 1.2.3",
            "] Run /init as init process",
            "] the last words before it was saved",
            "] last",
            END_OF_LOG,
        ];
        assert_eq!(lines.len(), expected.len(), "{log}");
        for (line, end) in lines.iter().zip(expected) {
            assert!(line.ends_with(end), "{log}");
        }
    }
}

#[test]
fn a_snapshot_that_is_cut_short_is_made_anew() {
    let fake = Fake::new();
    runs_true(&fake);
    let cache = fake.path("cache");
    // Of its memory a guest that is none has nothing.
    fs::write(snapshot(&cache).join("memory"), "memory").expect("it is written");
    runs_true(&fake).says("is of no use").says(BOOTS);
    for name in ["state", "log", "about.json"] {
        let file = File::options()
            .write(true)
            .open(snapshot(&cache).join(name))
            .expect("a file of the snapshot");
        let length = file.metadata().expect("its length").len();
        file.set_len(length / 2).expect("it is cut");
        runs_true(&fake).says("is of no use").says(BOOTS);
        runs_true(&fake).does_not_say(BOOTS);
    }
    fs::remove_file(snapshot(&cache).join("memory")).expect("it is removed");
    runs_true(&fake).says("is of no use").says(BOOTS);
}

#[test]
fn a_snapshot_that_does_not_start_is_made_anew() {
    let user = User::new();
    user.runs(&["--", "true"]).expect(0);
    let cache = user.cache.path();
    damage(&snapshot(cache).join("state"));
    user.runs(&["--", "true"])
        .expect(0)
        .says("so this one boots");
    assert!(snapshot(cache).read_dir().expect("it").next().is_none());
}

/// Overwrites the beginning of a file, so that nobody sees that it has changed.
fn damage(file: &Path) {
    let file = File::options().write(true).open(file).expect("the file");
    let time = file.metadata().and_then(|it| it.modified());
    file.write_all_at(&[0; 10], 0).expect("it is overwritten");
    file.set_modified(time.expect("a time")).expect("its time");
}

#[test]
fn another_qemu_starts_from_another_snapshot() {
    let fake = Fake::new();
    runs_true(&fake);
    let qemu = fake.program();
    fs::remove_file(&qemu).expect("it is removed");
    copy(&Fake::qemu(), &qemu);
    runs_true(&fake).says(BOOTS);
    runs_true(&fake).does_not_say(BOOTS);
}

#[test]
fn a_kernel_that_was_replaced_is_booted() {
    let fake = Fake::new();
    runs_true(&fake).says(BOOTS);
    runs_true(&fake).does_not_say(BOOTS);
    fs::write(fake.path("new"), "").expect("a kernel");
    fs::rename(fake.path("new"), fake.path("kernel/image")).expect("it is there");
    runs_true(&fake).says(BOOTS);
}

#[test]
fn a_guest_with_another_init_is_booted() {
    let fake = Fake::new();
    let own = Command::new(root().join("scripts/own")).output();
    let own = String::from_utf8(own.expect("scripts/own").stdout).expect("a path");
    let built = Path::new(own.trim_end()).join("cargo").join(target());
    for name in ["lkmpg-vm", "lkmpg-guest"] {
        let to = fake.path("bin").join(name);
        copy(&built.join("release").join(name), &to);
    }
    let runs = || {
        let mut script = fake.vm(&["--", "true"]);
        script.env("LKMPG_ROOT", root());
        let mut command = Command::new(fake.path("bin/lkmpg-vm"));
        command.args(script.get_args());
        for (name, value) in script.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        Ran::from(command.output().expect("it starts")).expect(0)
    };
    runs().says(BOOTS);
    runs().does_not_say(BOOTS);
    fs::write(fake.path("bin/lkmpg-guest"), "another").expect("it is written");
    runs().says(BOOTS);
}
