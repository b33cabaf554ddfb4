// SPDX-License-Identifier: GPL-2.0-only

//! What the tests in the guest share.

#[path = "support/counters.rs"]
pub mod counters;
#[path = "support/early.rs"]
pub mod early;
#[path = "support/evdev.rs"]
mod evdev;
#[path = "support/faults.rs"]
pub mod faults;
#[path = "support/footprint.rs"]
mod footprint;
#[path = "support/host.rs"]
mod host;
#[path = "support/hostile.rs"]
pub mod hostile;
#[path = "support/kernel_log.rs"]
mod kernel_log;
#[path = "support/keyboard.rs"]
mod keyboard;
#[path = "support/message.rs"]
pub mod message;
#[path = "support/module.rs"]
mod module;
#[path = "support/netlink.rs"]
pub mod netlink;
#[path = "support/process.rs"]
mod process;
#[path = "support/pty.rs"]
pub mod pty;
#[path = "support/serial.rs"]
mod serial;
#[path = "support/subjects.rs"]
mod subjects;
#[path = "support/tally.rs"]
pub mod tally;
#[path = "support/tmpfs.rs"]
mod tmpfs;
#[path = "support/twin.rs"]
mod twin;
#[path = "support/vm.rs"]
pub mod vm;

pub use evdev::Evdev;
pub use footprint::Footprint;
pub use host::Host;
pub use kernel_log::KernelLog;
pub use keyboard::Keyboard;
pub use lkm::memory::BadMemory;
pub use module::{InUse, LoadError, Module, is_built_in, is_loaded, module_file};
pub use process::{Progress, as_user, errno_named, errno_of, majors, times, wait_until};
pub use serial::FarEnd;
pub use subjects::{Node, SUBJECTS, Subject, subjects};
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
