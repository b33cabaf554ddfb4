// SPDX-License-Identifier: GPL-2.0-only

//! The VM runner's promises: the interactive shell.

use lkmpg_guest::{WindowSize, pty::resize};
use lkmpg_runner_tests::{
    Build, Fake, any_kernel, ended, kernel_has, root, run, run_with_input, vm,
};
use lkmpg_tests::{pty::Pty, ready, wait_until};
use lkmpg_tools_tests::executable;
use rustix::{
    event::PollFlags,
    fs::{FlockOperation, flock},
    process::{Pid, Signal, kill_process},
    termios::tcgetattr,
};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command},
    time::{Duration, Instant},
};

const LIMIT: Duration = Duration::from_secs(60);

/// A user at a terminal.
struct User {
    screen: File,
    terminal: File,
    seen: String,
}

impl User {
    fn new() -> Self {
        let Pty { screen, terminal } = Pty::new();
        let seen = String::new();
        Self {
            screen,
            terminal,
            seen,
        }
    }

    fn runs(&self, command: &mut Command) -> Child {
        let end = || self.terminal.try_clone().expect("a terminal");
        command
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .expect("scripts/vm starts")
    }

    fn resizes(&self, rows: u16, columns: u16) {
        resize(&self.screen, WindowSize { rows, columns }).expect("a size");
    }

    fn types(&mut self, keys: &str) {
        self.screen
            .write_all(keys.as_bytes())
            .expect("the terminal takes keys");
    }

    /// Waits until the screen shows `text`, after what was seen before.
    #[track_caller]
    fn sees(&mut self, text: &str) {
        let start = Instant::now();
        loop {
            if let Some(at) = self.seen.find(text) {
                self.seen.drain(..at + text.len());
                return;
            }
            if !ready(&self.screen, PollFlags::IN, Some(Duration::from_secs(1))).is_empty() {
                let mut buffer = [0; 4096];
                let length = self.screen.read(&mut buffer).expect("the screen");
                self.seen += &String::from_utf8_lossy(&buffer[..length]);
            }
            assert!(start.elapsed() < LIMIT, "no {text:?} in {:?}", self.seen);
        }
    }

    fn does(&mut self, command: &str) {
        self.types(&format!("{command}\r"));
    }
}

#[test]
fn a_shell_without_a_terminal_prompts_and_ends() {
    let ran = run(&[]).expect(0);
    assert!(
        format!("{}{}", ran.text(), ran.stderr).contains("root@lkmpg"),
        "{ran:?}"
    );
    run_with_input(Fake::new().vm(&[]), b"exit 7\n").expect(7);
}

#[test]
fn a_terminal_is_a_terminal() {
    let mut user = User::new();
    user.resizes(33, 101);
    let before = tcgetattr(&user.terminal).expect("its settings");
    let mut child = user.runs(&mut vm(&any_kernel(), &[] as &[&str]));
    user.sees("root@lkmpg:/modules# ");
    user.does("tty; stty size");
    user.sees("/dev/pts/0");
    user.sees("33 101");

    // Editing, interrupting, stopping.
    user.does("echo woXX\x7f\x7frks");
    user.sees("works");
    user.does("sh -c 'echo run''ning; exec sleep 1000'");
    user.sees("running");
    user.types("\x03");
    user.does("echo status $?");
    user.sees("status 130");
    user.does("sh -c 'echo run''ning; exec sleep 1000'");
    user.sees("running");
    user.types("\x1a");
    user.sees("Stopped");
    user.does("kill -KILL %1");

    user.resizes(40, 90);
    let pid = i32::try_from(child.id())
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process");
    kill_process(pid, Signal::WINCH).expect("it is signalled");
    user.does("until [ \"$(stty size)\" = '40 90' ]; do :; done; echo re''sized");
    user.sees("resized");

    // Modules work, and the kernel's words are seen.
    user.does("insmod /modules/hello_1.ko");
    user.sees("hello_1: Hello world 1.");
    user.does("rmmod hello_1; modprobe hello_2 && rmmod hello_2");
    user.sees("hello_2: Goodbye");

    user.does("exit 3");
    // Leaving is no failure, whatever the last command did.
    ends_well(&mut child);
    let after = tcgetattr(&user.terminal).expect("its settings");
    assert_eq!(before.local_modes, after.local_modes);
    assert_eq!(before.output_modes, after.output_modes);
}

fn ends_well(child: &mut Child) {
    let mut status = None;
    wait_until("the runner to end", || {
        status = child.try_wait().expect("a process");
        status.is_some()
    });
    assert_eq!(status.and_then(|it| it.code()), Some(0));
}

#[test]
fn what_is_built_meanwhile_is_seen() {
    if !kernel_has("9P_FS") {
        run(&[]).expect(0).says("seen in the next VM");
        return;
    }
    let mut user = User::new();
    let build = Build::new(&any_kernel());
    let mut child = user.runs(&mut vm(build.name(), &[] as &[&str]));
    user.sees("root@lkmpg:/modules# ");
    build.makes("new.ko", "samples/02-hello-world/hello_1.ko");
    build.makes("stale.ko", "samples/02-hello-world/hello_2.ko");
    build.lists("new.o\n");
    user.does("until insmod /modules/new.ko 2>/dev/null; do sleep 0.1; done");
    user.sees("hello_1: Hello world 1.");
    user.does("rmmod hello_1");
    user.sees("Goodbye");
    // What the build does not list is not there.
    user.does("echo only /modules/*");
    user.sees("only /modules/new.ko");
    build.lists("");
    user.does("while [ -e /modules/new.ko ]; do sleep 0.1; done; echo it is $((6 * 7))");
    user.sees("it is 42");
    // The way out of a guest that does not listen any more.
    user.types("\x1d");
    ends_well(&mut child);
}

#[test]
fn modules_that_are_being_built_are_waited_for() {
    let build = Build::new(&any_kernel());
    let lock = File::create(root().join("build").join(build.name()).join(".lock"));
    let lock = lock.expect("what make locks");
    flock(&lock, FlockOperation::LockExclusive).expect("nobody else has it");
    let mut child = vm(build.name(), &["--", "true"])
        .spawn()
        .expect("scripts/vm starts");
    let stderr = child.stderr.take().expect("a pipe");
    let mut said = BufReader::new(stderr).lines().map_while(Result::ok);
    assert!(said.any(|it| it.starts_with("vm: waiting for make")));
    drop(lock);
    said.for_each(drop);
    ended(child).expect(0);
}

#[test]
fn who_turns_the_power_off_leaves_well_but_a_qemu_that_fails_has_failed() {
    let fake = Fake::new();
    fs::remove_file(fake.program()).expect("it is removed");
    let qemu = Fake::qemu();
    for (status, expected) in [(0, 0), (3, 125)] {
        let text = format!(
            "exec 2>/dev/null\n'{}' \"$@\"\nexit {status}",
            qemu.display()
        );
        executable(&fake.program(), &text);
        // Its guest ends with it.
        let command = fake.vm(&["--cold"]);
        run_with_input(command, b"kill -KILL $PPID; exec sleep 1000\n").expect(expected);
    }
}
