// SPDX-License-Identifier: GPL-2.0-only

//! The VM runner's promises: what goes in and out, and what stays behind.

use lkmpg_runner_tests::{
    Fake, Ran, any_kernel, ended, is_running, qemu_of, run, run_with_input, vm,
};
use lkmpg_tests::wait_until;
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs,
    io::Read,
    os::unix::process::ExitStatusExt,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

#[test]
fn standard_output_is_the_commands_alone() {
    let ran = run(&[
        "--",
        "sh",
        "-c",
        "echo out; echo err >&2; echo log >/dev/kmsg",
    ])
    .expect(0);
    assert_eq!(ran.text(), "out\n");
    ran.says("err\n").says("] log");
}

#[test]
fn any_bytes_pass_through_in_order() {
    let bytes: Vec<u8> = (0..4u32 << 20)
        .map(|it| (it.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let ran = run_with_input(vm(&any_kernel(), &["--", "cat"]), &bytes).expect(0);
    assert!(
        ran.stdout == bytes,
        "{} bytes of {}",
        ran.stdout.len(),
        bytes.len()
    );
}

#[test]
fn an_input_that_is_empty_or_closed_has_an_end() {
    let fake = Fake::new();
    let wc = ["--", "wc", "-c"];
    assert_eq!(fake.runs(&wc).expect(0).text(), "0\n");
    let ran = run_with_input(fake.vm(&wc), b"");
    assert_eq!(ran.expect(0).text(), "0\n");
    let closed = fake.vm(&wc);
    let mut shell = Command::new("sh");
    shell
        .args(["-c", "exec \"$@\" <&-", "sh"])
        .arg(closed.get_program())
        .args(closed.get_args())
        .envs(closed.get_envs().filter_map(|it| Some((it.0, it.1?))));
    let ran = ended(shell.stdout(Stdio::piped()).spawn().expect("sh starts"));
    assert_eq!(ran.expect(0).text(), "0\n");
}

#[test]
fn an_input_that_nobody_reads_does_not_matter() {
    let fake = Fake::new();
    // More than all pipes on the way can hold.
    run_with_input(fake.vm(&["--", "true"]), &vec![0; 4 << 20]).expect(0);
    // Nor does one that never ends.
    let mut command = fake.vm(&["--", "true"]);
    let mut child = command
        .stdin(Stdio::piped())
        .spawn()
        .expect("scripts/vm starts");
    let _open = child.stdin.take();
    ended(child).expect(0);
}

#[test]
fn an_output_that_nobody_reads_ends_the_command() {
    let fake = Fake::new();
    let mut child = fake.starts(&["--", "yes"]);
    let mut first = [0; 2];
    let mut stdout = child.stdout.take().expect("a pipe");
    stdout.read_exact(&mut first).expect("a line");
    drop(stdout);
    assert_eq!(&first, b"y\n");
    ended(child).expect(128 + 13);
}

#[test]
fn complaints_that_nobody_reads_do_not_matter() {
    let fake = Fake::new();
    let mut child = fake.starts(&["--", "sh", "-c", "echo bad >&2; echo good"]);
    drop(child.stderr.take());
    assert_eq!(ended(child).expect(0).text(), "good\n");
}

#[test]
fn who_stays_in_the_background_holds_nothing_up() {
    let ran = run(&["--", "sh", "-c", "sleep 1000 & echo done"]).expect(0);
    assert_eq!(ran.text(), "done\n");
}

#[test]
fn the_environment_is_the_guests_own() {
    let script = "echo $COLOUR; env";
    let ran = Fake::new().runs(&["--env", "COLOUR=light blue", "--", "sh", "-c", script]);
    let ran = ran.expect(0);
    let text = ran.text();
    assert!(text.starts_with("light blue\n"), "{text}");
    assert!(!text.contains("CARGO"), "{text}");
    assert!(text.contains("HOME=/root\n"), "{text}");
}

#[test]
fn programs_of_the_host_come_with_their_libraries() {
    let script = "ls --version | head -n 1; /tmp/list --version | head -n 1";
    let ran = run(&[
        "--add",
        "/bin/ls",
        "--add",
        "/bin/ls:/tmp/list",
        "--",
        "sh",
        "-c",
        script,
    ]);
    let text = ran.expect(0).text();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines.iter().all(|it| it.contains("coreutils")), "{text}");
}

#[test]
fn the_log_is_complete_and_elsewhere() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = folder.path().join("log");
    let arguments = [
        "--log",
        log.to_str().expect("UTF-8"),
        "--",
        "sh",
        "-c",
        "echo last >/dev/kmsg",
    ];
    let ran = run(&arguments).expect(0);
    assert_eq!(ran.stderr, "");
    let log = fs::read_to_string(log).expect("a log");
    let mut lines = log.lines().filter(|it| it.starts_with('['));
    assert!(
        lines.next().is_some_and(|it| it.contains("Linux version")),
        "{log}"
    );
    assert!(lines.any(|it| it.ends_with("] last")), "{log}");
}

