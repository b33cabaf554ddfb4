// SPDX-License-Identifier: GPL-2.0-only

//! How a run ended, and what the caller is told.

use std::process::ExitCode;

/// How a run ended.
#[derive(Debug)]
pub enum Outcome {
    /// The command ended with this status.
    Ended(u8),
    /// The command did not end in time.
    TimedOut,
    /// The kernel splatted; the report has been printed.
    Splatted,
    /// The bench could not run the command, or cannot vouch for it.
    Failed(anyhow::Error),
}

impl Outcome {
    /// Exit status of [`Outcome::TimedOut`].
    pub const TIMED_OUT: u8 = 124;
    /// Exit status of [`Outcome::Failed`].
    pub const BENCH_FAILED: u8 = 125;
    /// Exit status of [`Outcome::Splatted`].
    pub const SPLATTED: u8 = 126;

    /// The exit status.
    pub fn status(&self) -> u8 {
        match self {
            Self::Ended(status) => *status,
            Self::TimedOut => Self::TIMED_OUT,
            Self::Splatted => Self::SPLATTED,
            Self::Failed(_) => Self::BENCH_FAILED,
        }
    }

    /// Says what is still to be said.
    pub fn conclude(self) -> ExitCode {
        if let Self::Failed(error) = &self {
            eprintln!("vm: {error:#}");
        }
        self.status().into()
    }
}
