// SPDX-License-Identifier: GPL-2.0-only

//! What the tests in the guest share.

pub mod counters;
pub mod early;
mod evdev;
pub mod faults;
mod footprint;
mod host;
pub mod hostile;
mod kernel_log;
mod keyboard;
pub mod mappings;
pub mod message;
mod module;
pub mod netlink;
mod nodes;
mod process;
pub mod pty;
mod ready;
mod serial;
mod settings;
mod subjects;
pub mod tally;
mod tmpfs;
mod twin;

pub use evdev::Evdev;
pub use footprint::Footprint;
use host::Host;
pub use kernel_log::KernelLog;
pub use keyboard::Keyboard;
pub use lkm::memory::BadMemory;
pub use module::{InUse, LoadError, Module, is_built_in, is_loaded, module_file};
pub use nodes::Node;
pub use process::{Progress, as_user, errno_named, errno_of, majors, wait_until};
pub use ready::ready;
pub use serial::FarEnd;
pub use settings::{setting, some, times};
pub use subjects::{Said, Subject, are_somebodys, left_out, subjects};
pub use tally::skip;
pub use tmpfs::Tmpfs;
pub use twin::is_twins;

/// Opens a port to the host, as soon as whoever has it now gives it back.
fn open_port(port: lkmpg_guest::Port) -> std::fs::File {
    let mut file = None;
    wait_until("a port to the host", || {
        let mut options = std::fs::File::options();
        file = options.read(true).write(true).open(port.device()).ok();
        file.is_some()
    });
    file.expect("it was opened")
}
