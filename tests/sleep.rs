// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 9: sleep, and cat_noblock.

use lkm::raw;
use lkmpg_tests::{
    BadMemory, Module, as_user, errno_of, handled_signal_ends, is_in, is_twin, message, name,
    scaled, wait_until,
};
use rustix::{
    fs::{Mode, OFlags, SeekFrom, seek},
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::{fs::PermissionsExt as _, process::ExitStatusExt as _},
    },
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

const FILE: &str = name!("/proc/sleep");
/// How a file is opened.
const OPEN: &[libc::c_long] = &[
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    libc::SYS_openat,
];

fn load() -> Module {
    Module::load(name!("sleep"), &[]).expect("the module loads")
}

fn open_nonblocking() -> Result<File, Errno> {
    rustix::fs::open(FILE, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()).map(File::from)
}

/// A process that opens the file, says so on its standard output, and keeps it until its standard
/// input ends.
struct Opener(Child);

impl Opener {
    fn start() -> Self {
        Self::run(&format!("exec 3<{FILE} && echo open && read line"))
    }

    fn run(script: &str) -> Self {
        let child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("a shell");
        Self(child)
    }

    /// Starts a process, and waits until it sleeps in `open`.
    fn start_and_sleep() -> Self {
        let opener = Self::start();
        opener.wait_until_asleep();
        opener
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.0)
    }

    /// Waits until the process sleeps in a system call of the file system, and not in a pipe.
    fn wait_until_asleep(&self) {
        let process = self.0.id();
        wait_until("a process to sleep in open", || {
            is_in(&process.to_string(), OPEN) && state(process) == 'S'
        });
    }

    /// Waits until the process has the file.
    fn wait_until_open(&mut self) {
        let mut line = String::new();
        let stdout = self.0.stdout.as_mut().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("read");
        assert_eq!(line, "open\n");
    }

    /// Has the process close the file.
    fn close(mut self) {
        drop(self.0.stdin.take());
        self.0.wait().expect("wait");
    }
}

impl Drop for Opener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The state of a process: R, S, D, Z…
fn state(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .and_then(|(_, rest)| rest.chars().next())
        .unwrap_or('?')
}

#[test]
fn whoever_has_it_reads_it_again_from_where_they_want() {
    let _module = load();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(FILE)
        .expect("open");
    file.write_all(b"hello").expect("write");
    let mut text = String::new();
    for _ in 0..2 {
        text.clear();
        file.read_to_string(&mut text).expect("read");
        assert_eq!(text, "Last input:hello\n");
        assert_eq!(seek(&file, SeekFrom::Start(0)), Ok(0));
    }
    assert_eq!(seek(&file, SeekFrom::End(-6)), Ok(11));
    file.read_to_string(&mut text).expect("read");
    assert!(text.ends_with("\nhello\n"), "{text}");
    assert_eq!(seek(&file, SeekFrom::Current(-100)), Err(Errno::INVAL));
}

#[test]
fn it_shows_the_last_input() {
    let _module = load();
    assert_eq!(fs::read_to_string(FILE).expect("read"), "Last input:\n");
    fs::write(FILE, "hello").expect("write");
    assert_eq!(
        fs::read_to_string(FILE).expect("read"),
        "Last input:hello\n"
    );
    let mut seen = Vec::new();
    let mut file = File::open(FILE).expect("open");
    loop {
        let mut buffer = [0; 4];
        match file.read(&mut buffer).expect("read") {
            0 => break,
            length => seen.extend_from_slice(&buffer[..length]),
        }
    }
    assert_eq!(seen, b"Last input:hello\n");
}

#[test]
fn what_was_written_is_read_from_its_start() {
    let _module = load();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(FILE)
        .expect("open");
    message::are_read_from_their_start(&mut file, |it| format!("Last input:{it}\n"));
}

#[test]
fn of_a_long_message_79_bytes_are_kept() {
    let _module = load();
    for length in [0, 1, 78, 79, 80, 81, 200] {
        let text = "x".repeat(length);
        let file = OpenOptions::new().write(true).open(FILE).expect("open");
        assert_eq!(rustix::io::write(&file, text.as_bytes()), Ok(length));
        drop(file);
        let shown = format!("Last input:{}\n", &text[..length.min(79)]);
        assert_eq!(fs::read_to_string(FILE).expect("read"), shown);
    }
}

#[test]
fn a_message_that_cannot_be_read_changes_nothing() {
    let _module = load();
    fs::write(FILE, "old").expect("write");
    let file = OpenOptions::new().write(true).open(FILE).expect("open");
    let memory = BadMemory::new();
    let (address, room) = memory.edge();
    let written = raw::write(file.as_fd(), address, room + 1);
    assert_eq!(written, Err(Errno::FAULT));
    drop(file);
    assert_eq!(fs::read_to_string(FILE).expect("read"), "Last input:old\n");
}

