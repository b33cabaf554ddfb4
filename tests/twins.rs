// SPDX-License-Identifier: GPL-2.0-only

//! The twins in C do what the samples do: they pass the same tests.

mod chardev;
mod ioctl;
mod procfs_1;
mod procfs_2;
