// SPDX-License-Identifier: GPL-2.0-only

//! A terminal for a test.

use crate::ready;
use lkmpg_guest::pty;
use rustix::{
    event::PollFlags,
    fs::{Mode, OFlags, open},
};
use std::{
    fs::File,
    io::Read as _,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
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
        let (screen, name) = pty::open().expect("a terminal");
        let flags = OFlags::RDWR | OFlags::NOCTTY;
        let terminal = open(&name, flags, Mode::empty()).expect("the terminal");
        Self {
            screen,
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
        let now = Some(Duration::ZERO);
        while ready(&self.screen, PollFlags::IN, now).contains(PollFlags::IN) {
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
