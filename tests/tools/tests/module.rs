// SPDX-License-Identifier: GPL-2.0-only

//! `make M=DIR`: the modules of somebody else's folder.

use lkmpg_tools_tests::{Ended, Machine};
use std::{fs, path::Path, process::Command};

/// A machine with a folder of such modules, `mine`.
fn machine(files: &[(&str, &str)]) -> Machine {
    let machine = Machine::new();
    machine.kernel_tree("tree");
    machine.dev_is("tree");
    fs::create_dir(machine.path("mine")).expect("a folder");
    for (name, text) in files {
        machine.write(&format!("mine/{name}"), text);
    }
    machine
}

fn make(machine: &Machine, words: &[&str]) -> Ended {
    let dir = format!("M={}", machine.path("mine").display());
    machine.run(&[&["make", &dir], words].concat())
}

/// All that is in a folder, with what is in it.
fn contents(folder: &Path) -> Vec<u8> {
    let all = Command::new("find")
        .arg(folder)
        .args(["-type", "f", "-exec", "sha256sum", "{}", "+"])
        .output();
    all.expect("find runs").stdout
}

const C: &[(&str, &str)] = &[("Kbuild", "obj-m += mine.o\n"), ("mine.c", "")];
const RUST: &[(&str, &str)] = &[("Kbuild", "obj-m += mine.o\n"), ("mine.rs", "")];

#[test]
fn all_that_is_built_of_a_folder_is_in_it() {
    let machine = machine(C);
    let before = contents(&machine.checkout());
    make(&machine, &[]).passes().says(&["for the kernel dev"]);
    let seen = machine.read("mine/build/dev/seen");
    assert!(seen.contains(&format!("M={} ", machine.path("mine").display())));
    assert!(!seen.contains("--extern"), "{seen}");
    assert_eq!(contents(&machine.checkout()), before);
}

#[test]
fn a_module_in_rust_is_given_the_support_crate() {
    let machine = machine(RUST);
    make(&machine, &[]).passes();
    let lkm = machine.path("checkout/build/dev/lkm");
    let expected = format!(" --extern lkm={}/liblkm.rmeta", lkm.display());
    let seen = machine.read("mine/build/dev/seen");
    assert!(seen.contains(&expected), "{seen}");
    let seen = machine.read("checkout/build/dev/lkm/seen");
    let crate_itself = format!("M={}/rust ", machine.checkout().display());
    assert!(seen.contains(&crate_itself), "{seen}");
}

#[test]
fn a_checkout_that_cannot_be_written_to_does() {
    let machine = machine(RUST);
    // For root as well.
    machine.write("checkout/build", "");
    let before = contents(&machine.checkout());
    make(&machine, &[]).passes();
    assert_eq!(contents(&machine.checkout()), before);
    let seen = machine.read("mine/build/dev/seen");
    let cache = format!("--extern lkm={}/checkouts/", machine.cache().display());
    assert!(seen.contains(&cache), "{seen}");
}

#[test]
fn what_is_no_folder_of_modules_is_told_at_once() {
    let machine = machine(&[]);
    let path = machine.path("mine").display().to_string();
    make(&machine, &[]).fails(&[
        "neither a Kbuild nor a Makefile in",
        &path,
        "obj-m += NAME.o",
    ]);
    machine.write("mine/Makefile", "# obj-m += mine.o\n");
    make(&machine, &[]).fails(&["mine/Makefile names no module"]);
    machine
        .run(&["make", "M=/no/such/folder"])
        .fails(&["there is no folder /no/such/folder"]);
    machine
        .run(&["make", "M=/a b"])
        .fails(&["a path that has a space in it: /a b"]);
    let itself = format!("M={}", machine.checkout().display());
    machine
        .run(&["make", &itself])
        .fails(&["is lkmpg-rs itself: leave it out"]);
}

#[test]
fn a_folder_that_makes_no_module_fails() {
    let machine = machine(C);
    machine.write("tree/Makefile", "modules:\n\t@: >$(MO)/modules.order\n");
    make(&machine, &[]).fails(&["mine/Kbuild makes no module for this kernel"]);
}

