// SPDX-License-Identifier: GPL-2.0-only

//! The client of chapter 7: sets and gets the message of `/dev/char_dev` by ioctls.

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use lkm::ioctl;
use std::{
    ffi::CString,
    fs::File,
    io::{self, ErrorKind, Write as _},
    path::PathBuf,
};

mod protocol;

/// Talk to /dev/char_dev by ioctls.
#[derive(Parser)]
#[command(name = "ioctl")]
struct Arguments {
    /// The device node.
    #[arg(long, default_value = "/dev/char_dev")]
    device: PathBuf,
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Print the message.
    Get,
    /// Set the message; at most 80 bytes.
    Set {
        /// The message.
        text: String,
    },
    /// Print byte N of the message, as a number.
    Nth {
        /// Which byte, counted from 0.
        #[arg(allow_negative_numbers = true)]
        n: i16,
    },
    /// Do what the guide's program does: get the message byte by byte, get it whole, set it.
    Demo,
}

fn main() -> Result<()> {
    lkm::restore_sigpipe();
    let arguments = Arguments::parse();
    let device = open(&arguments)?;
    let mut out = io::stdout().lock();
    match arguments.action {
        // ANCHOR: get
        Action::Get => {
            let mut bytes = [0; protocol::BUF_LEN];
            let length = ioctl::read_bytes(&device, protocol::GET_MSG_BUF, &mut bytes)
                .context("cannot get the message")?;
            let message = &bytes[..bytes.len().min(length as usize)];
            out.write_all(message)?;
            if !message.ends_with(b"\n") {
                writeln!(out)?;
            }
        }
        // ANCHOR_END: get
        Action::Set { text } => {
            if text.len() > protocol::BUF_LEN {
                bail!(
                    "the message has {} bytes; the device keeps {}",
                    text.len(),
                    protocol::BUF_LEN
                );
            }
            ioctl::write_bytes(&device, protocol::SET_MSG_BUF, text.as_bytes())
                .context("cannot set the message")?;
        }
        Action::Nth { n } => {
            let byte = ioctl::call_with(&device, protocol::GET_NTH_BYTE, n)
                .with_context(|| format!("the message has no byte {n}"))?;
            writeln!(out, "{byte}")?;
        }
        Action::Demo => demo(&device, &mut out)?,
    }
    Ok(())
}

fn open(arguments: &Arguments) -> Result<File> {
    File::open(&arguments.device).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::NotFound => ": is the module loaded? Try: modprobe ioctl",
            ErrorKind::ResourceBusy => ": another process has it open",
            ErrorKind::PermissionDenied => ": only root may open it",
            _ => ": is the module loaded? Try: modprobe ioctl",
        };
        anyhow::anyhow!("cannot open {}: {error}{hint}", arguments.device.display())
    })
}

/// The guide's main program, with its three ioctls.
fn demo(device: &File, out: &mut impl io::Write) -> Result<()> {
    write!(out, "get_nth_byte message:")?;
    for n in 0.. {
        match ioctl::call_with(device, protocol::GET_NTH_BYTE, n)? {
            0 => break,
            byte => out.write_all(&[byte as u8])?,
        }
    }
    writeln!(out)?;

    let message = ioctl::read_string(device, protocol::GET_MSG)?;
    write!(out, "get_msg message:")?;
    out.write_all(message.as_bytes())?;
    writeln!(out)?;

    let message = CString::new("Message passed by ioctl\n")?;
    ioctl::write_string(device, protocol::SET_MSG, &message)?;
    Ok(())
}
