// SPDX-License-Identifier: GPL-2.0-only

//! What is booted: a kernel's folder, and what was built for that kernel.

use crate::options::Options;
use anyhow::{Context, Result, bail};
use std::{
    env, fs,
    path::{Path, PathBuf},
};

/// Where Cargo puts the programs, below the build folder.
pub const PROGRAMS: &str = "cargo/x86_64-unknown-linux-gnu/release";

/// A kernel that can be booted, and what was built for it.
#[derive(Debug)]
pub struct Kernel {
    /// Its name, for messages.
    pub name: String,
    /// What QEMU boots.
    pub image: PathBuf,
    /// What `uname -r` says in the guest.
    pub release: String,
    /// Whether the guest can look into a folder of the host.
    pub shares: bool,
    /// The kernel's own modules, as `/lib/modules/RELEASE`, if it has any.
    pub own_modules: Option<PathBuf>,
    /// The folder with the modules that were built for it.
    modules: Option<PathBuf>,
}

impl Kernel {
    /// Finds the kernel that the options name.
    pub fn find(options: &Options) -> Result<Self> {
        let name = &options.kernel;
        if name.contains('/') {
            return Self::open(name, Path::new(name), None);
        }
        let modules = build_dir()?.join(name);
        let folder = modules.join("kernel");
        if !folder.exists() {
            bail!("there is no kernel in build/{name}/kernel: run `make KERNEL={name}` first");
        }
        Self::open(name, &folder, Some(modules))
    }

    fn open(name: &str, folder: &Path, modules: Option<PathBuf>) -> Result<Self> {
        let release = folder.join("release");
        let release = fs::read_to_string(&release)
            .with_context(|| format!("cannot read {}", release.display()))?;
        let image = folder.join("image");
        if !image.exists() {
            bail!("there is no {}", image.display());
        }
        let own_modules = Some(folder.join("modules")).filter(|it| it.exists());
        Ok(Self {
            name: name.into(),
            image,
            release: release.trim().into(),
            shares: has_9p(&folder.join("config")),
            own_modules,
            modules,
        })
    }

    /// The modules of the samples and of the tests, sorted by name.
    pub fn modules(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        if let Some(modules) = &self.modules {
            for part in ["samples", "tests"] {
                collect(&modules.join(part), &mut found)?;
            }
        }
        found.sort_by(|a, b| a.file_name().cmp(&b.file_name()));
        Ok(found)
    }
}

/// A kernel of which nothing is known is taken to have it.
fn has_9p(config: &Path) -> bool {
    fs::read_to_string(config).map_or(true, |it| it.contains("\nCONFIG_NET_9P_VIRTIO="))
}

/// The folder that everything is built in.
pub fn build_dir() -> Result<PathBuf> {
    let root = env::var_os("LKMPG_ROOT")
        .context("LKMPG_ROOT is not set: start this program by scripts/vm")?;
    Ok(PathBuf::from(root).join("build"))
}

/// The samples' programs for user space: all that Cargo has built, save the bench's own.
pub fn clients() -> Result<Vec<PathBuf>> {
    let folder = build_dir()?.join(PROGRAMS);
    let own = |name: &str| name.starts_with("lkmpg-") || name.contains('.');
    let mut clients = Vec::new();
    for entry in
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let entry = entry?;
        if entry.file_type()?.is_file() && !own(&entry.file_name().to_string_lossy()) {
            clients.push(entry.path());
        }
    }
    clients.sort();
    Ok(clients)
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // Nothing was built yet.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot list {}", folder.display()));
        }
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|it| it == "ko") {
            found.push(path);
        }
    }
    Ok(())
}
