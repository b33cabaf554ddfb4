// SPDX-License-Identifier: GPL-2.0-only

//! A guest that waits for gdb.

use crate::{
    kernel::{Kernel, root},
    words::Words,
};
use anyhow::{Context, Result, ensure};
use std::{env, ffi::OsString, fmt::Write, fs, path::PathBuf};
use tempfile::TempDir;

/// What gdb reads first.
const START: &str = "start";
const SOCKET: &str = "socket";

/// Where gdb finds the guest, as long as this lives.
pub struct Gdb {
    folder: TempDir,
    /// The gdb that knows the guest's processor.
    program: &'static str,
}

impl Gdb {
    /// A place for a guest with this kernel and these modules.
    pub fn new(kernel: &Kernel) -> Result<Self> {
        let name = &kernel.name;
        let program = match kernel.processor.is_foreign() {
            true => "gdb-multiarch",
            false => "gdb",
        };
        let path = env::var_os("PATH").unwrap_or_default();
        ensure!(
            env::split_paths(&path).any(|it| it.join(program).is_file()),
            "--gdb: there is no {program} here: apt install {program}"
        );
        let image = kernel.symbols().with_context(|| {
            format!("--gdb: the kernel {name} comes without symbols: take --kernel dev, or debug")
        })?;
        let folder = tempfile::Builder::new().prefix("gdb-").tempdir();
        let gdb = Self {
            folder: folder.context("cannot make a temporary folder")?,
            program,
        };
        let mut start = String::new();
        writeln!(start, "file {}", image.display())?;
        // What the script asks of the guest takes a guest.
        writeln!(start, "target remote {}", gdb.path(SOCKET).display())?;
        let script = root()?.join("scripts/gdb.py");
        writeln!(start, "source {}", script.display())?;
        for module in kernel.modules()? {
            let object = module.with_extension("o");
            writeln!(start, "lkmpg-module {}", object.display())?;
        }
        fs::write(gdb.path(START), start)?;
        Ok(gdb)
    }

    /// What QEMU is told.
    pub fn arguments(&self) -> Vec<OsString> {
        let socket = self.path(SOCKET).display().to_string();
        let socket = format!("socket,id=gdb,server=on,wait=off,path={socket}");
        ["-S", "-chardev", &socket, "-gdb", "chardev:gdb"]
            .map(OsString::from)
            .into()
    }

    /// Tells the user what to do.
    pub fn introduce(&self, words: &Words) {
        let start = self.path(START);
        words.insist(&format!(
            "the guest waits for gdb: in another terminal, {} -x {}",
            self.program,
            start.display()
        ));
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}
