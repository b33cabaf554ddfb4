// SPDX-License-Identifier: GPL-2.0-only

//! The VM runner's promises: one guest for many test binaries.

use lkmpg_runner_tests::{
    Build, KMEMLEAK, Ran, guest_program, host_program, kernel, kernel_has, run_with_input, vm,
};
use lkmpg_tests::skip;
use lkmpg_tools_tests::executable;
use std::{
    env,
    fmt::Write as _,
    path::{Path, PathBuf},
};
use tempfile::TempDir;

/// Which guest it is: each makes up its own when it is asked first.
const GUEST: &str = "guest $(cat /proc/sys/kernel/random/boot_id)";

/// Test binaries, as Cargo would name them.
#[derive(Default)]
struct Suite {
    programs: Vec<TempDir>,
    messages: String,
}

impl Suite {
    /// Adds a binary that runs a script in the guest, and passes if that ends well.
    fn with(self, name: &str, script: &str) -> Self {
        let script = format!("echo {name} in {GUEST}; {script}");
        self.adds(name, guest_program(&reports(&script)))
    }

    /// Adds one that does so on this machine.
    fn here(self, name: &str, script: &str) -> Self {
        self.adds(name, host_program(&reports(script)))
    }

    fn adds(mut self, name: &str, (folder, program): (TempDir, PathBuf)) -> Self {
        let message = serde_json::json!({
            "reason": "compiler-artifact",
            "package_id": "path+file:///tests#0.1.0",
            "target": {"name": name, "kind": ["test"]},
            "profile": {"test": true},
            "executable": program,
        });
        writeln!(self.messages, "{message}").expect("a string");
        self.programs.push(folder);
        self
    }

    fn runs(self) -> Ran {
        self.runs_with(&[])
    }

    fn runs_with(self, options: &[&str]) -> Ran {
        self.runs_by(Path::new("cargo"), options)
    }

    /// Runs them with another Cargo.
    fn runs_by(self, cargo: &Path, options: &[&str]) -> Ran {
        // In that of all others it would be remembered how long each takes.
        let build = Build::new(&kernel());
        build.makes("hello_1.ko", "samples/02-hello-world/hello_1.ko");
        build.makes("slab.ko", "samples/20-memory/slab.ko");
        build.makes("crash.ko", "tests/modules/crash.ko");
        build.lists("hello_1.o\nslab.o\ncrash.o\n");
        let arguments = [&["--suite", "--jobs", "1"], options].concat();
        let mut command = vm(build.name(), &arguments);
        command.env("CARGO", cargo);
        let end = "{\"reason\": \"build-finished\", \"success\": true}\n";
        run_with_input(command, (self.messages + end).as_bytes())
    }
}

/// What runs a script, and reports whether it ended well, as libtest does.
fn reports(script: &str) -> String {
    format!(
        r#"int failed = system("{script}") != 0;
        printf("test result: ok. %d passed; %d failed; 0 ignored; 0 measured; 0 filtered out\n",
            !failed, failed);
        return failed;"#
    )
}

/// The guest that a binary ran in.
fn guest_of<'a>(text: &'a str, name: &str) -> &'a str {
    let begin = format!("{name} in guest ");
    let mut lines = text.lines().filter_map(|it| it.strip_prefix(&begin));
    lines
        .next()
        .unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[test]
fn who_leaves_nothing_behind_shares_a_guest() {
    let suite = Suite::default()
        .with("one", "mkdir /tmp/of; echo it | tee /tmp/it /tmp/of/it /run/it; rm /run/it")
        // Not even the binary of the first is there, nor what is for nobody later.
        .with(
            "two",
            "insmod /modules/hello_1.ko && rmmod hello_1 && test $(ls /tests | wc -l) = 1 && ! ls -A /tmp | grep .",
        )
        .with("three", "true");
    let text = suite.runs().expect(0).text();
    assert_eq!(guest_of(&text, "one"), guest_of(&text, "two"), "{text}");
    assert_eq!(guest_of(&text, "two"), guest_of(&text, "three"), "{text}");
    assert!(text.contains("tests: 3 passed"), "{text}");
    assert!(!text.contains("left"), "{text}");
}

