// SPDX-License-Identifier: GPL-2.0-only

//! Where a user gets at a module.

use crate::{Footprint, netlink};
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    net::{AddressFamily, Protocol, RawProtocol, SocketFlags, SocketType, socket_with},
};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, DirEntry, File},
    os::{
        fd::OwnedFd,
        unix::fs::{FileTypeExt as _, MetadataExt as _},
    },
    path::Path,
};

/// What the kernel itself puts into each device's folder.
const KERNELS: &[&str] = &["dev", "power", "uevent"];

/// Where subsystems put their own files, for a device that a module has registered.
const SUBSYSTEMS: &[&str] = &[
    "/dev/input",
    "/sys/devices/virtual/block",
    "/sys/devices/virtual/input",
    "/sys/devices/virtual/net",
];

/// Opens a node that is there.
pub fn open_node(path: &str, flags: OFlags) -> File {
    let file = open(path, flags, Mode::empty());
    File::from(file.unwrap_or_else(|error| panic!("{path}: {error}")))
}

/// A file of a module, or its netlink protocol or family.
#[derive(Clone, Debug, Serialize, Deserialize, PartialEq)]
pub struct Node {
    /// The path; or `netlink:` with the number of a protocol, or `genetlink:` with a family's name.
    pub path: String,
}

impl Node {
    /// Opens it.
    pub fn open(&self, flags: OFlags) -> Result<OwnedFd, Errno> {
        let protocol = match self.path.split_once(':') {
            Some(("netlink", number)) => number.parse().expect("a number"),
            Some(("genetlink", _)) => u32::from(netlink::CONTROL),
            _ => return open(&self.path, flags, Mode::empty()),
        };
        let mut socket = SocketFlags::empty();
        socket.set(SocketFlags::NONBLOCK, flags.contains(OFlags::NONBLOCK));
        let protocol = RawProtocol::new(protocol).map(Protocol::from_raw);
        socket_with(AddressFamily::NETLINK, SocketType::RAW, socket, protocol)
    }

    /// Whether it is a disk's.
    pub fn is_disk(&self) -> bool {
        fs::metadata(&self.path).is_ok_and(|it| it.file_type().is_block_device())
    }

    /// Whether it is there. A netlink protocol counts as there: it has no name to look for.
    pub fn is_there(&self) -> bool {
        match self.path.split_once(':') {
            Some(("netlink", _)) => true,
            Some(("genetlink", _)) => netlink::families().contains_key(&self.path),
            _ => Path::new(&self.path).exists(),
        }
    }

    /// How to say a word, so that it gets to the module: as it is now, since a family has another
    /// number each time.
    pub fn language(&self) -> impl Fn(&str) -> Vec<u8> + use<> {
        let family = netlink::families().remove(&self.path);
        let protocol = self.path.starts_with("netlink:");
        move |word| {
            let word = word.as_bytes();
            match family {
                Some(id) => netlink::message(id, netlink::REQUEST, 1, &netlink::command(1, word)),
                None if protocol => netlink::message(16, netlink::REQUEST, 1, word),
                None => word.to_vec(),
            }
        }
    }

    /// The ways to open it that its mode allows.
    pub fn ways(&self) -> Vec<OFlags> {
        if !self.path.starts_with('/') {
            return vec![OFlags::RDWR];
        }
        let metadata = fs::metadata(&self.path);
        let mode = metadata
            .unwrap_or_else(|error| panic!("{}: {error}", self.path))
            .mode();
        let (read, write) = (mode & 0o444 != 0, mode & 0o222 != 0);
        let ways = [
            (read, OFlags::RDONLY),
            (write, OFlags::WRONLY),
            (read && write, OFlags::RDWR),
        ];
        ways.into_iter().filter(|it| it.0).map(|it| it.1).collect()
    }
}

impl Footprint {
    /// What a user gets at that was not there before.
    pub fn nodes_since(&self, before: &Self) -> Vec<Node> {
        let mut paths = Vec::new();
        let is_others = |it: &&String| SUBSYSTEMS.iter().any(|own| Path::new(it).starts_with(own));
        for new in self.since(before).filter(|it| !is_others(it)) {
            if new.starts_with("netlink:") || new.starts_with("genetlink:") {
                paths.push(new.clone());
            } else if new.starts_with("/sys/module/") {
                // The rest of it is the kernel's.
                files(&Path::new(new).join("parameters"), &mut paths);
            } else {
                files(Path::new(new), &mut paths);
            }
        }
        paths.sort();
        paths.dedup();
        paths.into_iter().map(|path| Node { path }).collect()
    }
}

/// The files in a folder, or the path itself if it is one.
fn files(path: &Path, all: &mut Vec<String>) {
    // What is no path is a line of a file; and a link leads to where it is found, too.
    let Ok(metadata) = path.symlink_metadata() else {
        return;
    };
    if metadata.is_dir() {
        let is_device = path.starts_with("/sys/devices");
        let entries = fs::read_dir(path).into_iter().flatten().flatten();
        let is_own =
            |it: &DirEntry| !(is_device && KERNELS.iter().any(|own| it.file_name() == *own));
        entries.filter(is_own).for_each(|it| files(&it.path(), all));
    } else if !metadata.is_symlink() {
        all.push(path.display().to_string());
    }
}
