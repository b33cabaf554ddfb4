// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 1.2: stack_base and stack_top.

use lkmpg_tests::{KernelLog, Module, is_loaded, module_file};
use rustix::{io::Errno, system::finit_module};
use std::{fs::File, process::Command};

/// Loads a module and nothing else, as `insmod` does.
fn insmod(module: &str) -> Result<Module, Errno> {
    let file = File::open(module_file(module)).expect("the module's file");
    finit_module(&file, c"", 0).map(|()| Module::adopt(module))
}

/// What a program says that succeeds.
fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn the_build_knows_what_the_top_stands_on() {
    let file = module_file("stack_top");
    let file = file.to_str().expect("a name");
    assert_eq!(output("modinfo", &["-F", "depends", file]), "stack_base\n");
}

#[test]
fn modprobe_brings_both_and_takes_both() {
    let log = KernelLog::now();
    output("modprobe", &["stack_top"]);
    assert!(is_loaded("stack_base") && is_loaded("stack_top"));
    output("modprobe", &["-r", "stack_top"]);
    assert!(!is_loaded("stack_base") && !is_loaded("stack_top"));
    let mut lines = log.lines_with("stack_");
    // Which is said of the first module after a boot.
    lines.retain(|it| !it.contains("taints kernel") && !it.contains("tainting kernel"));
    assert_eq!(
        lines,
        [
            "stack_base: Take a number.",
            "stack_top: I have number 1.",
            "stack_top: Goodbye.",
            "stack_base: 1 numbers were taken.",
        ]
    );
}

#[test]
fn the_top_does_not_load_alone() {
    let log = KernelLog::now();
    assert_eq!(insmod("stack_top").err(), Some(Errno::NOENT));
    let lines = log.lines();
    assert!(
        lines
            .iter()
            .any(|it| it.contains("Unknown symbol tickets_take")),
        "{lines:?}"
    );
    assert!(!is_loaded("stack_top"));
}

#[test]
fn the_base_stays_while_the_top_is_there() {
    let base = insmod("stack_base").expect("it loads");
    let top = insmod("stack_top").expect("it loads");
    let base = base.unload().expect_err("it is in use").busy();
    top.unload().expect("nobody uses it");
    base.unload().expect("nobody uses it");
}

#[test]
fn the_base_counts_for_all_who_come() {
    let log = KernelLog::now();
    let base = Module::load("stack_base", &[]).expect("it loads");
    for _ in 0..3 {
        drop(Module::load("stack_top", &[]).expect("it loads"));
        assert!(is_loaded("stack_base"), "it was there before");
    }
    base.unload().expect("nobody uses it");
    let lines = log.lines_with("stack_");
    for line in [
        "stack_top: I have number 3.",
        "stack_base: 3 numbers were taken.",
    ] {
        assert!(lines.iter().any(|it| it == line), "{lines:?}");
    }
}

#[test]
fn the_harness_brings_what_a_module_needs_and_takes_it_away() {
    let top = Module::load("stack_top", &[]).expect("it loads");
    assert!(is_loaded("stack_base"));
    top.unload().expect("nobody uses it");
    assert!(!is_loaded("stack_base"));
}

#[test]
fn another_interface_is_refused() {
    let _base = insmod("stack_base").expect("the base loads");
    let log = KernelLog::now();
    let _odd = insmod("stack_odd").expect("both are refused");
    let words = "the loaded module exports another interface tickets: build both anew";
    let lines = log.lines();
    let told = lines.iter().filter(|it| it.contains(words));
    assert_eq!(told.count(), 2, "{lines:?}");
}
