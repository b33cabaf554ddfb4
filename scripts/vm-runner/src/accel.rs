// SPDX-License-Identifier: GPL-2.0-only

//! Whether the processor itself can run the guest.

use crate::options::{AccelChoice, Options};
use anyhow::{Context, Result};
use rustix::fs::{Access, access};
use std::{
    env, fs,
    path::PathBuf,
    process::{Command, Stdio},
};

/// What runs the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accel {
    /// The processor.
    Kvm,
    /// QEMU's emulation, and why.
    Tcg(String),
}

/// The probe boots a guest, which takes a second where it works; where it does
/// not, QEMU may just stop.
const PROBE_SECONDS: &str = "10";

/// Takes what the user wants, or else what works.
pub fn choose(options: &Options) -> Result<Accel> {
    Ok(match options.accel {
        AccelChoice::Kvm => Accel::Kvm,
        AccelChoice::Tcg => Accel::Tcg("as asked".into()),
        AccelChoice::Auto => match obstacle(options)? {
            None => Accel::Kvm,
            Some(obstacle) => Accel::Tcg(obstacle),
        },
    })
}

/// Why KVM cannot be used.
fn obstacle(options: &Options) -> Result<Option<String>> {
    if !fs::exists("/dev/kvm").unwrap_or(false) {
        return Ok(Some("there is no /dev/kvm".into()));
    }
    if access("/dev/kvm", Access::READ_OK | Access::WRITE_OK).is_err() {
        return Ok(Some("you may not use /dev/kvm".into()));
    }
    let works = match cached() {
        Some(works) => works,
        None => {
            let works = probe(options)?;
            // Without a cache the next run probes again.
            let _ = remember(works);
            works
        }
    };
    Ok((!works).then(|| "KVM does not work here".into()))
}

/// Boots the kernel with KVM, to see whether it gets anywhere.
fn probe(options: &Options) -> Result<bool> {
    eprintln!("vm: trying KVM, once after each boot of this machine");
    let mut probe = Command::new(env::current_exe()?);
    probe.args([
        "--accel",
        "kvm",
        "--boot-timeout",
        PROBE_SECONDS,
        "--timeout",
        PROBE_SECONDS,
    ]);
    probe.args(["--kernel", &options.kernel, "--", "true"]);
    for name in ["LKMPG_LOG", "LKMPG_ADD", "LKMPG_SMP", "LKMPG_MEMORY"] {
        probe.env_remove(name);
    }
    let status = probe
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    Ok(status.context("cannot probe KVM")?.success())
}

/// What the last probe found, if that was in this boot of the machine.
fn cached() -> Option<bool> {
    let answer = fs::read_to_string(cache()?).ok()?;
    match answer.strip_prefix(&boot_id()?)? {
        " works\n" => Some(true),
        " does not work\n" => Some(false),
        _ => None,
    }
}

fn remember(works: bool) -> Option<()> {
    let file = cache()?;
    fs::create_dir_all(file.parent()?).ok()?;
    fs::write(
        file,
        format!(
            "{} {}\n",
            boot_id()?,
            if works { "works" } else { "does not work" }
        ),
    )
    .ok()
}

fn boot_id() -> Option<String> {
    Some(
        fs::read_to_string("/proc/sys/kernel/random/boot_id")
            .ok()?
            .trim()
            .to_owned(),
    )
}

fn cache() -> Option<PathBuf> {
    let set = |name| {
        env::var_os(name)
            .filter(|it| !it.is_empty())
            .map(PathBuf::from)
    };
    let folder = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(folder.join("lkmpg-rs/kvm"))
}
