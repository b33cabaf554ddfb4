// SPDX-License-Identifier: GPL-2.0-only

//! The devices that modules drive: what `gates.toml` beside a module says of them.

use crate::{
    kernel::{Kernel, module_dir, root},
    processor::Firmware,
};
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Path, PathBuf},
};

/// What is said of a module. The rest is for the tests, which refuse what nobody knows.
#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    devices: Vec<String>,
    #[serde(default)]
    lines: Vec<String>,
    #[serde(default)]
    qemu: Vec<String>,
    #[serde(default)]
    firmware: Vec<PathBuf>,
}

/// What a machine has for the modules of the build.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Devices {
    /// QEMU's arguments for what is there from the start: the slots, and what else is said.
    pub arguments: Vec<String>,
    /// What is in the slots, as for `-device`. QEMU cannot save all of these, so they are plugged into
    /// a guest that was saved.
    pub plugged: Vec<String>,
    /// The modules that drive these.
    pub drivers: Vec<String>,
    /// The names of lines, which are for a device's `chardev=`, with `-line` behind. The guest has the
    /// other ends.
    pub lines: Vec<String>,
    /// What is added to what the firmware says, in a form that the machine has.
    pub firmware: Vec<PathBuf>,
}

impl Devices {
    /// Those of all modules that were built.
    pub fn of(kernel: &Kernel) -> Result<Self> {
        let built = kernel.samples()?;
        let mut devices = Self::default();
        for folder in folders()? {
            let file = folder.join("gates.toml");
            let add = devices.add(&file, &built, kernel.processor.firmware);
            add.with_context(|| format!("{} is wrong", file.display()))?;
        }
        Ok(devices)
    }

    /// Adds what a file says of those that are built. Several modules may drive the same device.
    fn add(&mut self, file: &Path, built: &BTreeSet<String>, form: Firmware) -> Result<()> {
        use io::ErrorKind::{NotADirectory, NotFound};

        let text = match fs::read_to_string(file) {
            Err(error) if [NotFound, NotADirectory].contains(&error.kind()) => return Ok(()),
            text => text?,
        };
        let is_built = |module: &str| built.iter().any(|it| it.replace('-', "_") == module);
        let said: BTreeMap<String, Said> = toml::from_str(&text)?;
        let mut others: Vec<Vec<String>> = Vec::new();
        for (module, said) in said.into_iter().filter(|(module, _)| is_built(module)) {
            for device in &said.devices {
                self.plug(device)?;
            }
            if !said.devices.is_empty() {
                self.drivers.push(module);
            }
            for line in said.lines {
                ensure!(
                    is_line(&line),
                    "lines = [{line:?}]: a name begins with a letter, and has letters, digits, - and _"
                );
                if !self.lines.contains(&line) {
                    self.lines.push(line);
                }
            }
            if !others.contains(&said.qemu) {
                others.push(said.qemu);
            }
            for name in said.firmware {
                self.say(file.with_file_name(name), form)?;
            }
        }
        self.arguments.extend(others.into_iter().flatten());
        Ok(())
    }

    /// Adds to what the firmware says, if the file is of its form.
    fn say(&mut self, file: PathBuf, form: Firmware) -> Result<()> {
        let is = |form: Firmware| file.extension().is_some_and(|it| it == form.extension());
        ensure!(
            is(Firmware::Acpi) || is(Firmware::DeviceTree),
            "firmware = [\"{}\"]: it is a table of ACPI, .aml, or an overlay of a device tree, .dtbo",
            file.display()
        );
        ensure!(file.exists(), "there is no {}", file.display());
        if is(form) && !self.firmware.contains(&file) {
            self.firmware.push(file);
        }
        Ok(())
    }

    /// Adds a device, and a slot for it, which has the device's id with `-slot` behind.
    fn plug(&mut self, device: &str) -> Result<()> {
        let id = device.split(',').find_map(|it| it.strip_prefix("id="));
        let id = id.with_context(|| format!("the device {device:?} has no id="))?;
        let number = self.plugged.len() + 1;
        let (slot, bus) = match device.starts_with("usb-") {
            true => (format!("qemu-xhci,id={id}-slot"), format!("{id}-slot.0")),
            false => (
                format!("pcie-root-port,id={id}-slot,chassis={number}"),
                format!("{id}-slot"),
            ),
        };
        let plugged = format!("{device},bus={bus}");
        if self.plugged.contains(&plugged) {
            return Ok(());
        }
        self.plugged.push(plugged);
        self.arguments.extend(["-device".to_owned(), slot]);
        Ok(())
    }
}

/// Whether a line may have this name, which becomes QEMU's and a file's in the guest.
fn is_line(name: &str) -> bool {
    let may_be = |it: u8| it.is_ascii_alphanumeric() || b"-_".contains(&it);
    name.starts_with(|it: char| it.is_ascii_alphabetic()) && name.bytes().all(may_be)
}

