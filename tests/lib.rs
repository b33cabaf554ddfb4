// SPDX-License-Identifier: GPL-2.0-only

//! What the tests in the guest share.

#[path = "support/kernel_log.rs"]
mod kernel_log;
#[path = "support/module.rs"]
mod module;
#[path = "support/process.rs"]
mod process;

pub use kernel_log::KernelLog;
pub use lkm::memory::BadMemory;
pub use module::{InUse, LoadError, Module, is_loaded, module_file};
pub use process::{as_user, errno_of, majors, wait_until};
