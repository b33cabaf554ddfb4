// SPDX-License-Identifier: GPL-2.0-only

//! What is booted: a kernel's folder, and what was built for that kernel.

use crate::{elf, initramfs::find, options::Options, processor::Processor};
use anyhow::{Context, Result, bail};
use rustix::fs::{FlockOperation, flock};
use std::{
    collections::BTreeSet,
    env,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

/// What Kbuild lists the modules in, by their object files.
const ORDER: &str = "modules.order";
/// Of those, the ones that are up to date, if not all are: what some tests need.
pub const ONLY: &str = "LKMPG_ONLY";
/// What make locks while it builds them.
const LOCK: &str = ".lock";

/// A kernel that can be booted, and what was built for it.
#[derive(Debug)]
pub struct Kernel {
    /// Its name, for messages.
    pub name: String,
    /// What it runs on.
    pub processor: &'static Processor,
    /// What QEMU boots.
    pub image: PathBuf,
    /// What `uname -r` says in the guest.
    pub release: String,
    /// Whether the guest can look into a folder of the host.
    pub shares: bool,
    /// The kernel's own modules, as `/lib/modules/RELEASE`, if it has any.
    pub own_modules: Option<PathBuf>,
    /// The most processors that it takes, if that is known.
    pub most_cpus: Option<u32>,
    /// Whether it looks for memory that nobody points to.
    pub finds_leaks: bool,
    /// Its configuration, if that is known.
    pub config: Option<String>,
    /// Where the guest's programs and their libraries are, if not in this machine's root.
    pub root: Option<PathBuf>,
    /// The folder with what was built for it, `build/NAME`.
    pub build: Option<PathBuf>,
    /// See [`ONLY`]; empty for all.
    pub only: String,
}

impl Kernel {
    /// Finds the kernel that the options name.
    pub fn find(options: &Options) -> Result<Self> {
        let name = &options.kernel;
        if name.contains('/') {
            return Self::open(name, Path::new(name), None);
        }
        let build = build_dir()?.join(name);
        let folder = build.join("kernel");
        if !folder.join("image").exists() {
            bail!(
                "there is no kernel to boot in {}: run `{}` first",
                folder.display(),
                make(name)
            );
        }
        Self::open(name, &folder, Some(build))
    }

    fn open(name: &str, folder: &Path, build: Option<PathBuf>) -> Result<Self> {
        let release = folder.join("release");
        let release = fs::read_to_string(&release)
            .with_context(|| format!("cannot read {}", release.display()))?;
        let image = folder.join("image");
        if !image.exists() {
            bail!("there is no {}", image.display());
        }
        let config = fs::read_to_string(folder.join("config")).ok();
        let [own_modules, root] =
            ["modules", "root"].map(|it| Some(folder.join(it)).filter(|it| it.exists()));
        let processor = config.as_deref().and_then(Processor::of);
        Ok(Self {
            name: name.into(),
            processor: processor.unwrap_or_else(Processor::host),
            image,
            release: release.trim().into(),
            shares: config.as_deref().is_none_or(has_9p),
            most_cpus: config.as_deref().map(most_cpus),
            finds_leaks: config.as_deref().is_some_and(has_kmemleak),
            own_modules,
            config,
            root,
            build,
            only: env::var(ONLY).unwrap_or_default(),
        })
    }

    /// Whether it was configured with `symbol`. One of which nothing is known is taken to have it.
    pub fn has(&self, symbol: &str) -> bool {
        let set = ["y", "m"].map(|it| format!("\nCONFIG_{symbol}={it}\n"));
        let config = self.config.as_ref();
        config.is_none_or(|config| set.iter().any(|it| config.contains(it)))
    }

    /// What gdb reads its symbols from: distributions keep it elsewhere.
    pub fn symbols(&self) -> Option<PathBuf> {
        let image = self.image.with_file_name("build/vmlinux");
        let image = image.canonicalize().ok()?;
        elf::has_section(&image, ".symtab").ok()?.then_some(image)
    }

    /// Fails if it does not take so many processors.
    pub fn takes(&self, smp: u8) -> Result<()> {
        match self.most_cpus {
            Some(most) if u32::from(smp) > most => bail!(
                "--smp {smp}: the kernel {} takes {most} at most (CONFIG_NR_CPUS)",
                self.name
            ),
            _ => Ok(()),
        }
    }

    /// Where Cargo puts the guest's programs, below the build folder.
    pub fn programs(&self) -> String {
        format!("cargo/{}/release", self.processor.target)
    }

    /// The guest's init.
    pub fn init(&self) -> Result<PathBuf> {
        let init = env::current_exe()?.with_file_name("lkmpg-guest");
        let foreign = || {
            Some(
                init.ancestors()
                    .nth(3)?
                    .join(self.processor.target)
                    .join("release/lkmpg-guest"),
            )
        };
        let init = match self.processor.is_foreign() {
            true => foreign().context("the runner is not where Cargo puts it")?,
            false => init,
        };
        if !init.exists() {
            bail!(
                "there is no {}: run `{}` first",
                init.display(),
                make(&self.name)
            );
        }
        Ok(init)
    }

    /// A program that the guest has, of this machine or of its own [`root`](Self::root).
    pub fn program(&self, name: &str, package: &str) -> Result<PathBuf> {
        let Some(root) = &self.root else {
            return find(name, package);
        };
        let program = root.join("usr/bin").join(name);
        program
            .exists()
            .then_some(program)
            .with_context(|| format!("there is no {name} in {}", root.display()))
    }

    /// The modules that were built for it: those that the build lists, whatever else is there.
    pub fn modules(&self) -> Result<Vec<PathBuf>> {
        let Some(build) = &self.build else {
            return Ok(Vec::new());
        };
        let order = build.join(ORDER);
        let list = match fs::read_to_string(&order) {
            Ok(list) => list,
            // Nothing was built yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", order.display()));
            }
        };
        let only: BTreeSet<_> = self.only.split_whitespace().collect();
        let lines = list.lines();
        let wanted = lines.filter(|it| only.is_empty() || only.contains(it));
        let modules = wanted.map(|it| build.join(it).with_extension("ko"));
        let modules: Vec<_> = modules.collect();
        if let Some(missing) = modules.iter().find(|it| !it.exists()) {
            bail!(
                "there is no {}, which {} lists: run `{}`",
                missing.display(),
                order.display(),
                make(&self.name)
            );
        }
        Ok(modules)
    }

    /// The names of the samples that were built for it, or of somebody else's modules.
    pub fn samples(&self) -> Result<BTreeSet<String>> {
        let samples = self.build.as_ref().map(|it| it.join("samples"));
        let is_sample = |it: &PathBuf| {
            let samples = samples.as_ref();
            module_dir().is_some() || samples.is_some_and(|samples| it.starts_with(samples))
        };
        let modules = self.modules()?.into_iter().filter(is_sample);
        let names = modules.filter_map(|it| Some(it.file_stem()?.to_str()?.to_owned()));
        Ok(names.collect())
    }

    /// Waits until nobody builds the modules. Nobody begins to, while what is returned lives.
    pub fn hold_still(&self) -> Result<Option<File>> {
        let lock = self.build.as_ref().map(|it| it.join(LOCK));
        let Some(file) = lock.as_ref().and_then(|it| File::open(it).ok()) else {
            return Ok(None);
        };
        if flock(&file, FlockOperation::NonBlockingLockShared).is_err() {
            eprintln!(
                "vm: waiting for make, which builds the modules of {}",
                self.name
            );
            flock(&file, FlockOperation::LockShared).context("cannot wait for make")?;
        }
        Ok(Some(file))
    }
}

