// SPDX-License-Identifier: GPL-2.0-only

//! Takes ioctl numbers apart.

use kernel::prelude::*;

module! {
    type: IoctlNumbers,
    name: "ioctl_numbers",
    authors: ["lkmpg-rs developers"],
    description: "Takes ioctl numbers apart",
    license: "GPL",
}

struct IoctlNumbers;

/// BLKGETSIZE64, EVIOCGVERSION, RNDADDTOENTCNT, FS_IOC_FIEMAP, and TIOCGWINSZ.
const NUMBERS: [u32; 5] = [0x8008_1272, 0x8004_4501, 0x4004_5201, 0xc020_660b, 0x5413];

impl kernel::Module for IoctlNumbers {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        for number in NUMBERS {
            let it = Number::of(number);
            pr_info!(
                "{number:#x}: {}, {} bytes, type {:#x}, command {}\n",
                it.direction,
                it.size,
                it.kind,
                it.command
            );
        }
        Ok(IoctlNumbers)
    }
}

/// What a number says.
struct Number {
    direction: &'static str,
    size: u32,
    kind: u32,
    command: u32,
}

impl Number {
    fn of(number: u32) -> Self {
        Number {
            direction: match number >> 30 {
                0 => "none",
                1 => "writes",
                2 => "reads",
                _ => "reads and writes",
            },
            size: number >> 16 & 0x3fff,
            kind: number >> 8 & 0xff,
            command: number & 0xff,
        }
    }
}
