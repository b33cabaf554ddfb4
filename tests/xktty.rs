// SPDX-License-Identifier: GPL-2.0-only

//! Device file access from the kernel: xktty.

use lkm::raw;
use lkmpg_tests::{
    BadMemory, FarEnd, KernelLog, Module, as_user, errno_of, is_in, name, scaled, wait_until,
};
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, fcntl_setfl, mknodat},
    io::Errno,
    process::{Pid, Signal, kill_process},
    termios::{Action, OptionalActions, OutputModes, Termios, tcflow, tcgetattr, tcsetattr},
    thread::gettid,
};
use std::{
    fs::{self, File},
    io::{IoSlice, Write as _},
    os::{
        fd::AsFd as _,
        unix::{
            fs::{PermissionsExt as _, symlink},
            process::ExitStatusExt as _,
        },
    },
    process::{Command, Stdio},
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    thread,
};

const DEVICE: &str = name!("/dev/xktty");
const PORT: &str = "/dev/ttyS1";

fn load(tty: &str) -> Module {
    Module::load(name!("xktty"), &[&format!("tty={tty}")]).expect("the module loads")
}

fn open() -> Result<File, Errno> {
    File::options().write(true).open(DEVICE).map_err(errno_of)
}

fn open_nonblocking() -> File {
    let flags = OFlags::WRONLY | OFlags::NONBLOCK;
    rustix::fs::open(DEVICE, flags, Mode::empty())
        .expect("open")
        .into()
}

/// The port, with a mode for the time of a test. While it is open, closing the device does not
/// wait for the line.
struct Line {
    port: File,
    before: Termios,
}

impl Line {
    /// Sets whether output is processed: a newline becomes CR LF.
    fn new(processed: bool) -> Self {
        let port = File::options()
            .read(true)
            .write(true)
            .open(PORT)
            .expect(PORT);
        let before = tcgetattr(&port).expect("its mode");
        let mut mode = before.clone();
        mode.make_raw();
        if processed {
            mode.output_modes |= OutputModes::OPOST | OutputModes::ONLCR;
        }
        tcsetattr(&port, OptionalActions::Now, &mode).expect("its mode");
        Self { port, before }
    }

    fn stop(&self) {
        tcflow(&self.port, Action::OOff).expect("tcflow");
    }

    fn start(&self) {
        tcflow(&self.port, Action::OOn).expect("tcflow");
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        // After a hang-up there is nothing to set any more.
        let _ = tcflow(&self.port, Action::OOn);
        let _ = tcsetattr(&self.port, OptionalActions::Now, &self.before);
    }
}

/// Lines of printable characters, the same at each run.
fn random_lines(length: usize) -> Vec<u8> {
    let mut seed: u64 = 0x2545_F491_4F6C_DD1D;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed >> 32
    };
    let bytes = (0..length).map(|_| match random() % 64 {
        0 => b'\n',
        _ => b' ' + (random() % 95) as u8,
    });
    bytes.collect()
}

#[test]
fn what_is_written_comes_out_of_the_tty() {
    let log = KernelLog::now();
    let line = Line::new(true);
    let mut far_end = FarEnd::new();
    let module = load("ttyS1");
    fs::write(DEVICE, "Dunia, vipi?\n").expect("write");
    // As it would from the tty itself.
    assert_eq!(far_end.read(14), b"Dunia, vipi?\r\n");
    let mut device = open().expect("open");
    for piece in ["one, ", "", "two\n"] {
        assert_eq!(device.write(piece.as_bytes()).expect("write"), piece.len());
    }
    let parts = [
        IoSlice::new(b"three, "),
        IoSlice::new(b""),
        IoSlice::new(b"four\n"),
    ];
    assert_eq!(device.write_vectored(&parts).expect("writev"), 12);
    assert_eq!(far_end.read(23), b"one, two\r\nthree, four\r\n");
    drop(device);
    module.unload().expect("not in use");
    drop(line);

    let _line = Line::new(false);
    let _module = load("ttyS1");
    fs::write(DEVICE, "raw\n").expect("write");
    assert_eq!(far_end.read(4), b"raw\n");
    assert_eq!(log.lines_with(&format!("{}: ", name!("xktty"))), [""; 0]);
}

