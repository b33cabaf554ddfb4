// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 9: completion.

use lkmpg_tests::{Module, errno_of, handled_signal_ends, is_loaded, scaled, times, wait_until};
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use std::{
    fs::{self, File},
    io::Read as _,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, Stdio},
};

const MODULE: &str = "completion";
const FILE: &str = "/proc/completion";
const READY: &str = "The tea is ready.\n";
/// Longer than any test.
const NEVER: &str = "brew_ms=100000000";

fn load(parameters: &[&str]) -> Module {
    Module::load(MODULE, parameters).expect("the module loads")
}

fn read_without_waiting() -> Result<Vec<u8>, Errno> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    let mut file = File::from(rustix::fs::open(FILE, flags, Mode::empty())?);
    let mut all = Vec::new();
    file.read_to_end(&mut all).map_err(errno_of)?;
    Ok(all)
}

/// A process that waits for the file.
struct Reader(Child);

impl Reader {
    fn start() -> Self {
        let cat = Command::new("cat").arg(FILE).stdout(Stdio::piped()).spawn();
        Self(cat.expect("cat"))
    }

    fn asleep() -> Self {
        let reader = Self::start();
        let path = format!("/proc/{}/stat", reader.0.id());
        wait_until("the reader to sleep in the kernel", || {
            // Where it sleeps is not shown on every kernel: that it runs `cat`, and sleeps, is.
            let stat = fs::read_to_string(&path).expect("its state");
            stat.contains("(cat) S")
        });
        reader
    }

    fn kill(&self, signal: Signal) {
        let pid = Pid::from_child(&self.0);
        kill_process(pid, signal).expect("kill");
    }
}

#[test]
fn nobody_waits_for_nothing() {
    let _module = load(&[NEVER]);
    let mut file = File::open(FILE).expect("open");
    assert_eq!(file.read(&mut []).expect("read"), 0);
    assert_eq!(read_without_waiting(), Err(Errno::AGAIN));
}

#[test]
fn it_does_not_matter_who_comes_first() {
    let _module = load(&["brew_ms=500"]);
    let readers: Vec<_> = (0..3).map(|_| Reader::start()).collect();
    for reader in readers {
        let output = reader.0.wait_with_output().expect("its output");
        assert_eq!(String::from_utf8_lossy(&output.stdout), READY);
    }
    // It stays done.
    for _ in 0..3 {
        assert_eq!(read_without_waiting(), Ok(READY.into()));
    }
}

#[test]
fn a_nonblocking_reader_does_not_wait() {
    let _module = load(&[NEVER]);
    assert_eq!(read_without_waiting(), Err(Errno::AGAIN));
}

#[test]
fn patience_has_a_limit() {
    let _module = load(&[NEVER, "patience_ms=20"]);
    let error = fs::read(FILE).map_err(errno_of);
    assert_eq!(error, Err(Errno::TIME));
}

#[test]
fn a_signal_ends_the_wait() {
    let module = load(&[NEVER]);
    let mut reader = Reader::asleep();
    let module = module.unload().expect_err("somebody waits").busy();
    reader.kill(Signal::INT);
    let status = reader.0.wait().expect("its end");
    assert_eq!(status.signal(), Some(Signal::INT.as_raw()));
    // The thread that makes the tea is asked to stop, and does not brew on.
    module.unload().expect("unload");
    assert!(!is_loaded(MODULE));
}

#[test]
fn a_handled_signal_ends_the_wait() {
    // Who is not interrupted is told, sooner or later, that the tea is ready.
    for parameters in [&["brew_ms=30000"][..], &[NEVER, "patience_ms=30000"]] {
        let module = load(parameters);
        let file = File::open(FILE).expect("open");
        handled_signal_ends(move || rustix::io::read(&file, &mut [0; 20]));
        assert_eq!(read_without_waiting(), Err(Errno::AGAIN));
        module.unload().expect("unload");
    }
}

#[test]
fn it_unloads_at_any_moment() {
    for round in 0..times("LKMPG_LOADS", scaled!(200)) as u64 {
        let module = load(&[&format!("brew_ms={}", round % 3)]);
        let seen = read_without_waiting();
        assert!(
            matches!(&seen, Ok(text) if text == READY.as_bytes())
                || matches!(seen, Err(Errno::AGAIN)),
            "{seen:?}"
        );
        module.unload().expect("unload");
    }
}
