// SPDX-License-Identifier: GPL-2.0-only

//! What the module `chan_netlink` and its client agree on: this file is part of both.

/// The protocol number of the classic socket.
pub(crate) const PROTOCOL: u8 = 31;
/// The name of the generic netlink family.
pub(crate) const FAMILY: &str = "chan_netlink";
/// The name of the family's group. On the classic socket it is number 1.
pub(crate) const GROUP: &str = "events";

/// A request, and its answer: what comes, goes back. A message type, and a command.
pub(crate) const ECHO: u8 = 16;
/// A request to publish something, for the privileged.
pub(crate) const PUBLISH: u8 = 17;
/// What the group gets.
pub(crate) const EVENT: u8 = 18;

/// Text, of up to 4096 bytes.
pub(crate) const TEXT: u16 = 1;
/// Numbers, and further lists.
pub(crate) const LIST: u16 = 2;
/// A number of 32 bits, in a list.
pub(crate) const NUMBER: u16 = 3;
/// The sum of all numbers, of 64 bits, in an answer.
pub(crate) const SUM: u16 = 4;
/// How many requests were served, of 64 bits, in an answer and in an event.
pub(crate) const SERVED: u16 = 5;
