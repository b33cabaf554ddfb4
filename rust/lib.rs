// SPDX-License-Identifier: GPL-2.0-only

//! Safe abstractions that the `kernel` crate lacks and that modules built out of tree need.
//!
//! The crate is compiled to metadata and linked into nothing: every module carries just the code
//! of it that it uses, and loads alone. The price is that no `static` can live here. What needs
//! one gets it from a macro at the call site, as `kernel::new_mutex!` does.
//!
//! # A first example
//!
//! A file in `/proc` that counts its readers. The value is the file: when the module goes, it is
//! dropped, which removes the file and waits for the readers that are inside. `samples/` has a module
//! for each concept.
//!
//! ```
//! use lkm::prelude::*;
//!
//! #[pin_data]
//! struct Mine {
//!     #[pin]
//!     _file: proc_fs::File<Visits>,
//! }
//!
//! impl kernel::InPlaceModule for Mine {
//!     fn init(_module: &'static ThisModule) -> impl PinInit<Self, Error> {
//!         try_pin_init!(Self {
//!             _file <- proc_fs::File::new(
//!                 proc_fs::Options::new(c"mine", 0o444),
//!                 Visits(Atomic::new(0)),
//!             ),
//!         })
//!     }
//! }
//!
//! struct Visits(Atomic<u64>);
//!
//! #[vtable]
//! impl proc_fs::Show for Visits {
//!     fn show(&self, out: &SeqFile) -> Result {
//!         seq_print!(out, "You are reader {}.\n", self.0.fetch_add(1, Relaxed) + 1);
//!         Ok(())
//!     }
//! }
//! ```
//!
//! # Pitfalls
//!
//! Those of chapter 14 of the guide, and who sees them.
//!
//! **The standard library**: the compiler. A module has `core` and the `kernel` crate, and nothing
//! that needs a process around it.
//!
//! ```compile_fail,E0433
//! let passwords = std::fs::read("/etc/passwd");
//! ```
//!
//! **Interrupts left disabled**: whatever turns something off is a guard that turns it on again when
//! it goes out of scope, and cannot be handed to another CPU. A guard that is leaked on purpose
//! (`core::mem::forget` is safe) leaves it off: the kernel warns when `init` returns like that, and
//! lockdep when a system call does.
//!
//! **Sleeping where one must not**: partly the compiler. What a handler is called with, in
//! [`timer`], [`irq`], [`kprobe`] and [`i8042`], is `Sync` and can do nothing that sleeps; but a
//! function that allocates with `GFP_KERNEL`, or locks a `Mutex`, has the same type as one that does
//! not, so a handler that calls it compiles. A kernel with `CONFIG_DEBUG_ATOMIC_SLEEP` sees it when
//! it runs, even if that time it would not have slept. Waiting for a
//! condition under a lock is safe by its form: [`wait`] is given the lock, not a guard, and takes it
//! only to look.
//!
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! fn example(lock: &kernel::sync::SpinLock<u32>) {
//!     send(lock.lock()); // It is this CPU that does not preempt now.
//! }
//! ```
//!
//! **Leaving something registered**: nobody. Dropping a registration is what undoes it, and one that is
//! leaked on purpose, as by `core::mem::forget`, stays when the module goes, with its code gone. That
//! is so of the safe registrations of the `kernel` crate, too. While the module is there, what a leaked
//! one uses is there as well: handlers are `'static`.
//!
//! **Dropping a registration in its own callback**: lockdep, where it looks. To drop one is to wait
//! until its callback has returned, so a callback that drops it, as with the last `Arc` of what the
//! registration is part of, waits for itself: for ever. No type can tell.
//!
//! **The large carnivore**: `unsafe` is refused in samples, so what a module can reach is what a type
//! of the `kernel` crate or of this one lets it reach. There is no function here to patch what belongs
//! to others, such as the system call table.

mod bindings;
mod callback;
mod compat;

#[allow(unused_imports, reason = "only `#[vtable]` of 7.3 asks for it")]
use compat::LocalModule;

/// Who says what is logged here: the crate does not know which module it is in.
const __LOG_PREFIX: &[u8] = b"lkm\0";

pub mod chrdev;
pub mod cycles;
pub mod debugfs;
pub mod file;
pub mod firmware;
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
pub mod kthread;
mod lifetime;
pub mod message;
mod name;
pub mod netlink;
pub mod params;
pub mod percpu;
pub mod prelude;
pub mod proc_fs;
pub mod rcu;
pub mod relay;
pub mod ring;
pub mod sysfs;
pub mod timer;
#[cfg(CONFIG_TTY)]
pub mod tty;
pub mod wait;

pub use lifetime::this_module;
