// SPDX-License-Identifier: GPL-2.0-only

//! Measures reading and parsing. This file is part of the module and of the user-space program, so
//! that both measure the same way.

use core::fmt;

/// How many times everything is measured.
pub const RUNS: usize = 5;

/// How many bytes [`Subject::renew`] writes, so that a read that follows finds little in the CPU's
/// caches.
pub const FLUSH: usize = 32 << 20;

/// What is measured.
pub trait Subject {
    /// Why it can fail.
    type Error;

    /// Opens the file, allocates the buffers, and writes [`FLUSH`] bytes elsewhere.
    fn renew(&mut self) -> Result<(), Self::Error>;

    /// Reads the whole file.
    fn read(&mut self) -> Result<(), Self::Error>;

    /// Parses what was read.
    fn parse(&mut self) -> Result<(), Self::Error>;

    /// Reads the cycle counter.
    fn cycles(&self) -> u64;
}

/// What one run took, in cycles.
#[derive(Clone, Copy, Default)]
pub struct Run {
    /// The first read after [`Subject::renew`].
    pub cold: u64,
    /// The fastest of the reads that followed.
    pub warm: u64,
    /// The fastest parse.
    pub parse: u64,
}

/// A whole measurement.
pub struct Timing {
    /// How often each run read and parsed.
    pub repeats: u32,
    /// What measuring nothing takes, in cycles. It was subtracted from the runs.
    pub empty: u64,
    /// The runs.
    pub runs: [Run; RUNS],
}

impl Timing {
    /// Measures. The repeats are fewer for bigger files, so that none takes long.
    pub fn measure<S: Subject>(size: usize, subject: &mut S) -> Result<Self, S::Error> {
        let repeats = ((8 << 20) / (size as u64 + 1)).clamp(5, 1000) as u32;
        let empty = best(1000, subject, |_| Ok(()))?;
        let mut runs = [Run::default(); RUNS];
        for run in &mut runs {
            subject.renew()?;
            *run = Run {
                cold: best(1, subject, S::read)?.saturating_sub(empty),
                warm: best(repeats, subject, S::read)?.saturating_sub(empty),
                parse: best(repeats, subject, S::parse)?.saturating_sub(empty),
            };
        }
        Ok(Self {
            repeats,
            empty,
            runs,
        })
    }

    /// Writes a table.
    pub fn write(&self, out: &mut impl fmt::Write) -> fmt::Result {
        let Self { repeats, empty, .. } = self;
        writeln!(
            out,
            "Cycles, best of {repeats}, {empty} for an empty loop subtracted."
        )?;
        writeln!(out, "run    read, cold   read, warm        parse")?;
        for (number, run) in self.runs.iter().enumerate() {
            let Run { cold, warm, parse } = run;
            writeln!(out, "{:>3} {cold:>12} {warm:>12} {parse:>12}", number + 1)?;
        }
        Ok(())
    }
}

/// Returns what the fastest of some calls took.
fn best<S: Subject>(
    times: u32,
    subject: &mut S,
    mut call: impl FnMut(&mut S) -> Result<(), S::Error>,
) -> Result<u64, S::Error> {
    let mut best = u64::MAX;
    for _ in 0..times {
        let start = subject.cycles();
        call(subject)?;
        best = best.min(subject.cycles().wrapping_sub(start));
    }
    Ok(best)
}
