// SPDX-License-Identifier: GPL-2.0-only

//! Guests that test binaries share, as long as none leaves anything behind.

use super::{Binary, Suite, lock, read};
use crate::{
    cargo_test, junit,
    outcome::Outcome,
    run::Finished,
    session::Session,
    words::{Outputs, Words},
};
use anyhow::{Context, Result};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    rc::Rc,
    time::Duration,
};

/// A guest for one test binary after another.
pub struct Shared<'s, 'a> {
    suite: &'s Suite<'a>,
    /// None before the first one, and after one that left something behind.
    guest: Option<Session<'a>>,
    /// Which have run in it.
    ran: Vec<&'a Binary>,
    /// What the last one took of the processors.
    pub cost: Duration,
}

impl<'s, 'a> Shared<'s, 'a> {
    /// One that is started when it is needed.
    pub fn new(suite: &'s Suite<'a>) -> Self {
        Self {
            suite,
            guest: None,
            ran: Vec::new(),
            cost: Duration::ZERO,
        }
    }

    /// Runs a binary; returns whether it passed. What it prints goes to `output`.
    pub fn run(&mut self, binary: &'a Binary, path: &Path, mut output: &File) -> Result<bool> {
        let suite = self.suite;
        let (outcome, left) = match self.try_run(binary, path, output) {
            Ok(finished) => {
                fs::write(suite.tally_of(binary), &finished.tally)
                    .context("cannot keep a tally")?;
                let left = finished.left.clone();
                (cargo_test::verdict(suite.bench.options, finished), left)
            }
            Err(error) => (Outcome::Failed(error), Vec::new()),
        };
        if let Outcome::Failed(error) = &outcome {
            writeln!(output, "vm: {error:#}")?;
        }
        let passed = outcome.status() == 0;
        match outcome {
            Outcome::Ended(0) if left.is_empty() && !suite.counts_coverage => {}
            Outcome::Ended(_) => {
                if !left.is_empty() {
                    let left = left.join(", ");
                    writeln!(output, "vm: {} has left behind: {left}", binary.name)?;
                    lock(&suite.ended).left.push(binary.name.clone());
                }
                self.close()?;
            }
            _ => self.guest = None,
        }
        Ok(passed)
    }

    /// Runs a binary in the guest that there is, or else in a new one.
    fn try_run(&mut self, binary: &'a Binary, path: &Path, output: &File) -> Result<Finished> {
        let bench = self.suite.bench;
        let task = Rc::new(cargo_test::task(bench.options, bench.kernel, path)?);
        let words = Words::new(bench.options, Outputs::both(output)?, false)?;
        let (guest, before, finished) = match self.guest.take() {
            Some(mut guest) => {
                let before = guest.cost();
                let finished = guest.run_another(&task, words);
                (guest, before, finished)
            }
            None => {
                let (guest, finished) = bench.start(&task, &words)?;
                self.ran.clear();
                (guest, Duration::ZERO, finished)
            }
        };
        self.cost = guest.cost().saturating_sub(before);
        self.guest = Some(guest);
        self.ran.push(binary);
        Ok(finished)
    }

    /// Ends the guest, and finds out whose fault it is if something has leaked there.
    pub fn close(&mut self) -> Result<()> {
        match self.search()? {
            Some(report) => self.blame(&self.ran.clone(), &report),
            None => Ok(()),
        }
    }

    /// Ends the guest. Returns what is to be said of what has leaked there.
    fn search(&mut self) -> Result<Option<String>> {
        let Some(mut guest) = self.guest.take() else {
            return Ok(None);
        };
        let mut output = tempfile::tempfile().context("cannot keep a report")?;
        let options = self.suite.bench.options;
        let words = Words::new(options, Outputs::both(&output)?, false)?;
        let outcome = guest.search(words).outcome;
        if let Outcome::Failed(error) = &outcome {
            writeln!(output, "vm: {error:#}")?;
        }
        let report = String::from_utf8_lossy(&read(&mut output)?).into_owned();
        Ok((outcome.status() != 0).then_some(report))
    }

    /// One of these has left what the report says. The halves of them run again, to find out which.
    fn blame(&mut self, suspects: &[&'a Binary], report: &str) -> Result<()> {
        let names: Vec<_> = suspects.iter().map(|it| it.name.as_str()).collect();
        let names = names.join(" ");
        if suspects.len() > 1 {
            println!("after {names} in one guest:\n{report}which of them? They run again");
            let (some, others) = suspects.split_at(suspects.len() / 2);
            let mut found = false;
            for half in [some, others] {
                if let Some(report) = self.run_again(half)? {
                    self.blame(half, &report)?;
                    found = true;
                }
            }
            if found {
                return Ok(());
            }
        }
        println!("{names}: what was found when the guest had ended:\n{report}");
        let mut ended = lock(&self.suite.ended);
        for name in suspects.iter().map(|it| &it.name) {
            let suite = junit::suite(name, Duration::ZERO, false, report);
            ended.suites.push(suite);
            if !ended.failed.contains(name) {
                ended.failed.push(name.clone());
            }
        }
        Ok(())
    }

    /// Runs some again, and returns what was found at their end.
    fn run_again(&mut self, binaries: &[&'a Binary]) -> Result<Option<String>> {
        for binary in binaries {
            let Some(path) = binary.in_guest() else {
                continue;
            };
            let output = tempfile::tempfile().context("cannot keep a test's output")?;
            let finished = self.try_run(binary, path, &output)?;
            if !matches!(finished.outcome, Outcome::Ended(0)) || !finished.left.is_empty() {
                if let Some(report) = self.search()? {
                    return Ok(Some(report));
                }
            }
        }
        self.search()
    }
}
