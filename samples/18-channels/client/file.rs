// SPDX-License-Identifier: GPL-2.0-only

//! Files that belong to a module.

use anyhow::{Context, Error, Result};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Write as _},
    path::Path,
};

/// Reads a file of `module`'s.
pub fn read(module: &str, path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let path = path.as_ref();
    fs::read(path).map_err(|error| explain(module, "read", path, error))
}

/// Reads a line of text from a file of `module`'s.
pub fn line(module: &str, path: impl AsRef<Path>) -> Result<String> {
    let path = path.as_ref();
    let text = String::from_utf8(read(module, path)?);
    let text = text.with_context(|| format!("{} is not text", path.display()))?;
    Ok(text.trim_end().to_owned())
}

/// Writes to a file of `module`'s, in one go.
pub fn write(module: &str, path: impl AsRef<Path>, bytes: &[u8]) -> Result<()> {
    let path = path.as_ref();
    let mut file = open(module, path, OpenOptions::new().write(true))?;
    let written = file.write(bytes);
    let written = written.map_err(|error| explain(module, "write to", path, error))?;
    if written < bytes.len() {
        anyhow::bail!(
            "{} took {written} bytes only, of {}",
            path.display(),
            bytes.len()
        );
    }
    Ok(())
}

/// Opens a file of `module`'s.
pub fn open(module: &str, path: impl AsRef<Path>, options: &OpenOptions) -> Result<File> {
    let path = path.as_ref();
    options
        .open(path)
        .map_err(|error| explain(module, "open", path, error))
}

fn explain(module: &str, action: &str, path: &Path, error: io::Error) -> Error {
    let hint = match error.kind() {
        ErrorKind::NotFound if !path.exists() => {
            format!(": is the module loaded? Try: modprobe {module}")
        }
        ErrorKind::PermissionDenied => ": only root may do that".to_owned(),
        _ => String::new(),
    };
    Error::msg(format!("cannot {action} {}: {error}{hint}", path.display()))
}
