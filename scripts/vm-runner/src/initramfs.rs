// SPDX-License-Identifier: GPL-2.0-only

//! What is in the guest when it starts.

use crate::{
    archive::Archive,
    elf,
    kernel::{Kernel, build_dir, clients},
    options::Add,
};
use anyhow::{Context, Result, bail};
use lkmpg_guest::{BOOT_MODULES, HOST_DIR, Job, devices::LOADERS};
use rustix::fs::{MemfdFlags, memfd_create};
use std::{
    env,
    fs::{self, File},
    io::{BufWriter, Read, Seek, Write},
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// The shell of an interactive guest; all others have `/bin/sh`.
pub const SHELL: &str = "/bin/bash";

/// kmod's programs; all of them are one.
const KMOD: &[&str] = &["depmod", "insmod", "lsmod", "modinfo", "modprobe", "rmmod"];

/// Drivers without which there is no bench, where the kernel has them as
/// modules. Those that it has built in are not missed.
const DRIVERS: &[&str] = &[
    "virtio_pci",
    "virtio_console",
    "9pnet_virtio",
    "9p",
    "evdev",
    "i8042",
    "atkbd",
    "virtio_input",
    "configfs",
];

/// Drivers that are there for who loads them: buses and chips that do not exist, a file system. They
/// come with a job, so that no saved guest has them.
const OFFERED: &[&str] = &["gpio_sim", "i2c_dev", "i2c_stub", "ext4"];

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:user:/home/user:/bin/sh\n";
const GROUP: &str = "root:x:0:\ntty:x:5:\nuser:x:1000:\n";
const PROFILE: &str = "PS1='root@lkmpg:$PWD# '\n";

/// Packs what seldom changes: it is in a guest that is saved, which needs no `more` drivers.
pub fn base(kernel: &Kernel, more: &[&str]) -> Result<File> {
    pack(|archive| {
        system(archive)?;
        programs(archive, kernel)?;
        for client in clients(kernel)? {
            let name = client.file_name().unwrap_or_default();
            archive.file(Path::new("/bin").join(name), &client)?;
        }
        boot_modules(archive, kernel, more)
    })
}

/// Packs what comes with a job: the modules, and what the user adds.
pub fn files(kernel: &Kernel, job: &Job, adds: &[Add]) -> Result<File> {
    let _built = kernel.hold_still()?;
    pack(|archive| {
        archive.has_usr = job.given.root;
        let index = modules(archive, kernel, job)?;
        terminal(archive)?;
        for add in adds {
            program(archive, kernel, &add.target, &add.file)
                .with_context(|| format!("cannot add {}", add.file.display()))?;
        }
        index.add_to(archive)
    })
}

/// Packs an archive into memory.
fn pack(add: impl FnOnce(&mut Archive<BufWriter<File>>) -> Result<()>) -> Result<File> {
    let memory = memfd_create("initramfs", MemfdFlags::CLOEXEC)
        .context("cannot get memory for the initramfs")?;
    let mut archive = Archive::new(BufWriter::with_capacity(1 << 20, File::from(memory)));
    add(&mut archive)?;
    let mut memory = archive
        .finish()?
        .into_inner()
        .context("cannot write the initramfs")?;
    memory.rewind()?;
    Ok(memory)
}

fn system(archive: &mut Archive<impl Write>) -> Result<()> {
    for folder in [
        "/dev",
        "/proc",
        "/sys",
        "/tmp",
        "/run",
        "/root",
        "/home/user",
        "/etc/modprobe.d",
        "/lib/firmware",
        "/sbin",
        "/local/bin",
        "/mnt",
    ] {
        archive.folder(folder)?;
    }
    // The guest is small enough for one level.
    archive.link("/usr", ".")?;
    archive.text("/etc/passwd", PASSWD)?;
    archive.text("/etc/group", GROUP)?;
    archive.text("/etc/profile", PROFILE)?;
    archive.link("/etc/mtab", "/proc/mounts")
}

fn programs(archive: &mut Archive<impl Write>, kernel: &Kernel) -> Result<()> {
    archive.file("/init", &kernel.init()?)?;
    let busybox = kernel.program("busybox", "busybox-static")?;
    archive.file("/bin/busybox", &busybox)?;
    // Its shell would take its own insmod for kmod's, whatever the PATH says.
    let apart = |it: &str| KMOD.contains(&it) || ["busybox", "sh"].contains(&it);
    for applet in applets(&busybox)?.lines().filter(|it| !apart(it)) {
        archive.link(Path::new("/bin").join(applet), "busybox")?;
    }
    for (target, name) in [("/bin/sh", "dash"), ("/bin/kmod", "kmod"), (SHELL, "bash")] {
        program(
            archive,
            kernel,
            Path::new(target),
            &kernel.program(name, name)?,
        )?;
    }
    archive.folder(LOADERS)?;
    for name in KMOD {
        let mut folder = "/sbin";
        if ["insmod", "modprobe"].contains(name) {
            // Who loads modules waits for their devices. The kernel itself calls /sbin/modprobe.
            archive.link(Path::new("/sbin").join(name), "../init")?;
            folder = LOADERS;
        }
        archive.link(Path::new(folder).join(name), "/bin/kmod")?;
    }
    Ok(())
}

/// What programs must know of the user's terminal.
fn terminal(archive: &mut Archive<impl Write>) -> Result<()> {
    let terminal = env::var("TERM").unwrap_or_default();
    let Some(initial) = terminal.chars().next() else {
        return Ok(());
    };
    let entry = format!("terminfo/{initial}/{terminal}");
    let known = ["/etc", "/lib", "/usr/share", "/usr/lib"].map(|it| Path::new(it).join(&entry));
    match known.iter().find(|it| it.is_file()) {
        Some(known) => archive.file(known, known),
        // They get along with a terminal that they do not know.
        None => Ok(()),
    }
}

/// Adds a program with what it needs, or all that is in a folder.
fn program(
    archive: &mut Archive<impl Write>,
    kernel: &Kernel,
    target: &Path,
    file: &Path,
) -> Result<()> {
    if file.is_dir() {
        for entry in fs::read_dir(file)? {
            let entry = entry?;
            program(
                archive,
                kernel,
                &target.join(entry.file_name()),
                &entry.path(),
            )?;
        }
        return archive.folder(target);
    }
    archive.file(target, file)?;
    for (target, file) in elf::needs(file, kernel.processor, kernel.root.as_deref())? {
        archive.file(target, &file)?;
    }
    Ok(())
}

/// Adds the modules, or links to where the guest has the shared build folder,
/// and starts depmod.
fn modules(archive: &mut Archive<impl Write>, kernel: &Kernel, job: &Job) -> Result<Index> {
    let folder = Path::new("/lib/modules").join(&kernel.release);
    archive.folder("/modules")?;
    archive.folder(folder.join("extra"))?;
    let scratch = TempDir::new().context("cannot make a temporary folder")?;
    let inside = |path: &Path| scratch.path().join(path.strip_prefix("/").unwrap_or(path));
    fs::create_dir_all(inside(&folder).join("extra"))?;
    for name in [
        "modules.order",
        "modules.builtin",
        "modules.builtin.modinfo",
    ] {
        fs::write(inside(&folder).join(name), "")?;
    }
    let loaded = drivers(kernel, &[])?;
    for (target, driver) in drivers(kernel, OFFERED)? {
        if !loaded.iter().any(|it| it.0 == target) {
            archive.file(&target, &driver)?;
        }
        fs::create_dir_all(
            inside(&target)
                .parent()
                .context("a driver without a folder")?,
        )?;
        symlink(driver.canonicalize()?, inside(&target))?;
    }
    let build = build_dir()?;
    for module in kernel.modules()? {
        let name = module.file_name().context("a module without a name")?;
        let target = Path::new("/modules").join(name);
        if job.share {
            let shared = module
                .strip_prefix(&build)
                .context("a module outside of build/")?;
            archive.link(&target, Path::new(HOST_DIR).join(shared))?;
        } else {
            archive.file(&target, &module)?;
        }
        archive.link(folder.join("extra").join(name), &target)?;
        symlink(&module, inside(&folder).join("extra").join(name))
            .with_context(|| format!("there are two modules {}", target.display()))?;
    }
    let depmod = Command::new(find("depmod", "kmod")?)
        .arg("--basedir")
        .arg(scratch.path())
        .arg(&kernel.release)
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot run depmod")?;
    Ok(Index {
        depmod,
        here: inside(&folder),
        folder,
        _scratch: scratch,
    })
}

/// What modprobe wants to know about the modules, while depmod is at work on it.
struct Index {
    depmod: Child,
    /// Where it will be in the guest...
    folder: PathBuf,
    /// ...and where it is here.
    here: PathBuf,
    _scratch: TempDir,
}

impl Index {
    fn add_to(mut self, archive: &mut Archive<impl Write>) -> Result<()> {
        let mut complaint = Vec::new();
        if let Some(stderr) = &mut self.depmod.stderr {
            stderr.read_to_end(&mut complaint)?;
        }
        let status = self.depmod.wait().context("cannot wait for depmod")?;
        if !status.success() {
            bail!(
                "depmod failed: {}",
                String::from_utf8_lossy(&complaint).trim()
            );
        }
        for entry in fs::read_dir(&self.here)? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                archive.file(self.folder.join(entry.file_name()), &entry.path())?;
            }
        }
        Ok(())
    }
}

