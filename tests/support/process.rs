// SPDX-License-Identifier: GPL-2.0-only

//! Processes, devices, and waiting for things.

use lkm::raw;
use rustix::{
    io::Errno,
    process::{Gid, Uid},
    thread::{gettid, set_thread_res_gid, set_thread_res_uid},
};
use std::{
    collections::HashMap,
    fmt, fs,
    io::{self, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{self, Command},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// How long anything may take before it counts as not happening.
const LIMIT: Duration = Duration::from_secs(60);

/// Runs `f` as a user without privileges.
pub fn as_user<T: Send>(uid: u32, f: impl FnOnce() -> T + Send) -> T {
    // Credentials belong to the thread.
    thread::scope(|scope| {
        let user = scope.spawn(move || {
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(uid));
            set_thread_res_gid(gid, gid, gid).expect("setresgid");
            set_thread_res_uid(uid, uid, uid).expect("setresuid");
            f()
        });
        match user.join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// Whether a process' thread waits for something.
pub fn is_asleep(process: u32, thread: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/task/{thread}/stat"));
    let stat = stat.unwrap_or_default();
    // D is for those whom only a signal that kills wakes, or none.
    stat.rsplit_once(") ")
        .is_some_and(|(_, it)| it.starts_with(['S', 'D']))
}

/// Whether a task, by its folder below `/proc`, is in one of these system calls (`libc::SYS_…`).
pub fn is_in(task: &str, calls: &[libc::c_long]) -> bool {
    let text = fs::read_to_string(format!("/proc/{task}/syscall")).unwrap_or_default();
    let number = text
        .split_whitespace()
        .next()
        .and_then(|it| it.parse().ok());
    number.is_some_and(|it| calls.contains(&it))
}

/// Has a thread do something that sleeps until `meanwhile` was done; returns what came of it.
pub fn while_asleep<T: Send>(f: impl FnOnce() -> T + Send, meanwhile: impl FnOnce()) -> T {
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let sleeper = scope.spawn(move || {
            sender
                .send(gettid().as_raw_nonzero().get())
                .expect("a receiver");
            f()
        });
        let thread = receiver.recv().expect("a thread");
        wait_until("a thread that sleeps", || is_asleep(process::id(), thread));
        meanwhile();
        sleeper.join().expect("it does not panic")
    })
}

/// Fails unless a signal that the caller handles ends what `f` sleeps in: with `EINTR`.
#[track_caller]
pub fn handled_signal_ends<T>(f: impl FnOnce() -> Result<T, Errno> + Send + 'static)
where
    T: fmt::Debug + PartialEq + Send + 'static,
{
    let sleeper = thread::spawn(move || {
        // The first may come before it sleeps.
        raw::interrupt_every(Duration::from_millis(10));
        f()
    });
    wait_until("the end of a wait", || sleeper.is_finished());
    let result = sleeper.join().expect("it does not panic");
    assert_eq!(result, Err(Errno::INTR));
}

/// The errno of a failed system call.
pub fn errno_of(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or_else(|| panic!("not the kernel's error: {error}"))
}

/// The names of the errors that a test may ask for.
const NAMES: &[(Errno, &str)] = &[
    (Errno::ACCESS, "EACCES"),
    (Errno::BUSY, "EBUSY"),
    (Errno::FAULT, "EFAULT"),
    (Errno::INVAL, "EINVAL"),
    (Errno::IO, "EIO"),
    (Errno::ISDIR, "EISDIR"),
    (Errno::NAMETOOLONG, "ENAMETOOLONG"),
    (Errno::NOENT, "ENOENT"),
    (Errno::NOMEM, "ENOMEM"),
    (Errno::NOSPC, "ENOSPC"),
    (Errno::NOTDIR, "ENOTDIR"),
    (Errno::NXIO, "ENXIO"),
    (Errno::ROFS, "EROFS"),
    (Errno::TIME, "ETIME"),
];

/// Whether a text of the kernel names an error: by its number, or by its name if the kernel knows
/// names (`CONFIG_SYMBOLIC_ERRNAME`).
pub fn errno_named(text: &str, errno: Errno) -> bool {
    let name = NAMES.iter().find(|it| it.0 == errno);
    let name = name.unwrap_or_else(|| panic!("{errno} has no name here")).1;
    let number = format!("Error({})", errno.raw_os_error());
    text.contains(&number) || text.contains(name)
}

/// The character devices in /proc/devices: their names and major numbers.
pub fn majors() -> HashMap<String, u32> {
    let devices = fs::read_to_string("/proc/devices").expect("/proc/devices");
    devices
        .lines()
        .skip_while(|line| !line.starts_with("Character"))
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.trim().split_once(' '))
        .filter_map(|(major, name)| Some((name.trim().to_owned(), major.parse().ok()?)))
        .collect()
}

/// Says how far a test is that may take long: once a minute, past libtest, which keeps what a test
/// prints.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    told: Instant,
}

impl Progress {
    /// The test begins.
    pub fn new(what: &'static str) -> Self {
        let told = Instant::now();
        Self { what, told }
    }

    /// So many are done, of `all`.
    pub fn tell(&mut self, done: usize, all: usize) {
        if self.told.elapsed() < Self::INTERVAL {
            return;
        }
        self.told = Instant::now();
        // In one write: others do so, too. A test does not fail for want of a reader.
        let line = format!("{}: {done} of {all}\n", self.what);
        let _ = io::stderr().write_all(line.as_bytes());
    }

    const INTERVAL: Duration = Duration::from_secs(60);
}

/// Waits until `condition` holds, where there is no event to wait for. Fails after a minute.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LIMIT, "waited in vain for {what}");
        thread::sleep(Duration::from_millis(1));
    }
}

/// A program that a test brings along, which is there until this is dropped.
#[derive(Debug)]
pub struct Program(PathBuf);

impl Program {
    /// Puts it there.
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        let path = Path::new("/tmp").join(name);
        fs::write(&path, bytes).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("chmod");
        Self(path)
    }

    /// How to start it.
    pub fn command(&self) -> Command {
        Command::new(&self.0)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