#[test]
fn who_leaves_something_behind_is_named_and_the_next_has_a_clean_guest() {
    let mut left = vec![
        (
            "module",
            "insmod /modules/hello_1.ko",
            "/sys/module/hello_1",
        ),
        ("node", "mknod /dev/left c 1 3", "/dev/left"),
        ("file", "touch /root/left", "/root/left"),
        (
            "setting",
            "echo 17 >/proc/sys/kernel/panic",
            "/proc/sys/kernel/panic: 17",
        ),
        ("process", "sleep 1000 & sleep 0", "(sleep)"),
        ("mount", "mount -t tmpfs left /mnt", "left /mnt tmpfs"),
        ("gone", "rm /etc/group", "no /etc/group"),
    ];
    // To kmemleak it is a leak, too.
    if !kernel_has("DEBUG_KMEMLEAK") {
        left.push((
            "cache",
            "insmod /modules/slab.ko && echo forget >/proc/slab && rmmod slab",
            "the cache lkmpg_ticket",
        ));
    }
    let clean = "test ! -e /sys/module/hello_1 && test ! -e /dev/left && test ! -e /root/left && \
                 test -e /etc/group && test $(cat /proc/sys/kernel/panic) != 17 && ! pidof sleep && \
                 ! grep '^left' /proc/mounts && insmod /modules/slab.ko && rmmod slab";
    let mut suite = Suite::default();
    for (name, script, _) in &left {
        suite = suite
            .with(name, script)
            .with(&format!("after_{name}"), clean);
    }
    let text = suite.runs().expect(0).text();
    let mut before = None;
    for (name, _, what) in &left {
        let after = guest_of(&text, &format!("after_{name}"));
        assert_ne!(guest_of(&text, name), after, "{name}: {text}");
        // Who leaves nothing behind gives the guest to the next.
        assert!(
            before.is_none_or(|it| it == guest_of(&text, name)),
            "{text}"
        );
        before = Some(after);
        let said = format!("vm: {name} has left behind: ");
        let mut lines = text.lines().filter_map(|it| it.strip_prefix(&said));
        let line = lines
            .next()
            .unwrap_or_else(|| panic!("no {said:?} in {text}"));
        assert!(line.contains(what), "{line}");
    }
    let names: Vec<_> = left.iter().map(|it| it.0).collect();
    let summary = format!("the next had another guest: {}\n", names.join(" "));
    assert!(text.contains(&summary), "{text}");
}

#[test]
fn each_has_its_own_verdict() {
    let suite = Suite::default()
        .with("passes", "true")
        .with("fails", "false")
        .with("splats", "insmod /modules/crash.ko how=2")
        .with("kills", "echo c >/proc/sysrq-trigger")
        .with("last", "true");
    let text = suite.runs().expect(101).text();
    // What is said just before a kernel dies may die with it.
    let guests = ["passes", "fails", "splats", "last"].map(|it| guest_of(&text, it));
    assert_eq!(guests[0], guests[1]);
    for pair in guests[1..].windows(2) {
        assert_ne!(pair[0], pair[1]);
    }
    let failed = "test binaries: 3 of 5 failed: fails splats kills\n";
    assert!(text.ends_with(failed), "{text}");
    // What the kernel said is with the one that made it say so.
    let (_, splats) = text.split_once("Running splats").expect("a header");
    let (splats, again) = splats.split_once("Once more").expect("what failed");
    assert!(again.contains("crash.rs:"), "{text}");
    let (splats, rest) = splats.split_once("Running kills").expect("a header");
    assert!(
        splats.contains("crash.rs:") && !rest.contains("crash.rs:"),
        "{text}"
    );
}

#[test]
fn what_the_kernel_cannot_have_is_left_out_and_named() {
    let suite = || Suite::default().with("edu", "false");
    let text = suite()
        .with("one", "true")
        .with("two", "true")
        .runs()
        .expect(0)
        .text();
    let why = "cannot have it: obj-$(if $(CONFIG_PCI),";
    assert!(text.contains("skipped: 1, since the kernel "), "{text}");
    assert!(text.contains(why), "{text}");
    assert!(text.contains("tests: 2 passed, 1 skipped\n"), "{text}");
    suite()
        .runs()
        .expect(125)
        .says("there is nothing to test: edu: ");
}

