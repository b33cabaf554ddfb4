// SPDX-License-Identifier: GPL-2.0-only

//! How long one waits for the bench: beside a bare boot of the same kernel, in
//! turn, on this machine. `make bench T=start`; `LKMPG_ROUNDS=` of them.

use anyhow::{Context, Result, bail};
use lkmpg_vm::archive::Archive;
use std::{
    env,
    fs::File,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A sample that a user would edit.
const SAMPLE: &str = "samples/02-hello-world/hello_1.rs";

fn main() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let kernel = env::var("KERNEL").unwrap_or_else(|_| "dev".into());
    let rounds: usize = env::var("LKMPG_ROUNDS").map_or(Ok(5), |it| it.parse())?;
    let scratch = TempDir::new()?;
    let image = root.join("build").join(&kernel).join("kernel/image");
    let mut rows = [
        ("bare boot", bare_boot(&image, scratch.path())?),
        (
            "scripts/vm --cold -- true",
            command(&root, "scripts/vm --cold -- true"),
        ),
        ("scripts/vm -- true", command(&root, "scripts/vm -- true")),
        ("make vm </dev/null", command(&root, "make vm")),
        ("make test T=hello", command(&root, "make test T=hello")),
        (
            "the same after an edit",
            command(&root, &format!("touch {SAMPLE} && make test T=hello")),
        ),
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
    println!("| seconds, medians of {rounds} ({kernel}) | | to the bare boot |");
    println!("| --- | ---: | ---: |");
    for (name, time) in medians {
        let ratio = time.as_secs_f64() / medians[0].1.as_secs_f64();
        println!("| {name} | {:.2} | {ratio:.2} |", time.as_secs_f64());
    }
    Ok(())
}

/// QEMU as anybody would start it, with an init that does nothing but end it.
fn bare_boot(image: &Path, scratch: &Path) -> Result<Command> {
    let initramfs = scratch.join("initramfs");
    let mut archive = Archive::new(File::create(&initramfs)?);
    archive.folder("/dev")?;
    archive.file("/poweroff", &busybox()?)?;
    archive.finish()?;
    let mut command = Command::new("qemu-system-x86_64");
    command
        .args(["-nographic", "-no-reboot", "-m", "512M"])
        .args(["-accel", if kvm_works() { "kvm" } else { "tcg" }])
        .args(["-append", "console=ttyS0 panic=-1 rdinit=/poweroff -- -f"])
        .arg("-initrd")
        .arg(initramfs)
        .arg("-kernel")
        .arg(image);
    Ok(command)
}

fn busybox() -> Result<PathBuf> {
    let folders = ["/bin", "/usr/bin"].map(|it| Path::new(it).join("busybox"));
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
