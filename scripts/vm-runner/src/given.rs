// SPDX-License-Identifier: GPL-2.0-only

//! What the options give a guest besides: disks, a network, folders of the host.

use crate::{kernel::Kernel, options::Options};
use anyhow::{Context, Result, bail, ensure};
use lkmpg_guest::{Folder, Given, ROOT_TAG};
use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::Read,
    path::Path,
};

/// How a disk image of QEMU's own kind begins; all others are raw.
const QCOW2: &[u8; 4] = b"QFI\xfb";

/// What the guest's init learns of it.
pub fn given(options: &Options) -> Given {
    let folders = options.share.iter().enumerate();
    let folders = folders.map(|(number, it)| Folder {
        tag: tag(number),
        path: it.target.clone(),
        writable: it.writable,
    });
    Given {
        net: options.net,
        disks: !options.disk.is_empty(),
        root: options.root,
        folders: folders.collect(),
    }
}

/// The drivers that the guest needs for it, and others do not. It is an error if the kernel
/// has none.
pub fn drivers(options: &Options, kernel: &Kernel) -> Result<Vec<&'static str>> {
    let processor = kernel.processor;
    ensure!(
        !options.root || !processor.is_foreign(),
        "--root: the programs of this machine do not run on {}, which {} is for",
        processor.name,
        kernel.name
    );
    // What is configured, and what to load where that is a module.
    type Needs = (
        bool,
        &'static str,
        &'static [&'static str],
        &'static [&'static str],
    );
    let needs: [Needs; 4] = [
        (
            options.net,
            "--net",
            &["VIRTIO_NET", "INET"],
            &["virtio_net"],
        ),
        (
            !options.disk.is_empty(),
            "--disk",
            &["VIRTIO_BLK"],
            &["virtio_blk", "ext4"],
        ),
        (
            options.root,
            "--root",
            &["NET_9P_VIRTIO", "OVERLAY_FS"],
            &["overlay"],
        ),
        (
            !options.share.is_empty(),
            "--share",
            &["NET_9P_VIRTIO"],
            &[],
        ),
    ];
    let mut drivers = Vec::new();
    for (_, option, symbols, modules) in needs.into_iter().filter(|it| it.0) {
        if let Some(lacking) = symbols.iter().find(|it| !kernel.has(it)) {
            bail!(
                "{option} takes a kernel with CONFIG_{lacking}, which {} lacks",
                kernel.name
            );
        }
        drivers.extend(modules);
    }
    Ok(drivers)
}

/// The devices of QEMU's. What they lead to is there.
pub fn devices(options: &Options) -> Result<Vec<OsString>> {
    let mut line = Vec::new();
    for (number, disk) in options.disk.iter().enumerate() {
        let format = format(disk).with_context(|| format!("--disk {}", disk.display()))?;
        line.extend([
            "-drive".into(),
            path(
                &format!("if=none,id=disk{number},format={format},file="),
                disk,
            ),
            "-device".into(),
            format!("virtio-blk-pci,drive=disk{number}").into(),
        ]);
    }
    if options.net {
        // Nothing boots from it.
        let card = "virtio-net-pci,netdev=net,romfile=";
        line.extend(["-netdev", "user,id=net", "-device", card].map(Into::into));
    }
    if options.root {
        line.extend(folder(ROOT_TAG, Path::new("/"), false));
    }
    for (number, share) in options.share.iter().enumerate() {
        ensure!(
            share.folder.is_dir(),
            "--share {}: there is no such folder",
            share.folder.display()
        );
        line.extend(folder(&tag(number), &share.folder, share.writable));
    }
    line.extend(options.qemu.iter().cloned());
    Ok(line)
}

/// What a folder of the host takes, as the guest's file system of this tag.
pub fn folder(tag: &str, folder: &Path, writable: bool) -> [OsString; 4] {
    let readonly = if writable { "off" } else { "on" };
    [
        "-fsdev".into(),
        path(
            &format!(
                "local,id={tag},security_model=none,multidevs=remap,readonly={readonly},path="
            ),
            folder,
        ),
        "-device".into(),
        format!("virtio-9p-pci,fsdev={tag},mount_tag={tag}").into(),
    ]
}

fn tag(number: usize) -> String {
    format!("folder{number}")
}

/// A path at the end of an argument, in which a comma stands twice.
fn path(before: &str, path: &Path) -> OsString {
    format!("{before}{}", path.to_string_lossy().replace(',', ",,")).into()
}

/// The format of a disk image. QEMU itself keeps a second guest from it.
fn format(disk: &Path) -> Result<&'static str> {
    let metadata = disk.metadata().context("cannot find it")?;
    ensure!(metadata.is_file(), "it is not the image of a disk");
    ensure!(metadata.len() > 0, "it is empty: `truncate --size 64M` it");
    OpenOptions::new()
        .write(true)
        .open(disk)
        .context("cannot write to it")?;
    let mut magic = Vec::new();
    let file = File::open(disk).context("cannot read it")?;
    file.take(4).read_to_end(&mut magic)?;
    Ok(if magic == QCOW2 { "qcow2" } else { "raw" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::fs;

    fn line(arguments: &[&str]) -> Result<String> {
        let options = Options::parse_from([&["vm"], arguments].concat());
        let line = devices(&options)?;
        let line: Vec<_> = line.iter().map(|it| it.to_string_lossy()).collect();
        Ok(line.join(" "))
    }

    #[test]
    fn a_disk_says_its_format_itself() {
        let folder = tempfile::tempdir().unwrap();
        let disk = folder.path().join("a,b");
        let text = disk.to_str().unwrap();
        for (content, format) in [(&b"QFI\xfb more"[..], "qcow2"), (b"QF", "raw")] {
            fs::write(&disk, content).unwrap();
            let line = line(&["--disk", text]).unwrap();
            assert!(line.contains(&format!("format={format},")), "{line}");
            assert!(line.contains("a,,b"), "{line}");
        }
    }

    #[test]
    fn what_is_no_disk_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty");
        fs::write(&empty, "").unwrap();
        for (disk, why) in [
            (Path::new("/no/such"), "No such file"),
            (folder.path(), "not the image of a disk"),
            (Path::new("/dev/null"), "not the image of a disk"),
            (&empty, "it is empty"),
        ] {
            let disk = disk.to_str().unwrap();
            let error = format!("{:#}", line(&["--disk", disk]).unwrap_err());
            assert!(error.contains(why) && error.contains(disk), "{error}");
        }
    }

    #[test]
    fn qemu_gets_its_arguments_as_they_are() {
        let line = line(&["--qemu", "-device", "--qemu=edu,id=a b"]).unwrap();
        assert_eq!(line, "-device edu,id=a b");
    }
}
