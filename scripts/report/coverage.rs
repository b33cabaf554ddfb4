// SPDX-License-Identifier: GPL-2.0-only

//! What of the modules' own code the tests reach.

#[path = "coverage/profile.rs"]
mod profile;
#[path = "coverage/unreached.rs"]
mod unreached;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use std::{env, io, path::PathBuf};

/// Show what of the modules' code the tests reach; `make coverage` runs it.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Make what the modules counted into LLVM's raw profiles.
    Profiles {
        /// Where the tests' tallies are.
        #[arg(long, value_name = "FOLDER")]
        tally: PathBuf,
        /// Where to put the profiles.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// The modules.
        modules: Vec<PathBuf>,
    },
    /// Say which functions and lines below this folder no test reaches, from lcov's report on
    /// standard input.
    Unreached,
}

fn main() -> Result<()> {
    match Arguments::parse().action {
        Action::Profiles {
            tally,
            out,
            modules,
        } => profile::write_all(&tally, &out, &modules),
        Action::Unreached => {
            let report = io::read_to_string(io::stdin()).context("cannot read the report")?;
            print!("{}", unreached::list(&report, &env::current_dir()?)?);
            Ok(())
        }
    }
}