impl Drop for Index {
    /// What it writes to is about to go.
    fn drop(&mut self) {
        // Nothing, if it has been waited for.
        let _ = self.depmod.kill();
        let _ = self.depmod.wait();
    }
}

/// Adds the drivers that the boot needs.
fn boot_modules(archive: &mut Archive<impl Write>, kernel: &Kernel, more: &[&str]) -> Result<()> {
    let mut list = String::new();
    for (target, driver) in drivers(kernel, more)? {
        archive.file(&target, &driver)?;
        list += &format!("{}\n", target.display());
    }
    archive.text(BOOT_MODULES, list)
}

/// The files of [`DRIVERS`], of `more`, and of what they need, in the order to load them: where they
/// are in the guest, and where they are here.
fn drivers(kernel: &Kernel, more: &[&str]) -> Result<Vec<(PathBuf, PathBuf)>> {
    let Some(own) = &kernel.own_modules else {
        return Ok(Vec::new());
    };
    let index = own.join("modules.dep");
    let index =
        fs::read_to_string(&index).with_context(|| format!("cannot read {}", index.display()))?;
    let folder = Path::new("/lib/modules").join(&kernel.release);
    let order = load_order(&index, &[DRIVERS, more].concat()).into_iter();
    Ok(order.map(|it| (folder.join(it), own.join(it))).collect())
}

