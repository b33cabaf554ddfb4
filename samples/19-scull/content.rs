// SPDX-License-Identifier: GPL-2.0-only

//! What a device of scull has in it: quanta in sets, and the sets in a tree.
//!
//! ```text
//! RBTree        set 0 ------------ set 7 ...
//! KVVec           |- quantum 0       |- (never written)
//!                 |- quantum 1       |- quantum 1
//! ```
//!
//! The memory comes in pieces, quanta, since a large piece in a row is hard to get. `qset` quanta are a
//! set. The sets are in a tree, so that what was never written costs nothing.
//!
//! C frees each quantum, each set and the tree, in loops, wherever something goes wrong. Here the tree
//! owns the sets and they own the quanta. To empty a device is to put an empty tree there.

use crate::{
    bytes::copy,
    limit,
    qset,
    quantum, //
};
use kernel::rbtree::RBTree;
use lkm::prelude::*;

/// What was written to a device.
pub(crate) struct Content {
    sets: RBTree<Offset, Set>,
    size: Offset,
}

/// What the bytes of a quantum count at least.
const LEAST: u32 = 64;

/// Where a device ends.
///
/// The memory for a quantum is more than its bytes: there is its place in a set, and perhaps a set. So small
/// quanta count as if they were larger. Else the limit would hold for the bytes, and the memory be a hundred times
/// as much.
fn end() -> Offset {
    let bytes = quantum.value();
    Offset::from(limit.value()) * Offset::from(bytes) / Offset::from(bytes.max(LEAST))
}

/// Quanta. Those that were never written are not there.
type Set = KVVec<Option<KVVec<u8>>>;

/// Where a position is: in which set, which quantum of it, and where in there.
struct Place {
    set: Offset,
    quantum: usize,
    offset: usize,
}

impl Place {
    fn of(pos: Offset) -> Self {
        let (bytes, quanta) = (Offset::from(quantum.value()), Offset::from(qset.value()));
        Place {
            set: pos / bytes / quanta,
            quantum: (pos / bytes % quanta) as usize,
            offset: (pos % bytes) as usize,
        }
    }
}

impl Content {
    pub(crate) fn new() -> Self {
        Content {
            sets: RBTree::new(),
            size: 0,
        }
    }

    /// Returns where the last byte that was written ends.
    pub(crate) fn size(&self) -> Offset {
        self.size
    }

    /// Fills the room, which is zeros, with what there is from `pos` on. Returns how much that is.
    pub(crate) fn read(&self, pos: Offset, room: &mut [u8]) -> usize {
        let length = room.len().min((self.size - pos).max(0) as usize);
        let mut done = 0;
        while done < length {
            let place = Place::of(pos + done as Offset);
            let quanta = self.sets.get(&place.set);
            let written =
                quanta.and_then(|it| it.get(place.quantum)?.as_ref()?.get(place.offset..));
            let room = room.get_mut(done..length).unwrap_or_default();
            copy(room, written.unwrap_or_default());
            done += quantum.value() as usize - place.offset;
        }
        length
    }

    // ANCHOR: write
    /// Writes at `pos`, and moves it. Returns how much was written: less if there is no room for more.
    pub(crate) fn write(&mut self, pos: &mut Offset, bytes: &[u8]) -> Result<usize> {
        let mut done = 0;
        while done < bytes.len() {
            match self.write_some(*pos, bytes.get(done..).unwrap_or_default()) {
                Ok(written) => {
                    *pos += written as Offset;
                    done += written;
                    self.size = self.size.max(*pos);
                }
                // What was written before counts. The next call gets the error.
                Err(_) if done > 0 => break,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
    // ANCHOR_END: write

    /// Writes to one quantum, which is made if it is not there.
    fn write_some(&mut self, pos: Offset, new: &[u8]) -> Result<usize> {
        let left = (end() - pos).max(0) as usize;
        if left == 0 {
            return Err(ENOSPC);
        }
        let place = Place::of(pos);
        if self.sets.get(&place.set).is_none() {
            self.sets
                .try_create_and_insert(place.set, Set::new(), GFP_KERNEL)?;
        }
        let quanta = self.sets.get_mut(&place.set).ok_or(ENOMEM)?;
        while quanta.len() <= place.quantum {
            quanta.push(None, GFP_KERNEL)?;
        }
        let slot = quanta.get_mut(place.quantum).ok_or(ENOMEM)?;
        let bytes = match slot {
            Some(bytes) => bytes,
            None => slot.insert(KVVec::from_elem(0, quantum.value() as usize, GFP_KERNEL)?),
        };
        let new = new.get(..left).unwrap_or(new);
        let room = bytes.get_mut(place.offset..).unwrap_or_default();
        Ok(copy(room, new))
    }
}
