// SPDX-License-Identifier: GPL-2.0-only

//! The slots of PCI Express, by the registers of the ports that lead there.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::FileExt as _,
    path::Path,
};

const DEVICES: &str = "/sys/bus/pci/devices";
/// What kind of device a port is.
const BRIDGE: &str = "0x0604";
/// Where a device says where its first capability is.
const CAPABILITIES: u64 = 0x34;
const EXPRESS: u8 = 0x10;
// In that capability.
const CONTROL: u64 = 0x18;
const STATUS: u64 = 0x1a;
/// Of the control register.
const POWER_OFF: u16 = 1 << 10;
/// Of the status register. What says what was new is cleared by writing it.
const BUTTON: u16 = 1;
const CHANGED: u16 = 1 << 3;
const FULL: u16 = 1 << 6;

/// Whether the kernel asks its slots, once a second, what is new (`pciehp_poll`). It does so 10 seconds
/// after its boot for the first time.
pub fn are_asked() -> bool {
    let asked = fs::read_to_string("/sys/module/pciehp/parameters/pciehp_poll_mode");
    asked.is_ok_and(|it| it == "Y\n")
}

/// Whether the kernel has yet to see that something was plugged in, or pulled out.
pub fn has_news() -> io::Result<bool> {
    let changed = |it: &Slot| Ok(it.read(STATUS)? & CHANGED != 0);
    Ok(Slot::all()?
        .iter()
        .map(changed)
        .collect::<io::Result<Vec<_>>>()?
        .contains(&true))
}

/// Has the kernel find what is in its slots. When it asks them, it takes these as seen to.
pub fn find() -> io::Result<()> {
    for slot in Slot::all()? {
        if slot.read(STATUS)? & FULL != 0 {
            slot.write(CONTROL, slot.read(CONTROL)? & !POWER_OFF)?;
            // The kernel's light would blink for ever, and QEMU pulls nothing out while it does.
            slot.write(STATUS, BUTTON)?;
        }
    }
    fs::write("/sys/bus/pci/rescan", "1")
}

/// A slot.
struct Slot {
    /// The configuration space of its port.
    config: File,
    /// Where the capability is.
    express: u64,
}

impl Slot {
    fn all() -> io::Result<Vec<Self>> {
        let mut slots = Vec::new();
        for entry in fs::read_dir(DEVICES)? {
            let device = entry?.path();
            if fs::read_to_string(device.join("class"))?.starts_with(BRIDGE) {
                slots.extend(Self::of(&device)?);
            }
        }
        Ok(slots)
    }

    fn of(port: &Path) -> io::Result<Option<Self>> {
        let config = File::options()
            .read(true)
            .write(true)
            .open(port.join("config"))?;
        let mut capability = [0; 2];
        config.read_exact_at(&mut capability[1..], CAPABILITIES)?;
        while capability[1] != 0 {
            let at = capability[1].into();
            config.read_exact_at(&mut capability, at)?;
            if capability[0] == EXPRESS {
                return Ok(Some(Self {
                    config,
                    express: at,
                }));
            }
        }
        Ok(None)
    }

    fn read(&self, register: u64) -> io::Result<u16> {
        let mut value = [0; 2];
        self.config
            .read_exact_at(&mut value, self.express + register)?;
        Ok(u16::from_le_bytes(value))
    }

    fn write(&self, register: u64, value: u16) -> io::Result<()> {
        let at = self.express + register;
        self.config.write_all_at(&value.to_le_bytes(), at)
    }
}
