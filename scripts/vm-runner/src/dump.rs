// SPDX-License-Identifier: GPL-2.0-only

//! The memory of a guest that panicked.

use crate::monitor::Monitor;
use anyhow::{Context, Result, ensure};
use std::path::Path;
use tempfile::NamedTempFile;

/// Fails if it could not be written to `file`.
pub fn check(file: &Path) -> Result<()> {
    ensure!(
        !file.is_dir(),
        "--core {}: this is a folder",
        file.display()
    );
    beside(file).map(drop)
}

/// Stops the guest, and writes it.
pub fn write(monitor: &mut Monitor, file: &Path) -> Result<()> {
    let new = beside(file)?;
    monitor.dump(new.path())?;
    new.persist(file)
        .with_context(|| format!("cannot replace {}", file.display()))?;
    Ok(())
}

/// A file that takes the place of `file` when it is complete, or is gone.
fn beside(file: &Path) -> Result<NamedTempFile> {
    let folder = file.parent().filter(|it| !it.as_os_str().is_empty());
    NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))
        .with_context(|| format!("--core {}: cannot write there", file.display()))
}
