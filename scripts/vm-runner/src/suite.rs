// SPDX-License-Identifier: GPL-2.0-only

//! All test binaries, several at a time, each as Cargo would run it.
//!
//! Those of the guest share one as long as none leaves anything behind.

mod binaries;
mod shared;

use crate::{
    cost, devices, junit, kernel::Kernel, options::Options, outcome::Outcome, qemu, report::Report,
    run::Bench, tally::Tally,
};
use anyhow::{Context, Result, bail};
use binaries::{Binary, Durations, binaries};
use quick_junit::TestSuite;
use shared::Shared;
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    env, fmt,
    fs::{self, File},
    io::{self, Read, Seek, Write},
    num::NonZero,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What Cargo returns when a test has failed.
const FAILED: u8 = 101;
/// After how long without a result to say what is running.
const SILENCE: Duration = Duration::from_secs(60);

/// The module that counts what the others do, from the boot of a guest on.
const COVERAGE: &str = "coverage.ko";

/// How many are named of those that cost most.
const MOST: usize = 20;

const SELF: &str = "/proc/self/exe";

/// Runs what `cargo test --no-run --message-format=json` says on standard input.
pub fn run(options: &Options) -> Result<Outcome> {
    let Some(mut binaries) = binaries(io::stdin().lock())? else {
        // Cargo has said why.
        return Ok(Outcome::Ended(FAILED));
    };
    for script in &options.script {
        let name = script.file_stem().context("a script without a name")?;
        binaries.push(Binary {
            name: name.to_string_lossy().into_owned(),
            path: Some(script.clone()),
        });
    }
    if binaries.is_empty() {
        bail!("Cargo has built no test");
    }
    if options.doctests {
        binaries.push(Binary {
            name: "doctests".to_owned(),
            path: None,
        });
    }
    let kernel = Kernel::find(options)?;
    let mut ended = Ended::default();
    let missing = devices::missing(&kernel)?;
    let is_script = |it: &Binary| {
        it.path
            .as_ref()
            .is_some_and(|it| options.script.contains(it))
    };
    let is_guests = |it: &Binary| it.in_guest().is_some() || is_script(it);
    binaries.retain(|it| {
        let why = match missing.get(&it.name) {
            Some(line) => format!("the kernel {} cannot have it: {line}", kernel.name),
            None if kernel.processor.is_foreign() && !is_guests(it) => {
                "it is no test of a guest's: KERNEL=dev".to_owned()
            }
            None => return true,
        };
        let names = ended.skipped.entry(why).or_default();
        names.push(it.name.clone());
        false
    });
    if let (true, Some((why, tests))) = (binaries.is_empty(), ended.skipped.first_key_value()) {
        bail!("there is nothing to test: {}: {why}", tests.join(" "));
    }
    let durations = Durations::of(&kernel);
    // Those that take longest come first, so that none is left for the end alone.
    binaries.sort_by(|a, b| durations.took(&b.name).total_cmp(&durations.took(&a.name)));
    let scratch = TempDir::new().context("cannot make a temporary folder")?;
    let tallies = options.tally.as_deref().unwrap_or(scratch.path());
    fs::create_dir_all(tallies).with_context(|| format!("cannot make {}", tallies.display()))?;
    // What is found out now need not be found out by several at once.
    let bench = Bench::new(options, &kernel)?;
    let suite = Suite {
        bench: &bench,
        counts_coverage: kernel.modules()?.iter().any(|it| it.ends_with(COVERAGE)),
        start: Instant::now(),
        all: binaries.len(),
        left: Mutex::new(binaries.iter().collect()),
        running: Mutex::default(),
        ended: Mutex::new(ended),
        tallies,
    };
    let (sender, ends) = channel();
    thread::scope(|scope| {
        let suite = &suite;
        let workers: Vec<_> = (0..jobs(options))
            .map(|_| sender.clone())
            .map(|sender| scope.spawn(move || suite.work(&sender)))
            .collect();
        drop(sender);
        scope.spawn(move || suite.keep_telling(&ends));
        workers
            .into_iter()
            .try_for_each(|it| it.join().expect("a worker that does not panic"))
    })?;
    suite.conclude(&kernel, durations, options.junit.as_deref())
}

/// Each guest keeps as many processors busy as it has.
fn jobs(options: &Options) -> usize {
    let here = thread::available_parallelism().map_or(1, NonZero::get);
    let jobs = options
        .jobs
        .map_or(here / usize::from(options.smp), usize::from);
    jobs.max(1)
}

