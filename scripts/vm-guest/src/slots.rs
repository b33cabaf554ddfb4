// SPDX-License-Identifier: GPL-2.0-only

//! Devices that are plugged in while the guest runs.

use crate::{Control, tell};
use anyhow::{Context, Result, bail};
use lkmpg_guest::{FromGuest, IN_GUEST, devices::SOCKET, slot};
use std::{
    fs, io,
    os::unix::net::UnixListener,
    path::Path,
    sync::mpsc::Receiver,
    thread::{self, sleep},
    time::{Duration, Instant},
};

const SLOTS: &str = "/sys/bus/pci/slots";
const DEVICES: &str = "/sys/bus/pci/devices";
const USB_DEVICES: &str = "/sys/bus/usb/devices";
/// The kernel's own driver of serial ports on PCI, where it is built in.
const SERIAL_DRIVER: &str = "/sys/bus/pci/drivers/serial";
/// How long the kernel may take to find a device.
const LIMIT: Duration = Duration::from_secs(30);

/// Has the devices plugged in when the first one asks for them, and lets all wait for their arrival.
pub fn serve(control: Control, arrivals: Receiver<()>) -> Result<()> {
    let listener = UnixListener::bind(SOCKET).with_context(|| format!("cannot make {SOCKET}"))?;
    thread::spawn(move || {
        let mut askers = listener.incoming().flatten();
        let first = askers.next();
        tell(&control, &FromGuest::WantsDevices);
        // If they do not come, the guest is about to end.
        let _ = arrivals.recv();
        let _ = fs::write(IN_GUEST, "");
        drop(first);
        askers.for_each(drop);
    });
    Ok(())
}

/// Waits until the kernel has found what is in the slots, and as many devices on USB. What is in a slot is
/// for the modules: a driver that the kernel brings along lets go of it.
pub fn wait(usb: usize) -> Result<()> {
    let start = Instant::now();
    if slot::are_asked() {
        slot::find().context("cannot look for what is in the slots")?;
    }
    let wait = |missing: &dyn Fn() -> Result<Option<String>>| {
        while let Some(missing) = missing()? {
            if start.elapsed() > LIMIT {
                bail!("the kernel does not find {missing}");
            }
            sleep(Duration::from_millis(1));
        }
        Ok(())
    };
    wait(&|| missing(usb))?;
    if Path::new(SERIAL_DRIVER).exists() {
        for name in serial_ports().with_context(|| format!("cannot look into {DEVICES}"))? {
            let driver = Path::new(DEVICES).join(&name).join("driver");
            wait(&|| Ok((!driver.exists()).then(|| format!("its driver for {name}"))))?;
            fs::write(format!("{SERIAL_DRIVER}/unbind"), &name)
                .with_context(|| format!("cannot take {name} from {SERIAL_DRIVER}"))?;
        }
    }
    Ok(())
}

/// The serial ports that are in slots. Those on bus 0 are the machine's own.
fn serial_ports() -> io::Result<Vec<String>> {
    const CLASS: &str = "0x0700";
    let mut ports = Vec::new();
    for entry in fs::read_dir(DEVICES)? {
        let device = entry?;
        let name = device.file_name().to_string_lossy().into_owned();
        if !name.starts_with("0000:00:")
            && fs::read_to_string(device.path().join("class"))?.starts_with(CLASS)
        {
            ports.push(name);
        }
    }
    Ok(ports)
}

fn missing(usb: usize) -> Result<Option<String>> {
    if let Some(slot) = unseen().with_context(|| format!("cannot look into {SLOTS}"))? {
        return Ok(Some(format!("what is in the PCI slot {slot}")));
    }
    if usb == 0 {
        return Ok(None);
    }
    let seen = on_usb().with_context(|| format!("cannot look into {USB_DEVICES}"))?;
    Ok((seen < usb).then(|| format!("all of {usb} USB devices")))
}

/// How many devices there are on USB whose first interface drivers may bind to.
fn on_usb() -> io::Result<usize> {
    let mut seen = 0;
    for entry in fs::read_dir(USB_DEVICES)? {
        let name = entry?.file_name();
        let name = name.to_string_lossy();
        // 1-0 and its like are the buses' own.
        let of_device = |it: &str| it.split_once('-').is_some_and(|(_, port)| port != "0");
        seen += usize::from(name.strip_suffix(":1.0").is_some_and(of_device));
    }
    Ok(seen)
}

/// A slot with something in it that the kernel has not found yet.
fn unseen() -> io::Result<Option<String>> {
    for entry in fs::read_dir(SLOTS)? {
        let slot = entry?;
        let read = |name| fs::read_to_string(slot.path().join(name));
        let there = Path::new(DEVICES).join(format!("{}.0", read("address")?.trim()));
        // A slot that nobody can plug into while the kernel runs does not say.
        let is_full = read("adapter").is_ok_and(|it| it.trim() == "1");
        if is_full && !there.exists() {
            return Ok(Some(slot.file_name().to_string_lossy().into_owned()));
        }
    }
    Ok(None)
}
