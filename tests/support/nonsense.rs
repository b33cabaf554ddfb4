// SPDX-License-Identifier: GPL-2.0-only

//! What no caller means, at any node.

use lkm::{memory::BadMemory, raw};
use rustix::{
    fd::AsFd,
    fs::{SeekFrom, seek},
    io::{Errno, pread, pwrite},
};

/// Fails unless a file that is open for both, and has something to read, refuses memory that is none,
/// lengths that nothing has, and offsets beyond the edges.
#[track_caller]
pub fn refuses_nonsense(file: impl AsFd) {
    let file = file.as_fd();
    let memory = BadMemory::new();
    for length in [1, 10, 4097, isize::MAX as usize, usize::MAX] {
        for (what, address) in memory.unreadable() {
            let written = raw::write(file, address, length);
            assert_eq!(written, Err(Errno::FAULT), "write {length} from {what}");
        }
        for (what, address) in memory.unwritable() {
            let read = raw::read(file, address, length);
            assert_eq!(read, Err(Errno::FAULT), "read {length} into {what}");
        }
    }
    // A number with its upper bit set is negative. A file without a position takes no offset at all.
    let has_position = seek(file, SeekFrom::Current(0)) != Err(Errno::SPIPE);
    let valid: &[u64] = if has_position { &[] } else { &[0, 1] };
    for offset in [i64::MAX as u64, i64::MAX as u64 - 8, 1 << 63, u64::MAX]
        .iter()
        .chain(valid)
    {
        let refused = match has_position || *offset > i64::MAX as u64 {
            true => Err(Errno::INVAL),
            false => Err(Errno::SPIPE),
        };
        let read = pread(file, &mut [0; 10], *offset);
        assert_eq!(read, refused, "read at {offset:#x}");
        let written = pwrite(file, &[0; 10], *offset);
        // What is written to a `seq_file` has no position.
        let refused = [refused, Err(Errno::SPIPE)];
        assert!(
            refused.contains(&written),
            "write at {offset:#x}: {written:?}"
        );
    }
}