/// A test binary that has not ended.
struct Running {
    name: String,
    start: Instant,
    output: File,
}

impl fmt::Display for Running {
    /// With the last of what it has printed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.start.elapsed().as_secs();
        let (minutes, seconds) = (seconds / 60, seconds % 60);
        write!(
            f,
            "       Still {} ({minutes} min {seconds:02} s)",
            self.name
        )?;
        // The child writes where the offset is: that stays.
        let length = self.output.metadata().map_or(0, |it| it.len());
        let mut end = [0; 200];
        let at = length.saturating_sub(end.len() as u64);
        let count = self.output.read_at(&mut end, at).unwrap_or(0);
        let text = String::from_utf8_lossy(&end[..count]);
        match text.trim_end().lines().next_back() {
            Some(line) => write!(f, ": {line}"),
            None => Ok(()),
        }
    }
}

/// What came of a binary.
struct Run {
    passed: bool,
    output: Vec<u8>,
    cost: Duration,
}

impl Run {
    /// Waits for the process that runs it.
    fn of(child: &mut Child, output: Vec<u8>) -> Result<Self> {
        let (status, cost) = cost::wait(child)?;
        Ok(Self {
            passed: status.success(),
            output,
            cost,
        })
    }
}

struct Suite<'a> {
    bench: &'a Bench<'a>,
    counts_coverage: bool,
    start: Instant,
    all: usize,
    left: Mutex<VecDeque<&'a Binary>>,
    running: Mutex<Vec<Running>>,
    ended: Mutex<Ended>,
    tallies: &'a Path,
}

#[derive(Default)]
struct Ended {
    count: usize,
    seconds: BTreeMap<String, f64>,
    /// What each binary took of the processors.
    costs: Vec<(Duration, String)>,
    failed: Vec<String>,
    /// The last words of those.
    complaints: String,
    /// Binaries after which a guest could not be used again, and why.
    left: Vec<String>,
    /// Tests that passed.
    passed: u64,
    /// Why tests were skipped, and which.
    skipped: BTreeMap<String, Vec<String>>,
    suites: Vec<TestSuite>,
    tally: Tally,
}

impl<'a> Suite<'a> {
    /// Runs one after another of those that are left.
    fn work(&self, ends: &Sender<()>) -> Result<()> {
        let mut guest = Shared::new(self);
        while let Some(binary) = { lock(&self.left).pop_front() } {
            let start = Instant::now();
            let run = match binary.in_guest() {
                _ if self.all == 1 => self.run_alone(binary)?,
                None => self.run_beside(binary, start)?,
                Some(path) => {
                    let mut output = self.begin(binary, start)?;
                    Run {
                        passed: guest.run(binary, path, &output)?,
                        output: self.end(binary, &mut output)?,
                        cost: guest.cost,
                    }
                }
            };
            self.tell(binary, start.elapsed(), run)?;
            // `keep_telling` outlives us.
            let _ = ends.send(());
        }
        guest.close()
    }

    /// This program does with a binary what it does as Cargo's runner.
    fn command(&self, binary: &Binary) -> Command {
        let mut command = match &binary.path {
            Some(path) => {
                let mut command = qemu::child(SELF);
                command.arg("--test").arg(path);
                command
            }
            None => {
                let cargo = env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
                let mut command = qemu::child(&cargo);
                command.args(["test", "--doc", "--workspace"]);
                command
            }
        };
        command.env("LKMPG_TALLY", self.tally_of(binary));
        command.stdin(Stdio::null());
        command
    }

    fn tally_of(&self, binary: &Binary) -> PathBuf {
        self.tallies.join(&binary.name)
    }

