// SPDX-License-Identifier: GPL-2.0-only

//! A test that is a script, in a guest: it passes by its exit status, and by what it reports.

use crate::{
    cargo_test,
    kernel::Kernel,
    options::{Add, Options},
    outcome::Outcome,
    qemu,
    tap::{self, Case, Verdict},
};
use anyhow::{Context, Result};
use std::{
    env,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::Stdio,
};

/// Where the folder of the script is in the guest.
const FOLDER: &str = "/tests";
/// What libtest returns when a test has failed.
const FAILED: u8 = 101;
/// What a kselftest returns that was skipped.
const SKIPPED: u8 = 4;

/// Whether a test is a script.
pub fn is_script(test: &Path) -> Result<bool> {
    let mut start = [0; 2];
    let mut file = File::open(test).with_context(|| format!("cannot open {}", test.display()))?;
    Ok(file.read_exact(&mut start).is_ok() && start == *b"#!")
}

/// Runs a script with what is beside it, and reports as libtest does.
pub fn run(options: &Options, script: &Path) -> Result<Outcome> {
    cargo_test::build(&options.kernel, "")?;
    let folder = script.parent().context("a script without a folder")?;
    let name = script.file_name().context("a script without a name")?;
    let mut vm = qemu::child("/proc/self/exe");
    vm.args(["--kernel", &options.kernel, "--plug"]);
    let mut files = Vec::new();
    list(folder, &mut files)?;
    for file in files {
        let target = Path::new(FOLDER).join(file.strip_prefix(folder)?);
        vm.arg("--add")
            .arg(format!("{}:{}", file.display(), target.display()));
    }
    let kernel = Kernel::find(options)?;
    let mut adds = Vec::new();
    for add in cargo_test::named(&script.with_extension("add"))? {
        adds.push(cargo_test::of_guest(&kernel, add.parse()?));
    }
    adds.extend(interpreter(script, kernel.root.as_deref())?);
    for add in adds {
        vm.arg("--add")
            .arg(format!("{}:{}", add.file.display(), add.target.display()));
    }
    vm.arg("--").arg(Path::new(FOLDER).join(name));
    let mut vm = vm
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start the VM")?;
    let mut stdout = vm.stdout.take().context("a child without a pipe")?;
    let said = pass_on(&mut stdout)?;
    let status = vm.wait()?.code().and_then(|it| u8::try_from(it).ok());
    let status = status.context("the VM was killed")?;
    let name = script.file_stem().unwrap_or(name).to_string_lossy();
    match status {
        // Said already.
        Outcome::TIMED_OUT => Ok(Outcome::TimedOut),
        Outcome::SPLATTED => Ok(Outcome::Splatted),
        Outcome::BENCH_FAILED => Ok(Outcome::Ended(status)),
        status => report(&name, &judge(&said, status)),
    }
}

