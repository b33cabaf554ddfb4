// SPDX-License-Identifier: GPL-2.0-only

//! What `edu.ko` and its client agree on: this file is part of both.

use lkm::ioctl::{
    Command,
    Read,
    ReadWrite, //
};

/// Gets what the device says it is: 0xed in the lowest eight bits, its version in the upper 16.
pub(crate) const IDENTIFY: Command<Read<u32>> = Command::ior(b'e', 0);

/// Has the device turn each bit of a number around: it is alive.
pub(crate) const INVERT: Command<ReadWrite<u32>> = Command::iowr(b'e', 1);

/// Has the device compute a factorial, which takes some time. `ERANGE` beyond 12, whose factorial is
/// the largest that 32 bits can hold.
pub(crate) const FACTORIAL: Command<ReadWrite<u32>> = Command::iowr(b'e', 2);