#[test]
fn modules_in_c_need_no_kernel_with_rust() {
    let machine = machine(C);
    machine.write("tree/include/config/auto.conf", "CONFIG_X86_64=y\n");
    machine.without("bindgen");
    let tree = format!("KDIR={}", machine.path("tree").display());
    make(&machine, &[&tree]).passes();
    machine.write("mine/mine.rs", "");
    make(&machine, &[&tree]).fails(&["is built without Rust"]);
}

#[test]
fn cleaning_takes_what_was_built_and_nothing_else() {
    let machine = machine(C);
    make(&machine, &[]).passes();
    machine.write("mine/build/mine/file", "");
    make(&machine, &["clean"]).passes();
    assert!(!machine.path("mine/build/dev").exists());
    assert!(machine.path("mine/build/mine/file").exists());
}

#[test]
fn a_variable_of_the_environment_is_not_meant() {
    let mut machine = machine(C);
    let mine = machine.path("mine");
    machine.set("M", &mine);
    machine.set("LKMPG_M", &mine);
    machine.run(&["make", "modules"]).passes();
    assert!(machine.path("checkout/build/dev/seen").exists());
    assert!(!machine.path("mine/build").exists());
}

#[test]
fn tests_are_scripts_of_which_there_must_be_some() {
    let machine = machine(C);
    make(&machine, &["test"]).fails(&["there is no test in", "mine/tests"]);
    machine.write("mine/tests/smoke.sh", "");
    make(&machine, &["test"]).fails(&["chmod +x", "mine/tests/smoke.sh"]);
    machine.script("mine/tests/smoke.sh", "");
    machine.script("mine/tests/other.sh", "");
    make(&machine, &["test", "T=nosuch"])
        .fails(&["there is no test nosuch: there are other smoke"]);
    machine.script("checkout/scripts/vm", "cat; echo \"$@\" junit=$LKMPG_JUNIT");
    let script = machine.path("mine/tests/smoke.sh").display().to_string();
    let all = make(&machine, &["test", "JUNIT=/r.xml"]).passes();
    let said = [
        "build-finished",
        "--script",
        &script,
        "other.sh",
        "junit=/r.xml",
    ];
    let all = all.says(&said);
    assert!(!all.out.contains("junit=\n"), "{all:?}");
    let some = make(&machine, &["test", "T=smoke"])
        .passes()
        .says(&[&script]);
    assert!(!some.out.contains("other.sh"), "{some:?}");
}

#[test]
fn a_cargo_package_has_tests_too() {
    let machine = machine(C);
    machine.write("mine/tests/Cargo.toml", "");
    machine.write("mine/tests/tests/in_rust.rs", "");
    machine.script("mine/tests/smoke.sh", "");
    machine.program("cargo", "echo cargo \"$@\"");
    machine.script("checkout/scripts/vm", "cat; echo vm \"$@\"");
    let package = format!(
        "--manifest-path {}",
        machine.path("mine/tests/Cargo.toml").display()
    );
    let target = format!(
        "--target-dir {}",
        machine.path("mine/build/cargo").display()
    );
    let both = ["cargo test", &package, &target, "smoke.sh"];
    make(&machine, &["test"]).passes().says(&both);
    let one = make(&machine, &["test", "T=in_rust"]).passes();
    let one = one.says(&["--test in_rust"]);
    assert!(!one.out.contains("smoke.sh"), "{one:?}");
    let other = make(&machine, &["test", "T=smoke"])
        .passes()
        .says(&["smoke.sh"]);
    assert!(!other.out.contains("cargo test"), "{other:?}");
    // One may have the name of the other.
    machine.script("mine/tests/in_rust.sh", "");
    let both = ["--test in_rust", "/in_rust.sh"];
    make(&machine, &["test", "T=in_rust"]).passes().says(&both);
}

