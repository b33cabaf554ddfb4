// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 10: print_string.

use lkmpg_tests::{
    FarEnd, KernelLog, Module, errno_named, errno_of, is_loaded,
    pty::{Pty, session, session_without_terminal},
    times,
};
use rustix::{
    io::Errno,
    process::{Pid, Signal, kill_process},
    termios::{Action, tcflow},
};
use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::process::ExitStatusExt as _,
    process::{Command, Stdio},
    thread,
};

const HELLO: &str = "The module has been inserted.  Hello world!\r\n";
const FAREWELL: &str = "The module has been removed.  Farewell world!\r\n";
const LOAD: &str = "insmod /modules/print_string.ko";
const UNLOAD: &str = "rmmod print_string";
/// Where the module `tty_kept` takes lines for the terminal that it was loaded from.
const KEPT: &str = "/proc/tty_kept";

#[test]
fn the_loader_and_the_unloader_see_it() {
    let (mut first, mut second) = (Pty::new(), Pty::new());
    assert!(first.run(LOAD).status.success());
    assert_eq!(String::from_utf8_lossy(&first.read()), HELLO);
    assert!(second.run(UNLOAD).status.success());
    assert_eq!(String::from_utf8_lossy(&second.read()), FAREWELL);
    assert_eq!(first.read(), b"", "each message goes to one terminal");
}

#[test]
fn it_needs_no_file_open_on_the_terminal() {
    let mut pty = Pty::new();
    let script = format!("exec <&- >&- 2>&-; {LOAD}; {UNLOAD}");
    assert!(pty.run(&script).status.success());
    let both = format!("{HELLO}{FAREWELL}");
    assert_eq!(String::from_utf8_lossy(&pty.read()), both);
}

#[test]
fn it_works_on_the_serial_line() {
    let mut far_end = FarEnd::new();
    let line = File::options()
        .read(true)
        .write(true)
        .open("/dev/ttyS1")
        .expect("the serial port");
    let output = session(&line, &format!("{LOAD} && {UNLOAD}"));
    assert!(output.status.success(), "{output:?}");
    let both = format!("{HELLO}{FAREWELL}");
    assert_eq!(String::from_utf8_lossy(&far_end.read(both.len())), both);
}

#[test]
fn without_a_terminal_it_does_nothing() {
    let log = KernelLog::now();
    let output = session_without_terminal(&format!("{LOAD} && {UNLOAD}"));
    assert!(output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty() && output.stderr.is_empty());
    assert_eq!(log.lines_with("print_string:"), [""; 0]);

    // A terminal as standard input that controls nobody is none.
    let mut pty = Pty::new();
    let status = Command::new("setsid")
        .args(["sh", "-c", &format!("{LOAD} && {UNLOAD}")])
        .stdin(Stdio::from(pty.terminal.try_clone().expect("dup")))
        .status();
    assert!(status.expect("setsid").success());
    (&pty.terminal).write_all(b"end").expect("write");
    assert_eq!(pty.read(), b"end");
}

#[test]
fn a_stopped_terminal_delays_it_only() {
    let mut pty = Pty::new();
    let log = KernelLog::now();
    tcflow(&pty.terminal, Action::OOff).expect("stop");
    assert!(pty.run(LOAD).status.success());
    let lines = log.lines_with("print_string: The terminal did not take the message: ");
    assert_eq!(lines.len(), 1);
    assert!(errno_named(&lines[0], Errno::TIME), "{lines:?}");
    tcflow(&pty.terminal, Action::OOn).expect("go on");
    assert!(pty.run(UNLOAD).status.success());
    assert_eq!(String::from_utf8_lossy(&pty.read()), FAREWELL);
}

