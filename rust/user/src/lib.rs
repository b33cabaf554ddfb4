// SPDX-License-Identifier: GPL-2.0-only

//! What the clients and the tests cannot do without `unsafe`, as safe functions.

#[path = "../../cycles.rs"]
pub mod cycles;
pub mod ioctl;
pub mod memory;
pub mod raw;
