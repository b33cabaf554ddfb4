// SPDX-License-Identifier: GPL-2.0-only

//! Files that keep a message: procfs_2, ioctl and sleep.

use std::{
    fs::File,
    io::{Read as _, Write as _},
};

/// Writes messages to a file that is open for both, and expects each to be read from its start, as
/// `shown` says.
pub fn are_read_from_their_start(file: &mut File, shown: impl Fn(&str) -> String) {
    for message in ["a long message", "short"] {
        file.write_all(message.as_bytes()).expect("write");
        let mut seen = String::new();
        file.read_to_string(&mut seen).expect("read");
        assert_eq!(seen, shown(message));
    }
}
