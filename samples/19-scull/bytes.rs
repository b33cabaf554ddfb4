// SPDX-License-Identifier: GPL-2.0-only

//! Bytes, from one buffer to another.

/// Copies as many bytes as both have, and returns how many.
///
/// This is one `memcpy`. A loop that takes a byte from here and puts it there is a loop in the module,
/// too, and takes ten times as long.
pub(crate) fn copy(to: &mut [u8], from: &[u8]) -> usize {
    let length = to.len().min(from.len());
    if let (Some(to), Some(from)) = (to.get_mut(..length), from.get(..length)) {
        to.copy_from_slice(from);
    }
    length
}
