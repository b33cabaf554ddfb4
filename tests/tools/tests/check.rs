// SPDX-License-Identifier: GPL-2.0-only

//! make check: a check that has seen nothing has failed.

use lkmpg_tools_tests::Machine;
use std::{fs, os::unix::fs::symlink};

/// An editor's view without an error.
const ANALYZER: &str = "test $1 != diagnostics || echo processing rust/lib.rs";

/// A machine where all checks pass; what rustfmt and shellcheck see is kept.
fn machine() -> Machine {
    let mut machine = Machine::new();
    let home = machine.path("home").display().to_string();
    machine.program("git", "find * -type f");
    machine.program("make", "");
    machine.program("cargo", "");
    machine.program("rustfmt", &format!("echo \"$@\" >>{home}/formatted"));
    machine.program("patch", "");
    machine.program("rust-analyzer", ANALYZER);
    machine.write(
        "checkout/patches/x.patch",
        "SPDX-License-Identifier: GPL-2.0-only\n",
    );
    machine.program("shellcheck", &format!("echo \"$@\" >>{home}/linted"));
    machine.script("checkout/scripts/doc", "");
    machine.script("checkout/scripts/check-examples", "");
    machine.write("tree/.rustfmt.toml", "");
    machine.set("KTREE", machine.path("tree"));

    let source = machine.write(
        "checkout/samples/x/chardev.rs",
        "// SPDX-License-Identifier: GPL-2.0-only\n",
    );
    machine.write(
        "checkout/samples/x/Cargo.toml",
        "# SPDX-License-Identifier: GPL-2.0-only\nworkspace = true\n",
    );
    machine.write(
        "checkout/build/dev/samples/x/.chardev.o.cmd",
        format!(
            "# SPDX-License-Identifier\nsource_x := {}\n",
            source.canonicalize().expect("a file").display()
        ),
    );
    machine
}

const CHECK: &[&str] = &["scripts/check", "build/dev"];

#[test]
fn all_is_seen() {
    let machine = machine();
    machine.run(CHECK).passes();
    assert!(
        machine
            .read("home/formatted")
            .contains("samples/x/chardev.rs")
    );
    for it in [
        "scripts/lib.sh",
        "scripts/fetch.sh",
        "scripts/doctor",
        "scripts/check",
    ] {
        assert!(machine.read("home/linted").contains(it), "{it}");
    }
}

#[test]
fn a_checkout_behind_a_link() {
    let machine = machine();
    let link = machine.path("link");
    symlink(machine.checkout(), &link).expect("a link");
    let line = format!("cd {} && scripts/check build/dev", link.display());
    machine.run(&["sh", "-c", &line]).passes();
    assert!(
        machine
            .read("home/formatted")
            .contains("samples/x/chardev.rs")
    );
}

#[test]
fn a_git_that_refuses() {
    let machine = machine();
    machine.program(
        "git",
        "echo fatal: detected dubious ownership >&2; exit 128",
    );
    machine.run(CHECK).fails(&[
        "dubious ownership",
        "unsafe policy",
        "licences",
        "shell scripts",
    ]);
    machine.program("git", "");
    machine
        .run(CHECK)
        .fails(&["there are no files to check", "unsafe policy"]);
}

#[test]
fn a_build_that_is_empty() {
    let machine = machine();
    fs::remove_dir_all(machine.path("checkout/build/dev")).expect("a folder");
    fs::create_dir(machine.path("checkout/build/dev")).expect("a folder");
    machine
        .run(CHECK)
        .fails(&["there are no sources in Rust", "kernel format"]);
}

#[test]
fn what_is_forbidden_is_found() {
    let machine = machine();
    machine.write(
        "checkout/tests/x.rs",
        concat!("use kernel::bindings", "::x;\n"),
    );
    machine.run(CHECK).fails(&[
        "tests/x.rs:1:use kernel::bindings",
        "have no SPDX line",
        "unsafe policy; licences",
    ]);
}

#[test]
fn what_an_editor_would_show_is_looked_at() {
    let machine = machine();
    let error = "at crate lkm, file rust/lib.rs: Error";
    machine.program(
        "rust-analyzer",
        &format!("{ANALYZER}; echo '{error}'; test $1 != diagnostics"),
    );
    machine.run(CHECK).fails(&[error, "editor's view"]);
    machine.program("rust-analyzer", "");
    machine.run(CHECK).fails(&["has not seen lkm"]);
    // As cargo's, which may stand for one that is not installed.
    machine.program("rust-analyzer", "exit 1");
    machine
        .run(CHECK)
        .fails(&["scripts/setup", "editor's view"]);
}