/// What builds for a kernel.
fn make(kernel: &str) -> String {
    let dir = module_dir().map(|it| format!(" M={}", it.display()));
    format!("make{} KERNEL={kernel}", dir.unwrap_or_default())
}

/// A kernel of which nothing is known is taken to have it.
fn has_9p(config: &str) -> bool {
    config.contains("\nCONFIG_NET_9P_VIRTIO=")
}

fn has_kmemleak(config: &str) -> bool {
    config.contains("\nCONFIG_DEBUG_KMEMLEAK=y")
}

fn most_cpus(config: &str) -> u32 {
    let mut lines = config.lines();
    let number = lines.find_map(|it| it.strip_prefix("CONFIG_NR_CPUS=")?.parse().ok());
    // Only a kernel for several says how many.
    number.unwrap_or(1)
}

/// The folder whose modules there are, if they are somebody else's: make's `M=`.
pub fn module_dir() -> Option<PathBuf> {
    env::var_os("LKMPG_M").map(PathBuf::from)
}

/// The checkout of this project.
pub fn root() -> Result<PathBuf> {
    let root = env::var_os("LKMPG_ROOT");
    let root = root.context("LKMPG_ROOT is not set: start this program by scripts/vm")?;
    Ok(PathBuf::from(root))
}

/// The folder that the modules are built in.
pub fn build_dir() -> Result<PathBuf> {
    Ok(module_dir().map_or_else(root, Ok)?.join("build"))
}

