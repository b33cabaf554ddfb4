// SPDX-License-Identifier: GPL-2.0-only

//! The search for leaked memory, on kernels with kmemleak.

use crate::{footprint::taint, system};
use anyhow::{Context, Result};
use std::{fs, io, path::Path, thread::sleep, time::Duration};

const KMEMLEAK: &str = "/sys/kernel/debug/kmemleak";
/// The bit of `/proc/sys/kernel/tainted` that a module of ours leaves behind.
const TAINT_OOT_MODULE: u64 = 1 << 12;
/// kmemleak does not suspect objects that are younger than 5 s.
const MIN_AGE: Duration = Duration::from_millis(5_200);

/// Puts what leaked into the kernel's log, where the runner finds it.
pub fn report() -> Result<()> {
    if Path::new(KMEMLEAK).exists() && module_was_loaded() {
        system::log(&search().context("cannot search for leaks")?);
    }
    Ok(())
}

fn module_was_loaded() -> bool {
    taint() & TAINT_OOT_MODULE != 0
}

/// The first scan notes each object's checksum, the second one reports those
/// that nobody points to and nobody changed in between.
fn search() -> io::Result<String> {
    fs::write(KMEMLEAK, "scan")?;
    sleep(MIN_AGE);
    fs::write(KMEMLEAK, "scan")?;
    fs::read_to_string(KMEMLEAK)
}
