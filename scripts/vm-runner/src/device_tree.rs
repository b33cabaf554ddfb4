// SPDX-License-Identifier: GPL-2.0-only

//! A device tree: the one that QEMU makes for a machine, and what overlays add to it.

use crate::{
    initramfs::find,
    options::Options,
    qemu::{self, Machine},
};
use anyhow::{Context, Result, ensure};
use std::{fs::File, process::Command};

/// The tree of a machine, with what is in its files.
pub fn with_overlays(machine: &Machine, options: &Options) -> Result<File> {
    let folder = tempfile::tempdir().context("cannot make a folder for the device tree")?;
    let (own, whole) = (folder.path().join("own"), folder.path().join("whole"));
    let processor = machine.kernel.processor;
    run(Command::new(processor.program)
        .args(["-nodefaults", "-no-user-config", "-display", "none"])
        .args(qemu::processors(machine, options))
        .args(["-m", &options.memory, "-machine"])
        .arg(format!("{},dumpdtb={}", processor.machine, own.display())))?;
    // The kernel's build makes the tool.
    let tool = "build/scripts/dtc/fdtoverlay";
    let tool = machine.kernel.image.with_file_name(tool);
    let tool = match tool.exists() {
        true => tool,
        false => find("fdtoverlay", "device-tree-compiler")?,
    };
    run(Command::new(tool)
        .arg("-i")
        .arg(&own)
        .arg("-o")
        .arg(&whole)
        .args(&machine.firmware))?;
    File::open(&whole).context("cannot open the device tree")
}

fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot run {program}"))?;
    ensure!(
        output.status.success(),
        "{program}, which makes the device tree: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}