/// A machine with a package in the folder, and another one in its tests.
fn machine_with_packages(first: &str) -> Machine {
    let machine = machine(C);
    machine.write("mine/Cargo.toml", first);
    machine.write("mine/tests/first.rs", "");
    machine.write("mine/tests/Cargo.toml", "");
    machine.write("mine/tests/tests/second.rs", "");
    machine.script("checkout/scripts/vm", "cat");
    machine
}

/// What cargo is asked for: the package, and what of it.
fn asked(machine: &Machine, words: &[&str]) -> Vec<String> {
    let ended = make(machine, &[&["test"], words].concat()).passes();
    let mine = format!("{}/", machine.path("mine").display());
    let tests = ended.out.lines().filter(|it| it.starts_with("cargo test"));
    let told = |line: &str| {
        let words = line.split_whitespace();
        let told = |it: &&str| it.starts_with(&mine) || *it == "--workspace";
        let named = line.split_once("-diagnostics").map_or("", |it| it.1);
        let mut told: Vec<_> = words.filter(told).map(|it| it.replace(&mine, "")).collect();
        told.retain(|it| it != "build/cargo");
        format!("{}{named}", told.join(" "))
    };
    tests.map(told).collect()
}

#[test]
fn two_cargo_packages_have_tests_both() {
    let machine = machine_with_packages("[package]\n");
    let root = machine.path("mine/tests/Cargo.toml").display().to_string();
    let cargo = |test: &str| {
        let says = format!(
            "case $1 in locate-project) echo {root} ;; test) echo cargo \"$@\"; {test} ;; esac"
        );
        machine.program("cargo", &says);
    };
    cargo("");
    let asked = |words: &[&str]| asked(&machine, words);
    assert_eq!(asked(&[]), ["Cargo.toml", "tests/Cargo.toml"]);
    assert_eq!(asked(&["T=first"]), ["Cargo.toml --test first"]);
    assert_eq!(asked(&["T=second"]), ["tests/Cargo.toml --test second"]);
    make(&machine, &["test", "T=third"]).fails(&["there are first second"]);
    // One that does not build says nothing at times, and the other one that it does.
    cargo("case $3 in */mine/tests/*) exit 1 ;; *) echo '{\"success\":true}' ;; esac");
    let ended = make(&machine, &["test"]).passes();
    let end = r#"{"reason":"build-finished","success":false}"#;
    assert_eq!(ended.out.lines().last(), Some(end), "{ended:?}");
}

#[test]
fn all_packages_of_a_workspace_have_tests() {
    let machine = machine_with_packages("[workspace]\nmembers = [\"tests\"]\n");
    let root = machine.path("mine/Cargo.toml").display().to_string();
    machine.program(
        "cargo",
        &format!("case $1 in locate-project) echo {root} ;; *) echo cargo \"$@\" ;; esac"),
    );
    let asked = |words: &[&str]| asked(&machine, words);
    assert_eq!(asked(&[]), ["Cargo.toml --workspace"]);
    assert_eq!(
        asked(&["T=second"]),
        ["Cargo.toml --workspace --test second"]
    );
    // That of lkmpg-rs is another.
    machine.write("mine/lkmpg-rs/tests/chardev.rs", "");
    make(&machine, &["test", "T=chardev"]).fails(&["there are first second"]);
}

#[test]
fn what_was_compiled_of_a_source_that_is_gone_goes_too() {
    let machine = machine(C);
    make(&machine, &[]).passes();
    let source = machine.path("mine/gone.c").display().to_string();
    machine.write(
        "mine/build/dev/.gone.o.cmd",
        format!("source_gone.o := {source}\n"),
    );
    machine.write("mine/build/dev/gone.o", "");
    make(&machine, &[]).passes();
    assert!(!machine.path("mine/build/dev/gone.o").exists());
}

/// What the runner says of a module with two faults.
const LOG: &str = "     Running hostile (1 of 3, 1 min 02 s)
vm: debug 7.3.4, emulated, 1 CPU, 512M
vm: the kernel splatted while it ran /tests/hostile-01:
  [    5.797213] mine: loading out-of-tree module taints kernel.
  [   15.797213] ==================================================================
  [   15.797333][   T12] BUG: KASAN: slab-out-of-bounds in mine_write+0xc1/0x170 [mine]
     Running faults (2 of 3, 1 min 09 s)
