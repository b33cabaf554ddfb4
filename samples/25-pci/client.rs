// SPDX-License-Identifier: GPL-2.0-only

//! The client of the PCI driver: asks `/dev/edu` by ioctls.

use anyhow::{Context, Result, anyhow};
use clap::{Parser, Subcommand};
use lkm::ioctl;
use std::{
    fs::File,
    io::{ErrorKind, Write as _, stdout},
    num::ParseIntError,
    path::PathBuf,
};

mod protocol;

/// Talk to /dev/edu by ioctls. What it keeps is read and written by other programs.
#[derive(Parser)]
#[command(name = "edu")]
struct Arguments {
    /// The device node.
    #[arg(long, default_value = "/dev/edu")]
    device: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Print what the device says it is.
    Identify,
    /// Have it turn around each bit of N.
    Invert {
        /// A number of 32 bits, in decimal or after 0x.
        #[arg(value_parser = number)]
        n: u32,
    },
    /// Have it compute the factorial of N.
    Factorial {
        /// 0 to 12.
        #[arg(value_parser = number)]
        n: u32,
    },
}

fn number(text: &str) -> Result<u32, ParseIntError> {
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => text.parse(),
    }
}

fn main() -> Result<()> {
    lkm::restore_sigpipe();
    let arguments = Arguments::parse();
    let mut out = stdout().lock();
    let device = File::open(&arguments.device).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => {
                ": is the module loaded, and the device there? Try: modprobe edu"
            }
            _ => "",
        };
        anyhow!("cannot open {}: {error}{hint}", arguments.device.display())
    })?;
    match arguments.action {
        Action::Identify => {
            let id = ioctl::read(&device, protocol::IDENTIFY).context("it does not answer")?;
            writeln!(out, "edu {}.{}", id >> 24, id >> 16 & 0xff)?;
        }
        Action::Invert { mut n } => {
            ioctl::read_write(&device, protocol::INVERT, &mut n).context("it does not answer")?;
            writeln!(out, "{n:#x}")?;
        }
        Action::Factorial { n } => {
            let mut result = n;
            ioctl::read_write(&device, protocol::FACTORIAL, &mut result)
                .with_context(|| format!("it cannot compute the factorial of {n}"))?;
            writeln!(out, "{result}")?;
        }
    }
    Ok(())
}
