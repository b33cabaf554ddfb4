// SPDX-License-Identifier: GPL-2.0-only

//! Devices that are plugged in while the guest runs.

use anyhow::{Context, Result, bail};
use std::{
    fs, io,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

const SLOTS: &str = "/sys/bus/pci/slots";
const DEVICES: &str = "/sys/bus/pci/devices";
/// How long the kernel may take to find a device.
const LIMIT: Duration = Duration::from_secs(10);

/// Waits until the kernel has found what is in the slots.
pub fn wait() -> Result<()> {
    let start = Instant::now();
    while let Some(slot) = unseen().with_context(|| format!("cannot look into {SLOTS}"))? {
        if start.elapsed() > LIMIT {
            bail!("the kernel does not find what is in the PCI slot {slot}");
        }
        sleep(Duration::from_millis(1));
    }
    Ok(())
}

/// A slot with something in it that the kernel has not found yet.
fn unseen() -> io::Result<Option<String>> {
    for entry in fs::read_dir(SLOTS)? {
        let slot = entry?;
        let read = |name| fs::read_to_string(slot.path().join(name));
        let there = Path::new(DEVICES).join(format!("{}.0", read("address")?.trim()));
        if read("adapter")?.trim() == "1" && !there.exists() {
            return Ok(Some(slot.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}
