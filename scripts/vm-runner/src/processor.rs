// SPDX-License-Identifier: GPL-2.0-only

//! The processors that there are kernels for, and what differs between their machines.

use object::elf::{EM_AARCH64, EM_RISCV, EM_X86_64, Machine};

/// What tells a kernel which devices there are that cannot be found by asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Firmware {
    /// Tables of ACPI.
    Acpi,
    /// A device tree.
    DeviceTree,
}

impl Firmware {
    /// What the name of a file ends with that adds to it.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Acpi => "aml",
            Self::DeviceTree => "dtbo",
        }
    }
}

/// A processor, and the machine that QEMU makes with it.
#[derive(Debug, PartialEq, Eq)]
pub struct Processor {
    /// Its name, for messages.
    pub name: &'static str,
    /// What rustc calls what runs there.
    pub target: &'static str,
    /// What is in the header of its programs.
    elf: Machine,
    /// The option that its kernels have.
    symbol: &'static str,
    /// QEMU's program.
    pub program: &'static str,
    /// Debian's package with it.
    pub package: &'static str,
    /// The machine.
    pub machine: &'static str,
    /// How it is described.
    pub firmware: Firmware,
    /// All that can be emulated, without what only costs time.
    pub cpu: &'static str,
    /// What its kernel is told.
    pub words: &'static [&'static str],
    /// The second serial port, `/dev/ttyS1`, and the keyboard.
    pub devices: &'static [&'static str],
    /// Whether QEMU has to be reminded of its timers: see [`timer`](crate::timer).
    pub forgets_timers: bool,
}

/// A slot's port that is suspended hears of no device that comes or goes. On a PC as old as QEMU's
/// says that it is, Linux suspends none.
const AWAKE: &str = "pcie_port_pm=off";

/// All of them.
pub static PROCESSORS: [Processor; 3] = [
    Processor {
        name: "x86-64",
        target: "x86_64-unknown-linux-gnu",
        elf: EM_X86_64,
        symbol: "X86_64",
        program: "qemu-system-x86_64",
        package: "qemu-system-x86",
        // A PC without what nobody uses, which its firmware would look for. It keeps
        // that firmware, because it is what makes the keyboard speak as on any PC.
        machine: "q35,sata=off,smbus=off,smm=off,usb=off",
        firmware: Firmware::Acpi,
        // Five-level page tables would only cost time.
        cpu: "max,la57=off",
        words: &[
            "console=ttyS0",
            "earlyprintk=ttyS0",
            // There is no mouse, and looking for it takes a third of a second.
            "i8042.noaux",
            "no_timer_check",
        ],
        devices: &["-serial", "chardev:serial"],
        forgets_timers: false,
    },
    Processor {
        name: "arm64",
        target: "aarch64-unknown-linux-gnu",
        elf: EM_AARCH64,
        symbol: "ARM64",
        program: "qemu-system-aarch64",
        package: "qemu-system-arm",
        // The newest interrupt controller: with the oldest there are eight processors at most. KVM
        // takes that of the machine.
        machine: "virt,gic-version=max",
        firmware: Firmware::DeviceTree,
        cpu: "max",
        words: &["console=ttyAMA0", "earlycon", AWAKE],
        // The console is no ttyS0: that is here, and leads nowhere. (pci-serial-2x is one device for
        // both, of which QEMU 7.2 dies when it is to save the guest.)
        devices: &[
            "-chardev",
            "null,id=nowhere",
            "-device",
            "pci-serial,chardev=nowhere",
            "-device",
            "pci-serial,chardev=serial",
            "-device",
            "virtio-keyboard-pci",
            // Memory begins where edu's 28 bits do not reach.
            "-global",
            "edu.dma_mask=0xffffffff",
        ],
        forgets_timers: false,
    },
    Processor {
        name: "riscv64",
        target: "riscv64gc-unknown-linux-gnu",
        elf: EM_RISCV,
        symbol: "RISCV",
        program: "qemu-system-riscv64",
        package: "qemu-system-misc",
        machine: "virt",
        firmware: Firmware::DeviceTree,
        cpu: "rv64",
        words: &[
            "console=ttyS0",
            "earlycon",
            // PCI has lines only. A slot's interrupt would let a device go whose driver then waits for the
            // end of the handlers of their line, which it is one of.
            "pciehp.pciehp_poll_mode=1",
            "pciehp.pciehp_poll_time=1",
            AWAKE,
        ],
        devices: &[
            "-device",
            "pci-serial,chardev=serial",
            "-device",
            "virtio-keyboard-pci",
            // Memory begins where edu's 28 bits do not reach.
            "-global",
            "edu.dma_mask=0xffffffff",
        ],
        forgets_timers: true,
    },
];

impl Processor {
    /// The one that a kernel with this configuration runs on.
    pub fn of(config: &str) -> Option<&'static Self> {
        let has = |it: &&Self| config.contains(&format!("\nCONFIG_{}=y\n", it.symbol));
        PROCESSORS.iter().find(has)
    }

    /// The one that runs this program.
    pub fn host() -> &'static Self {
        let arch = match std::env::consts::ARCH {
            "riscv64" => "riscv64gc",
            arch => arch,
        };
        let is_host = |it: &&Self| it.target.split('-').next() == Some(arch);
        PROCESSORS.iter().find(is_host).unwrap_or(&PROCESSORS[0])
    }

    /// The one for whose programs this is in the header.
    pub fn with(elf: Machine) -> Option<&'static Self> {
        PROCESSORS.iter().find(|it| it.elf == elf)
    }

    /// Whether it is another than this machine's.
    pub fn is_foreign(&self) -> bool {
        self != Self::host()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_tells_its_processor() {
        for it in &PROCESSORS {
            let config = format!("#\nCONFIG_64BIT=y\nCONFIG_{}=y\n", it.symbol);
            assert_eq!(Processor::of(&config), Some(it));
        }
        assert_eq!(Processor::of("#\nCONFIG_64BIT=y\n"), None);
    }
}
