// SPDX-License-Identifier: GPL-2.0-only

//! Devices that come when they are needed: the first time that a module is loaded which drives one. A
//! guest for other modules need not wait for them.

use crate::IN_GUEST;
use std::{fs, io, io::Read as _, os::unix::net::UnixStream};

/// Where the init takes part: it hangs up when the devices are there.
pub const SOCKET: &str = "/run/lkmpg-devices";

/// Where kmod's programs are that load modules, by their own names: the kernel's log has these.
pub const LOADERS: &str = "/etc/lkmpg/loaders";

/// Waits until the devices are there, if this module is one that drives them.
pub fn await_for(module: &str) -> io::Result<()> {
    match missing().lines().any(|it| it == module) {
        true => fetch(),
        false => Ok(()),
    }
}

/// Waits until all devices are there.
pub fn await_all() -> io::Result<()> {
    match missing().is_empty() {
        true => Ok(()),
        false => fetch(),
    }
}

/// The modules that drive what is not there yet, a line each.
fn missing() -> String {
    fs::read_to_string(IN_GUEST).unwrap_or_default()
}

fn fetch() -> io::Result<()> {
    UnixStream::connect(SOCKET)?.read(&mut [0]).map(drop)
}