/// The samples' programs for user space: all that Cargo has built, save the bench's own.
pub fn clients(kernel: &Kernel) -> Result<Vec<PathBuf>> {
    if module_dir().is_some() {
        return Ok(Vec::new());
    }
    let folder = build_dir()?.join(kernel.programs());
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A kernel for which these modules are listed.
    fn kernel(build: &Path, list: &str) -> Kernel {
        fs::create_dir_all(build.join("kernel")).unwrap();
        fs::create_dir_all(build.join("samples")).unwrap();
        fs::write(build.join("kernel/release"), "1.2.3\n").unwrap();
        fs::write(build.join("kernel/image"), "").unwrap();
        fs::write(
            build.join("kernel/config"),
            "CONFIG_SMP=y\nCONFIG_NR_CPUS=16\n",
        )
        .unwrap();
        fs::write(build.join(ORDER), list).unwrap();
        Kernel::open("k", &build.join("kernel"), Some(build.to_owned())).unwrap()
    }

    #[test]
    fn modules_are_those_that_the_build_lists() {
        let build = tempfile::tempdir().unwrap();
        let kernel = kernel(build.path(), "samples/one.o\n");
        for name in ["one.ko", "stale.ko"] {
            fs::write(build.path().join("samples").join(name), "").unwrap();
        }
        assert_eq!(
            kernel.modules().unwrap(),
            [build.path().join("samples/one.ko")]
        );
        assert_eq!(
            kernel.samples().unwrap(),
            BTreeSet::from(["one".to_owned()])
        );
    }

    #[test]
    fn modules_may_be_those_alone_that_a_test_needs() {
        let build = tempfile::tempdir().unwrap();
        let mut kernel = kernel(
            build.path(),
            "samples/one.o\nsamples/two.o\nsamples/gone.o\n",
        );
        for name in ["one.ko", "two.ko"] {
            fs::write(build.path().join("samples").join(name), "").unwrap();
        }
        kernel.only = "samples/two.o".to_owned();
        assert_eq!(
            kernel.modules().unwrap(),
            [build.path().join("samples/two.ko")]
        );
    }

    #[test]
    fn a_module_that_is_missing_is_named() {
        let build = tempfile::tempdir().unwrap();
        let kernel = kernel(build.path(), "samples/gone.o\n");
        let error = kernel.modules().unwrap_err().to_string();
        assert!(error.contains("samples/gone.ko"), "{error}");
        assert!(error.contains("make KERNEL=k"), "{error}");
    }

    #[test]
    fn a_kernel_says_how_many_processors_it_takes() {
        let build = tempfile::tempdir().unwrap();
        let kernel = kernel(build.path(), "");
        assert!(kernel.takes(16).is_ok());
        assert!(
            kernel
                .takes(17)
                .unwrap_err()
                .to_string()
                .contains("16 at most")
        );
        assert_eq!(most_cpus("CONFIG_64BIT=y\n"), 1);
    }
}
