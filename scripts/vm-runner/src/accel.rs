// SPDX-License-Identifier: GPL-2.0-only

//! Whether the processor itself can run the guest.

use crate::{
    host::Host,
    kernel::Kernel,
    options::{AccelChoice, Options},
    outcome::Outcome,
};
use anyhow::{Context, Result, bail};
use rustix::fs::{Access, access};
use std::{
    fs,
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
pub fn choose(options: &Options, kernel: &Kernel) -> Result<Accel> {
    let processor = kernel.processor;
    if processor.is_foreign() {
        if options.accel == AccelChoice::Kvm {
            bail!("this machine cannot run {} but emulate it", processor.name);
        }
        return Ok(Accel::Tcg(format!("this machine is no {}", processor.name)));
    }
    if options.icount {
        return Ok(Accel::Tcg("counting instructions".into()));
    }
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
    let obstacle = match Host::known().kvm {
        Some(known) => known.err(),
        None => probe(options)?,
    };
    Ok(obstacle.map(|it| format!("KVM: {it}; `scripts/vm --accel kvm -- true` tries again")))
}

/// Remembers what became of a guest with KVM. Where one ran, others will; what keeps a kernel of
/// somebody else's from booting need not be KVM.
pub fn learn(kernel: &Kernel, outcome: &Outcome) {
    let ran = match outcome {
        Outcome::Failed(error) => Err(format!("{error:#}")),
        _ => Ok(()),
    };
    let worked = Host::known().kvm == Some(Ok(()));
    if !worked && (ran.is_ok() || kernel.build.is_some()) {
        Host::learn(|it| it.kvm = Some(ran));
    }
}

/// Boots the kernel with KVM, to see whether it gets anywhere. Says why not.
fn probe(options: &Options) -> Result<Option<String>> {
    eprintln!("vm: trying KVM, once after each boot of this machine");
    let mut probe = Command::new("/proc/self/exe");
    probe.args([
        "--cold",
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
    let output = probe
        .stdin(Stdio::null())
        .output()
        .context("cannot probe KVM")?;
    if output.status.success() {
        return Ok(None);
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.lines().next_back().unwrap_or("it said nothing");
    Ok(Some(last.trim_start_matches("vm: ").to_owned()))
}