#[test]
fn a_mebibyte_in_one_write_arrives_complete_and_in_order() {
    let _line = Line::new(false);
    let mut far_end = FarEnd::new();
    let _module = load("ttyS1");
    let sent = random_lines(scaled!(1 << 20));
    thread::scope(|scope| {
        let writer = scope.spawn(|| rustix::io::write(open().expect("open"), &sent));
        let arrived = far_end.read(sent.len());
        // The whole would not be of help.
        let first = arrived.iter().zip(&sent).position(|(a, b)| a != b);
        assert_eq!(first, None, "the first byte that is wrong");
        assert_eq!(writer.join().expect("the writer"), Ok(sent.len()));
    });
}

#[test]
fn one_process_at_a_time() {
    let _line = Line::new(false);
    let _module = load("ttyS1");
    let first = open().expect("nobody has it");
    assert_eq!(open().err(), Some(Errno::BUSY));
    drop(first);
    drop(open().expect("it was given back"));

    // However many try at once, and also when the tty cannot be opened.
    let inside = AtomicUsize::new(0);
    let barrier = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..50 {
                    match open() {
                        Ok(device) => {
                            assert_eq!(inside.fetch_add(1, Relaxed), 0);
                            thread::yield_now();
                            inside.fetch_sub(1, Relaxed);
                            drop(device);
                        }
                        Err(errno) => assert_eq!(errno, Errno::BUSY),
                    }
                }
            });
        }
    });
    drop(open().expect("it was given back"));
}

#[test]
fn what_stands_in_the_way_of_the_tty_is_said_at_open() {
    let cases = [
        ("ttyS77", Errno::NOENT),
        ("null", Errno::NODEV),
        ("../etc/passwd", Errno::NODEV),
        (".", Errno::NODEV),
        // Opening it would wait for a reader, and keep everybody out until there is one.
        ("../tmp/xktty-fifo", Errno::NODEV),
        // Nobody has it, but to open it is to open itself.
        (name!("xktty"), Errno::NODEV),
        // A line of the driver without hardware.
        ("ttyS3", Errno::IO),
    ];
    mknodat(CWD, "/tmp/xktty-fifo", FileType::Fifo, Mode::RWXU, 0).expect("mkfifo");
    for (tty, errno) in cases {
        let module = load(tty);
        for _ in 0..2 {
            assert_eq!(open().err(), Some(errno), "{tty}");
        }
        module.unload().expect("not in use");
    }
    fs::remove_file("/tmp/xktty-fifo").expect("remove");
}

#[test]
fn a_name_may_have_any_letters() {
    let link = "/dev/serielle-Brücke";
    symlink("ttyS1", link).expect("a link");
    let module = load("serielle-Brücke");
    drop(open().expect("the tty is there"));
    module.unload().expect("not in use");
    fs::remove_file(link).expect("remove");
}

#[test]
fn the_console_can_be_written_to() {
    let log = KernelLog::now();
    let _module = load("ttyS0");
    fs::write(DEVICE, "xktty was here\n").expect("write");
    // The line has not become part of a kernel message.
    assert!(log.lines().iter().all(|line| !line.contains("was here")));
}

#[test]
fn a_stopped_line_is_waited_for() {
    let line = Line::new(false);
    let mut far_end = FarEnd::new();
    let _module = load("ttyS1");
    let sent = random_lines(64 << 10);

    // Who does not want to wait gets a short count, then EAGAIN.
    line.stop();
    let device = open_nonblocking();
    let taken = rustix::io::write(&device, &sent).expect("write");
    assert!(
        (1..sent.len()).contains(&taken),
        "{taken} bytes of {}",
        sent.len()
    );
    assert_eq!(rustix::io::write(&device, &sent), Err(Errno::AGAIN));
    line.start();
    assert_eq!(far_end.read(taken), sent[..taken]);
    drop(device);

    // Also who says so only when the device is open.
    line.stop();
    let device = open().expect("open");
    fcntl_setfl(&device, OFlags::NONBLOCK).expect("fcntl");
    let taken = rustix::io::write(&device, &sent).expect("write");
    assert_eq!(rustix::io::write(&device, &sent), Err(Errno::AGAIN));
    line.start();
    assert_eq!(far_end.read(taken), sent[..taken]);
    drop(device);

    // Who waits has all of it written.
    line.stop();
    let device = open().expect("open");
    let (sender, receiver) = mpsc::channel();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            sender.send(gettid()).expect("send");
            rustix::io::write(&device, &sent)
        });
        let tid = receiver.recv().expect("the thread's number");
        let task = format!("self/task/{}", tid.as_raw_nonzero());
        wait_until("the thread to sleep in write", || {
            is_in(&task, &[libc::SYS_write])
        });
        line.start();
        assert_eq!(far_end.read(sent.len()), sent);
        assert_eq!(writer.join().expect("the writer"), Ok(sent.len()));
    });
}

