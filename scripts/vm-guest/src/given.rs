// SPDX-License-Identifier: GPL-2.0-only

//! What only some guests are given: the host's root, a network, disks, folders.

use anyhow::{Context, Result, bail};
use lkmpg_guest::{Folder, Given, ROOT_TAG};
use rustix::{
    mount::{MountFlags, mount, mount_bind_recursive},
    process::{chdir, chroot},
};
use std::{
    ffi::CString,
    fs::{self, File},
    io,
    path::Path,
    process::Command,
};

/// Where the layers of the root are.
const LAYERS: &str = "/layers";

/// The addresses of QEMU's network are always the same, so nobody is asked for them.
const NETWORK: [&str; 4] = [
    "link set lo up",
    "address add 10.0.2.15/24 dev eth0",
    "link set eth0 up",
    "route add default via 10.0.2.2",
];
const RESOLV_CONF: &str = "nameserver 10.0.2.3\n";

/// Takes what is given into use.
pub fn take(given: &Given) -> Result<()> {
    if given.net {
        NETWORK.iter().try_for_each(|it| ip(it))?;
    }
    if given.root {
        become_root().context("cannot take the host's root")?;
    }
    if given.net {
        let path = "/etc/resolv.conf";
        // It may be a link to what only the host has.
        let _ = fs::remove_file(path);
        fs::write(path, RESOLV_CONF).with_context(|| format!("cannot write {path}"))?;
    }
    given.folders.iter().try_for_each(mount_folder)
}

/// Has all that was written to the disks reach them.
pub fn sync_disks() -> Result<()> {
    rustix::fs::sync();
    for entry in fs::read_dir("/sys/block").context("cannot list the disks")? {
        let name = entry?.file_name();
        if name.to_string_lossy().starts_with("vd") {
            let disk = Path::new("/dev").join(name);
            // Not all file systems have the disk itself empty its cache.
            File::open(&disk)
                .and_then(|it| it.sync_all())
                .with_context(|| {
                    format!("cannot complete what was written to {}", disk.display())
                })?;
        }
    }
    Ok(())
}

fn ip(arguments: &str) -> Result<()> {
    let status = Command::new("/bin/ip").args(arguments.split(' ')).status();
    match status.context("cannot run ip")?.success() {
        true => Ok(()),
        false => bail!("there is no network: `ip {arguments}` failed"),
    }
}

/// The host's root becomes that of this process, and of all that it starts. What is written
/// there is in the guest's memory.
fn become_root() -> Result<()> {
    let layer = |name: &str| format!("{LAYERS}/{name}");
    fs::create_dir_all(LAYERS)?;
    mount("tmpfs", LAYERS, "tmpfs", MountFlags::empty(), c"mode=0755")?;
    for name in ["host", "new", "work", "root"] {
        fs::create_dir(layer(name))?;
    }
    // The host's files are taken not to change while a guest looks at them.
    mount_9p(ROOT_TAG, Path::new(&layer("host")), false, "loose")?;
    let [host, new, work, root] = ["host", "new", "work", "root"].map(layer);
    let options = format!("lowerdir={host},upperdir={new},workdir={work}");
    mount(
        "overlay",
        &root,
        "overlay",
        MountFlags::empty(),
        &*CString::new(options)?,
    )?;
    for kept in ["dev", "proc", "sys", "run"] {
        let to = format!("{root}/{kept}");
        fs::create_dir_all(&to)?;
        mount_bind_recursive(format!("/{kept}"), to)?;
    }
    chroot(&root)?;
    Ok(chdir("/")?)
}

fn mount_folder(folder: &Folder) -> Result<()> {
    mount_9p(&folder.tag, &folder.path, folder.writable, "none").with_context(|| {
        format!(
            "cannot mount the host's folder on {}",
            folder.path.display()
        )
    })
}

/// Mounts a folder of the host's.
pub fn mount_9p(tag: &str, path: &Path, writable: bool, cache: &str) -> Result<()> {
    fs::create_dir_all(path)?;
    let flags = match writable {
        true => MountFlags::empty(),
        false => MountFlags::RDONLY,
    };
    let options = format!("trans=virtio,version=9p2000.L,msize=262144,cache={cache}");
    mount(tag, path, "9p", flags, &*CString::new(options)?).map_err(io::Error::from)?;
    Ok(())
}