#[test]
fn only_root_writes() {
    let _module = load();
    assert_eq!(
        fs::metadata(FILE).expect("stat").permissions().mode() & 0o7777,
        0o644
    );
    as_user(1000, || {
        fs::read_to_string(FILE).expect("read");
        let error = OpenOptions::new().write(true).open(FILE).map_err(errno_of);
        assert_eq!(error.err(), Some(Errno::ACCESS));
    });
}

#[test]
fn who_does_not_want_to_wait_is_told_so() {
    let _module = load();
    let first = open_nonblocking().expect("nobody has it");
    assert_eq!(open_nonblocking().err(), Some(Errno::AGAIN));
    let client = Command::new("cat_noblock")
        .arg(FILE)
        .output()
        .expect("the client");
    assert_eq!(client.status.code(), Some(1));
    assert_eq!(client.stdout, b"Open would block\n");
    drop(first);
    let client = Command::new("cat_noblock")
        .arg(FILE)
        .output()
        .expect("the client");
    assert!(client.status.success());
    assert_eq!(client.stdout, b"Last input:\n");
}

#[test]
fn openers_are_served_in_order_of_arrival() {
    let _module = load();
    let first = File::open(FILE).expect("open");
    let (sender, served) = mpsc::channel();
    thread::scope(|scope| {
        for n in 0..12 {
            let sender = sender.clone();
            let (tid_sender, tid) = mpsc::channel();
            scope.spawn(move || {
                tid_sender.send(rustix::thread::gettid()).expect("send");
                let file = File::open(FILE).expect("open");
                sender.send(n).expect("send");
                drop(file);
            });
            // The next one must not come before this one sleeps.
            let tid = tid.recv().expect("a thread").as_raw_nonzero().get() as u32;
            wait_until("a thread to sleep in open", || {
                is_in(&tid.to_string(), OPEN) && state(tid) == 'S'
            });
        }
        assert_eq!(open_nonblocking().err(), Some(Errno::AGAIN));
        drop(first);
    });
    drop(sender);
    assert_eq!(
        served.iter().collect::<Vec<_>>(),
        (0..12).collect::<Vec<_>>()
    );
    open_nonblocking().expect("nobody has it any more");
}

#[test]
fn closing_wakes_one() {
    let _module = load();
    let first = File::open(FILE).expect("open");
    let mut second = Opener::start_and_sleep();
    let mut third = Opener::start_and_sleep();
    let before = context_switches(&third);
    drop(first);
    second.wait_until_open();
    third.wait_until_asleep();
    assert_eq!(context_switches(&third), before, "it does not even run");
    // Who was woken has it, and nobody else.
    assert_eq!(open_nonblocking().err(), Some(Errno::AGAIN));
    second.close();
    third.wait_until_open();
    third.close();
}

/// How often a process went to sleep.
fn context_switches(opener: &Opener) -> String {
    let status = fs::read_to_string(format!("/proc/{}/status", opener.0.id())).expect("status");
    status
        .lines()
        .find(|it| it.starts_with("voluntary"))
        .expect("a count")
        .to_owned()
}

#[test]
fn a_signal_ends_the_wait() {
    let _module = load();
    let first = File::open(FILE).expect("open");
    for signal in [Signal::TERM, Signal::INT, Signal::KILL] {
        let mut opener = Opener::start_and_sleep();
        kill_process(opener.pid(), signal).expect("kill");
        let status = opener.0.wait().expect("wait");
        assert_eq!(status.signal(), Some(signal.as_raw()));
    }
    drop(first);
    open_nonblocking().expect("the queue is empty");
}

#[test]
fn a_handled_signal_is_eintr() {
    let _module = load();
    let _first = File::open(FILE).expect("open");
    let mut opener = Opener::run(&format!("trap 'echo handled' USR1; exec 3<{FILE}"));
    opener.wait_until_asleep();
    kill_process(opener.pid(), Signal::USR1).expect("kill");
    assert!(!opener.0.wait().expect("wait").success());
    let mut words = String::new();
    opener
        .0
        .stderr
        .take()
        .expect("a pipe")
        .read_to_string(&mut words)
        .expect("read");
    assert!(words.contains("Interrupted system call"), "{words}");
}

#[test]
fn a_handled_signal_ends_the_wait_and_no_other() {
    const FAIR: &str = "/proc/sleep_fair";

    let files = [(load(), FILE)].into_iter();
    let fair = (!is_twin!()).then(|| (Module::load("sleep_fair", &[]), FAIR));
    let fair = fair.map(|(module, file)| (module.expect("the module loads"), file));
    for (module, file) in files.chain(fair) {
        let first = File::open(file).expect("open");
        // The standard library would try again.
        let open = move || rustix::fs::open(file, OFlags::RDONLY, Mode::empty());
        handled_signal_ends(move || open().map(drop));
        let mut next = Opener::run(&format!("exec 3<{file} && echo open && read line"));
        next.wait_until_asleep();
        drop(first);
        next.wait_until_open();
        next.close();
        drop(File::open(file).expect("nobody has it any more"));
        module.unload().expect("unload");
    }
}

