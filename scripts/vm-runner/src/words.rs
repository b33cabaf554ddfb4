// SPDX-License-Identifier: GPL-2.0-only

//! What is said to the user: on standard error, or in the log file.

use crate::{options::Options, splat};
use anyhow::{Context, Result};
use rustix::stdio::{stderr, stdout};
use std::{fs::File, io::Write, path::PathBuf, sync::Arc};

/// Where a run writes to.
#[derive(Debug)]
pub struct Outputs {
    /// What the command writes to its standard output.
    pub stdout: File,
    /// What it writes to its standard error, and what we say.
    pub stderr: File,
}

impl Outputs {
    /// Our own.
    pub fn ours() -> Result<Self> {
        let copy = |fd| rustix::io::fcntl_dupfd_cloexec(fd, 3).context("cannot copy an output");
        Ok(Self {
            stdout: copy(stdout())?.into(),
            stderr: copy(stderr())?.into(),
        })
    }

    /// Both the same file.
    pub fn both(file: &File) -> Result<Self> {
        Ok(Self {
            stdout: file.try_clone()?,
            stderr: file.try_clone()?,
        })
    }
}

/// The kernel's words and ours.
#[derive(Clone)]
pub struct Words {
    /// Where they go, and what the command writes.
    pub outputs: Arc<Outputs>,
    file: Option<Arc<File>>,
    /// Show what the kernel says...
    live: bool,
    /// ...even before the command runs.
    verbose: bool,
    running: bool,
    terminal: bool,
}

impl Words {
    /// Opens the log file, if there is to be one. `live`: without one, pass on
    /// what the kernel says while the command runs.
    pub fn new(options: &Options, outputs: Outputs, live: bool) -> Result<Self> {
        let create = |path: &PathBuf| {
            File::create(path).with_context(|| format!("cannot create {}", path.display()))
        };
        let file = options.log.as_ref().map(create).transpose()?;
        Ok(Self {
            outputs: Arc::new(outputs),
            file: file.map(Arc::new),
            live,
            verbose: options.verbose,
            running: false,
            terminal: false,
        })
    }

    /// The user's terminal is raw from now on: lines must be returned.
    pub fn terminal_is_raw(&mut self) {
        self.terminal = true;
    }

    /// It is not any more.
    pub fn terminal_is_restored(&mut self) {
        self.terminal = false;
    }

    /// The command runs from now on.
    pub fn command_runs(&mut self) {
        self.running = true;
    }

    /// Whether what the kernel says now is seen by the user.
    pub fn kernel_is_seen(&self) -> bool {
        self.file.is_none() && (self.verbose || self.live && self.running)
    }

    /// Passes on lines of the kernel's log.
    pub fn kernel(&self, lines: &[String]) {
        let seen = self.kernel_is_seen();
        for line in lines {
            match &self.file {
                // A full disk is no reason to end the run.
                Some(file) => drop(writeln!(&**file, "{line}")),
                None if seen && (self.verbose || !is_chatter(line)) => self.print(line),
                None => {}
            }
        }
    }

    /// Says something that need not be seen.
    pub fn say(&self, text: &str) {
        match &self.file {
            Some(file) => drop(writeln!(&**file, "vm: {text}")),
            None => self.print(&format!("vm: {text}")),
        }
    }

    /// Says something that must be seen.
    pub fn insist(&self, text: &str) {
        if let Some(file) = &self.file {
            let _ = writeln!(&**file, "vm: {text}");
        }
        self.print(&format!("vm: {text}"));
    }

    /// Quotes the kernel.
    pub fn quote<'a>(&self, lines: impl Iterator<Item = &'a String>) {
        lines.for_each(|it| self.print(&format!("  {it}")));
    }

    fn print(&self, line: &str) {
        let end = if self.terminal { "\r\n" } else { "\n" };
        // Standard error may be closed.
        let _ = (&self.outputs.stderr).write_all(format!("{line}{end}").as_bytes());
    }
}

fn is_chatter(line: &str) -> bool {
    let message = splat::message(line);
    lkmpg_guest::CHATTER
        .iter()
        .any(|it| message.starts_with(it))
}
