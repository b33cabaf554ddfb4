// SPDX-License-Identifier: GPL-2.0-only

//! Kernel modules: those that the boot needs, and those of the host's build.

use anyhow::{Context, Result, bail};
use lkmpg_guest::{BOOT_MODULES, HOST_DIR};
use std::{
    fs,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
};

/// Keeps what modules count of their own code, in the build where they do.
const COVERAGE: &str = "/modules/coverage.ko";

/// Loads the drivers that a kernel with everything in modules lacks.
pub fn load_boot_modules() -> Result<()> {
    let list = fs::read_to_string(BOOT_MODULES);
    let list = list.with_context(|| format!("cannot read {BOOT_MODULES}"))?;
    list.lines().try_for_each(load)
}

/// Loads the module that is there before all others, if it was built.
pub fn load_coverage() -> Result<()> {
    match Path::new(COVERAGE).exists() {
        true => load(COVERAGE),
        false => Ok(()),
    }
}

fn load(path: &str) -> Result<()> {
    // insmod, because the file may be compressed.
    let status = Command::new("/sbin/insmod").arg(path).status();
    let status = status.with_context(|| format!("cannot run insmod {path}"))?;
    if !status.success() {
        bail!("cannot load {path}");
    }
    Ok(())
}

/// Makes `/modules` and the folder of modprobe show the host's modules.
pub fn link(paths: &[String]) {
    if let Err(error) = try_link(paths) {
        eprintln!("lkmpg: cannot show the host's modules: {error:#}");
    }
}

fn try_link(paths: &[String]) -> Result<()> {
    let release = rustix::system::uname().release().to_str()?.to_owned();
    let extra = format!("/lib/modules/{release}/extra");
    for dir in ["/modules", &extra] {
        // The shell is in there: the folder stays, and what the user put there, too.
        fs::create_dir_all(dir)?;
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|it| it == "ko") {
                fs::remove_file(path)?;
            }
        }
        for path in paths {
            let name = Path::new(path)
                .file_name()
                .context("a module without a name")?;
            symlink(Path::new(HOST_DIR).join(path), Path::new(dir).join(name))?;
        }
    }
    // It has run, and it does not matter who reaps it.
    let _ = Command::new("/sbin/depmod")
        .arg("-a")
        // In the midst of a build it complains, and is called again.
        .stderr(Stdio::null())
        .status();
    Ok(())
}
