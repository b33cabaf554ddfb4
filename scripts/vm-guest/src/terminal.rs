// SPDX-License-Identifier: GPL-2.0-only

//! A terminal for the command.

use crate::{WindowSize, pty};
use anyhow::{Context, Result};
use rustix::{
    process::setsid,
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::Command,
};

/// The argument with which this program is the start of a session.
pub const SESSION: &str = "--session";

/// The side of a pseudo-terminal that a terminal emulator holds.
pub struct Screen {
    file: File,
    terminal: PathBuf,
}

impl Screen {
    /// Makes a terminal.
    pub fn new(size: WindowSize) -> Result<Self> {
        let (file, terminal) = pty::open().context("cannot make a terminal")?;
        let screen = Self { file, terminal };
        screen.resize(size);
        Ok(screen)
    }

    /// What the program writes is read here, and the other way round.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Another handle to the same terminal.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self {
            file: self.file.try_clone()?,
            terminal: self.terminal.clone(),
        })
    }

    /// Tells the programs in it about a new size.
    pub fn resize(&self, size: WindowSize) {
        // At worst the lines break in the wrong place.
        let _ = pty::resize(&self.file, size);
    }

    /// A command that, when started, has this as its controlling terminal.
    pub fn command(&self, argv: &[OsString]) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.arg(SESSION).arg(&self.terminal).args(argv);
        command
    }
}

/// In the new process: starts a session on the terminal, and becomes the
/// command. Returns only if that failed.
pub fn become_session(terminal: &OsStr, argv: &[OsString]) -> io::Error {
    let attach = || -> io::Result<()> {
        setsid()?;
        // The first terminal that a session's leader opens is the session's.
        let terminal = File::options().read(true).write(true).open(terminal)?;
        dup2_stdin(&terminal)?;
        dup2_stdout(&terminal)?;
        dup2_stderr(&terminal)?;
        Ok(())
    };
    match attach() {
        Ok(()) => Command::new(&argv[0]).args(&argv[1..]).exec(),
        Err(error) => error,
    }
}
