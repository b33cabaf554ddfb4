// SPDX-License-Identifier: GPL-2.0-only

//! What tests in the guest are written with: those here, and those of somebody else's modules, who
//! names this package by its path (`docs/your-module.md`).
//!
//! ```no_run
//! use lkmpg_tests::{Footprint, KernelLog, Module};
//! use std::fs;
//!
//! let (before, log) = (Footprint::now(), KernelLog::now());
//! let mine = Module::load("mine", &["answer=42"]).expect("it loads");
//! assert_eq!(fs::read_to_string("/proc/mine").expect("its file"), "42\n");
//! mine.unload().expect("nobody has it open");
//! assert!(log.lines_with("mine: ").contains(&"mine: Goodbye".to_owned()));
//! before.check("mine");
//! ```
//!
//! | what | by |
//! | --- | --- |
//! | loading a module and what it needs, which go when its guard is dropped | [`Module`] |
//! | what the kernel logs from a moment on | [`KernelLog`] |
//! | a setting of the kernel's, for as long as a guard lives | [`KernelSetting`] |
//! | what a module must not leave behind: nodes, interrupts, threads… | [`Footprint`] |
//! | where a user gets at a module | [`Footprint::nodes_since`], [`Node`] |
//! | waiting for an event, not for a time | [`wait_until`], [`ready()`], [`KernelLog::wait_for`] |
//! | another user than root | [`as_user`] |
//! | keys that the host types, and what programs see of them | [`Keyboard`], [`Evdev`] |
//! | devices that are plugged in and out, and what they lack | [`Slot`], [`PciDevice`] |
//! | drivers that lose their device at any moment | [`PciDriver`] |
//! | a GPIO chip, and a finger on its lines | [`GpioChip`] |
//! | an I²C bus with a chip, and its registers | [`I2cChip`] |
//! | the far ends of serial ports; terminals | [`FarEnd`], [`pty`] |
//! | allocations, copies and pages that fail | [`faults`] |
//! | random calls by many processes; memory that is no memory | [`hostile`], [`BadMemory`], [`refuses_nonsense`] |
//! | mappings that show what they must not | [`mappings`] |
//! | netlink, configfs, and a file system that is full | [`netlink`], [`Configfs`], [`Tmpfs`] |
//! | a test that cannot be done here, counted and named | [`skip`] |

mod configfs;
pub mod counters;
pub mod early;
mod evdev;
pub mod faults;
mod footprint;
mod gpio;
mod host;
pub mod hostile;
mod i2c;
mod kernel_log;
mod kernel_setting;
mod keyboard;
pub mod mappings;
pub mod message;
mod module;
pub mod namespace;
pub mod netlink;
mod nodes;
mod nonsense;
mod pci;
mod process;
pub mod pty;
mod ready;
mod serial;
mod settings;
mod slot;
mod subjects;
pub mod tally;
mod tmpfs;
mod twin;

pub use configfs::Configfs;
pub use evdev::Evdev;
pub use footprint::Footprint;
pub use gpio::GpioChip;
use host::Host;
pub use i2c::I2cChip;
pub use kernel_log::KernelLog;
pub use kernel_setting::KernelSetting;
pub use keyboard::Keyboard;
pub use lkm::memory::BadMemory;
pub use lkmpg_guest::skip;
pub use module::{InUse, LoadError, Module, is_built_in, is_loaded, module_file};
pub use namespace::Namespace;
pub use nodes::{Node, open_node};
pub use nonsense::refuses_nonsense;
pub use pci::{PciDevice, PciDriver};
pub use process::{
    Program, Progress, as_user, errno_named, errno_of, handled_signal_ends, is_asleep, is_in,
    majors, wait_until, while_asleep,
};
pub use ready::ready;
pub use serial::FarEnd;
pub use settings::{only, setting, some, times};
pub use slot::Slot;
pub use subjects::{Said, Subject, apart, are_somebodys, left_out, needs_of_all, subjects};
pub use tmpfs::Tmpfs;
pub use twin::is_twins;

/// Waits for the devices that are plugged in when the first of their modules is loaded. Loading such a module waits,
/// too: this is for who looks at a device before.
pub fn await_devices() {
    lkmpg_guest::devices::await_all().expect("the devices come");
}

/// Opens a port to the host, as soon as whoever has it now gives it back.
fn open_port(path: &str) -> std::fs::File {
    let mut file = None;
    wait_until("a port to the host", || {
        let mut options = std::fs::File::options();
        file = options.read(true).write(true).open(path).ok();
        file.is_some()
    });
    file.expect("it was opened")
}
