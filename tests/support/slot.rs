// SPDX-License-Identifier: GPL-2.0-only

//! The host's hands on the slots of the guest.

use super::{Host, await_devices, wait_until};
use lkmpg_guest::{Request, slot};

/// A slot of the guest into which a device can be plugged, for one test at a time.
///
/// The slot itself, and a device that is there from the start, are QEMU's arguments, which a module's
/// `gates.toml` says (`docs/reliability.md`). A test leaves it as it was.
#[derive(Debug)]
pub struct Slot {
    host: Host,
}

impl Slot {
    /// Takes the way to the host, as soon as all devices are there.
    pub fn new() -> Self {
        await_devices();
        Self { host: Host::new() }
    }

    /// Plugs a device in, described as for QEMU's `-device`: `edu,id=edu,bus=edu-slot`. The guest may find it
    /// a moment later.
    pub fn plug(&mut self, device: &str) {
        self.host.ask(&Request::Plug(device.to_owned()));
    }

    /// Asks the guest to let go of the device with this id, waits until it has, and pulls it out. Nobody is asked
    /// about a USB device: the guest hears of it afterwards.
    pub fn unplug(&mut self, id: &str) {
        if slot::are_asked() {
            // It takes the question for one to let the device in, if it has not seen it come.
            wait_until("the kernel's look into its slots", || {
                !slot::has_news().expect("what is new in the slots")
            });
        }
        self.host.ask(&Request::Unplug(id.to_owned()));
    }
}

impl Default for Slot {
    fn default() -> Self {
        Self::new()
    }
}
