// SPDX-License-Identifier: GPL-2.0-only

//! What the clients and the tests cannot do without `unsafe`, as safe functions.

#[path = "../../cycles.rs"]
pub mod cycles;
pub mod hostile;
pub mod ioctl;
pub mod memory;
pub mod raw;

/// Has a program end in silence when nobody reads what it writes any more, as those in C do. To be
/// called first.
pub fn restore_sigpipe() {
    // SAFETY: The default action is no function of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
}
