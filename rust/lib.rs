// SPDX-License-Identifier: GPL-2.0-only

//! Safe abstractions that the `kernel` crate lacks and that modules built out of tree need.
//!
//! The crate is compiled to metadata and linked into nothing: every module carries just the code
//! of it that it uses, and loads alone. The price is that no `static` can live here. What needs
//! one gets it from a macro at the call site, as `kernel::new_mutex!` does.

mod bindings;

pub mod chrdev;
pub mod fops;
#[cfg(all(CONFIG_SERIO_I8042, target_arch = "x86_64"))]
pub mod i8042;
pub mod init;
pub mod ioctl;
#[cfg(target_arch = "x86_64")]
pub mod ioport;
pub mod irq;
#[cfg(CONFIG_KPROBES)]
pub mod kprobe;
pub mod message;
pub mod module;
pub mod params;
pub mod percpu;
pub mod proc_fs;
pub mod rcu;
pub mod ring;
pub mod timer;
#[cfg(CONFIG_TTY)]
pub mod tty;
pub mod wait;
