// SPDX-License-Identifier: GPL-2.0-only

//! What a guest that was saved before it had a job does when it gets one.

use crate::given;
use anyhow::{Context, Result, bail, ensure};
use cpio::NewcReader;
use lkm::ioctl::{self, Command, Nothing};
use lkmpg_guest::{IN_GUEST, Start};
use rustix::time::{ClockId, Timespec, clock_settime};
use std::{
    ffi::OsStr,
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write},
    os::unix::{
        ffi::OsStrExt,
        fs::{PermissionsExt, symlink},
    },
    path::{Path, PathBuf},
    time::Duration,
};

/// Has the kernel take new random numbers from what it was given.
const RNDRESEEDCRNG: Command<Nothing> = Command::io(b'R', 7);
const FILE_TYPE: u32 = 0o170000;
const FOLDER: u32 = 0o040000;
const REGULAR: u32 = 0o100000;
const LINK: u32 = 0o120000;

/// Puts the clock right, makes the random numbers others than those of all guests that were saved
/// with this one, and unpacks the files that follow in `reader`. Returns what was not there before.
pub fn start(start: &Start, reader: impl Read) -> Result<Vec<PathBuf>> {
    set_time(start.time).context("cannot set the time")?;
    reseed(&start.seed).context("cannot reseed the random numbers")?;
    given::take(&start.job.given)?;
    let drivers = start.drivers.join("\n");
    fs::write(IN_GUEST, drivers).with_context(|| format!("cannot write {IN_GUEST}"))?;
    let mut archive = reader.take(start.files);
    let new = unpack(&mut archive, Path::new("/"));
    let new = new.context("cannot unpack the files (do all fit into --memory?)")?;
    // What pads the archive.
    io::copy(&mut archive, &mut io::sink())?;
    Ok(new)
}

/// Takes away what was not there before.
pub fn remove(new: &[PathBuf]) {
    // What is in a folder came after it. A file may have been removed, and what somebody else has
    // put into a folder is found there.
    for path in new.iter().rev() {
        let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
    }
}

/// Takes away what is in a folder for what nobody needs later.
pub fn empty(folder: impl AsRef<Path>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        // What cannot go is found in what the job has left.
        let _ = fs::remove_file(&path).or_else(|_| fs::remove_dir_all(&path));
    }
}

fn set_time(time: Duration) -> Result<()> {
    let time = Timespec {
        tv_sec: time.as_secs().try_into()?,
        tv_nsec: time.subsec_nanos().into(),
    };
    Ok(clock_settime(ClockId::Realtime, time)?)
}

fn reseed(seed: &[u8]) -> io::Result<()> {
    let mut random = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/urandom")?;
    random.write_all(seed)?;
    ioctl::call(&random, RNDRESEEDCRNG).map(drop)
}

/// Unpacks an archive as the kernel unpacks an initramfs: what is there is replaced, but
/// for folders. Returns what was not there.
fn unpack(mut archive: impl Read, root: &Path) -> Result<Vec<PathBuf>> {
    let mut new = Vec::new();
    loop {
        let mut entry = NewcReader::new(archive)?;
        if entry.entry().is_trailer() {
            return Ok(new);
        }
        let name = entry.entry().name().to_owned();
        let path = root.join(&name);
        if path.symlink_metadata().is_err() {
            new.push(path.clone());
        }
        add(&mut entry, &path).with_context(|| format!("cannot add /{name}"))?;
        archive = entry.finish()?;
    }
}

fn add(entry: &mut NewcReader<impl Read>, path: &Path) -> Result<()> {
    let (kind, mode) = (
        entry.entry().mode() & FILE_TYPE,
        entry.entry().mode() & 0o7777,
    );
    if kind == FOLDER && path.is_dir() {
        return Ok(());
    }
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => bail!("there is a folder"),
        Ok(_) => fs::remove_file(path)?,
        Err(_) => {}
    }
    match kind {
        FOLDER => {
            fs::create_dir(path)?;
            fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        REGULAR => {
            let mut file = File::create_new(path)?;
            file.set_permissions(Permissions::from_mode(mode))?;
            let length = io::copy(entry, &mut file)?;
            ensure!(
                length == u64::from(entry.entry().file_size()),
                "it is cut short"
            );
        }
        LINK => {
            let mut target = Vec::new();
            entry.read_to_end(&mut target)?;
            symlink(OsStr::from_bytes(&target), path)?;
        }
        _ => bail!("mode {:o} is of nothing known", entry.entry().mode()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use cpio::newc::{Builder, ModeFileType, trailer};

    fn archive<const N: usize>(entries: [(&str, ModeFileType, u32, &[u8]); N]) -> Vec<u8> {
        let mut archive = Vec::new();
        for (name, kind, mode, content) in entries {
            let builder = Builder::new(name).mode(mode).set_mode_file_type(kind);
            let mut entry = builder.write(&mut archive, content.len() as u32);
            entry.write_all(content).unwrap();
            entry.finish().unwrap();
        }
        trailer(archive).unwrap()
    }

    #[test]
    fn what_was_there_is_replaced_but_for_folders() {
        let root = tempfile::tempdir().unwrap();
        let path = |it: &str| root.path().join(it);
        fs::create_dir(path("bin")).unwrap();
        fs::write(path("bin/old"), "old").unwrap();
        symlink("old", path("bin/program")).unwrap();
        let archive = archive([
            ("bin", ModeFileType::Directory, 0o700, b""),
            ("bin/program", ModeFileType::Regular, 0o4777, b"new"),
            ("bin/link", ModeFileType::Symlink, 0o777, b"program"),
            ("new", ModeFileType::Directory, 0o777, b""),
        ]);
        let new = unpack(&archive[..], root.path()).unwrap();
        assert_eq!(new, [path("bin/link"), path("new")]);
        let mode = |it| fs::metadata(path(it)).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode("bin"), 0o755);
        assert_eq!(mode("bin/program"), 0o4777);
        assert_eq!(mode("new"), 0o777);
        assert_eq!(fs::read_to_string(path("bin/link")).unwrap(), "new");
        assert_eq!(fs::read_to_string(path("bin/old")).unwrap(), "old");
        remove(&new);
        assert!(!path("new").exists() && !path("bin/link").exists());
        assert!(path("bin/program").exists());
    }

    #[test]
    fn a_file_does_not_replace_a_folder() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let archive = archive([("etc", ModeFileType::Regular, 0o644, b"text")]);
        let error = unpack(&archive[..], root.path()).unwrap_err();
        assert!(format!("{error:#}").contains("/etc: there is a folder"));
    }

    #[test]
    fn an_archive_that_is_cut_short_is_noticed() {
        let archive = archive([("a", ModeFileType::Regular, 0o644, &[b'a'; 999])]);
        for length in [0, 50, 200, 1200] {
            let root = tempfile::tempdir().unwrap();
            assert!(unpack(&archive[..length], root.path()).is_err(), "{length}");
        }
    }
}
