// SPDX-License-Identifier: GPL-2.0-only

//! One value per file.

use crate::file;
use anyhow::{Context, Result};
use clap::Subcommand;
use rustix::event::{PollFd, PollFlags, poll};
use std::{
    fs::File,
    io::{Read as _, Seek as _},
};

const MODULE: &str = "chan_sysfs";
const FOLDER: &str = "/sys/kernel/chan_sysfs";

#[derive(Subcommand)]
pub enum Action {
    /// Print the value, its limits, and how often it was stored.
    Get,
    /// Store a value.
    Set {
        /// The value; a number within the limits.
        #[arg(allow_negative_numbers = true)]
        value: i32,
    },
    /// Print the value whenever it is stored.
    Watch {
        /// End after so many times.
        #[arg(long)]
        count: Option<u64>,
    },
}

pub fn run(action: Action) -> Result<()> {
    match action {
        Action::Get => {
            for name in ["value", "limits/min", "limits/max", "stores"] {
                println!("{name}: {}", file::line(MODULE, path(name))?);
            }
        }
        Action::Set { value } => {
            file::write(MODULE, path("value"), format!("{value}\n").as_bytes())?;
        }
        Action::Watch { count } => watch(count.unwrap_or(u64::MAX))?,
    }
    Ok(())
}

fn watch(count: u64) -> Result<()> {
    let path = path("value");
    let mut file = file::open(MODULE, &path, File::options().read(true))?;
    let mut text = String::new();
    // Only what happens after a read counts.
    file.read_to_string(&mut text)
        .with_context(|| format!("cannot read {path}"))?;
    for _ in 0..count {
        poll(&mut [PollFd::new(&file, PollFlags::PRI)], None).context("cannot poll")?;
        text.clear();
        file.rewind()?;
        file.read_to_string(&mut text)
            .with_context(|| format!("cannot read {path}: was the module unloaded?"))?;
        print!("{text}");
    }
    Ok(())
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}
