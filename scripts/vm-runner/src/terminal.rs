// SPDX-License-Identifier: GPL-2.0-only

//! The user's terminal.

use anyhow::{Context, Result};
use lkmpg_guest::WindowSize;
use rustix::{
    process::getpgrp,
    stdio::stdin,
    termios::{OptionalActions, Termios, isatty, tcgetattr, tcgetpgrp, tcgetwinsize, tcsetattr},
};

/// While this lives, every key goes to the guest, Ctrl-C as well.
pub struct Raw(Termios);

impl Raw {
    /// Takes the terminal on standard input.
    pub fn new() -> Result<Self> {
        let before = tcgetattr(stdin()).context("cannot read the terminal's settings")?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)
            .context("cannot change the terminal's settings")?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
    }
}

/// Whether standard input is a terminal.
pub fn is_terminal() -> bool {
    isatty(stdin())
}

/// Whether reading standard input would stop us: it is a terminal, and somebody
/// else is in its foreground.
pub fn is_in_background() -> bool {
    is_terminal() && tcgetpgrp(stdin()).is_ok_and(|it| it != getpgrp())
}

/// The terminal's size; what a terminal has that does not know its own.
pub fn size() -> WindowSize {
    match tcgetwinsize(stdin()) {
        Ok(size) if size.ws_row > 0 && size.ws_col > 0 => WindowSize {
            rows: size.ws_row,
            columns: size.ws_col,
        },
        _ => WindowSize {
            rows: 24,
            columns: 80,
        },
    }
}