#[test]
fn who_runs_out_of_time_is_named() {
    let suite = Suite::default()
        .with("hangs", "test -e /tmp/never || sleep 1000")
        .with("next", "true");
    let text = suite.runs_with(&["--timeout", "5"]).expect(101).text();
    assert!(
        text.ends_with("test binaries: 1 of 2 failed: hangs\n"),
        "{text}"
    );
    assert_ne!(guest_of(&text, "hangs"), guest_of(&text, "next"));
}

#[test]
fn who_has_leaked_is_found_among_those_of_its_guest() {
    if !kernel_has("DEBUG_KMEMLEAK") {
        return skip("the kernel does not look for leaks");
    }
    let suite = Suite::default()
        .with("one", "insmod /modules/hello_1.ko && rmmod hello_1")
        .with("leaks", "insmod /modules/crash.ko how=5 && rmmod crash")
        .with("three", "true");
    let text = suite.runs().expect(101).text();
    assert!(text.contains("unreferenced object"), "{text}");
    assert!(
        text.ends_with("test binaries: 1 of 3 failed: leaks\n"),
        "{text}"
    );
}

#[test]
fn what_runs_on_this_machine_may_fail_too() {
    Suite::default().here("broken", "false").runs().expect(101);
    // Whether its report says so, or its status, or both.
    let [all, none] = ["1 passed; 0 failed", "0 passed; 1 failed"];
    for (report, status) in [(none, 1), (none, 0), (all, 1)] {
        let main = format!(r#"puts("test result: ok. {report}"); return {status};"#);
        let suite = Suite::default().adds("broken", host_program(&main));
        let text = suite.here("one", "true").runs().expect(101).text();
        assert!(
            text.ends_with("test binaries: 1 of 2 failed: broken\n"),
            "{text}"
        );
    }
    // As do the examples in the documentation, which are Cargo's.
    let folder = tempfile::tempdir().expect("a folder");
    let cargo = folder.path().join("cargo");
    executable(&cargo, "echo \"asked: $*\"\nexit 1");
    let suite = Suite::default().here("one", "true");
    let text = suite.runs_by(&cargo, &["--doctests"]).expect(101).text();
    assert!(text.contains("\nasked: test --doc --workspace\n"), "{text}");
    assert!(
        text.ends_with("test binaries: 1 of 2 failed: doctests\n"),
        "{text}"
    );
}

#[test]
fn what_has_run_no_test_has_failed() {
    let suite = Suite::default().adds("silent", host_program("return 0;"));
    let text = suite.here("one", "true").runs().expect(101).text();
    assert!(
        text.contains("silent: it ended well, but has run no test\n"),
        "{text}"
    );
    assert!(
        text.ends_with("test binaries: 1 of 2 failed: silent\n"),
        "{text}"
    );
}

#[test]
fn what_is_skipped_is_counted_and_named() {
    let skips = |threads: u32| {
        let this = env::current_exe().expect("a program");
        let this = this.display();
        format!("RUST_TEST_THREADS={threads} {this} --exact a_skip --ignored")
    };
    // With others the test says its name itself.
    let suite = Suite::default().here("alone", &skips(1));
    let suite = suite.here("with_others", &skips(2)).here("one", "true");
    let text = suite.runs().expect(0).text();
    let skipped = "skipped: 2, since it rains: alone::a_skip with_others::a_skip\n";
    assert!(text.contains(skipped), "{text}");
}

#[test]
#[ignore = "a part of the test above"]
fn a_skip() {
    skip("it rains");
}

#[test]
fn who_has_left_something_behind_is_asked_for_leaks() {
    let script = format!("{KMEMLEAK} insmod /modules/hello_1.ko");
    let suite = Suite::default()
        .with("leaks", &script)
        .with("after", "true");
    let text = suite.runs().expect(101).text();
    assert!(text.contains("unreferenced object"), "{text}");
    assert!(
        text.ends_with("test binaries: 1 of 2 failed: leaks\n"),
        "{text}"
    );
}
