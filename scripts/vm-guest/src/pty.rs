// SPDX-License-Identifier: GPL-2.0-only

//! Pseudo-terminals.

use crate::WindowSize;
use rustix::{
    pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt},
    termios::{Winsize, tcsetwinsize},
};
use std::{
    ffi::OsStr,
    fs::File,
    io,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
};

/// Makes one: what a terminal emulator holds of it, and the terminal's name.
pub fn open() -> io::Result<(File, PathBuf)> {
    let screen = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&screen)?;
    unlockpt(&screen)?;
    let name = ptsname(&screen, Vec::new())?;
    let name = Path::new(OsStr::from_bytes(name.as_bytes()));
    Ok((screen.into(), name.to_owned()))
}

/// Gives it a size, and tells the programs in it.
pub fn resize(screen: &File, WindowSize { rows, columns }: WindowSize) -> io::Result<()> {
    let size = Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    Ok(tcsetwinsize(screen, size)?)
}