    /// Shows what it prints at once.
    fn run_alone(&self, binary: &Binary) -> Result<Run> {
        let mut child = self
            .command(binary)
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot run {}", binary.name))?;
        let mut stdout = child.stdout.take().context("a child without a pipe")?;
        let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let length = stdout.read(&mut buffer)?;
            if length == 0 {
                return Run::of(&mut child, all);
            }
            io::stdout().write_all(&buffer[..length])?;
            io::stdout().flush()?;
            all.extend_from_slice(&buffer[..length]);
        }
    }

    /// Keeps what it prints until it has ended.
    fn run_beside(&self, binary: &Binary, start: Instant) -> Result<Run> {
        let mut output = self.begin(binary, start)?;
        let mut child = self
            .command(binary)
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .spawn()
            .with_context(|| format!("cannot run {}", binary.name))?;
        let mut run = Run::of(&mut child, Vec::new())?;
        run.output = self.end(binary, &mut output)?;
        Ok(run)
    }

    /// Makes a place for what it prints, which [`Running`] looks at.
    fn begin(&self, binary: &Binary, start: Instant) -> Result<File> {
        let output = tempfile::tempfile().context("cannot keep a test's output")?;
        lock(&self.running).push(Running {
            name: binary.name.clone(),
            start,
            output: output.try_clone()?,
        });
        Ok(output)
    }

    /// It has ended, and has printed what is returned.
    fn end(&self, binary: &Binary, output: &mut File) -> Result<Vec<u8>> {
        lock(&self.running).retain(|it| it.name != binary.name);
        read(output)
    }

    /// Says what is running while nothing ends, until all have ended.
    fn keep_telling(&self, ends: &Receiver<()>) {
        loop {
            match ends.recv_timeout(SILENCE) {
                Ok(()) => {}
                Err(RecvTimeoutError::Timeout) => {
                    for running in lock(&self.running).iter() {
                        let _ = writeln!(io::stdout(), "{running}");
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Adds up what a binary did, and prints what it has printed, if that was not seen yet.
    fn tell(&self, binary: &Binary, took: Duration, run: Run) -> Result<()> {
        let Run {
            passed,
            output,
            cost,
        } = run;
        let text = String::from_utf8_lossy(&output);
        let report = Report::read(&text).unwrap_or_default();
        // Both say so: a suite that takes a failure for none is found by its own test.
        let passed = passed && report.failed == 0;
        let mut ended = lock(&self.ended);
        ended.count += 1;
        ended
            .seconds
            .insert(binary.name.clone(), took.as_secs_f64());
        ended.costs.push((cost, binary.name.clone()));
        let empty = passed && report.tests() == 0;
        if !passed || empty {
            ended.failed.push(binary.name.clone());
            let words = last_words(&text);
            ended.complaints += &format!("{}:\n{words}\n\n", binary.name);
        }
        let suite = junit::suite(&binary.name, took, passed, &text);
        ended.suites.push(suite);
        ended.add(&binary.name, report);
        match fs::read_to_string(self.tally_of(binary)) {
            Ok(tally) => ended.tally.add(&tally)?,
            // It was not in a guest.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("cannot read a tally"),
        }
        let seconds = self.start.elapsed().as_secs();
        let (count, all) = (ended.count, self.all);
        let mut stdout = io::stdout().lock();
        if all > 1 {
            writeln!(
                stdout,
                "     Running {} ({count} of {all}, {} min {:02} s)",
                binary.name,
                seconds / 60,
                seconds % 60
            )?;
            stdout.write_all(&output)?;
        }
        if empty {
            writeln!(
                stdout,
                "{}: it ended well, but has run no test",
                binary.name
            )?;
        }
        Ok(stdout.flush()?)
    }

    fn conclude(
        self,
        kernel: &Kernel,
        mut durations: Durations,
        junit: Option<&Path>,
    ) -> Result<Outcome> {
        let ended = self
            .ended
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        durations.known.extend(ended.seconds);
        durations.keep();
        if let Some(file) = junit {
            junit::write(file, ended.suites)?;
        }
        let table = ended.tally.table(&kernel.samples()?);
        if !table.is_empty() {
            println!(
                "\nWhat the modules went through ({}):\n\n{table}",
                kernel.name
            );
        }
        for (why, tests) in &ended.skipped {
            println!(
                "skipped: {}, since {why}: {}\n",
                tests.len(),
                tests.join(" ")
            );
        }
        if let Some(costs) = costs(ended.costs) {
            println!("{costs}");
        }
        // One may have several reasons.
        let skipped: BTreeSet<_> = ended.skipped.values().flatten().collect();
        println!("tests: {} passed, {} skipped", ended.passed, skipped.len());
        if !ended.left.is_empty() {
            println!(
                "left something behind (see above), so that the next had another guest: {}",
                ended.left.join(" ")
            );
        }
        if ended.failed.is_empty() {
            println!("test binaries: all {} passed", self.all);
            return Ok(Outcome::Ended(0));
        }
        if self.all > 1 {
            print!("\nOnce more, what failed:\n\n{}", ended.complaints);
        }
        println!(
            "test binaries: {} of {} failed: {}",
            ended.failed.len(),
            self.all,
            ended.failed.join(" ")
        );
        Ok(Outcome::Ended(FAILED))
    }
}

impl Ended {
    fn add(&mut self, binary: &str, report: Report) {
        // To libtest a test passes that says that it is skipped, but not one that is switched off.
        let skipped: BTreeSet<_> = report.skipped.iter().map(|it| &it.0).collect();
        self.passed += (report.passed + report.ignored).saturating_sub(skipped.len() as u64);
        for (test, why) in report.skipped {
            let tests = self.skipped.entry(why).or_default();
            tests.push(format!("{binary}::{test}"));
        }
    }
}

/// What a test binary says of its failures, or last.
fn last_words(output: &str) -> String {
    /// What fits on a screen or two.
    const LINES: usize = 80;
    let lines: Vec<_> = output.trim_end().lines().collect();
    // The runner's own words begin so: a splat, for one.
    let is_told = |it: &&str| *it == "failures:" || it.starts_with("vm: ");
    let start = lines.iter().position(is_told);
    let start = start.unwrap_or(lines.len().saturating_sub(LINES / 4));
    let mut words = lines[start..].to_vec();
    words.truncate(LINES);
    words.join("\n")
}

/// What the binaries took of the processors, those that took most by name.
fn costs(mut all: Vec<(Duration, String)>) -> Option<String> {
    let sum: Duration = all.iter().map(|it| it.0).sum();
    all.sort();
    let most = all.iter().rev().take(MOST);
    let most = most.map(|(cost, name)| format!("{name} {:.1}", cost.as_secs_f64()));
    let most: Vec<_> = most.collect();
    (all.len() > 1).then(|| {
        let sum = sum.as_secs_f64();
        format!(
            "processor time: {sum:.1} s; most of it: {}",
            most.join(", ")
        )
    })
}

fn read(output: &mut File) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    output.rewind()?;
    output.read_to_end(&mut all)?;
    Ok(all)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_was_skipped_has_not_passed() {
        let mut ended = Ended::default();
        let skipped = [("a", "it rains"), ("b", "it rains"), ("b", "it snows")];
        let skipped = skipped.map(|(test, why)| (test.to_owned(), why.to_owned()));
        ended.add(
            "hello",
            Report {
                passed: 3,
                skipped: skipped.into(),
                ..Report::default()
            },
        );
        assert_eq!(ended.passed, 1);
        assert_eq!(ended.skipped["it rains"], ["hello::a", "hello::b"]);
        assert_eq!(ended.skipped["it snows"], ["hello::b"]);
    }

    #[test]
    fn what_is_running_is_told_with_the_last_it_said() {
        let mut running = Running {
            name: "storm".to_owned(),
            start: Instant::now(),
            output: tempfile::tempfile().unwrap(),
        };
        let silent = running.to_string();
        assert_eq!(silent, "       Still storm (0 min 00 s)");
        running
            .output
            .write_all(b"seed: 7\nloads: 3 of 9\n")
            .unwrap();
        assert_eq!(running.to_string(), silent + ": loads: 3 of 9");
    }

    #[test]
    fn failures_are_told_at_the_end() {
        let output = "test a ... FAILED\n\nfailures:\n\n---- a ----\nit rained\n";
        assert_eq!(last_words(output), "failures:\n\n---- a ----\nit rained");
        let output = "running 1 test\nvm: the kernel splatted:\n  Oops\n";
        assert_eq!(last_words(output), "vm: the kernel splatted:\n  Oops");
        let lines: String = (0..100).map(|it| format!("{it}\n")).collect();
        assert!(last_words(&lines).starts_with("80\n81\n"));
    }

    #[test]
    fn what_costs_most_is_named_first() {
        let costs = |all: &[(u64, &str)]| {
            let all = all.iter();
            super::costs(
                all.map(|it| (Duration::from_secs(it.0), it.1.to_owned()))
                    .collect(),
            )
        };
        let expected = "processor time: 5.0 s; most of it: b 4.0, a 1.0";
        assert_eq!(costs(&[(1, "a"), (4, "b")]).as_deref(), Some(expected));
        assert_eq!(costs(&[(1, "a")]), None);
    }
}
