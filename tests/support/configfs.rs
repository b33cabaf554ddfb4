// SPDX-License-Identifier: GPL-2.0-only

//! The file system of configfs.

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use std::thread;

const CONFIGFS: &str = "/sys/kernel/config";

/// It is mounted, until this is dropped.
#[derive(Debug)]
pub struct Configfs(());

impl Configfs {
    /// Mounts it in `/sys/kernel/config`.
    pub fn mount() -> Self {
        mount("none", CONFIGFS, "configfs", MountFlags::empty(), None).expect("mount");
        Self(())
    }
}

impl Drop for Configfs {
    fn drop(&mut self) {
        let result = unmount(CONFIGFS, UnmountFlags::DETACH);
        assert!(result.is_ok() || thread::panicking(), "{result:?}");
    }
}
