// SPDX-License-Identifier: GPL-2.0-only

//! The client of chapter 9: `cat`, except that it would rather not wait for the file.

use clap::Parser;
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
};
use std::{fs::File, io, path::PathBuf, process::ExitCode};

/// Print a file, without waiting for it if that would be needed to open it.
///
/// Exits with 1 if the file cannot be opened or read; "Open would block" says that it is taken.
#[derive(Parser)]
#[command(name = "cat_noblock")]
struct Arguments {
    /// The file, for example /proc/sleep.
    file: PathBuf,
}

fn main() -> ExitCode {
    let Arguments { file } = Arguments::parse();
    let fd = match open(&file, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::AGAIN) => {
            println!("Open would block");
            return ExitCode::FAILURE;
        }
        Err(error) => {
            eprintln!("cat_noblock: cannot open {}: {error}", file.display());
            return ExitCode::FAILURE;
        }
    };
    match io::copy(&mut File::from(fd), &mut io::stdout()) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cat_noblock: cannot read {}: {error}", file.display());
            ExitCode::FAILURE
        }
    }
}
