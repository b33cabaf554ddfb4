// SPDX-License-Identifier: GPL-2.0-only

//! All test binaries, several at a time, each as Cargo would run it.

use crate::{options::Options, outcome::Outcome, qemu};
use anyhow::{Context, Result, bail};
use serde::Deserialize;
use std::{
    collections::VecDeque,
    fmt,
    fs::File,
    io::{self, BufRead, Read, Seek, Write},
    num::NonZero,
    os::unix::{
        fs::FileExt,
        process::{CommandExt, ExitStatusExt},
    },
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::{Duration, Instant},
};

/// What Cargo returns when a test has failed.
const FAILED: u8 = 101;
/// Those that take longest come first, so that none is left for the end alone.
const LONG: &[&str] = &["runner", "twins", "storm", "faults", "runner_streams"];
/// After how long without a result to say what is running.
const SILENCE: Duration = Duration::from_secs(60);

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
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// A test binary that Cargo has built.
struct Binary {
    name: String,
    package: String,
    path: PathBuf,
}

/// Runs what `cargo test --no-run --message-format=json` says on standard input.
pub fn run(options: &Options) -> Result<Outcome> {
    let Some(mut binaries) = binaries(io::stdin().lock())? else {
        // Cargo has said why.
        return Ok(Outcome::Ended(FAILED));
    };
    if let [binary] = binaries.make_contiguous() {
        let error = command(Command::new(SELF), binary).exec();
        return Err(error).with_context(|| format!("cannot run {}", binary.path.display()));
    }
    let suite = Suite {
        start: Instant::now(),
        all: binaries.len(),
        left: Mutex::new(binaries),
        running: Mutex::default(),
        ended: Mutex::default(),
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
    suite.conclude()
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
fn binaries(messages: impl BufRead) -> Result<Option<VecDeque<Binary>>> {
    let mut found = VecDeque::new();
    let mut built = false;
    for line in messages.lines() {
        let line = line.context("cannot read what Cargo says")?;
        // What is not JSON was printed by a build script.
        match serde_json::from_str(&line) {
            Ok(Message::CompilerArtifact {
                package_id,
                target,
                profile: Profile { test: true },
                executable: Some(path),
            }) => found.push_back(Binary {
                name: target.name,
                package: package_name(&package_id)?.to_owned(),
                path,
            }),
            Ok(Message::BuildFinished { success }) => built = success,
            _ => {}
        }
    }
    let place = |it: &Binary| LONG.iter().position(|long| *long == it.name);
    found
        .make_contiguous()
        .sort_by_key(|it| place(it).unwrap_or(LONG.len()));
    if built && found.is_empty() {
        bail!("Cargo has built no test");
    }
    Ok(built.then_some(found))
}

/// Reads `path+file:///folder#name@version`.
fn package_name(id: &str) -> Result<&str> {
    let name = id.rsplit_once('#').and_then(|(_, it)| it.split_once('@'));
    Ok(name
        .with_context(|| format!("Cargo names a package {id}"))?
        .0)
}

/// Has `command`, which is this program, do what it does as Cargo's runner.
fn command(mut command: Command, binary: &Binary) -> Command {
    command
        .arg("--test")
        .arg(&binary.path)
        .env("CARGO_PKG_NAME", &binary.package);
    command
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

struct Suite {
    start: Instant,
    all: usize,
    left: Mutex<VecDeque<Binary>>,
    running: Mutex<Vec<Running>>,
    ended: Mutex<Ended>,
}

#[derive(Default)]
struct Ended {
    count: usize,
    failed: Vec<String>,
}

impl Suite {
    /// Runs one after another of those that are left.
    fn work(&self, ends: &Sender<()>) -> Result<()> {
        while let Some(binary) = { lock(&self.left).pop_front() } {
            let mut output = tempfile::tempfile().context("cannot keep a test's output")?;
            lock(&self.running).push(Running {
                name: binary.name.clone(),
                start: Instant::now(),
                output: output.try_clone()?,
            });
            let status = command(qemu::child(SELF), &binary)
                .stdin(Stdio::null())
                .stdout(output.try_clone()?)
                .stderr(output.try_clone()?)
                .status()
                .with_context(|| format!("cannot run {}", binary.path.display()))?;
            lock(&self.running).retain(|it| it.name != binary.name);
            self.tell(&binary, status.into_raw() == 0, &mut output)?;
            // `keep_telling` outlives us.
            let _ = ends.send(());
        }
        Ok(())
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

    /// Prints what a test binary has printed.
    fn tell(&self, binary: &Binary, passed: bool, output: &mut File) -> Result<()> {
        let mut text = Vec::new();
        output.rewind()?;
        output.read_to_end(&mut text)?;
        let mut ended = lock(&self.ended);
        ended.count += 1;
        if !passed {
            ended.failed.push(binary.name.clone());
        }
        let seconds = self.start.elapsed().as_secs();
        let (count, all) = (ended.count, self.all);
        let mut stdout = io::stdout().lock();
        writeln!(
            stdout,
            "     Running {} ({count} of {all}, {} min {:02} s)",
            binary.name,
            seconds / 60,
            seconds % 60
        )?;
        stdout.write_all(&text)?;
        Ok(stdout.flush()?)
    }

    fn conclude(self) -> Result<Outcome> {
        let ended = self
            .ended
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        if ended.failed.is_empty() {
            println!("test binaries: all {} passed", self.all);
            return Ok(Outcome::Ended(0));
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

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///a/tests#lkmpg-tests@0.1.0","target":{"name":"NAME"},"profile":{"test":true},"executable":"/b/NAME-01"}"#;
    const PROGRAM: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///a#b@1","target":{"name":"b"},"profile":{"test":false},"executable":"/b"}"#;
    const DONE: &str = r#"{"reason":"build-finished","success":true}"#;

    fn names(lines: &[&str]) -> Result<Option<Vec<String>>> {
        let found = binaries(lines.join("\n").as_bytes())?;
        Ok(found.map(|it| it.into_iter().map(|it| it.name).collect()))
    }

    #[test]
    fn the_tests_are_found_and_the_long_ones_come_first() {
        let [chardev, twins] = ["chardev", "twins"].map(|it| TEST.replace("NAME", it));
        let lines = [&chardev, PROGRAM, "hello", &twins, DONE];
        assert_eq!(names(&lines).unwrap().unwrap(), ["twins", "chardev"]);
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
    fn a_build_that_failed_runs_nothing() {
        assert!(
            names(&[TEST, &DONE.replace("true", "false")])
                .unwrap()
                .is_none()
        );
        assert!(names(&[TEST]).unwrap().is_none());
    }

    #[test]
    fn no_test_is_an_error() {
        assert!(names(&[PROGRAM, DONE]).is_err());
    }
}