/// Reads `modules.dep`: `a/b.ko: a/c.ko a/d.ko`, where each file is listed with
/// all that it needs, the last to be loaded first.
fn load_order<'a>(index: &'a str, names: &[&str]) -> Vec<&'a str> {
    let mut order = Vec::new();
    for name in names {
        let is_it = |path: &str| {
            let file = path.rsplit('/').next().unwrap_or(path);
            file.split_once(".ko")
                .is_some_and(|(it, _)| it.replace('-', "_") == *name)
        };
        let line = index
            .lines()
            .filter_map(|it| it.split_once(':'))
            .find(|(path, _)| is_it(path));
        let Some((path, needs)) = line else { continue };
        for path in needs.split_whitespace().rev().chain([path]) {
            if !order.contains(&path) {
                order.push(path);
            }
        }
    }
    order
}

/// The names under which busybox does something, one a line. It lists them, in this order, wherever
/// it runs.
fn applets(busybox: &Path) -> Result<String> {
    const FIRST: &[u8] = b"[\0[[\0";
    let content =
        fs::read(busybox).with_context(|| format!("cannot read {}", busybox.display()))?;
    let start = content.windows(FIRST.len()).position(|it| it == FIRST);
    let names = &content[start.context("busybox has no list of what it does")?..];
    let end = names
        .windows(2)
        .position(|it| it == [0; 2])
        .unwrap_or(names.len());
    Ok(std::str::from_utf8(&names[..end])?.replace('\0', "\n"))
}

/// The host's files that are in the [`base`], or name what is.
pub fn base_files(kernel: &Kernel) -> Result<Vec<PathBuf>> {
    let mut files = vec![
        kernel.program("busybox", "busybox-static")?,
        kernel.program("dash", "dash")?,
        kernel.program("bash", "bash")?,
        kernel.program("kmod", "kmod")?,
        // The libraries of these.
        "/etc/ld.so.cache".into(),
    ];
    files.extend(drivers(kernel, &[])?.into_iter().map(|it| it.1));
    Ok(files)
}

/// Those that Cargo has built: this program, the guest's init, and the clients.
pub fn own_programs(kernel: &Kernel) -> Result<Vec<PathBuf>> {
    let mut programs = vec![kernel.init()?, env::current_exe()?];
    programs.extend(clients(kernel)?);
    Ok(programs)
}

/// Finds a program of the host; a user's PATH may lack the folders of root's.
pub fn find(name: &str, package: &str) -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let mut candidates = folders.map(|it| it.join(name));
    candidates
        .find(|it| it.is_file())
        .with_context(|| format!("there is no {name} here: install the package {package}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drivers_are_loaded_after_what_they_need() {
        let index = "k/virtio_pci.ko.xz: k/virtio-ring.ko.xz k/virtio.ko.xz\n\
                     k/virtio.ko.xz:\n\
                     k/virtio-ring.ko.xz: k/virtio.ko.xz\n\
                     k/virtio_console.ko: k/virtio-ring.ko.xz k/virtio.ko.xz\n";
        let order = load_order(
            index,
            &["virtio_pci", "not_there", "virtio_ring", "virtio_console"],
        );
        assert_eq!(
            order,
            [
                "k/virtio.ko.xz",
                "k/virtio-ring.ko.xz",
                "k/virtio_pci.ko.xz",
                "k/virtio_console.ko"
            ]
        );
    }

    #[test]
    fn busybox_says_what_it_does_without_running() {
        let busybox = find("busybox", "busybox-static").unwrap();
        let said = Command::new(&busybox)
            .arg("--list")
            .output()
            .unwrap()
            .stdout;
        assert_eq!(
            applets(&busybox).unwrap().trim(),
            String::from_utf8(said).unwrap().trim()
        );
    }

    #[test]
    fn a_missing_program_is_named_with_its_package() {
        let error = find("no-such-program", "some-package").unwrap_err();
        assert!(error.to_string().contains("some-package"));
    }
}
