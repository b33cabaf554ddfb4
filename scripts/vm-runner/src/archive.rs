// SPDX-License-Identifier: GPL-2.0-only

//! An initramfs: a cpio archive that nobody but QEMU sees.

use anyhow::{Context, Result};
use cpio::newc::{Builder, ModeFileType, trailer};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Component, Path, PathBuf},
};

/// A cpio archive on its way into `W`.
pub struct Archive<W: Write> {
    to: W,
    folders: BTreeSet<PathBuf>,
    /// Copies of the host's files, and of which.
    copies: BTreeMap<PathBuf, PathBuf>,
    /// Whether `/usr` is a folder of its own, and not a link to the root.
    pub has_usr: bool,
}

impl<W: Write> Archive<W> {
    /// An empty archive.
    pub fn new(to: W) -> Self {
        Self {
            to,
            folders: BTreeSet::new(),
            copies: BTreeMap::new(),
            has_usr: false,
        }
    }

    /// Adds a folder, and those that it is in.
    pub fn folder(&mut self, path: impl AsRef<Path>) -> Result<()> {
        let path = self.inside(path.as_ref());
        if path.as_os_str().is_empty() || self.folders.contains(&path) {
            return Ok(());
        }
        self.parent(&path)?;
        self.entry(&path, ModeFileType::Directory, 0o755, b"")?;
        self.folders.insert(path);
        Ok(())
    }

    /// Adds a file with what it contains.
    pub fn text(&mut self, path: impl AsRef<Path>, text: impl AsRef<[u8]>) -> Result<()> {
        let path = self.inside(path.as_ref());
        self.parent(&path)?;
        self.entry(&path, ModeFileType::Regular, 0o644, text.as_ref())
    }

    /// Adds a copy of a host's file, with its permissions. Several programs need
    /// the same libraries: the same copy again is no other.
    pub fn file(&mut self, path: impl AsRef<Path>, host: &Path) -> Result<()> {
        let path = self.inside(path.as_ref());
        if self.copies.insert(path.clone(), host.to_owned()).as_deref() == Some(host) {
            return Ok(());
        }
        self.parent(&path)?;
        let content = fs::read(host).with_context(|| format!("cannot read {}", host.display()))?;
        let mode = fs::metadata(host)?.permissions().mode() & 0o777;
        self.entry(&path, ModeFileType::Regular, mode, &content)
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: impl AsRef<Path>, target: impl AsRef<Path>) -> Result<()> {
        let path = self.inside(path.as_ref());
        self.parent(&path)?;
        self.entry(
            &path,
            ModeFileType::Symlink,
            0o777,
            target.as_ref().as_os_str().as_bytes(),
        )
    }

    /// Ends the archive.
    pub fn finish(self) -> Result<W> {
        trailer(self.to).context("cannot write the initramfs")
    }

    /// A path as it stands in the archive.
    fn inside(&self, path: &Path) -> PathBuf {
        let path = relative(path);
        match path.strip_prefix("usr") {
            Ok(rest) if !rest.as_os_str().is_empty() && !self.has_usr => rest.to_owned(),
            _ => path,
        }
    }

    fn parent(&mut self, path: &Path) -> Result<()> {
        path.parent().map_or(Ok(()), |it| self.folder(it))
    }

    fn entry(&mut self, path: &Path, kind: ModeFileType, mode: u32, content: &[u8]) -> Result<()> {
        let name = path
            .to_str()
            .with_context(|| format!("{} is not valid UTF-8", path.display()))?;
        let size = u32::try_from(content.len())
            .with_context(|| format!("/{name} is larger than an initramfs allows"))?;
        let builder = Builder::new(name).mode(mode).set_mode_file_type(kind);
        let mut entry = builder.write(&mut self.to, size);
        entry
            .write_all(content)
            .and_then(|()| entry.finish().map(drop))
            .context("cannot write the initramfs")
    }
}

/// A path relative to the root, without a way out of it.
fn relative(path: &Path) -> PathBuf {
    let names = path.components();
    names
        .filter(|it| matches!(it, Component::Normal(_)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpio::NewcReader;

    /// The names, modes and contents in an archive.
    fn read(archive: &[u8]) -> Vec<(String, u32, Vec<u8>)> {
        let mut entries = Vec::new();
        let mut rest = archive;
        loop {
            let reader = NewcReader::new(rest).unwrap();
            if reader.entry().is_trailer() {
                return entries;
            }
            let (name, mode) = (reader.entry().name().to_owned(), reader.entry().mode());
            let mut content = Vec::new();
            rest = reader.to_writer(&mut content).unwrap();
            entries.push((name, mode, content));
        }
    }

    #[test]
    fn folders_come_before_what_is_in_them_and_once() {
        let mut archive = Archive::new(Vec::new());
        archive.text("/etc/a/b", "b").unwrap();
        archive.text("/etc/a/c", "").unwrap();
        archive.link("/etc/d", "a/b").unwrap();
        archive.folder("/etc").unwrap();
        let entries = read(&archive.finish().unwrap());
        let names: Vec<_> = entries.iter().map(|it| it.0.as_str()).collect();
        assert_eq!(names, ["etc", "etc/a", "etc/a/b", "etc/a/c", "etc/d"]);
        let modes: Vec<_> = entries.iter().map(|it| it.1).collect();
        assert_eq!(modes, [0o40755, 0o40755, 0o100644, 0o100644, 0o120777]);
        assert_eq!(entries[2].2, b"b");
        assert_eq!(entries[4].2, b"a/b");
    }

    #[test]
    fn a_copy_is_made_once_unless_it_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["one", "other"].map(|it| folder.path().join(it));
        fs::write(&one, "1").unwrap();
        fs::write(&other, "2").unwrap();
        let mut archive = Archive::new(Vec::new());
        for host in [&one, &one, &other] {
            archive.file("/a", host).unwrap();
        }
        let entries = read(&archive.finish().unwrap());
        let contents: Vec<_> = entries.iter().map(|it| it.2.as_slice()).collect();
        assert_eq!(contents, [b"1", b"2"]);
    }

    #[test]
    fn there_is_no_way_out_of_it() {
        let archive = Archive::new(Vec::new());
        let inside = |path| archive.inside(Path::new(path));
        assert_eq!(inside("/usr/../a/./b"), PathBuf::from("a/b"));
        assert_eq!(inside("/"), PathBuf::new());
    }

    #[test]
    fn usr_is_a_link_to_the_root_unless_it_is_not() {
        let mut archive = Archive::new(Vec::new());
        let inside = |it: &Archive<_>, path| it.inside(Path::new(path));
        assert_eq!(inside(&archive, "/usr/lib/x"), PathBuf::from("lib/x"));
        assert_eq!(inside(&archive, "/usr"), PathBuf::from("usr"));
        archive.has_usr = true;
        assert_eq!(inside(&archive, "/usr/lib/x"), PathBuf::from("usr/lib/x"));
    }

    #[test]
    fn a_host_file_that_is_not_there_is_named() {
        let error = Archive::new(Vec::new())
            .file("/a", Path::new("/no/such"))
            .unwrap_err();
        assert!(format!("{error:#}").contains("/no/such"), "{error:#}");
    }
}
