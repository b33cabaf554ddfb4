// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's log, from its first byte.

use crate::splat;
use std::collections::VecDeque;

/// Lines that are kept for the report of a run without a splat.
const TAIL: usize = 40;
/// Lines that are kept of a splat: the report itself, and what came of it.
const SPLAT: usize = 300;
/// Lines that are shown before a splat.
const CONTEXT: usize = 5;
/// A line that never ends is cut into lines of this length.
const LONGEST_LINE: usize = 64 << 10;

/// Cuts the log into lines, and watches for splats.
#[derive(Debug, Default)]
pub struct Console {
    unfinished: Vec<u8>,
    tail: VecDeque<String>,
    splat: Option<Vec<String>>,
    panicked: bool,
    halted: bool,
    ended: bool,
    tsc_khz: Option<u32>,
}

impl Console {
    /// Takes the next bytes; returns the lines that they finish.
    pub fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        self.unfinished.extend_from_slice(bytes);
        let mut lines = Vec::new();
        while let Some(end) = self.end_of_line() {
            let rest = self.unfinished.split_off(end);
            let line = std::mem::replace(&mut self.unfinished, rest);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\r', '\n']);
            self.take_line(line);
            lines.push(line.to_owned());
        }
        lines
    }

    /// Takes what came without an end of line.
    pub fn finish(&mut self) -> Vec<String> {
        if self.unfinished.is_empty() {
            Vec::new()
        } else {
            self.take(b"\n")
        }
    }

    fn end_of_line(&self) -> Option<usize> {
        let end = self
            .unfinished
            .iter()
            .position(|&it| it == b'\n')
            .map(|it| it + 1);
        end.or((self.unfinished.len() > LONGEST_LINE).then_some(LONGEST_LINE))
    }

    fn take_line(&mut self, line: &str) {
        self.panicked |= splat::is_panic(line);
        self.halted |= splat::is_end_of_panic(line);
        self.tsc_khz = tsc_khz(splat::message(line)).or(self.tsc_khz);
        self.ended |= splat::message(line) == lkmpg_guest::END_OF_LOG;
        if self.splat.is_none() && splat::is_splat(line) {
            let context = self.tail.len().saturating_sub(CONTEXT);
            self.splat = Some(self.tail.iter().skip(context).cloned().collect());
        }
        match &mut self.splat {
            Some(splat) if splat.len() < SPLAT => splat.push(line.to_owned()),
            _ => {}
        }
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }

    /// The first splat with what surrounds it.
    pub fn splat(&self) -> Option<&[String]> {
        self.splat.as_deref()
    }

    /// What was said so far does not belong to the command that begins.
    pub fn begin(&mut self) {
        self.tail.clear();
        self.ended = false;
    }

    /// The last lines.
    pub fn tail(&self) -> impl Iterator<Item = &String> {
        self.tail.iter()
    }

    /// Whether the kernel has panicked.
    pub fn panicked(&self) -> bool {
        self.panicked
    }

    /// Whether the kernel has said all about it, too.
    pub fn halted(&self) -> bool {
        self.halted
    }

    /// The frequency of the time-stamp counter, if the kernel has measured it.
    pub fn tsc_khz(&self) -> Option<u32> {
        self.tsc_khz
    }

    /// Whether the command has said all that it had to say.
    pub fn ended(&self) -> bool {
        self.ended
    }
}

/// `tsc: Refined TSC clocksource calibration: 2596.105 MHz`
fn tsc_khz(message: &str) -> Option<u32> {
    let mhz = message.strip_prefix("tsc: Refined TSC clocksource calibration: ")?;
    let (mhz, khz) = mhz.strip_suffix(" MHz")?.split_once('.')?;
    format!("{mhz}{khz}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_splat_is_seen_however_its_bytes_arrive() {
        let log = b"[    1.000000] before\r\n[    1.000001] BUG: kernel NULL pointer dereference\r\n[    1.000002] after\r\n";
        for size in 1..log.len() {
            let mut console = Console::default();
            let lines: Vec<_> = log.chunks(size).flat_map(|it| console.take(it)).collect();
            assert_eq!(lines.len(), 3, "in pieces of {size}");
            assert_eq!(console.splat().unwrap(), lines, "in pieces of {size}");
        }
    }

    #[test]
    fn a_last_line_without_an_end_counts() {
        let mut console = Console::default();
        assert!(
            console
                .take(b"[    1.000000] Kernel panic - not syncing: x")
                .is_empty()
        );
        assert!(!console.panicked());
        assert_eq!(console.finish().len(), 1);
        assert!(console.panicked() && console.splat().is_some());
        assert!(console.finish().is_empty());
    }

    #[test]
    fn memory_stays_bounded() {
        let mut console = Console::default();
        console.take(b"[    1.000000] WARNING: first\n");
        for _ in 0..10_000 {
            console.take(b"[    1.000000] more\n");
        }
        console.take(&vec![b'x'; 1 << 20]);
        assert_eq!(console.tail().count(), TAIL);
        assert_eq!(console.splat().unwrap().len(), SPLAT);
        assert!(console.unfinished.len() <= LONGEST_LINE);
    }

    #[test]
    fn the_end_is_the_end_of_the_log_only() {
        let mut console = Console::default();
        console.take(b"[    1.000000] a: lkmpg: end of the run\n");
        assert!(!console.ended());
        console.take(b"[    1.000000] lkmpg: end of the run\n");
        assert!(console.ended());
    }

    #[test]
    fn the_counters_frequency_is_taken_where_it_is_exact() {
        let mut console = Console::default();
        console.take(b"[    0.016000] tsc: Detected 2592.476 MHz processor\n");
        assert_eq!(console.tsc_khz(), None);
        console.take(
            b"[    1.5] x\n[    1.500000] tsc: Refined TSC clocksource calibration: 2596.105 MHz\n",
        );
        assert_eq!(console.tsc_khz(), Some(2_596_105));
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        assert_eq!(Console::default().take(b"\xff\xfe\n"), ["\u{fffd}\u{fffd}"]);
    }
}
