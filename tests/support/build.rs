// SPDX-License-Identifier: GPL-2.0-only

//! Builds what is in C: the programs that tests bring along, and what keeps tests off the host.

use cc::Build;
use std::{env, fs, path::PathBuf};

/// Linked into each test and each benchmark.
const GUEST_ONLY: &str = "tests/support/guest_only.c";
/// The guide's client, and samples whose header has a program.
const PROGRAMS: [&str; 3] = [
    "tests/ioctl_guide.c",
    "samples/04-character-devices/misc.rs",
    "samples/19-scull/scull_pipe.rs",
];

fn main() {
    guest_only("tests", "1");
    guest_only("benches", "0");
    PROGRAMS.iter().for_each(|it| program(it));
    println!("cargo::rerun-if-changed={GUEST_ONLY}");
}

/// Compiles a program, which tests find by its variable: `IOCTL_GUIDE`.
fn program(file: &str) {
    let file = PathBuf::from(file);
    let name = file
        .file_stem()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let text = fs::read_to_string(&file).expect("a source");
    let source = out_dir().join(format!("{name}.c"));
    let program = source.with_extension("");
    fs::write(&source, in_header(&text).unwrap_or(text)).expect("a source of its own");
    let mut compiler = compiler().get_compiler().to_command();
    let status = compiler.arg("-static").arg(&source).arg("-o").arg(&program);
    match status.status() {
        Ok(status) if status.success() => {}
        failed => panic!("cannot compile {}: {failed:?}", file.display()),
    }
    println!("cargo::rerun-if-changed={}", file.display());
    println!(
        "cargo::rustc-env={}={}",
        name.to_uppercase(),
        program.display()
    );
}

/// What a header has between "```c" and "```".
fn in_header(text: &str) -> Option<String> {
    let (_, program) = text.split_once("//! ```c\n")?;
    let (program, _) = program.split_once("//! ```\n")?;
    let lines = program
        .lines()
        .map(|it| it.trim_start_matches("//!").to_owned() + "\n");
    Some(lines.collect())
}

fn out_dir() -> PathBuf {
    env::var_os("OUT_DIR").expect("set by cargo").into()
}

fn compiler() -> Build {
    let mut compiler = Build::new();
    compiler.warnings_into_errors(true).cargo_metadata(false);
    compiler
}

/// Links it into all targets of a kind.
fn guest_only(kind: &str, has_libtest: &str) {
    let mut compiler = compiler();
    compiler.file(GUEST_ONLY).out_dir(out_dir().join(kind));
    compiler.define("HAS_LIBTEST", has_libtest);
    for object in compiler.compile_intermediates() {
        println!("cargo::rustc-link-arg-{kind}={}", object.display());
    }
    // It comes after the C library, of which rustc 1.85's own has not taken all that this needs.
    println!("cargo::rustc-link-arg-{kind}=-l:libc.a");
}
