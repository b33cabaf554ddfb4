// SPDX-License-Identifier: GPL-2.0-only

//! Cargo's runner: test binaries that belong there go into a guest.

use crate::{
    devices, elf,
    kernel::{Kernel, ONLY, build_dir, module_dir, root},
    options::{Add, Options},
    outcome::Outcome,
    processor::Processor,
    report::Report,
    run::{Bench, Finished, HOME, Task, environment},
    script,
    words::{Outputs, Words},
};
use anyhow::{Context, Result, anyhow, bail};
use lkmpg_guest::{GUEST_SECTION, Job};
use std::{
    env,
    ffi::OsString,
    fs, io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

/// Where a test binary is in the guest.
const FOLDER: &str = "/tests";
/// Variables that the tests know.
const PASSED: &[&str] = &["RUST_", "LKMPG_", "KERNEL"];

/// Runs a binary that Cargo has built: in the guest, if it says that it belongs there, or here.
pub fn run(options: &Options, binary: &Path) -> Result<Outcome> {
    if script::is_script(binary)? {
        return script::run(options, binary);
    }
    let content = fs::read(binary).with_context(|| format!("cannot read {}", binary.display()))?;
    let foreign = elf::processor(&content).is_some_and(Processor::is_foreign);
    if !is_guests(binary)? || !foreign && selects_nothing(binary, &options.command)? {
        let error = Command::new(binary)
            .args(&options.command)
            // That is of this run, not of those that it may start.
            .env_remove("LKMPG_TALLY")
            .exec();
        return Err(error).with_context(|| format!("cannot run {}", binary.display()));
    }
    let only = needs(&options.kernel, binary)?;
    build(&options.kernel, &only)?;
    let kernel = Kernel {
        only,
        ..Kernel::find(options)?
    };
    let words = Words::new(options, Outputs::ours()?, false)?;
    let task = task(options, &kernel, binary)?;
    let finished = Bench::new(options, &kernel)?.run(task, &words)?;
    if let Some(file) = &options.tally {
        fs::write(file, &finished.tally)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(verdict(options, finished))
}

/// Whether a binary belongs into the guest.
pub fn is_guests(binary: &Path) -> Result<bool> {
    Ok(!script::is_script(binary)?
        && (module_dir().is_some() || elf::has_section(binary, GUEST_SECTION)?))
}

/// What it takes to run a test binary.
pub fn task(options: &Options, kernel: &Kernel, binary: &Path) -> Result<Task> {
    let target = Path::new(FOLDER).join(binary.file_name().context("a binary without a name")?);
    let mut command: Vec<OsString> = vec![target.clone().into()];
    command.extend(options.command.iter().cloned());
    let mut env = environment(options, PASSED)?;
    // They take turns: each has the guest for itself, and loads the same modules.
    env.push(("RUST_TEST_THREADS".into(), "1".into()));
    let job = Job {
        command,
        env,
        directory: HOME.into(),
        terminal: None,
        share: false,
        given: crate::given::given(options),
    };
    let mut adds = options.add.clone();
    adds.extend(companions(kernel, binary)?);
    adds.extend(for_gates(&options.kernel)?);
    adds.push(Add {
        file: binary.to_owned(),
        target,
    });
    Task::new(kernel, job, &adds)
}

/// What became of a test binary: none ends well that reports nothing.
pub fn verdict(options: &Options, finished: Finished) -> Outcome {
    match finished.outcome {
        Outcome::Ended(0) => {
            let silence = silence(&options.command, &String::from_utf8_lossy(&finished.stdout));
            silence.map_or(Outcome::Ended(0), Outcome::Failed)
        }
        outcome => outcome,
    }
}

/// The name of the test that a binary is: Cargo appends a hash, as in
/// `chardev-0123456789abcdef`.
fn test_name(binary: &Path) -> String {
    let name = binary.file_name().unwrap_or_default().to_string_lossy();
    name.rsplit_once('-').map_or(&*name, |it| it.0).to_owned()
}

/// What a test wants to have added to the guest: `tests/NAME.add` has what
/// `--add` takes, one a line.
fn companions(kernel: &Kernel, binary: &Path) -> Result<Vec<Add>> {
    let tests = module_dir().map_or_else(root, Ok)?.join("tests");
    let list = tests.join(test_name(binary)).with_extension("add");
    let mut adds = Vec::new();
    for line in named(&list)? {
        adds.push(of_guest(kernel, line.parse()?));
    }
    Ok(adds)
}

/// What the guest's own user space has instead of this machine's, if it is another processor's.
pub fn of_guest(kernel: &Kernel, mut add: Add) -> Add {
    if let Some(root) = &kernel.root {
        let own = root.join(add.file.strip_prefix("/").unwrap_or(&add.file));
        if own.exists() {
            add.file = own;
        }
    }
    add
}

/// The lines of such a list, if there is one.
pub fn named(list: &Path) -> Result<Vec<String>> {
    let text = match fs::read_to_string(list) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| format!("cannot read {}", list.display())),
    };
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|it| !it.is_empty() && !it.starts_with('#'));
    Ok(lines.map(str::to_owned).collect())
}

