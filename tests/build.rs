// SPDX-License-Identifier: GPL-2.0-only

//! Builds the program in C that a test brings along.

use std::{env, path::PathBuf};

fn main() {
    const SOURCE: &str = "ioctl_guide.c";
    let program = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("ioctl_guide");
    let status = cc::Build::new()
        .warnings_into_errors(true)
        .get_compiler()
        .to_command()
        .args(["-static", SOURCE, "-o"])
        .arg(&program)
        .status();
    match status {
        Ok(status) if status.success() => {}
        failed => panic!("cannot compile {SOURCE}: {failed:?}"),
    }
    println!("cargo::rerun-if-changed={SOURCE}");
    println!("cargo::rustc-env=IOCTL_GUIDE={}", program.display());
}
