// SPDX-License-Identifier: GPL-2.0-only

//! `scripts/new-module`: what it makes builds and passes, for the kernel that the tests are for.

use lkmpg_tools_tests::{Machine, root};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

const KINDS: [&str; 4] = ["hello", "chardev", "proc", "platform"];

fn run(command: &mut Command) -> Output {
    // What the make that runs this was told is not for its own.
    for variable in ["MAKEFLAGS", "T", "EXCEPT", "LKMPG_JUNIT"] {
        command.env_remove(variable);
    }
    command.output().expect("it starts")
}

#[track_caller]
fn passes(command: &mut Command) -> String {
    let output = run(command);
    let said = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(output.status.success(), "{command:?}: {}", said.concat());
    said.concat()
}

fn new_module(folder: &Path, options: &[&str]) -> Command {
    let mut command = Command::new(root().join("scripts/new-module"));
    command.arg(folder).args(options);
    command
}

/// Makes a module of each kind. One folder has all of them, so that they are built at once.
fn every_kind(language: &str) {
    let all = tempfile::tempdir().expect("a folder");
    let tests = all.path().join("tests");
    fs::create_dir(&tests).expect("a folder");
    let mut kbuild = String::new();
    for kind in KINDS {
        let name = format!("new_{kind}");
        let folder = all.path().join(&name);
        passes(&mut new_module(
            &folder,
            &["--kind", kind, "--language", language],
        ));
        kbuild += &format!("obj-m += {name}/\n");
        let test = format!("{name}.sh");
        fs::copy(folder.join("tests").join(&test), tests.join(&test)).expect("its test");
    }
    fs::write(all.path().join("Kbuild"), kbuild).expect("a Kbuild");
    let mut make = Command::new("make");
    make.arg("-C").arg(root());
    make.arg(format!("M={}", all.path().display())).arg("test");
    let said = passes(&mut make);
    assert!(said.contains("tests: 4 passed, 0 skipped"), "{said}");
}

#[test]
fn every_kind_passes_in_rust() {
    every_kind("rust");
}

#[test]
fn every_kind_passes_in_c() {
    every_kind("c");
}

#[test]
fn it_is_a_repository_with_a_makefile() {
    let folder = tempfile::tempdir().expect("a folder");
    let mine = folder.path().join("my-module");
    passes(&mut new_module(&mine, &[]));
    let mut make = Command::new("make");
    make.arg("-C").arg(&mine).args(["test", "JUNIT=report.xml"]);
    let said = passes(&mut make);
    assert!(
        said.contains("test my_module: exits with 0 ... ok"),
        "{said}"
    );
    let report = fs::read_to_string(mine.join("report.xml")).expect("a report");
    assert!(report.contains("my_module"), "{report}");
    // Nothing is left of the skeleton, and nothing that was built is anybody's to commit.
    let grep = run(Command::new("grep")
        .args([
            "-rlE",
            "[Ss]keleton|@[A-Z_]+@",
            "--exclude=LICENSE",
            "--exclude-dir=.git",
            "--exclude-dir=build",
        ])
        .arg(&mine));
    assert_eq!(String::from_utf8_lossy(&grep.stdout), "");
    let mut status = Command::new("git");
    status.arg("-C").arg(&mine);
    let status = passes(status.args(["status", "--porcelain", "-uall", "--", "build", "lkmpg-rs"]));
    assert_eq!(status, "");
}

#[test]
fn a_folder_that_will_not_do_is_told() {
    let machine = Machine::new();
    let script = "scripts/new-module";
    machine.run(&[script]).fails(&["which folder?", "Usage:"]);
    machine
        .run(&[script, "/tmp/kernel"])
        .fails(&["kernel is taken"]);
    machine
        .run(&[script, "/tmp/9lives"])
        .fails(&["9lives is no name for a module"]);
    machine
        .run(&[script, "/tmp/a b/mine"])
        .fails(&["Kbuild does not take a path as /tmp/a b/mine"]);
    machine
        .run(&[script, "mine", "--kind", "quantum"])
        .fails(&["there is no kind quantum"]);
    machine
        .run(&[script, "mine", "--language", "go"])
        .fails(&["there is no language go"]);
    machine.write("full/file", "");
    machine
        .run(&[script, "../full"])
        .fails(&["exists, and is not an empty folder"]);
}
