// SPDX-License-Identifier: GPL-2.0-only

//! The far ends of the guest's serial ports.

use crate::ready;
use lkmpg_guest::Port;
use rustix::event::PollFlags;
use std::{
    fs::File,
    io::{Read, Write},
    time::{Duration, Instant},
};

/// How long the line may be silent before nothing more is expected.
const SILENCE: Duration = Duration::from_secs(20);

/// What is connected to a serial port at its other end, for one test at a time.
#[derive(Debug)]
pub struct FarEnd {
    port: File,
}

impl FarEnd {
    /// Goes to the far end of `/dev/ttyS1`. What arrived there before is thrown away.
    pub fn new() -> Self {
        Self::at(&Port::Serial.device())
    }

    /// Goes to the far end of a line that a `gates.toml` says (`docs/reliability.md`). Nothing gets lost on it:
    /// who sends more than the line holds waits until it was read here.
    pub fn of(line: &str) -> Self {
        Self::at(&format!("/dev/virtio-ports/{line}"))
    }

    fn at(path: &str) -> Self {
        let mut far_end = Self {
            port: super::open_port(path),
        };
        far_end.read_for(Duration::from_millis(50), usize::MAX);
        far_end
    }

    /// The same end once more: for one who sends while another reads.
    pub fn another(&self) -> Self {
        Self {
            port: self.port.try_clone().expect("a file descriptor"),
        }
    }

    /// Sends bytes to the guest's end.
    pub fn write(&mut self, bytes: &[u8]) {
        self.port.write_all(bytes).expect("the line takes bytes");
    }

    /// Reads exactly `length` bytes that were sent from the guest's end.
    pub fn read(&mut self, length: usize) -> Vec<u8> {
        let bytes = self.read_for(SILENCE, length);
        assert_eq!(
            bytes.len(),
            length,
            "the line fell silent after {:?}",
            String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(80)..])
        );
        bytes
    }

    /// Reads until nothing came for a while, or there are `most` bytes.
    pub fn read_for(&mut self, silence: Duration, most: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        let mut last = Instant::now();
        while bytes.len() < most {
            let left = silence.saturating_sub(last.elapsed());
            if ready(&self.port, PollFlags::IN, Some(left)).is_empty() {
                break;
            }
            let room = buffer.len().min(most - bytes.len());
            let length = self
                .port
                .read(&mut buffer[..room])
                .expect("the line is read");
            bytes.extend(&buffer[..length]);
            last = Instant::now();
        }
        bytes
    }
}

impl Default for FarEnd {
    fn default() -> Self {
        Self::new()
    }
}
