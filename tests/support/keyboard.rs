// SPDX-License-Identifier: GPL-2.0-only

//! The host's hands on the guest's keyboard.

use super::Host;
use lkmpg_guest::{Key, Request};
use std::fs;

/// How many changes a PC's keyboard keeps while nobody fetches them is 16, two
/// bytes each at most. A virtio device's interrupt may tell of several.
const AT_ONCE: usize = if cfg!(target_arch = "x86_64") { 8 } else { 1 };

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
    // Its message, or a line that it may share.
    let names = virtio_device().map(|it| [format!("{it}-virtqueues"), it]);
    let line = table.lines().find(|it| match &names {
        Some(names) => it
            .rsplit([' ', ','])
            .any(|it| names.iter().any(|name| it == name)),
        None => it.trim_start().starts_with("1:"),
    });
    let counts = line.unwrap_or_default().split_whitespace().skip(1);
    counts.map_while(|it| it.parse::<u64>().ok()).sum()
}

/// The keyboard, if it is a virtio device.
fn virtio_device() -> Option<String> {
    let devices = fs::read_to_string("/proc/bus/input/devices").expect("the input devices");
    let (_, rest) = devices.split_once("Phys=virtio")?;
    Some(format!("virtio{}", rest.split_once('/')?.0))
}
