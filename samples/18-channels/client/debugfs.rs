// SPDX-License-Identifier: GPL-2.0-only

//! Files for those who debug.

use crate::file;
use anyhow::{Context, Result};
use clap::Subcommand;
use std::{
    fs::File,
    io::{self, Read as _, Write as _},
};

const MODULE: &str = "chan_debugfs";
const FOLDER: &str = "/sys/kernel/debug/chan_debugfs";

#[derive(Subcommand)]
pub enum Action {
    /// Print the level, or set it.
    Level {
        /// What to set it to.
        level: Option<u8>,
    },
    /// Write the blob to standard output.
    Blob,
    /// Put a letter into the mailbox.
    Send {
        /// The letter, of up to 128 bytes.
        text: String,
    },
    /// Wait for a letter, and print it.
    Receive,
}

pub fn run(action: Action) -> Result<()> {
    match action {
        Action::Level { level: None } => println!("{}", file::line(MODULE, path("level"))?),
        Action::Level { level: Some(level) } => {
            file::write(MODULE, path("level"), format!("{level}\n").as_bytes())?;
        }
        Action::Blob => io::stdout().write_all(&file::read(MODULE, path("blob"))?)?,
        Action::Send { text } => file::write(MODULE, path("mailbox"), text.as_bytes())?,
        Action::Receive => {
            let mut mailbox = file::open(MODULE, path("mailbox"), File::options().read(true))?;
            let mut letter = [0; 128];
            let length = mailbox.read(&mut letter).context("no letter came")?;
            println!("{}", String::from_utf8_lossy(&letter[..length]).trim_end());
        }
    }
    Ok(())
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}
