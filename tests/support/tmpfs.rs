// SPDX-License-Identifier: GPL-2.0-only

//! File systems to fill, to take away, and to leave nothing behind.

use rustix::{
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount},
};
use std::{
    ffi::CString,
    fs,
    path::{Path, PathBuf},
    process, thread,
};

/// A file system in memory, of its own, which goes when this is dropped.
#[derive(Debug)]
pub struct Tmpfs {
    path: PathBuf,
    mounted: bool,
}

impl Tmpfs {
    /// Mounts one with room for `size` bytes.
    pub fn new(name: &str, size: usize) -> Self {
        Self::mount("tmpfs", name, &format!("size={size}"))
    }

    /// Mounts a ramfs, the simplest file system there is: the kernel's own cache of its files is
    /// all that it has.
    pub fn ramfs(name: &str) -> Self {
        Self::mount("ramfs", name, "")
    }

    fn mount(kind: &str, name: &str, options: &str) -> Self {
        let path = std::env::temp_dir().join(format!("{name}.{}", process::id()));
        fs::create_dir(&path).expect("mkdir");
        let options = CString::new(options).expect("no NUL");
        mount(kind, &path, kind, MountFlags::empty(), &*options).expect("mount");
        Self {
            path,
            mounted: true,
        }
    }

    /// Mounts an overlayfs, of the folders `lower`, `upper` and `work` of this one.
    pub fn overlay(&self, name: &str) -> Self {
        let folder = |name| {
            let folder = self.path.join(name);
            fs::create_dir_all(&folder).expect("mkdir");
            folder.display().to_string()
        };
        let [lower, upper, work] = ["lower", "upper", "work"].map(folder);
        let options = format!("lowerdir={lower},upperdir={upper},workdir={work}");
        Self::mount("overlay", name, &options)
    }

    /// Where it is mounted.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the path of a file in it, for a module's parameter.
    pub fn file(&self, name: &str) -> String {
        self.path.join(name).display().to_string()
    }

    /// Takes away, or gives back, the permission to write.
    pub fn set_read_only(&self, yes: bool) {
        let flags = if yes {
            MountFlags::RDONLY
        } else {
            MountFlags::empty()
        };
        mount_remount(&self.path, flags, c"").expect("remount");
    }

    /// Unmounts it, which fails with `EBUSY` if anybody has a file open in it.
    pub fn unmount(mut self) -> Result<(), Errno> {
        self.mounted = false;
        unmount(&self.path, UnmountFlags::empty())
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        if self.mounted {
            let result = unmount(&self.path, UnmountFlags::DETACH);
            assert!(result.is_ok() || thread::panicking(), "{result:?}");
        }
        // If it is still in use, a test has failed on that already.
        let _ = fs::remove_dir(&self.path);
    }
}
