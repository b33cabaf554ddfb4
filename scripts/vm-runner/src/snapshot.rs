// SPDX-License-Identifier: GPL-2.0-only

//! Guests that were saved when they had just booted, for others to start from.
//!
//! Each is a folder in the user's cache, named after the machine's boot and all that the guest
//! depends on. Its memory is a file that QEMU maps, and that nobody changes: a guest that starts
//! from it keeps to itself what it writes.

use crate::{
    elf,
    host::{self, Host},
    initramfs,
    options::Options,
    qemu::{self, Machine},
};
use anyhow::{Context, Result, ensure};
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::{
    collections::hash_map::DefaultHasher,
    fs::{self, File, OpenOptions},
    hash::{Hash, Hasher},
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

/// How much of the disk they may take.
const LIMIT: u64 = 2 << 30;
/// Tells when all other files are complete: it is written last.
const ABOUT: &str = "about.json";
const MEMORY: &str = "memory";
const STATE: &str = "state";
const LOG: &str = "log";

/// A guest that was saved.
#[derive(Debug)]
pub struct Snapshot {
    /// Its memory.
    pub memory: File,
    /// Its processors and devices.
    pub state: File,
    /// What its kernel said until then.
    pub log: Vec<u8>,
}

/// Where a guest is saved, if it is.
#[derive(Debug)]
pub struct Place {
    folder: PathBuf,
    /// All that the guest depends on.
    of: String,
}

#[derive(Serialize, Deserialize)]
struct About {
    of: String,
    files: Vec<Stamp>,
}

/// A file changes when this does.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    file: u64,
    length: u64,
    changed: (i64, i64),
}

impl Place {
    /// The place of this machine's.
    pub fn of(machine: &Machine, options: &Options) -> Result<Self> {
        let folder = host::cache_folder().context("there is no cache folder: HOME is not set")?;
        let of = key(machine, options)?;
        let mut hasher = DefaultHasher::new();
        of.hash(&mut hasher);
        let boot = Host::known().boot;
        let folder = folder
            .join("snapshots")
            .join(format!("{boot}-{:016x}", hasher.finish()));
        Ok(Self { folder, of })
    }

    /// The snapshot that is there. It is an error if it is damaged.
    pub fn open(&self) -> Result<Option<Snapshot>> {
        let about = self.folder.join(ABOUT);
        let Ok(text) = fs::read(&about) else {
            return Ok(None);
        };
        let About { of, files } =
            serde_json::from_slice(&text).context("it says nothing of itself")?;
        ensure!(of == self.of, "it is of another machine");
        let [memory, state, mut log] = [MEMORY, STATE, LOG].map(|it| {
            // QEMU opens the memory for writing, whatever it does with it.
            let path = self.folder.join(it);
            let file = OpenOptions::new().read(true).write(true).open(&path);
            file.with_context(|| format!("cannot open {}", path.display()))
        });
        let stamps = [&memory, &state, &log].map(|it| it.as_ref().ok().and_then(Stamp::of));
        for ((name, stamp), expected) in [MEMORY, STATE, LOG].iter().zip(stamps).zip(files) {
            ensure!(stamp == Some(expected), "its {name} has changed");
        }
        let mut text = Vec::new();
        if let Ok(log) = &mut log {
            log.read_to_end(&mut text)?;
        }
        // It was used: others go first.
        let _ = File::open(&about).and_then(|it| it.set_modified(SystemTime::now()));
        Ok(Some(Snapshot {
            memory: memory?,
            state: state?,
            log: text,
        }))
    }

