// SPDX-License-Identifier: GPL-2.0-only

//! The kernel log, from a moment on.

use rustix::{
    fs::{Mode, OFlags, SeekFrom, open, seek},
    io::Errno,
};
use std::os::fd::OwnedFd;

/// The messages that the kernel logs from now on.
#[derive(Debug)]
pub struct KernelLog {
    kmsg: OwnedFd,
}

impl KernelLog {
    /// Remembers where the log ends now.
    pub fn now() -> Self {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let kmsg = open("/dev/kmsg", flags, Mode::empty()).expect("/dev/kmsg");
        seek(&kmsg, SeekFrom::End(0)).expect("seek");
        Self { kmsg }
    }

    /// Returns what was logged since the last call, a message a line, without its time.
    pub fn lines(&self) -> Vec<String> {
        self.messages().into_iter().map(|it| it.1).collect()
    }

    /// Returns the same, with the level of each, from 0 (emergency) to 7 (debug).
    pub fn messages(&self) -> Vec<(u32, String)> {
        let mut messages = Vec::new();
        let mut record = [0; 8192];
        loop {
            match rustix::io::read(&self.kmsg, &mut record) {
                Ok(length) => messages.extend(message(&record[..length])),
                Err(Errno::AGAIN) => return messages,
                // Older messages were overwritten; go on with the oldest that is left.
                Err(Errno::PIPE) => panic!("the log was overwritten before it was read"),
                Err(errno) => panic!("cannot read /dev/kmsg: {errno}"),
            }
        }
    }

    /// Returns those of [`lines`](Self::lines) that begin with `prefix`.
    pub fn lines_with(&self, prefix: &str) -> Vec<String> {
        self.lines()
            .into_iter()
            .filter(|line| line.starts_with(prefix))
            .collect()
    }

    /// Waits until a line that contains `text` is logged; returns it.
    pub fn wait_for(&self, text: &str) -> String {
        let mut seen = Vec::new();
        crate::wait_until(&format!("{text:?} in the log"), || {
            seen.extend(self.lines());
            seen.iter().any(|line| line.contains(text))
        });
        seen.into_iter()
            .find(|line| line.contains(text))
            .expect("it is there")
    }
}

/// The level and the text of a record of /dev/kmsg: `priority,sequence,time,flags;text\n KEY=value\n…`.
fn message(record: &[u8]) -> Option<(u32, String)> {
    let record = String::from_utf8_lossy(record);
    let (facts, text) = record.split_once(';')?;
    let priority = facts.split(',').next()?.parse::<u32>().ok()?;
    let (facility, level) = (priority >> 3, priority & 7);
    let text = text.lines().next().unwrap_or_default();
    // What user space writes to the log is not the kernel's.
    (facility == 0).then(|| (level, unescape(text)))
}

/// Undoes /dev/kmsg's `\x5c` for what is not printable, and for the backslash itself.
fn unescape(text: &str) -> String {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let byte = part.get(..2).and_then(|it| u8::from_str_radix(it, 16).ok());
        bytes.push(byte.expect("two digits"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