#[test]
fn a_signal_ends_a_write() {
    let line = Line::new(false);
    let mut far_end = FarEnd::new();
    let _module = load("ttyS1");
    line.stop();
    let mut child = Command::new("sh")
        .args(["-c", &format!("exec cat /dev/zero > {DEVICE}")])
        .stdin(Stdio::null())
        .spawn()
        .expect("a shell");
    wait_until("the process to sleep in write", || {
        is_in(
            &child.id().to_string(),
            &[libc::SYS_write, libc::SYS_sendfile],
        )
    });
    kill_process(Pid::from_child(&child), Signal::TERM).expect("kill");
    let status = child.wait().expect("wait");
    assert_eq!(status.signal(), Some(Signal::TERM.as_raw()));
    line.start();
    drop(open().expect("it was given back"));
    far_end.read_for(std::time::Duration::from_millis(100), usize::MAX);
}

#[test]
fn after_a_hang_up_writing_fails_until_it_is_opened_again() {
    /// Simulates a hang-up of the line.
    const TIOCVHANGUP: u32 = 0x5437;

    let line = Line::new(false);
    let mut far_end = FarEnd::new();
    let _module = load("ttyS1");
    let mut device = open().expect("open");
    device.write_all(b"before").expect("write");
    assert_eq!(far_end.read(6), b"before");
    raw::ioctl(line.port.as_fd(), TIOCVHANGUP, 0.into()).expect("vhangup");
    for _ in 0..2 {
        let error = device.write(b"lost").map_err(errno_of);
        assert_eq!(error, Err(Errno::IO));
    }
    assert_eq!(open().err(), Some(Errno::BUSY));
    drop(device);
    drop(line);

    let _line = Line::new(false);
    fs::write(DEVICE, "after").expect("write");
    assert_eq!(far_end.read(5), b"after");
}

#[test]
fn the_tty_does_not_become_the_controlling_one() {
    let _line = Line::new(false);
    let _module = load("ttyS1");
    let script = format!("exec 3>{DEVICE} && cut -d ' ' -f 7 /proc/self/stat");
    let output = Command::new("setsid")
        .args(["sh", "-c", &script])
        .output()
        .expect("setsid");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0\n");
}

#[test]
fn bad_memory_is_reported() {
    let _line = Line::new(false);
    let mut far_end = FarEnd::new();
    let _module = load("ttyS1");
    let device = open().expect("open");
    for (what, address) in BadMemory::new().unreadable() {
        let result = raw::write(device.as_fd(), address, 10);
        assert_eq!(result, Err(Errno::FAULT), "{what}");
    }
    rustix::io::write(&device, b"good").expect("write");
    assert_eq!(far_end.read(4), b"good");
}

#[test]
fn it_cannot_be_read_nor_opened_by_anybody() {
    let _line = Line::new(false);
    let _module = load("ttyS1");
    let mode = fs::metadata(DEVICE).expect("stat").permissions().mode();
    assert_eq!(mode & 0o7777, 0o200);
    as_user(1000, || assert_eq!(open().err(), Some(Errno::ACCESS)));
    let error = fs::read(DEVICE).map_err(errno_of);
    assert_eq!(error, Err(Errno::INVAL));
}

#[test]
fn it_stays_while_it_is_open() {
    let _line = Line::new(false);
    let module = load("ttyS1");
    let device = open().expect("open");
    let module = module
        .unload()
        .expect_err("it is in use")
        .into_module(Errno::AGAIN);
    drop(device);
    module.unload().expect("not in use");
    assert!(fs::metadata(DEVICE).is_err());
}