#[test]
fn several_at_once_do_not_meet() {
    let ones: Vec<_> = (0..3)
        .map(|it| {
            let script =
                format!("echo {it} >/dev/ttyS1; echo {it} >/tmp/it; sleep 0.5; cat /tmp/it");
            vm(&any_kernel(), &["--", "sh", "-c", &script])
                .spawn()
                .expect("scripts/vm starts")
        })
        .collect();
    for (it, one) in ones.into_iter().enumerate() {
        assert_eq!(ended(one).expect(0).text(), format!("{it}\n"));
    }
}

#[test]
fn more_cpus_are_more_cpus() {
    assert_eq!(run(&["--smp", "4", "--", "nproc"]).expect(0).text(), "4\n");
    let fake = Fake::new();
    let mut command = fake.vm(&["--", "true"]);
    let ran = Ran::from(command.env("LKMPG_SMP", "2").output().expect("it starts"));
    ran.expect(0).says(", 2 CPUs, ");
}

#[test]
fn more_memory_is_more_memory() {
    let ran = run(&[
        "--memory",
        "768M",
        "--",
        "grep",
        "MemTotal",
        "/proc/meminfo",
    ])
    .expect(0);
    let text = ran.text();
    let kib = text
        .split_whitespace()
        .nth(1)
        .and_then(|it| it.parse().ok());
    assert!(kib.is_some_and(|it: u32| it > 512 << 10), "{text}");
}

/// Starts a guest that lives for long, with nothing else in its temporary folder.
fn long_lived(fake: &Fake, folder: &Path) -> (Child, u32) {
    let mut command = fake.vm(&["--", "sh", "-c", "echo up; exec sleep 1000"]);
    let mut child = command
        .env("TMPDIR", folder)
        .spawn()
        .expect("scripts/vm starts");
    let mut up = [0; 3];
    child
        .stdout
        .as_mut()
        .expect("a pipe")
        .read_exact(&mut up)
        .expect("it is up");
    let qemu = qemu_of(&child);
    (child, qemu)
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process");
    kill_process(pid, signal).expect("it is signalled");
}

#[test]
fn nothing_stays_behind() {
    let fake = Fake::new();
    let folder = tempfile::tempdir().expect("a folder");
    for (which, status) in [
        (Signal::TERM, Some(128 + 15)),
        (Signal::INT, Some(128 + 2)),
        (Signal::HUP, Some(128 + 1)),
        (Signal::KILL, None),
    ] {
        let (mut child, qemu) = long_lived(&fake, folder.path());
        signal(&child, which);
        let ended = child.wait().expect("it ends");
        assert_eq!(ended.code(), status);
        assert_eq!(ended.signal().is_some(), status.is_none());
        wait_until("QEMU to end", || !is_running(qemu));
        let left: Vec<_> = fs::read_dir(folder.path()).expect("the folder").collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn a_stopped_reader_is_waited_for() {
    // The output is complete although nobody reads it for a while.
    let script = "yes 0123456789 | head -n 100000";
    let fake = Fake::new();
    let mut child = fake.starts(&["--", "sh", "-c", script]);
    thread::sleep(std::time::Duration::from_secs(4));
    let mut output = Vec::new();
    child
        .stdout
        .take()
        .expect("a pipe")
        .read_to_end(&mut output)
        .expect("output");
    assert_eq!(output.len(), 1_100_000);
    assert!(child.wait().expect("it ends").success());
}
