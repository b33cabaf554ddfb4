// SPDX-License-Identifier: GPL-2.0-only

//! What `ioctl.ko` and its client agree on: this file is part of both.

use lkm::ioctl::{
    Command,
    ReadBytes,
    ReadString,
    Value,
    WriteBytes,
    WriteString, //
};

/// The device's major number, which is also the type of its ioctls.
pub(crate) const MAJOR: u8 = 100;

/// The longest message, in bytes.
pub(crate) const BUF_LEN: usize = 80;

// ANCHOR: numbers
/// Sets the message: the argument is a C string, of which the first [`BUF_LEN`] bytes are taken.
pub(crate) const SET_MSG: Command<WriteString> = Command::write_string(MAJOR, 0);

/// Gets the message as a C string, for which the caller needs [`BUF_LEN`]` + 1` bytes.
///
/// The kernel is not told how many there are: what cannot happen with [`GET_MSG_BUF`].
pub(crate) const GET_MSG: Command<ReadString<{ BUF_LEN + 1 }>> = Command::read_string(MAJOR, 1);

/// Returns byte `n` of the message; 0 for the one after the last, `EINVAL` behind that.
pub(crate) const GET_NTH_BYTE: Command<Value> = Command::value(MAJOR, 2);

/// Gets the message: fills the buffer as far as it reaches, without a terminating zero, and sets
/// its length to that of the whole message.
pub(crate) const GET_MSG_BUF: Command<ReadBytes> = Command::read_bytes(MAJOR, 3);

/// Sets the message to what is in the buffer; `EINVAL` if that is longer than [`BUF_LEN`].
pub(crate) const SET_MSG_BUF: Command<WriteBytes> = Command::write_bytes(MAJOR, 4);
// ANCHOR_END: numbers
