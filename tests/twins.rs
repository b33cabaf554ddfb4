// SPDX-License-Identifier: GPL-2.0-only

//! The twins in C do what the samples do: they pass the same tests.

mod chan_debugfs;
mod chan_firmware;
mod chan_netlink;
mod chan_relay;
mod chan_sysfs;
mod chardev;
mod hello;
mod ioctl;
mod procfs_1;
mod procfs_2;
mod procfs_4;
mod sched;
mod scull;
mod scull_pipe;
mod slab;
mod sleep;
mod smp;
mod static_key;
mod syscall_spy;
mod xktty;