thread 'an_operation_whose_copy_fails_says_so' (7) panicked at tests/faults.rs:1:2:
/dev/mine: write \"hello\": no copy failed
     Running storm (3 of 3, 2 min 09 s)
test result: ok. 3 passed
test binaries: 2 of 3 failed: hostile faults
";

#[test]
fn what_a_gate_finds_is_named_with_how_to_find_it_again() {
    let mut machine = machine(C);
    machine.set("LKMPG_SEED", "7");
    machine.write(
        "tree/Makefile",
        "modules:\n\t@echo my-own.o >$(MO)/modules.order\n",
    );
    let log = machine.write("log", LOG);
    let vm = |status: u8| {
        let says = format!(
            "cat >/dev/null; echo $LKMPG_SUBJECT; cat {}; exit {status}",
            log.display()
        );
        machine.script("checkout/scripts/vm", &says);
    };
    vm(101);
    let again = format!(
        "make -C {} M={} gates KERNEL=dev T=",
        machine.checkout().display(),
        machine.path("mine").display()
    );
    make(&machine, &["gates"]).fails(&[
        "my_own: hostile: BUG: KASAN: slab-out-of-bounds in mine_write+0xc1/0x170 [mine]\n",
        "my_own: faults: /dev/mine: write \"hello\": no copy failed\n",
        &format!("{again}hostile LKMPG_SUBJECT=my_own LKMPG_SEED=7\n"),
        "1 of 1 modules did not pass",
    ]);
    assert!(
        machine
            .read("mine/build/dev/gates/my_own.log")
            .starts_with("my_own\n")
    );
    let gate = |name: &str, what: &str| {
        format!("     Running {name} (1 of 3)\n{what}test result: ok. 1 passed; 0 failed\n")
    };
    let skipped = "test user ... ignored\ntest one ... skipped, since it rains ... ok\n";
    let write = |some: [&str; 3]| {
        let all: String = ["faults", "storm", "hostile"]
            .iter()
            .zip(some)
            .map(|(name, what)| gate(name, what))
            .collect();
        machine.write("log", format!("{all}test binaries: all 3 passed\n"));
    };
    vm(0);
    write(["", "", ""]);
    make(&machine, &["gates"])
        .passes()
        .says(&["all of my_own passed: faults storm hostile"]);
    write([skipped, "", ""]);
    make(&machine, &["gates"]).passes().says(&[
        "my_own: faults: left out, since it rains\n",
        "all of my_own passed what they went through: faults storm hostile",
    ]);
    write([skipped, skipped, skipped]);
    make(&machine, &["gates"]).fails(&[
        "my_own: hostile: left out, since it rains\n",
        "1 of 1 modules went through nothing",
    ]);
    // Silence is none.
    machine.write("log", "");
    make(&machine, &["gates"]).fails(&["my_own: the gates did not end"]);
    make(&machine, &["gates", "T=quantum"]).fails(&["there is no gate quantum"]);
    make(&machine, &["gates", "LKMPG_SUBJECT=other"])
        .fails(&["there is no module other", "my_own"]);
}

#[test]
fn each_module_goes_through_the_gates() {
    let machine = machine(C);
    machine.write(
        "tree/Makefile",
        "modules:\n\t@printf 'a.o\\nb.o\\n' >$(MO)/modules.order\n",
    );
    let gates = |vm: &str| {
        machine.script("checkout/scripts/vm", &format!("cat >/dev/null; {vm}"));
        make(&machine, &["gates"])
    };
    let pass = "echo test binaries: all 3 passed";
    gates(pass).passes().says(&["all of a b passed"]);
    for it in ["a", "b"] {
        let log = machine.read(&format!("mine/build/dev/gates/{it}.log"));
        assert_eq!(log, "test binaries: all 3 passed\n", "{it}");
    }
    gates(&format!("[ $LKMPG_SUBJECT != b ] || {pass}"))
        .fails(&["a: the gates did not end", "1 of 2 modules did not pass"]);
}
