// SPDX-License-Identifier: GPL-2.0-only

//! A terminal for the command.

use anyhow::{Context, Result};
use lkmpg_guest::WindowSize;
use rustix::{
    process::setsid,
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    stdio::{dup2_stderr, dup2_stdin, dup2_stdout},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    ffi::{OsStr, OsString},
    fs::File,
    io,
    os::unix::{ffi::OsStrExt, process::CommandExt},
    process::Command,
};

/// The argument with which this program is the start of a session.
pub const SESSION: &str = "--session";

/// The side of a pseudo-terminal that a terminal emulator holds.
pub struct Screen(File);

impl Screen {
    /// Makes a terminal.
    pub fn new(size: WindowSize) -> Result<Self> {
        let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)
            .context("cannot make a terminal")?;
        grantpt(&screen).context("cannot grant the terminal")?;
        unlockpt(&screen).context("cannot unlock the terminal")?;
        let screen = Self(screen.into());
        screen.resize(size);
        Ok(screen)
    }

    /// What the program writes is read here, and the other way round.
    pub fn file(&self) -> &File {
        &self.0
    }

    /// Another handle to the same terminal.
    pub fn try_clone(&self) -> Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    /// Tells the programs in it about a new size.
    pub fn resize(&self, WindowSize { rows, columns }: WindowSize) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        // At worst the lines break in the wrong place.
        let _ = tcsetwinsize(&self.0, size);
    }

    /// A command that, when started, has this as its controlling terminal.
    pub fn command(&self, argv: &[OsString]) -> Result<Command> {
        let path = ptsname(&self.0, Vec::new()).context("the terminal has no name")?;
        let mut command = Command::new("/proc/self/exe");
        command
            .arg(SESSION)
            .arg(OsStr::from_bytes(path.as_bytes()))
            .args(argv);
        Ok(command)
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