/// The samples and the tests' modules that a `Kbuild` leaves out for a kernel, each with the line that does.
pub fn missing(kernel: &Kernel) -> Result<BTreeMap<String, String>> {
    let mut missing = BTreeMap::new();
    if module_dir().is_some() {
        return Ok(missing);
    }
    for folder in folders()?
        .into_iter()
        .chain([root()?.join("tests/modules")])
    {
        // A file that lies there is no chapter.
        let text = fs::read_to_string(folder.join("Kbuild")).unwrap_or_default();
        for line in text.lines().filter(|it| it.starts_with("obj-$")) {
            let names = line.split_whitespace();
            let names = names.filter_map(|it| it.strip_suffix(".o"));
            missing.extend(names.map(|it| (it.replace('-', "_"), line.to_owned())));
        }
    }
    for built in kernel.modules()? {
        let name = built.file_stem().unwrap_or_default().to_string_lossy();
        missing.remove(&name.replace('-', "_"));
    }
    Ok(missing)
}

/// Where there may be a `gates.toml`, in the order of the chapters.
pub fn folders() -> Result<Vec<PathBuf>> {
    if let Some(dir) = module_dir() {
        return Ok(vec![dir]);
    }
    let samples = root()?.join("samples");
    let entries = fs::read_dir(&samples).context("cannot list samples/")?;
    let mut folders = Vec::new();
    for entry in entries {
        folders.push(entry?.path());
    }
    folders.sort();
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said_in(folder: &Path, text: &str, form: Firmware) -> Result<Devices> {
        let file = folder.join("gates.toml");
        fs::write(&file, text).unwrap();
        let built = ["one", "a-part", "same"].map(str::to_owned).into();
        let mut devices = Devices::default();
        devices.add(&file, &built, form)?;
        Ok(devices)
    }

    #[test]
    fn a_module_that_is_built_has_its_device() {
        let text = "[one]\nlines = [\"l\"]\ndevices = [\"edu,id=a\"]\n\n\
                    [a_part]\ndevices = [\"usb-kbd,id=b\"]\nqemu = [\"-x\"]\n\n\
                    [same]\nlines = [\"l\"]\ndevices = [\"edu,id=a\"]\nqemu = [\"-x\"]\n\n\
                    [not_built]\ndevices = [\"c,id=c\"]\nqemu = [\"-y\"]\n";
        let folder = tempfile::tempdir().unwrap();
        let devices = said_in(folder.path(), text, Firmware::Acpi).unwrap();
        assert_eq!(
            devices.plugged,
            ["usb-kbd,id=b,bus=b-slot.0", "edu,id=a,bus=a-slot"]
        );
        let slots = [
            "-device",
            "qemu-xhci,id=b-slot",
            "-device",
            "pcie-root-port,id=a-slot,chassis=2",
            "-x",
        ];
        assert_eq!(devices.arguments, slots);
        assert_eq!(devices.drivers, ["a_part", "one", "same"]);
        assert_eq!(devices.lines, ["l"]);
    }

    #[test]
    fn each_machine_takes_the_firmware_of_its_own_form() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let text = "[one]\nfirmware = [\"x.aml\", \"x.dtbo\"]\n[same]\nfirmware = [\"x.aml\"]\n";
        let missing = said_in(folder, text, Firmware::Acpi).unwrap_err();
        assert!(format!("{missing:#}").contains("x.aml"), "{missing:#}");
        for form in [Firmware::Acpi, Firmware::DeviceTree] {
            fs::write(folder.join("x").with_extension(form.extension()), "").unwrap();
        }
        for form in [Firmware::Acpi, Firmware::DeviceTree] {
            let devices = said_in(folder, text, form).unwrap();
            let file = folder.join("x").with_extension(form.extension());
            assert_eq!(devices.firmware, [file]);
        }
        let source = said_in(
            folder,
            "[one]\nfirmware = [\"x.dtso\"]\n",
            Firmware::DeviceTree,
        );
        assert!(source.is_err());
    }

    #[test]
    fn nothing_is_said_where_there_is_no_file() {
        let mut devices = Devices::default();
        let nowhere = Path::new("/proc/version/gates.toml");
        let added = devices.add(nowhere, &BTreeSet::new(), Firmware::Acpi);
        added.unwrap();
        assert_eq!(devices, Devices::default());
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let lines = ["", "a,b", "a/b", "1", "a b", "ä"].map(|it| format!("lines = [\"{it}\"]"));
        for said in ["devices = 1", "devices = [\"edu\"]"]
            .map(str::to_owned)
            .into_iter()
            .chain(lines)
        {
            let text = format!("[one]\n{said}\n");
            let said = said_in(folder.path(), &text, Firmware::Acpi);
            assert!(said.is_err(), "{text}");
        }
    }
}