    /// Waits until nobody else makes it, and keeps others from it while the result lives.
    pub fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot make {}", self.folder.display()))?;
        let folder = File::open(&self.folder)?;
        flock(&folder, FlockOperation::LockExclusive).context("cannot lock the snapshot")?;
        Ok(folder)
    }

    /// Forgets the snapshot. Who has started from it goes on.
    pub fn clear(&self) -> Result<()> {
        for name in [ABOUT, MEMORY, STATE, LOG] {
            match fs::remove_file(self.folder.join(name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).context("cannot remove an old snapshot");
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes the files for the memory and the state of a guest that is to be saved.
    pub fn begin(&self) -> Result<(File, File)> {
        self.clear()?;
        Ok((self.create(MEMORY)?, self.create(STATE)?))
    }

    /// The guest is saved, and so far its kernel said this.
    pub fn keep(&self, log: &[u8]) -> Result<()> {
        fs::write(self.folder.join(LOG), log)?;
        let files =
            [MEMORY, STATE, LOG].map(|it| Stamp::of(&File::open(self.folder.join(it)).ok()?));
        let about = About {
            of: self.of.clone(),
            files: files.into_iter().flatten().collect(),
        };
        let new = self.folder.join("about.new");
        fs::write(&new, serde_json::to_vec(&about)?)?;
        fs::rename(new, self.folder.join(ABOUT))?;
        self.prune(LIMIT);
        Ok(())
    }

    fn create(&self, name: &str) -> Result<File> {
        let path = self.folder.join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path);
        file.with_context(|| format!("cannot create {}", path.display()))
    }

    /// Removes what the machine's last boot has left, and of the others those that were not
    /// used for longest, until they are small enough.
    fn prune(&self, limit: u64) {
        let boot = Host::known().boot;
        let all = self.folder.parent().map(fs::read_dir);
        let all = all.into_iter().flatten().flatten().flatten();
        let mut all: Vec<_> = all
            .map(|it| it.path())
            .filter(|it| *it != self.folder)
            .collect();
        all.sort_by_cached_key(|it| std::cmp::Reverse(last_use(it)));
        let mut size = disk_usage(&self.folder);
        for folder in all {
            let of_this_boot = folder
                .file_name()
                .is_some_and(|it| it.to_string_lossy().starts_with(&boot));
            let with_it = size + disk_usage(&folder);
            if of_this_boot && with_it <= limit {
                size = with_it;
            } else {
                // Another may just do the same.
                let _ = fs::remove_dir_all(folder);
            }
        }
    }
}

impl Stamp {
    fn of(file: &File) -> Option<Self> {
        let metadata = file.metadata().ok()?;
        Some(Self {
            file: metadata.ino(),
            length: metadata.len(),
            changed: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// All that a guest depends on that has booted and has not been given a job.
fn key(machine: &Machine, options: &Options) -> Result<String> {
    let mut files = initramfs::base_files(machine.kernel)?;
    let processor = machine.kernel.processor;
    files.push(initramfs::find(processor.program, processor.package)?);
    files.push(machine.kernel.image.clone());
    files.extend(machine.firmware.iter().cloned());
    let mut key = String::new();
    for word in qemu::arguments(machine, options) {
        key += &format!("{}\n", word.to_string_lossy());
    }
    key += &format!("{}\n", options.memory);
    // The first run finds out how fast the counter is, and it stays so until the next boot.
    let words = machine.command_line.split(' ');
    key.extend(words.filter(|it| !it.starts_with("tsc_early_khz=")));
    key.push('\n');
    for file in files {
        key += &format!("{}\n", identity(&file));
    }
    // Cargo writes the same program again and again.
    for program in initramfs::own_programs(machine.kernel)? {
        let id = elf::build_id(&program).map(|it| format!("{it:02x?}"));
        key += &format!("{}\n", id.unwrap_or_else(|| identity(&program)));
    }
    Ok(key)
}

/// A file, as long as nobody has changed it.
fn identity(path: &Path) -> String {
    let found = fs::canonicalize(path).and_then(|it| Ok((fs::metadata(&it)?, it)));
    match found {
        Ok((it, path)) => format!(
            "{} {} {} {}.{}",
            path.display(),
            it.ino(),
            it.len(),
            it.ctime(),
            it.ctime_nsec()
        ),
        Err(error) => format!("{} {error}", path.display()),
    }
}

fn last_use(folder: &Path) -> Option<SystemTime> {
    let about = fs::metadata(folder.join(ABOUT)).or_else(|_| fs::metadata(folder));
    about.and_then(|it| it.modified()).ok()
}

/// In bytes. The memory that a guest has not used takes nothing.
fn disk_usage(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter_map(|it| Some(it.metadata().ok()?.blocks() * 512))
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn those_that_were_not_used_for_longest_go_first() {
        let cache = tempfile::tempdir().unwrap();
        let boot = Host::known().boot;
        let place = |name: &str| Place {
            folder: cache.path().join(name),
            of: name.into(),
        };
        let [old, new, newest] = ["a", "b", "c"].map(|it| format!("{boot}-{it}"));
        for (age, name) in [(0, "before-d"), (3, &old), (2, &new), (1, &newest)] {
            let place = place(name);
            drop(place.lock().unwrap());
            let memory = place.folder.join(MEMORY);
            fs::write(&memory, [1; 64 << 10]).unwrap();
            // Only then it takes room on the disk.
            File::open(&memory).unwrap().sync_all().unwrap();
            let about = File::create(place.folder.join(ABOUT)).unwrap();
            let time = SystemTime::now() - Duration::from_secs(age);
            about.set_modified(time).unwrap();
        }
        let place = place(&new);
        place.prune(disk_usage(&place.folder) * 5 / 2);
        let mut left: Vec<_> = fs::read_dir(cache.path()).unwrap().flatten().collect();
        left.sort_by_key(|it| it.file_name());
        let left: Vec<_> = left.iter().map(|it| it.file_name()).collect();
        assert_eq!(left, [new.as_str(), newest.as_str()]);
    }

    #[test]
    fn a_file_that_changes_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "a").unwrap();
        let before = identity(&file);
        assert_eq!(identity(&file), before);
        fs::write(folder.path().join("other"), "a").unwrap();
        fs::rename(folder.path().join("other"), &file).unwrap();
        assert_ne!(identity(&file), before);
    }
}
