// SPDX-License-Identifier: GPL-2.0-only

//! A terminal for a test.

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags, open},
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
};
use std::{
    fs::File,
    io::Read as _,
    path::Path,
    process::{Command, Output, Stdio},
};

/// A pseudo-terminal, with the default settings.
#[derive(Debug)]
pub struct Pty {
    /// What a terminal program would have.
    pub screen: File,
    /// What the programs in it have.
    pub terminal: File,
}

impl Pty {
    /// Creates one.
    pub fn new() -> Self {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("/dev/ptmx");
        grantpt(&screen).expect("grantpt");
        unlockpt(&screen).expect("unlockpt");
        let name = ptsname(&screen, Vec::new()).expect("ptsname");
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let terminal = open(name.as_c_str(), flags, Mode::empty()).expect("the terminal");
        Self {
            screen: screen.into(),
            terminal: terminal.into(),
        }
    }

    /// Runs a shell script in a session of its own that this terminal controls.
    pub fn run(&self, script: &str) -> Output {
        session(&self.terminal, script)
    }

    /// Returns what is on the screen now and was not read yet.
    pub fn read(&mut self) -> Vec<u8> {
        let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
        while readable(&self.screen) {
            let length = self.screen.read(&mut buffer).expect("the screen");
            seen.extend_from_slice(&buffer[..length]);
        }
        seen
    }
}

impl Default for Pty {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs a shell script in a session of its own that a terminal controls.
pub fn session(terminal: &File, script: &str) -> Output {
    Command::new("setsid")
        .args(["-c", "sh", "-c", script])
        .stdin(Stdio::from(terminal.try_clone().expect("dup")))
        .output()
        .expect("a session")
}

/// Runs a shell script in a session without a terminal.
pub fn session_without_terminal(script: &str) -> Output {
    let null = File::open(Path::new("/dev/null")).expect("/dev/null");
    Command::new("setsid")
        .args(["sh", "-c", script])
        .stdin(Stdio::from(null))
        .output()
        .expect("a session")
}

fn readable(file: &File) -> bool {
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let mut fds = [PollFd::new(file, PollFlags::IN)];
    poll(&mut fds, Some(&now)).expect("poll") > 0 && fds[0].revents().contains(PollFlags::IN)
}
