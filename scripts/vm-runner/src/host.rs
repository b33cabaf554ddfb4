// SPDX-License-Identifier: GPL-2.0-only

//! What earlier runs found out about this machine, which holds until it boots
//! again: it is kept in the user's cache folder.

use serde::{Deserialize, Serialize};
use std::{env, fs, path::PathBuf};

/// What is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Which boot of the machine it is about.
    pub boot: String,
    /// Whether a guest ran with KVM, or else what happened to it.
    pub kvm: Option<Result<(), String>>,
    /// The frequency of the time-stamp counter, in kHz.
    pub tsc_khz: Option<u32>,
}

impl Host {
    /// What is known in this boot of the machine.
    pub fn known() -> Self {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = boot.trim().to_owned();
        let known = file().and_then(|it| fs::read(it).ok());
        let known = known.and_then(|it| serde_json::from_slice::<Self>(&it).ok());
        match known {
            Some(known) if known.boot == boot => known,
            _ => Self {
                boot,
                ..Self::default()
            },
        }
    }

    /// Adds to what is known. Without a place to keep it, the next run just has
    /// to find out again.
    pub fn learn(change: impl FnOnce(&mut Self)) {
        let mut host = Self::known();
        change(&mut host);
        let _ = host.keep();
    }

    fn keep(&self) -> Option<()> {
        let file = file()?;
        fs::create_dir_all(file.parent()?).ok()?;
        // Others may be reading it.
        let new = file.with_extension(std::process::id().to_string());
        fs::write(&new, serde_json::to_vec(self).ok()?).ok()?;
        fs::rename(new, file).ok()
    }
}

fn file() -> Option<PathBuf> {
    Some(cache_folder()?.join("host.json"))
}

/// The user's cache folder.
pub fn cache_folder() -> Option<PathBuf> {
    let set = |name| {
        let value = env::var_os(name).filter(|it| !it.is_empty());
        value.map(PathBuf::from)
    };
    let folder = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")))?;
    Some(folder.join("lkmpg-rs"))
}
