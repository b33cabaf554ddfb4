// SPDX-License-Identifier: GPL-2.0-only

//! Builds what is in C: the program that a test brings along, and what keeps tests off the host.

use cc::Build;
use std::{env, path::PathBuf};

/// Linked into each test and each benchmark.
const GUEST_ONLY: &str = "tests/support/guest_only.c";
const GUIDE: &str = "tests/ioctl_guide.c";

fn main() {
    guest_only("tests", "1");
    guest_only("benches", "0");
    let program = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("ioctl_guide");
    let status = compiler()
        .get_compiler()
        .to_command()
        .args(["-static", GUIDE, "-o"])
        .arg(&program)
        .status();
    match status {
        Ok(status) if status.success() => {}
        failed => panic!("cannot compile {GUIDE}: {failed:?}"),
    }
    println!("cargo::rerun-if-changed={GUIDE}");
    println!("cargo::rerun-if-changed={GUEST_ONLY}");
    println!("cargo::rustc-env=IOCTL_GUIDE={}", program.display());
}

fn compiler() -> Build {
    let mut compiler = Build::new();
    compiler.warnings_into_errors(true).cargo_metadata(false);
    compiler
}

/// Links it into all targets of a kind.
fn guest_only(kind: &str, has_libtest: &str) {
    let mut compiler = compiler();
    let folder = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join(kind);
    compiler.file(GUEST_ONLY).out_dir(folder);
    compiler.define("HAS_LIBTEST", has_libtest);
    for object in compiler.compile_intermediates() {
        println!("cargo::rustc-link-arg-{kind}={}", object.display());
    }
}
