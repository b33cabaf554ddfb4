// SPDX-License-Identifier: GPL-2.0-only

//! `insmod` and `modprobe` in the guest: kmod's, once the devices of the modules are there.

use anyhow::{Context, Error};
use lkmpg_guest::devices::{self, LOADERS};
use std::{
    ffi::OsString,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::Command,
};

const NAMES: [&str; 2] = ["insmod", "modprobe"];

/// Becomes kmod, if this was called by one of its names, and returns only if that failed.
pub fn become_kmod(arguments: &[OsString]) -> Option<Error> {
    let (name, arguments) = arguments.split_first()?;
    let name = Path::new(name).file_name()?.to_str()?;
    NAMES.contains(&name).then(|| {
        for module in arguments.iter().filter_map(module) {
            let waited = devices::await_for(&module);
            if let Err(error) = waited.with_context(|| format!("no devices for {module}")) {
                return error;
            }
        }
        let kmod = Path::new(LOADERS).join(name);
        let error = Command::new(&kmod).arg0(name).args(arguments).exec();
        Error::new(error).context(format!("cannot run {}", kmod.display()))
    })
}

/// The module that an argument is, if it is one.
fn module(argument: &OsString) -> Option<String> {
    let mut path = PathBuf::from(argument);
    while path.extension().is_some() {
        path.set_extension("");
    }
    Some(path.file_name()?.to_str()?.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_go_by_their_files_and_names() {
        let of = |it: &str| module(&it.into());
        for it in ["/modules/a-b.ko", "a_b.ko.xz", "a_b", "a-b"] {
            assert_eq!(of(it).as_deref(), Some("a_b"));
        }
        assert_eq!(of("/"), None);
    }
}
