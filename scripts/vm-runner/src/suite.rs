// SPDX-License-Identifier: GPL-2.0-only

//! All test binaries, several at a time, each as Cargo would run it.
//!
//! Those of the guest share one as long as none leaves anything behind.

use crate::{
    cargo_test, junit,
    kernel::Kernel,
    options::Options,
    outcome::Outcome,
    qemu,
    report::Report,
    run::{Bench, Finished},
    session::Session,
    tally::Tally,
    words::{Outputs, Words},
};
use anyhow::{Context, Result, bail};
use quick_junit::TestSuite;
use serde::Deserialize;
use std::{
    collections::{BTreeMap, VecDeque},
    env, fmt,
    fs::{self, File},
    io::{self, BufRead, Read, Seek, Write},
    num::NonZero,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    rc::Rc,
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

const SELF: &str = "/proc/self/exe";

/// A line of Cargo's, as far as it matters here.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        package_id: String,
        target: Target,
        profile: Profile,
        executable: Option<PathBuf>,
    },
    BuildFinished {
        success: bool,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// What has tests in it.
struct Binary {
    name: String,
    /// None for the examples in the documentation, which are Cargo's to build and to run.
    path: Option<PathBuf>,
}

impl Binary {
    /// Where it is, if it belongs into a guest.
    fn in_guest(&self) -> Option<&Path> {
        let path = self.path.as_deref()?;
        // What cannot be read says why when it runs.
        let is_guests = cargo_test::is_guests(path).unwrap_or(false);
        is_guests.then_some(path)
    }
}

/// A guest, and which binaries have run in it.
struct Guest<'a> {
    session: Session<'a>,
    ran: Vec<&'a Binary>,
}

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
        ended: Mutex::default(),
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

/// The test binaries, or none if they did not build.
fn binaries(messages: impl BufRead) -> Result<Option<Vec<Binary>>> {
    let mut found = Vec::new();
    let mut built = false;
    for line in messages.lines() {
        let line = line.context("cannot read what Cargo says")?;
        // What is not JSON was printed by a build script.
        match serde_json::from_str(&line) {
            Ok(Message::CompilerArtifact {
                package_id,
                target,
                profile: Profile { test: true },
                executable: path @ Some(_),
            }) => found.push(Binary {
                name: name(&package_id, &target)?,
                path,
            }),
            Ok(Message::BuildFinished { success }) => built = success,
            _ => {}
        }
    }
    Ok(built.then_some(found))
}

/// A test has its own name, and what is in a library or a program that of its package.
fn name(package_id: &str, target: &Target) -> Result<String> {
    if target.kind.iter().any(|it| it == "test") {
        return Ok(target.name.clone());
    }
    // `path+file:///folder#name@version`, or `path+file:///folder/name#version`.
    let package = package_id.rsplit_once('#').map(|(folder, it)| {
        let last = folder.rsplit_once('/').map_or(folder, |it| it.1);
        it.split_once('@').map_or(last, |it| it.0)
    });
    let package = package.with_context(|| format!("Cargo names a package {package_id}"))?;
    Ok(format!("{package} ({})", target.kind.join(" ")))
}

/// How long each test binary took the last time, in seconds.
#[derive(Debug, Default)]
struct Durations {
    file: Option<PathBuf>,
    known: BTreeMap<String, f64>,
}

impl Durations {
    fn of(kernel: &Kernel) -> Self {
        let file = kernel.build.as_ref().map(|it| it.join("durations.json"));
        let text = file.as_ref().and_then(|it| fs::read(it).ok());
        let known = text.and_then(|it| serde_json::from_slice(&it).ok());
        Self {
            file,
            known: known.unwrap_or_default(),
        }
    }

    /// One that is new may take long.
    fn took(&self, name: &str) -> f64 {
        self.known.get(name).copied().unwrap_or(f64::INFINITY)
    }