/// The files below a folder, but for what starts with a dot and what Cargo builds.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let entries = fs::read_dir(folder);
    for entry in entries.with_context(|| format!("cannot list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if name.to_string_lossy().starts_with('.') || name == "target" {
            continue;
        }
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// What the script asks for in its first line, if the guest does not have it anyway. `root` has the
/// programs of another processor.
fn interpreter(script: &Path, root: Option<&Path>) -> Result<Option<Add>> {
    let text = fs::read(script)?;
    let line = text.split(|it| *it == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    let mut words = line.trim_start_matches("#!").split_whitespace();
    let program = words.next().unwrap_or_default();
    let program = match program {
        "/bin/sh" | "/usr/bin/sh" => return Ok(None),
        "/usr/bin/env" => words
            .find(|it| !it.starts_with('-'))
            .context("env without a program")?,
        program => program,
    };
    let name = Path::new(program).file_name().unwrap_or_default();
    let folders: Vec<PathBuf> = match root {
        Some(root) => ["bin", "usr/bin", "usr/sbin"]
            .map(|it| root.join(it))
            .into(),
        None => env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect(),
    };
    let mut found = folders.iter().map(|it| it.join(name));
    let file = found.find(|it| it.is_file()).with_context(|| {
        let place = root.map_or("here".into(), |it| format!("in {}", it.display()));
        format!(
            "{} asks for {program}, which is not {place}",
            script.display()
        )
    })?;
    // It goes where the script looks.
    let target = match program.starts_with('/') {
        true => program.into(),
        false => Path::new("/usr/local/bin").join(name),
    };
    Ok(Some(Add { file, target }))
}

/// Shows what it says, and returns it.
fn pass_on(from: &mut impl Read) -> Result<String> {
    let (mut all, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let length = from.read(&mut buffer)?;
        if length == 0 {
            return Ok(String::from_utf8_lossy(&all).into_owned());
        }
        io::stdout().write_all(&buffer[..length])?;
        io::stdout().flush()?;
        all.extend_from_slice(&buffer[..length]);
    }
}

/// The tests of a script that has ended. One that reports none is one itself.
fn judge(said: &str, status: u8) -> Vec<Case> {
    let mut cases = tap::read(said);
    let failed = cases.iter().any(|it| it.1 == Verdict::Failed);
    match status {
        0 if cases.is_empty() => cases.push(("exits with 0".into(), Verdict::Passed)),
        0 => {}
        SKIPPED if cases.is_empty() => {
            let why = said.trim_end().lines().next_back().unwrap_or_default();
            let why = Verdict::Skipped(format!("it says so (exit status 4): {why}"));
            cases.push(("all".into(), why));
        }
        _ if failed => {}
        _ => cases.push((
            format!("exits with 0, and it was {status}"),
            Verdict::Failed,
        )),
    }
    cases
}

/// Prints what [`crate::report`] reads.
fn report(script: &str, cases: &[Case]) -> Result<Outcome> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "\nrunning {} tests", cases.len())?;
    let mut failed = Vec::new();
    for (name, verdict) in cases {
        let verdict = match verdict {
            Verdict::Passed => "ok".to_owned(),
            Verdict::Skipped(why) => format!("skipped, since {why} ... ok"),
            Verdict::Failed => {
                failed.push(name);
                "FAILED".to_owned()
            }
        };
        writeln!(stdout, "test {script}: {name} ... {verdict}")?;
    }
    let (result, passed) = match failed.len() {
        0 => ("ok", cases.len()),
        count => ("FAILED", cases.len() - count),
    };
    if !failed.is_empty() {
        writeln!(stdout, "\nfailures:")?;
        for it in &failed {
            writeln!(stdout, "    {script}: {it}")?;
        }
    }
    let count = failed.len();
    writeln!(
        stdout,
        "\ntest result: {result}. {passed} passed; {count} failed; 0 ignored; 0 measured; 0 filtered out\n"
    )?;
    Ok(Outcome::Ended(if count == 0 { 0 } else { FAILED }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_and_the_report_must_both_be_good() {
        let verdicts = |said: &str, status| -> Vec<Verdict> {
            judge(said, status).into_iter().map(|it| it.1).collect()
        };
        assert_eq!(verdicts("", 0), [Verdict::Passed]);
        assert_eq!(verdicts("", 1), [Verdict::Failed]);
        assert_eq!(verdicts("ok 1 a\n", 0), [Verdict::Passed]);
        assert_eq!(verdicts("ok 1 a\n", 3), [Verdict::Passed, Verdict::Failed]);
        assert_eq!(verdicts("not ok 1 a\n", 0), [Verdict::Failed]);
        assert_eq!(verdicts("not ok 1 a\n", 1), [Verdict::Failed]);
        let skipped = verdicts("no disk\n", SKIPPED);
        assert!(matches!(&skipped[..], [Verdict::Skipped(why)] if why.ends_with("no disk")));
    }
}
