// SPDX-License-Identifier: GPL-2.0-only

//! The client of chapter 9: `cat`, except that it would rather not wait for the file.

use clap::Parser;
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
};
use std::{
    fs::File,
    io::{self, Read as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

/// Print a file, without waiting for it if that would be needed to open it.
///
/// Exits with 1 if the file cannot be opened or read, or the output not be written; "Open would
/// block" says that it is taken.
#[derive(Parser)]
#[command(name = "cat_noblock")]
struct Arguments {
    /// The file, for example /proc/sleep.
    file: PathBuf,
}

fn main() -> ExitCode {
    lkm::restore_sigpipe();
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
    // A message is short.
    let mut content = Vec::new();
    if let Err(error) = File::from(fd).read_to_end(&mut content) {
        eprintln!("cat_noblock: cannot read {}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    let mut out = io::stdout();
    if let Err(error) = out.write_all(&content).and_then(|()| out.flush()) {
        eprintln!("cat_noblock: cannot write to the standard output: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