/// Nobody meant a signal: Ctrl-Z and `fg`, a debugger that attaches, a machine that sleeps.
#[test]
fn one_who_is_stopped_and_continued_waits_on() {
    let _module = load();
    let first = File::open(FILE).expect("open");
    let mut second = Opener::start_and_sleep();
    for _ in 0..3 {
        kill_process(second.pid(), Signal::STOP).expect("kill");
        wait_until("it to stop", || state(second.0.id()) == 'T');
        kill_process(second.pid(), Signal::CONT).expect("kill");
        second.wait_until_asleep();
    }
    drop(first);
    second.wait_until_open();
    second.close();
}

#[test]
fn the_client_says_which_end_fails() {
    let _module = load();
    let full = File::options().write(true).open("/dev/full").expect("open");
    let client = Command::new("cat_noblock")
        .arg(FILE)
        .stdout(full)
        .output()
        .expect("the client");
    assert_eq!(client.status.code(), Some(1));
    let words = String::from_utf8_lossy(&client.stderr);
    assert!(
        words.contains("cannot write to the standard output"),
        "{words}"
    );
    assert!(words.contains("No space left"), "{words}");
}

#[test]
fn one_who_is_killed_leaves_the_queue_to_the_next() {
    let _module = load();
    let first = File::open(FILE).expect("open");
    let second = Opener::start_and_sleep();
    let mut third = Opener::start_and_sleep();
    kill_process(second.pid(), Signal::KILL).expect("kill");
    drop(first);
    third.wait_until_open();
    third.close();
}

#[test]
fn the_module_stays_while_somebody_has_or_wants_the_file() {
    let module = load();
    let first = File::open(FILE).expect("open");
    let mut second = Opener::start_and_sleep();
    let module = module
        .unload()
        .expect_err("in use")
        .into_module(Errno::AGAIN);
    drop(first);
    second.wait_until_open();
    let module = module
        .unload()
        .expect_err("in use")
        .into_module(Errno::AGAIN);
    second.close();
    module.unload().expect("unload");
}

/// Closing `/proc/sleep_fair` gives it to the one who waits, whoever asks before that one has run.
#[test]
fn nobody_overtakes_in_sleep_fair() {
    const FAIR: &str = "/proc/sleep_fair";
    let _module = Module::load("sleep_fair", &[]).expect("the module loads");
    for _ in 0..20 {
        let first = File::open(FAIR).expect("open");
        let mut second = Opener::run(&format!("exec 3<{FAIR} && echo open && read line"));
        second.wait_until_asleep();
        drop(first);
        let newcomer = rustix::fs::open(FAIR, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty());
        assert_eq!(newcomer.err(), Some(Errno::AGAIN));
        second.wait_until_open();
        second.close();
    }
}

/// Who is given the file keeps it, though a signal comes before that one has run.
#[test]
fn a_turn_is_not_lost_for_a_signal() {
    const FAIR: &str = "/proc/sleep_fair";
    let _module = Module::load("sleep_fair", &[]).expect("the module loads");
    for _ in 0..20 {
        let first = File::open(FAIR).expect("open");
        let script = format!("trap : USR1; exec 3<{FAIR} && echo open && read line");
        let mut second = Opener::run(&script);
        second.wait_until_asleep();
        let pid = second.pid();
        let both = thread::spawn(move || {
            raw::run_first().expect("root may");
            drop(first);
            kill_process(pid, Signal::USR1).expect("kill");
        });
        both.join().expect("it does not panic");
        second.wait_until_open();
        second.close();
        let free = rustix::fs::open(FAIR, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty());
        free.expect("nobody has it any more");
    }
}

/// Many processes come and go, and some are killed, at whatever moment it is. In the end nobody
/// has the file, nobody waits for it, and it was never given to two.
#[test]
fn nothing_is_lost_when_waiters_are_killed() {
    let _module = load();
    let inside = AtomicUsize::new(0);
    thread::scope(|scope| {
        for n in 0..4u32 {
            let inside = &inside;
            scope.spawn(move || {
                for round in 0..scaled!(30u32) {
                    let mut opener = Opener::start();
                    if (round + n) % 3 == 0 {
                        // Some die before they sleep, some in their sleep, some when it is theirs.
                        for _ in 0..(round * 7 + n) % 5 {
                            thread::yield_now();
                        }
                        let _ = kill_process(opener.pid(), Signal::KILL);
                        opener.0.wait().expect("wait");
                    } else {
                        opener.wait_until_open();
                        assert_eq!(inside.fetch_add(1, Relaxed), 0, "two have the file");
                        inside.fetch_sub(1, Relaxed);
                        opener.close();
                    }
                }
            });
        }
    });
    open_nonblocking().expect("nobody has the file");
}