    /// Without a place to keep them, the next run just does not know.
    fn keep(&self) -> Option<()> {
        let file = self.file.as_ref()?;
        // Another run may be reading it.
        let new = file.with_extension(std::process::id().to_string());
        fs::write(&new, serde_json::to_vec(&self.known).ok()?).ok()?;
        fs::rename(new, file).ok()
    }
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
        let mut guest = None;
        while let Some(binary) = { lock(&self.left).pop_front() } {
            let start = Instant::now();
            let (passed, output) = match binary.in_guest() {
                _ if self.all == 1 => self.run_alone(binary)?,
                None => self.run_beside(binary, start)?,
                Some(path) => {
                    let mut output = self.begin(binary, start)?;
                    let (still_there, passed) = self.run_in(guest.take(), binary, path, &output)?;
                    guest = still_there;
                    (passed, self.end(binary, &mut output)?)
                }
            };
            self.tell(binary, start.elapsed(), passed, &output)?;
            // `keep_telling` outlives us.
            let _ = ends.send(());
        }
        guest.map_or(Ok(()), |it| self.close(it))
    }

    /// Runs a binary in a guest, in that of others if there is one. Returns the guest, if another
    /// binary can follow.
    fn run_in(
        &self,
        guest: Option<Guest<'a>>,
        binary: &'a Binary,
        path: &Path,
        mut output: &File,
    ) -> Result<(Option<Guest<'a>>, bool)> {
        let (guest, outcome, left) = match self.try_in(guest, binary, path, output) {
            Ok((guest, finished)) => {
                let tally = &finished.tally;
                fs::write(self.tally_of(binary), tally).context("cannot keep a tally")?;
                let left = finished.left.clone();
                let outcome = cargo_test::verdict(self.bench.options, finished);
                (Some(guest), outcome, left)
            }
            Err(error) => (None, Outcome::Failed(error), Vec::new()),
        };
        if let Outcome::Failed(error) = &outcome {
            writeln!(output, "vm: {error:#}")?;
        }
        let passed = outcome.status() == 0;
        match (guest, outcome) {
            (Some(guest), Outcome::Ended(0)) if left.is_empty() && !self.counts_coverage => {
                Ok((Some(guest), passed))
            }
            (Some(guest), Outcome::Ended(_)) => {
                if !left.is_empty() {
                    let left = left.join(", ");
                    writeln!(output, "vm: {} has left behind: {left}", binary.name)?;
                    lock(&self.ended).left.push(binary.name.clone());
                }
                self.close(guest)?;
                Ok((None, passed))
            }
            _ => Ok((None, passed)),
        }
    }

    fn try_in(
        &self,
        guest: Option<Guest<'a>>,
        binary: &'a Binary,
        path: &Path,
        output: &File,
    ) -> Result<(Guest<'a>, Finished)> {
        let Bench {
            options, kernel, ..
        } = self.bench;
        let task = Rc::new(cargo_test::task(options, kernel, path)?);
        let words = Words::new(options, Outputs::both(output)?, false)?;
        let (session, mut ran, finished) = match guest {
            Some(Guest { mut session, ran }) => {
                let finished = session.run_another(&task, words);
                (session, ran, finished)
            }
            None => {
                let (session, finished) = self.bench.start(&task, &words)?;
                (session, Vec::new(), finished)
            }
        };
        ran.push(binary);
        Ok((Guest { session, ran }, finished))
    }

    /// Ends a guest, and finds out whose fault it is if something has leaked there.
    fn close(&self, guest: Guest<'a>) -> Result<()> {
        let ran = guest.ran.clone();
        match self.search(guest)? {
            Some(report) => self.blame(&ran, &report),
            None => Ok(()),
        }
    }

    /// Ends a guest. Returns what is to be said of what has leaked there.
    fn search(&self, Guest { mut session, .. }: Guest) -> Result<Option<String>> {
        let mut output = tempfile::tempfile().context("cannot keep a report")?;
        let words = Words::new(self.bench.options, Outputs::both(&output)?, false)?;
        let outcome = session.search(words).outcome;
        if let Outcome::Failed(error) = &outcome {
            writeln!(output, "vm: {error:#}")?;
        }
        let report = String::from_utf8_lossy(&read(&mut output)?).into_owned();
        Ok((outcome.status() != 0).then_some(report))
    }

    /// One of these has left what the report says. The halves of them run again, to find out which.
    fn blame(&self, suspects: &[&'a Binary], report: &str) -> Result<()> {
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
        let mut ended = lock(&self.ended);
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
    fn run_again(&self, binaries: &[&'a Binary]) -> Result<Option<String>> {
        let mut guest = None;
        for binary in binaries {
            let Some(path) = binary.in_guest() else {
                continue;
            };
            let output = tempfile::tempfile().context("cannot keep a test's output")?;
            let (it, finished) = self.try_in(guest.take(), binary, path, &output)?;
            match finished.outcome {
                Outcome::Ended(0) if finished.left.is_empty() => guest = Some(it),
                _ => {
                    if let Some(report) = self.search(it)? {
                        return Ok(Some(report));
                    }
                }
            }
        }
        guest.map_or(Ok(None), |it| self.search(it))
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
    fn run_alone(&self, binary: &Binary) -> Result<(bool, Vec<u8>)> {
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
                return Ok((child.wait()?.success(), all));
            }
            io::stdout().write_all(&buffer[..length])?;
            io::stdout().flush()?;
            all.extend_from_slice(&buffer[..length]);
        }
    }

    /// Keeps what it prints until it has ended.
    fn run_beside(&self, binary: &Binary, start: Instant) -> Result<(bool, Vec<u8>)> {
        let mut output = self.begin(binary, start)?;
        let status = self
            .command(binary)
            .stdout(output.try_clone()?)
            .stderr(output.try_clone()?)
            .status()
            .with_context(|| format!("cannot run {}", binary.name))?;
        Ok((status.success(), self.end(binary, &mut output)?))
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
    fn tell(&self, binary: &Binary, took: Duration, passed: bool, output: &[u8]) -> Result<()> {
        let text = String::from_utf8_lossy(output);
        let report = Report::read(&text).unwrap_or_default();
        let mut ended = lock(&self.ended);
        ended.count += 1;
        ended
            .seconds
            .insert(binary.name.clone(), took.as_secs_f64());
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
            stdout.write_all(output)?;
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
        let skipped: usize = ended.skipped.values().map(Vec::len).sum();
        println!("tests: {} passed, {skipped} skipped", ended.passed);
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
        let skipped = report.skipped.len() as u64;
        self.passed += (report.passed + report.ignored).saturating_sub(skipped);
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
    let start = lines.iter().position(|it| *it == "failures:");
    let start = start.unwrap_or(lines.len().saturating_sub(LINES / 4));
    let mut words = lines[start..].to_vec();
    words.truncate(LINES);
    words.join("\n")
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

    const TEST: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///a#lkmpg-tests@0.1.0","target":{"name":"NAME","kind":["test"]},"profile":{"test":true},"executable":"/b/NAME-01"}"#;
    const LIBRARY: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///a/unit#0.1.0","target":{"name":"x","kind":["lib"]},"profile":{"test":true},"executable":"/b/x-01"}"#;
    const PROGRAM: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///a#b@1","target":{"name":"b","kind":["bin"]},"profile":{"test":false},"executable":"/b"}"#;
    const DONE: &str = r#"{"reason":"build-finished","success":true}"#;

    fn names(lines: &[&str]) -> Result<Option<Vec<String>>> {
        let found = binaries(lines.join("\n").as_bytes())?;
        Ok(found.map(|it| it.into_iter().map(|it| it.name).collect()))
    }

    #[test]
    fn all_tests_are_found() {
        let [chardev, twins] = ["chardev", "twins"].map(|it| TEST.replace("NAME", it));
        let lines = [&chardev, PROGRAM, "hello", &twins, LIBRARY, DONE];
        let expected = ["chardev", "twins", "unit (lib)"];
        assert_eq!(names(&lines).unwrap().unwrap(), expected);
    }

    #[test]
    fn one_that_is_new_takes_longest() {
        let known = BTreeMap::from([("hello".to_owned(), 9.0)]);
        let durations = Durations { file: None, known };
        assert!(durations.took("new") > durations.took("hello"));
    }

    #[test]
    fn a_test_that_was_skipped_has_not_passed() {
        let mut ended = Ended::default();
        let skipped = ["a", "b"].map(|it| (it.to_owned(), "it rains".to_owned()));
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
        let lines: String = (0..100).map(|it| format!("{it}\n")).collect();
        assert!(last_words(&lines).starts_with("80\n81\n"));
    }

    #[test]
    fn a_build_that_failed_runs_nothing() {
        assert!(
            names(&[TEST, &DONE.replace("true", "false")])
                .unwrap()
                .is_none()
        );
        assert!(names(&[TEST]).unwrap().is_none());
    }

    #[test]
    fn a_program_is_no_test() {
        assert_eq!(names(&[PROGRAM, DONE]).unwrap().unwrap(), [""; 0]);
    }
}
