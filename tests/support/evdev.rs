// SPDX-License-Identifier: GPL-2.0-only

//! A keyboard as user space sees it.

use lkm::{memory::Mapping, raw};
use rustix::{
    fs::{MemfdFlags, Mode, OFlags, ftruncate, memfd_create, open},
    io::Errno,
};
use std::{
    fs,
    os::fd::{AsFd as _, OwnedFd},
    path::{Path, PathBuf},
};

/// `struct input_event` on 64-bit machines: time, type, code, value.
const EVENT: usize = 24;
const EV_SYN: u16 = 0;
const EV_KEY: u16 = 1;
const EV_LED: u16 = 17;
const SYN_DROPPED: u16 = 3;
/// Tells which lights are on, in a byte: `_IOR('E', 0x19, char)`.
const EVIOCGLED: u32 = 0x8001_4519;
/// The value of a key that is still down.
const REPEATED: i32 = 2;

/// A keyboard, at its evdev node.
#[derive(Debug)]
pub struct Evdev {
    path: PathBuf,
    node: OwnedFd,
}

impl Evdev {
    /// Opens the node of the guest's keyboard.
    pub fn keyboard() -> Self {
        Self::called(match () {
            () if cfg!(target_arch = "x86_64") => "AT Translated Set 2 keyboard",
            () => "QEMU Virtio Keyboard",
        })
    }

    /// Opens the node of the input device that has this name. The kernel may still be about to find it.
    pub fn called(device: &str) -> Self {
        let flags = OFlags::RDONLY | OFlags::NONBLOCK;
        let mut found = None;
        crate::wait_until(device, || {
            let path = name(device).map(|it| Path::new("/dev/input").join(it));
            found = path.and_then(|path| {
                let node = open(&path, flags, Mode::empty()).ok()?;
                Some(Self { path, node })
            });
            found.is_some()
        });
        found.expect("it was opened")
    }

    /// Where the node is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Waits until `count` keys have changed since the last call, and returns them, and whether each
    /// is down. A node keeps 64 events for a slow reader, and a key takes three: no more than 20 at once.
    pub fn wait_for_keys(&self, count: usize) -> Vec<(u16, bool)> {
        self.wait_for(EV_KEY, count)
    }

    /// Waits until `count` lights have changed since the last call, and returns them, and whether each is
    /// on. The keys are numbered from 0: Num Lock, Caps Lock, Scroll Lock.
    pub fn wait_for_lights(&self, count: usize) -> Vec<(u16, bool)> {
        self.wait_for(EV_LED, count)
    }

    /// Returns the lights that are on. What changed before is not waited for any more.
    ///
    /// A kernel that has its lights in `/sys/class/leds`, too, does not end the report of a change
    /// (`input-leds`), so that who waits for one gets it with the next.
    pub fn lights(&self) -> Vec<u16> {
        let memory = memfd_create("lights", MemfdFlags::CLOEXEC).expect("memory");
        ftruncate(&memory, 1).expect("a byte");
        let memory = Mapping::writable(&memory, 1).expect("a mapping");
        raw::ioctl(self.node.as_fd(), EVIOCGLED, memory.address(0)).expect("the lights");
        let mut on = [0];
        memory.read(0, &mut on);
        (0..8).filter(|light| on[0] & 1 << light != 0).collect()
    }

    fn wait_for(&self, kind: u16, count: usize) -> Vec<(u16, bool)> {
        let mut changes = Vec::new();
        crate::wait_until("the keyboard's driver", || {
            changes.extend(self.changes(kind));
            changes.len() >= count
        });
        changes
    }

    /// Returns the keys that have changed since the last call, and how the reading ended.
    pub fn keys_until_the_end(&self) -> (Vec<(u16, bool)>, Errno) {
        let mut changes = Vec::new();
        let end = self.read(EV_KEY, &mut changes);
        (changes, end)
    }

    /// Returns what changed of a kind since the last call, and whether each is down, or on.
    fn changes(&self, kind: u16) -> Vec<(u16, bool)> {
        let mut changes = Vec::new();
        match self.read(kind, &mut changes) {
            Errno::AGAIN => changes,
            errno => panic!("cannot read the keyboard's events: {errno}"),
        }
    }

    /// Reads what there is, and returns the error at the end.
    fn read(&self, kind: u16, changes: &mut Vec<(u16, bool)>) -> Errno {
        let mut events = [0; 64 * EVENT];
        loop {
            let length = match rustix::io::read(&self.node, &mut events) {
                Ok(length) => length,
                Err(errno) => return errno,
            };
            for event in events[..length].chunks_exact(EVENT) {
                let half = |at: usize| u16::from_ne_bytes([event[at], event[at + 1]]);
                let (found, code, value) = (half(16), half(18), i32::from(half(20)));
                assert!((found, code) != (EV_SYN, SYN_DROPPED), "evdev lost events");
                if found == kind && value != REPEATED {
                    changes.push((code, value != 0));
                }
            }
        }
    }
}

/// The name of a device's node.
fn name(device: &str) -> Option<String> {
    let devices = fs::read_to_string("/proc/bus/input/devices").expect("the input devices");
    let wanted = format!("Name=\"{device}\"");
    let keyboard = devices.split("\n\n").find(|it| it.contains(&wanted))?;
    let mut words = keyboard.split_whitespace();
    words.find(|it| it.starts_with("event")).map(String::from)
}
