// SPDX-License-Identifier: GPL-2.0-only

//! `scripts/vm` before it becomes the runner: what it builds, and where it cannot.

use lkmpg_tools_tests::{executable, root, target, write_after};
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};
use tempfile::TempDir;

/// A cargo that makes runners which say that they ran.
const CARGO: &str = "folder=$CARGO_TARGET_DIR/$CARGO_BUILD_TARGET/release
mkdir -p $folder
echo '#!/bin/sh
echo ran' >$folder/lkmpg-vm
cp $folder/lkmpg-vm $folder/lkmpg-guest
chmod +x $folder/lkmpg-*
echo built";

/// A checkout with nothing but what the script looks at.
fn checkout(name: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let checkout = folder.path().join(name);
    for it in [".cargo", "scripts/vm-runner", "scripts/vm-guest"] {
        fs::create_dir_all(checkout.join(it)).expect(it);
    }
    for it in ["Cargo.toml", "Cargo.lock"] {
        fs::write(checkout.join(it), "").expect(it);
    }
    for it in ["scripts/vm", "scripts/own", "scripts/here"] {
        // Another process copies them, as it does for what is `executable`.
        let copy = Command::new("cp")
            .args([root().join(it), checkout.join(it)])
            .status();
        assert!(copy.expect("cp starts").success(), "{it}");
    }
    executable(&checkout.join("cargo"), CARGO);
    (folder, checkout)
}

fn vm(checkout: &Path) -> Output {
    let mut vm = Command::new(checkout.join("scripts/vm"));
    vm.env("CARGO", checkout.join("cargo"));
    vm.env("XDG_CACHE_HOME", checkout.with_file_name("cache"));
    vm.output().expect("it starts")
}

#[track_caller]
fn passes(checkout: &Path, builds: bool) {
    let output = vm(checkout);
    assert_eq!(output.stdout, b"ran\n", "{output:?}");
    assert_eq!(output.stderr == b"built\n", builds, "{output:?}");
}

#[track_caller]
fn fails(checkout: &Path, words: &str) {
    let output = vm(checkout);
    assert_eq!(output.status.code(), Some(125), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains(words), "{said}");
}

#[test]
fn it_builds_what_is_not_there() {
    let (_folder, checkout) = checkout("checkout");
    passes(&checkout, true);
    passes(&checkout, false);
    // As `cargo clean --package` does.
    for program in ["lkmpg-vm", "lkmpg-guest"] {
        let built = checkout.join("build/cargo").join(target());
        fs::remove_file(built.join("release").join(program)).expect(program);
        passes(&checkout, true);
    }
    let source = checkout.join("scripts/vm-runner/new.rs");
    write_after(&checkout.join("build/cargo/vm-runner.built"), &source, "");
    passes(&checkout, true);
    passes(&checkout, false);
}

#[test]
fn a_build_that_fails_is_a_failure_of_the_bench() {
    let (_folder, checkout) = checkout("checkout");
    executable(&checkout.join("cargo"), "exit 1");
    fails(&checkout, "the runner does not build");
}

#[test]
fn a_checkout_that_cannot_be_written_to_is_built_in_the_cache() {
    let (folder, checkout) = checkout("checkout");
    // For root as well.
    fs::write(checkout.join("build"), "").expect("build");
    passes(&checkout, true);
    passes(&checkout, false);
    let built = fs::read_dir(folder.path().join("cache/lkmpg-rs/checkouts"));
    assert_eq!(built.expect("what was built").count(), 1);
    fs::remove_dir_all(folder.path().join("cache")).expect("the cache");
    fs::write(folder.path().join("cache"), "").expect("no cache");
    fails(&checkout, "cannot be written to");
}

#[test]
fn a_path_that_kbuild_does_not_take_is_told_at_once() {
    for name in ["a b", "a:b"] {
        let (_folder, checkout) = checkout(name);
        fails(&checkout, "Kbuild takes no path with a space or a colon");
    }
}
