// SPDX-License-Identifier: GPL-2.0-only

//! Boots a kernel in QEMU, runs a command there, and watches the kernel's log.
//!
//! Three things can happen to a command: it ended (whatever it returned), the
//! kernel was harmed, or the bench could not run it. They never share an exit
//! code: see [`Outcome`].

pub mod accel;
pub mod archive;
pub mod cargo_test;
pub mod console;
pub mod cost;
pub mod device_tree;
pub mod devices;
pub mod dump;
pub mod elf;
pub mod gdb;
pub mod given;
pub mod host;
pub mod initramfs;
pub mod junit;
pub mod kernel;
pub mod lines;
pub mod monitor;
pub mod options;
pub mod outcome;
pub mod processor;
pub mod qemu;
pub mod report;
pub mod requests;
pub mod run;
pub mod script;
pub mod session;
pub mod share;
pub mod snapshot;
pub mod splat;
pub mod streams;
pub mod suite;
pub mod tally;
pub mod tap;
pub mod terminal;
pub mod timer;
pub mod words;

use clap::Parser;
use options::Options;
use outcome::Outcome;
use std::{env, ffi::OsString, process::ExitCode};

/// The whole program.
pub fn main() -> ExitCode {
    if let Some(error) = qemu::exec_as_child() {
        eprintln!("vm: {error:#}");
        return Outcome::BENCH_FAILED.into();
    }
    let options = match Options::try_parse_from(arguments()) {
        Ok(options) => options,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() {
                Outcome::BENCH_FAILED
            } else {
                0
            }
            .into();
        }
    };
    let outcome = match &options.test {
        Some(binary) => cargo_test::run(&options, binary),
        None if options.suite => suite::run(&options),
        None => run::run(&options),
    };
    outcome.unwrap_or_else(Outcome::Failed).conclude()
}

/// The command line. Cargo passes a test binary's options right behind it.
fn arguments() -> Vec<OsString> {
    let mut arguments: Vec<_> = env::args_os().collect();
    if arguments.len() > 3 && arguments[1] == "--test" {
        arguments.insert(3, "--".into());
    }
    arguments
}