#[test]
fn a_terminal_that_was_hung_up_is_an_error() {
    let mut pty = Pty::new();
    let output = pty.run("insmod /modules/tty_kept.ko");
    assert!(output.status.success(), "{output:?}");
    let _module = Module::adopt("tty_kept");
    // The session has ended, which leaves its pseudo-terminal as it is.
    fs::write(KEPT, "anybody there?").expect("write");
    assert_eq!(pty.read(), b"anybody there?\r\n");
    drop(pty);
    let error = fs::write(KEPT, "and now?").map_err(errno_of);
    assert_eq!(error, Err(Errno::IO));
}

/// A session with a terminal that lasts until this is dropped.
struct Session {
    shell: std::process::Child,
}

impl Session {
    fn new(pty: &Pty) -> Self {
        let mut shell = Command::new("setsid")
            .args([
                "-c",
                "sh",
                "-c",
                "insmod /modules/tty_kept.ko && echo ready && read line",
            ])
            .stdin(Stdio::from(pty.terminal.try_clone().expect("dup")))
            .stdout(Stdio::piped())
            .spawn()
            .expect("a session");
        let mut ready = [0; 6];
        let stdout = shell.stdout.as_mut().expect("a pipe");
        std::io::Read::read_exact(stdout, &mut ready).expect("read");
        assert_eq!(&ready, b"ready\n");
        Self { shell }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

#[test]
fn any_process_context_may_write() {
    let mut pty = Pty::new();
    let session = Session::new(&pty);
    let _module = Module::adopt("tty_kept");
    fs::write(KEPT, "from another session").expect("write");
    assert_eq!(pty.read(), b"from another session\r\n");
    // More than a terminal's buffer holds at once.
    let line = [b'x'; 1000];
    for _ in 0..3 {
        fs::write(KEPT, line).expect("write");
        let seen = pty.read();
        assert_eq!((&seen[..1000], &seen[1000..]), (&line[..], &b"\r\n"[..]));
    }
    drop(session);
}

#[test]
fn a_signal_ends_the_wait_for_a_stopped_terminal() {
    let pty = Pty::new();
    let _session = Session::new(&pty);
    let _module = Module::adopt("tty_kept");
    tcflow(&pty.terminal, Action::OOff).expect("stop");
    let mut writer = Command::new("sh")
        .args(["-c", &format!("echo hello > {KEPT}")])
        .spawn()
        .expect("a shell");
    kill_process(Pid::from_child(&writer), Signal::KILL).expect("kill");
    assert_eq!(writer.wait().expect("wait").signal(), Some(9));
    assert_eq!(fs::write(KEPT, "hello").map_err(errno_of), Err(Errno::TIME));
}

#[test]
fn writing_while_it_is_hung_up() {
    for _ in 0..50 {
        let pty = Pty::new();
        let session = Session::new(&pty);
        let _module = Module::adopt("tty_kept");
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                // Until the hang-up; the screen is not read, so a full one counts as well.
                while fs::write(KEPT, "hello").is_ok() {}
                fs::write(KEPT, "hello").map_err(errno_of)
            });
            drop(session);
            drop(pty);
            assert_eq!(writer.join().expect("the writer"), Err(Errno::IO));
        });
    }
}

#[test]
fn loading_and_unloading_many_times() {
    let mut pty = Pty::new();
    let loads = times("LKMPG_LOADS", 200);
    let script = format!("for i in $(seq {loads}); do {LOAD} && {UNLOAD} || exit 1; done");
    let mut seen = Vec::new();
    let mut shell = Command::new("setsid")
        .args(["-c", "sh", "-c", &script])
        .stdin(Stdio::from(pty.terminal.try_clone().expect("dup")))
        .spawn()
        .expect("a session");
    let status = loop {
        seen.extend(pty.read());
        if let Some(status) = shell.try_wait().expect("wait") {
            break status;
        }
        thread::yield_now();
    };
    seen.extend(pty.read());
    assert!(status.success() && !is_loaded("print_string"));
    let both = format!("{HELLO}{FAREWELL}");
    assert!(String::from_utf8_lossy(&seen) == both.repeat(loads));
}
