// SPDX-License-Identifier: GPL-2.0-only

//! How long one waits for the bench: beside a bare boot of the same kernel, in
//! turn, on this machine. `make bench T=start`; `LKMPG_ROUNDS=` of them.

use anyhow::{Context, Result, bail};
use lkmpg_vm::{
    archive::Archive,
    processor::{Firmware, Processor},
};
use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Suites of so many empty test binaries: what one more costs is their difference.
const SUITES: [usize; 2] = [2, 10];
/// A sample that a user would edit.
const SAMPLE: &str = "samples/02-hello-world/hello_1.rs";

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let kernel = env::var("KERNEL").unwrap_or_else(|_| "dev".into());
    let rounds: usize = env::var("LKMPG_ROUNDS").map_or(Ok(5), |it| it.parse())?;
    let scratch = TempDir::new()?;
    let folder = root.join("build").join(&kernel).join("kernel");
    let config = fs::read_to_string(folder.join("config")).unwrap_or_default();
    let processor = Processor::of(&config).unwrap_or_else(Processor::host);
    let empty = empty_test(processor, &root, scratch.path())?;
    let mut rows = [
        ("bare boot", bare_boot(processor, &folder, scratch.path())?),
        (
            "scripts/vm --cold -- true",
            command(&root, "scripts/vm --cold -- true"),
        ),
        ("scripts/vm -- true", command(&root, "scripts/vm -- true")),
        // After the edit below, so that the next has nothing to build.
        ("make, after an edit", command(&root, "make")),
        ("make vm </dev/null", command(&root, "make vm")),
        ("make test T=hello", command(&root, "make test T=hello")),
        (
            "the same after an edit",
            command(&root, &format!("touch {SAMPLE} && make test T=hello")),
        ),
        ("few tests", suite(&root, &empty, SUITES[0])),
        ("many tests", suite(&root, &empty, SUITES[1])),
    ]
    .map(|(name, command)| (name, command, Vec::new()));
    // The first round builds what is not up to date.
    for round in 0..=rounds {
        for (name, command, times) in &mut rows {
            let time = run(command).with_context(|| format!("cannot measure {name}"))?;
            if round > 0 {
                times.push(time);
            }
        }
    }
    let medians = rows.map(|(name, _, times)| (name, median(times)));
    let [.., (_, few), (_, many)] = medians;
    let one = many.saturating_sub(few) / (SUITES[1] - SUITES[0]) as u32;
    let rows = &medians[..medians.len() - SUITES.len()];
    println!("| seconds, medians of {rounds} ({kernel}) | | to the bare boot |");
    println!("| --- | ---: | ---: |");
    for (name, time) in rows.iter().chain([&("one more (empty) test binary", one)]) {
        let ratio = time.as_secs_f64() / medians[0].1.as_secs_f64();
        println!("| {name} | {:.2} | {ratio:.2} |", time.as_secs_f64());
    }
    Ok(())
}

/// A test binary of the guest in which one test passes.
fn empty_test(processor: &Processor, root: &Path, scratch: &Path) -> Result<PathBuf> {
    let [source, program] = ["empty.c", "empty"].map(|it| scratch.join(it));
    let report = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out";
    let text = format!("#include <stdio.h>\nint main(void) {{ puts(\"{report}\"); }}\n");
    fs::write(&source, text)?;
    // As Make names the compiler for another processor, to Cargo's packages as well.
    let named = |what| env::var(format!("{what}_{}", processor.target.replace('-', "_"))).ok();
    let mut cc = Command::new(named("CC").unwrap_or("cc".into()));
    cc.args(named("CFLAGS").unwrap_or_default().split_whitespace())
        .args(["-static", "-DHAS_LIBTEST=1", "-o"])
        .args([&program, &source])
        .arg(root.join("tests/support/guest_only.c"));
    run(&mut cc).context("cannot build an empty test")?;
    Ok(program)
}

/// Runs a test binary so many times, as `make test` would.
fn suite(root: &Path, test: &Path, count: usize) -> Command {
    let messages = (0..count).map(|it| {
        format!(
            r#"{{"reason":"compiler-artifact","package_id":"a#1","target":{{"name":"empty_{it}","kind":["test"]}},"profile":{{"test":true}},"executable":"{}"}}
"#,
            test.display()
        )
    });
    let messages: String = messages.collect();
    let end = r#"{"reason":"build-finished","success":true}"#;
    command(
        root,
        &format!("echo '{messages}{end}' | scripts/vm --suite --jobs 1"),
    )
}

/// QEMU as anybody would start it, with an init that does nothing but end it.
fn bare_boot(processor: &Processor, kernel: &Path, scratch: &Path) -> Result<Command> {
    let initramfs = scratch.join("initramfs");
    let mut archive = Archive::new(File::create(&initramfs)?);
    archive.folder("/dev")?;
    archive.file("/poweroff", &busybox(&kernel.join("root"))?)?;
    archive.finish()?;
    let mut command = Command::new(processor.program);
    // Only of a PC has QEMU a machine that nobody has to name.
    if processor.firmware == Firmware::DeviceTree {
        command.args(["-machine", processor.machine, "-cpu", processor.cpu]);
    }
    let line = [
        processor.words[0],
        "panic=-1",
        "rdinit=/poweroff",
        "--",
        "-f",
    ];
    command
        .args(["-nographic", "-no-reboot", "-m", "512M"])
        .args([
            "-accel",
            if !processor.is_foreign() && kvm_works() {
                "kvm"
            } else {
                "tcg"
            },
        ])
        .args(["-append", &line.join(" ")])
        .arg("-initrd")
        .arg(initramfs)
        .arg("-kernel")
        .arg(kernel.join("image"));
    Ok(command)
}

/// Another processor's has a root of its own.
fn busybox(root: &Path) -> Result<PathBuf> {
    let root = if root.exists() { root } else { Path::new("/") };
    let folders = ["bin", "usr/bin"].map(|it| root.join(it).join("busybox"));
    let mut found = folders.into_iter().filter(|it| it.exists());
    found.next().context("there is no busybox")
}

/// What the runner found out, which has run by now.
fn kvm_works() -> bool {
    lkmpg_vm::host::Host::known().kvm == Some(Ok(()))
}

fn command(root: &Path, line: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(root);
    // As a user types it, who is not in the midst of a make.
    for name in ["MAKEFLAGS", "MAKELEVEL", "MFLAGS"] {
        command.env_remove(name);
    }
    command
}

fn run(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let time = start.elapsed();
    if !output.status.success() {
        bail!(
            "{}:\n{}{}",
            output.status,
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(time)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
