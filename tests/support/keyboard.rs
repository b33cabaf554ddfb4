// SPDX-License-Identifier: GPL-2.0-only

//! The host's hands on the guest's PS/2 keyboard.

use super::Host;
use lkmpg_guest::{Key, Request};
use std::fs;

/// How many changes the keyboard keeps while nobody fetches them is 16, two
/// bytes each at most.
const AT_ONCE: usize = 8;

/// The keyboard of the guest, for one test at a time.
#[derive(Debug)]
pub struct Keyboard {
    host: Host,
}

impl Keyboard {
    /// Takes the keyboard.
    pub fn new() -> Self {
        Self { host: Host::new() }
    }

    /// Presses and releases keys, one after the other, named as QEMU does
    /// (`QKeyCode`: `a`, `ret`, `shift`). All of them have reached the kernel on
    /// return.
    pub fn tap(&mut self, codes: &[&str]) {
        let both = |code: &&str| [(*code).to_owned(), (*code).to_owned()];
        let changes = codes
            .iter()
            .flat_map(both)
            .zip([true, false].into_iter().cycle());
        self.change(changes.map(|(code, down)| Key { code, down }).collect());
    }

    /// Presses a key, and keeps it pressed.
    pub fn press(&mut self, code: &str) {
        self.change(vec![Key {
            code: code.to_owned(),
            down: true,
        }]);
    }

    /// Releases a key.
    pub fn release(&mut self, code: &str) {
        self.change(vec![Key {
            code: code.to_owned(),
            down: false,
        }]);
    }

    fn change(&mut self, keys: Vec<Key>) {
        for keys in keys.chunks(AT_ONCE) {
            let wanted = interrupts() + keys.len() as u64;
            self.host.ask(&Request::Keys(keys.to_vec()));
            super::wait_until("the keyboard's interrupts", || interrupts() >= wanted);
        }
    }
}

impl Default for Keyboard {
    fn default() -> Self {
        Self::new()
    }
}

/// How often the keyboard has interrupted, on all CPUs.
fn interrupts() -> u64 {
    let table = fs::read_to_string("/proc/interrupts").expect("/proc/interrupts");
    let line = table.lines().find_map(|it| it.trim().strip_prefix("1:"));
    let counts = line.unwrap_or_default().split_whitespace();
    counts.map_while(|it| it.parse::<u64>().ok()).sum()
}