/// What the tests that go through all modules know them by: which were built, which there could
/// be, and what is said beside them.
fn for_gates(kernel: &str) -> Result<Vec<Add>> {
    const FOLDER: &str = "/gates";

    let (root, build) = (
        module_dir().map_or_else(root, Ok)?,
        build_dir()?.join(kernel),
    );
    let order = Add {
        file: build.join("modules.order"),
        target: Path::new(FOLDER).join("modules.order"),
    };
    let mut adds = vec![order];
    // The modules of somebody else's Kbuild are those that were built.
    let names: &[_] = match module_dir() {
        Some(_) => &["gates.toml"],
        None => &["Kbuild", "gates.toml"],
    };
    for folder in devices::folders()? {
        let files = names.iter().map(|it| folder.join(it));
        for file in files.filter(|it| it.exists()) {
            let target = Path::new(FOLDER).join(file.strip_prefix(&root)?);
            adds.push(Add { file, target });
        }
    }
    Ok(adds)
}

/// Whether no test of the binary is asked for: that needs no guest to find out.
fn selects_nothing(binary: &Path, arguments: &[OsString]) -> Result<bool> {
    if arguments.iter().any(|it| it == "--bench") {
        return Ok(false);
    }
    let list = |arguments: &[OsString]| -> Result<bool> {
        let output = Command::new(binary).args(arguments).arg("--list").output();
        let output = output.with_context(|| format!("cannot run {}", binary.display()))?;
        Ok(String::from_utf8_lossy(&output.stdout)
            .lines()
            .any(|it| it.ends_with(": test")))
    };
    Ok(!list(arguments)? && list(&[])?)
}

/// The modules that a test names, if that is all there is to know.
fn needs(kernel: &str, binary: &Path) -> Result<String> {
    if env::var_os("MAKELEVEL").is_some() || kernel.contains('/') || module_dir().is_some() {
        return Ok(env::var(ONLY).unwrap_or_default());
    }
    let output = Command::new(root()?.join("scripts/needs"))
        .arg(build_dir()?.join(kernel).join("modules.order"))
        .arg(test_name(binary))
        .output()
        .context("cannot run scripts/needs")?;
    let names = String::from_utf8(output.stdout)?;
    Ok(names.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Brings modules and clients up to date, `only` some modules if it names any, unless make is on its way
/// here and did.
pub fn build(kernel: &str, only: &str) -> Result<()> {
    if env::var_os("MAKELEVEL").is_some() || kernel.contains('/') {
        return Ok(());
    }
    let mut make = Command::new("make");
    make.arg("--directory")
        .arg(root()?)
        .args(["--silent", "--no-print-directory", "all"]);
    if let Some(dir) = module_dir() {
        make.arg(format!("M={}", dir.display()));
    }
    let make = make
        .arg(format!("KERNEL={kernel}"))
        .env(ONLY, only)
        .stdin(Stdio::null())
        .stdout(std::io::stderr());
    if !make.status().context("cannot run make")?.success() {
        bail!("the modules and clients do not build");
    }
    Ok(())
}

/// Why a report that says nothing is none.
fn silence(arguments: &[OsString], output: &str) -> Option<anyhow::Error> {
    let no_run = ["--list", "--help", "-h", "--bench"];
    if arguments.iter().any(|it| no_run.iter().any(|no| it == no)) {
        return None;
    }
    match Report::read(output) {
        None => Some(anyhow!("the tests ended well, but without a report")),
        Some(report) if report.tests() == 0 => Some(anyhow!(
            "there is no test in the test binary: write one, or say `test = false` in Cargo.toml where it is built"
        )),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s";

    #[test]
    fn silence_is_a_failure() {
        assert!(silence(&[], "").is_some());
        assert!(silence(&[], "running 1 test\n").is_some());
        assert!(silence(&[], SUMMARY).is_some());
    }

    #[test]
    fn a_report_is_not() {
        for count in ["2 passed", "1 failed", "3 filtered"] {
            let (number, word) = count.split_once(' ').unwrap();
            let report = SUMMARY.replace(&format!("0 {word}"), &format!("{number} {word}"));
            assert!(
                silence(&[], &format!("running tests\n\n{report}\n\n")).is_none(),
                "{report}"
            );
        }
    }

    #[test]
    fn a_test_has_its_name_without_the_hash() {
        assert_eq!(test_name(Path::new("deps/chan_relay-0123")), "chan_relay");
        assert_eq!(test_name(Path::new("deps/true")), "true");
    }

    #[test]
    fn a_list_is_no_run() {
        assert!(silence(&["--list".into()], "a: test\n").is_none());
    }
}
