// SPDX-License-Identifier: GPL-2.0-only

//! Devices on the PCI bus, what can be taken from them, and drivers that lose them.

use super::{await_devices, errno_of, open_node, wait_until};
use rustix::{fs::OFlags, io::Errno};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    sync::mpsc::{self, TryRecvError},
    thread,
};

/// Where the command register is in a device's configuration space.
const COMMAND: u64 = 4;

/// A kind of device, of which the guest has at most one in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciDevice {
    vendor: u16,
    device: u16,
}

impl PciDevice {
    /// The command register's bit for answering at I/O ports.
    pub const PORTS: u16 = 1;
    /// The one for answering in memory.
    pub const MEMORY: u16 = 1 << 1;
    /// The one for reaching memory, with data and with interrupts that are messages.
    pub const MASTER: u16 = 1 << 2;
    /// The one for not interrupting by a line.
    pub const NO_INTERRUPT: u16 = 1 << 10;

    /// That with these numbers.
    pub const fn new(vendor: u16, device: u16) -> Self {
        Self { vendor, device }
    }

    /// Its folder, if the device is there.
    pub fn folder(self) -> Option<PathBuf> {
        await_devices();
        let devices = fs::read_dir("/sys/bus/pci/devices").expect("the devices");
        let mut paths = devices.map(|it| it.expect("a device").path());
        paths.find(|it| {
            // Those on bus 0 are the machine's own.
            let name = it.file_name().expect("a name").to_string_lossy();
            let says = |name, number| {
                let text = fs::read_to_string(it.join(name));
                text.is_ok_and(|text| text == format!("{number:#06x}\n"))
            };
            !name.starts_with("0000:00:")
                && says("vendor", self.vendor)
                && says("device", self.device)
        })
    }

    /// Its name, as `0000:01:00.0`.
    pub fn name(self) -> String {
        let folder = self.folder().expect("the device");
        let name = folder.file_name().expect("a name");
        name.to_str().expect("text").to_owned()
    }

    /// Whether it was told to answer, by its driver or by somebody else.
    pub fn is_enabled(self) -> bool {
        let file = self.folder().expect("the device").join("enable");
        fs::read_to_string(file).expect("whether it is enabled") != "0\n"
    }

    /// Whether this bit of its command register is set.
    pub fn has(self, bit: u16) -> bool {
        let file = config(&self.folder().expect("the device"));
        let mut command = [0; 2];
        file.read_exact_at(&mut command, COMMAND).expect("read");
        u16::from_le_bytes(command) & bit != 0
    }

    /// Clears bits of its command register and sets others, as `setpci` would, until the result is dropped.
    pub fn change(self, clear: u16, set: u16) -> Changed {
        self.command(clear, set);
        Changed {
            device: self,
            clear,
            set,
        }
    }

    fn command(self, clear: u16, set: u16) {
        // It may have been unplugged; another one has all again.
        let Some(folder) = self.folder() else { return };
        let file = config(&folder);
        let mut command = [0; 2];
        file.read_exact_at(&mut command, COMMAND).expect("read");
        let command = u16::from_le_bytes(command) & !clear | set;
        let command = command.to_le_bytes();
        file.write_all_at(&command, COMMAND).expect("write");
    }
}

fn config(folder: &Path) -> File {
    let mut options = File::options();
    let file = options.read(true).write(true).open(folder.join("config"));
    file.expect("its configuration space")
}

/// A device of which something was taken, until this is dropped.
#[derive(Debug)]
#[must_use = "what was taken is given back at once"]
pub struct Changed {
    device: PciDevice,
    clear: u16,
    set: u16,
}

impl Drop for Changed {
    fn drop(&mut self) {
        self.device.command(self.set, self.clear);
    }
}

/// What is done with an open file.
type Call = fn(&File) -> Result<usize, Errno>;

/// A driver of PCI devices that makes a node for one of them.
#[derive(Clone, Copy, Debug)]
pub struct PciDriver {
    folder: &'static str,
    device: PciDevice,
    node: &'static str,
}

impl PciDriver {
    /// That with this folder in `/sys`, for such a device, which then is this node.
    pub const fn new(folder: &'static str, device: PciDevice, node: &'static str) -> Self {
        Self {
            folder,
            device,
            node,
        }
    }

    /// Binds the device of this name.
    pub fn bind(self, name: &str) -> Result<(), Errno> {
        fs::write(format!("{}/bind", self.folder), name).map_err(errno_of)
    }

    /// Unbinds the device of this name, which it has.
    pub fn unbind(self, name: &str) {
        fs::write(format!("{}/unbind", self.folder), name).expect("unbind");
    }

    /// Unbinds the device while others do each of the calls again and again, be it that they wait or not; has
    /// `look` see it then, and binds it. Who was told once that it is gone must be told so for ever.
    pub fn unbind_while_used(self, calls: &[Call], look: impl Fn()) {
        let name = self.device.name();
        for _ in 0..10 {
            thread::scope(|scope| {
                for call in calls {
                    for flags in [OFlags::empty(), OFlags::NONBLOCK] {
                        let file = open_node(self.node, OFlags::RDWR | flags);
                        scope.spawn(move || {
                            while call(&file) != Err(Errno::NODEV) {}
                            while Path::new(self.node).exists() {
                                assert_eq!(call(&file), Err(Errno::NODEV));
                            }
                        });
                    }
                }
                self.unbind(&name);
            });
            look();
            self.bind(&name).expect("bind");
        }
    }

    /// Has the driver probe the device while that answers and does not, by this bit of its command register,
    /// until either has happened a few times, whatever `probe` had just done. The device is bound, and answers,
    /// when this returns.
    pub fn lose_while_probed(self, bit: u16) {
        let name = self.device.name();
        let (mut bound, mut refused) = (0, 0);
        thread::scope(|scope| {
            let (end, ended) = mpsc::channel::<()>();
            scope.spawn(move || {
                while ended.try_recv() == Err(TryRecvError::Empty) {
                    drop(self.device.change(bit, 0));
                }
            });
            wait_until("both outcomes", || {
                self.unbind(&name);
                while let Err(error) = self.bind(&name) {
                    assert_eq!(error, Errno::NODEV);
                    assert!(!Path::new(self.node).exists());
                    refused += 1;
                }
                bound += 1;
                bound >= 3 && refused >= 3
            });
            drop(end);
        });
        // What was written to its command register at the same time may have kept it from memory.
        self.unbind(&name);
        self.bind(&name).expect("bind");
    }
}
