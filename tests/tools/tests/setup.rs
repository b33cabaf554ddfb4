// SPDX-License-Identifier: GPL-2.0-only

//! scripts/setup: what it finds missing, and how it gets that.

use lkmpg_tools_tests::{Machine, qemu, root};
use std::fs;

/// A machine whose apt installs stubs, and whose sudo keeps what it was asked for.
fn with_apt(machine: &Machine) {
    let home = machine.path("home").display().to_string();
    let bin = machine.path("bin").display().to_string();
    machine.program(
        "sudo",
        &format!("printf '%s\\n' \"$*\" >>{home}/sudo\n[ \"$1\" != -n ] || shift\nexec \"$@\""),
    );
    machine.program("apt-cache", "echo '  Candidate: 99.0'");
    machine.program(
        "apt-get",
        &format!(
            "echo \"$@\" >>{home}/apt\nfor it; do case $it in flex | bison | pandoc | weasyprint) \
             printf '#!/bin/sh\\n' >{bin}/$it; chmod +x {bin}/$it ;; esac; done"
        ),
    );
}

#[test]
fn nothing_is_missing() {
    let machine = Machine::new();
    machine.run(&["scripts/setup"]).passes();
    let ended = machine.run(&["scripts/setup", "--check"]).passes();
    assert_eq!(ended.out, "");
}

#[test]
fn what_is_missing_is_told_by_what_it_is() {
    let machine = Machine::new();
    let (qemu, package) = qemu();
    for it in ["flex", "busybox", &qemu] {
        machine.without(it);
    }
    machine.run(&["scripts/setup", "--check"]).fails(&[
        "flex, which configures the kernel (package flex)",
        "a busybox that is linked statically, which is the user space of the VM (package busybox-static)",
        &format!("{qemu}, which runs the VM"),
        &format!("(package {package})"),
    ]);
    // Not Debian: no apt-get.
    machine
        .run(&["scripts/setup"])
        .fails(&["flex, which", "not Debian", "KDIR="]);
}

#[test]
fn a_machine_of_another_kind_is_told_so() {
    let machine = Machine::new();
    machine.program("uname", "echo s390x");
    machine
        .run(&["scripts/setup", "--check"])
        .fails(&["a machine that is a s390x", "x86-64, arm64 and riscv64"]);
}

#[test]
fn what_another_processor_takes_is_for_those_who_ask() {
    let mut machine = Machine::new();
    machine.run(&["scripts/setup", "--check"]).passes();
    let others = [
        ("arm64", "qemu-system-arm"),
        ("debug-riscv64", "qemu-system-misc"),
    ];
    for (kernel, package) in others.into_iter().filter(|(_, it)| *it != qemu().1) {
        machine.set("KERNEL", kernel);
        machine
            .run(&["scripts/setup", "--check"])
            .fails(&[&format!("(package {package})")]);
    }
}

#[test]
fn a_busybox_with_libraries_is_none() {
    let machine = Machine::new();
    machine.program("ldd", "echo 'libc.so.6 => /lib/libc.so.6'");
    machine
        .run(&["scripts/setup", "--check"])
        .fails(&["a busybox that is linked statically"]);
}

#[test]
fn an_analyzer_that_stands_for_none_is_none() {
    // Debian 12 has an old rustc, and all that goes with a recent one under other names.
    for (rustc, package) in [
        ("1.63.0", " rust-web-analyzer"),
        ("1.85.0", " rust-analyzer"),
    ] {
        let machine = Machine::new();
        with_apt(&machine);
        machine.program("apt-cache", &format!("echo '  Candidate: {rustc}'"));
        machine.program("rust-analyzer", "exit 1");
        machine
            .run(&["scripts/setup"])
            .fails(&["a rust-analyzer that runs, which sees modules as editors do"]);
        let apt = machine.read("home/apt");
        assert!(apt.trim_end().ends_with(package), "{apt}");
    }
}

#[test]
fn headers_are_those_that_the_compiler_finds() {
    let machine = Machine::new();
    // Where there is none in /usr/include, the compiler is asked.
    machine.program("gcc", "grep -q zzz && exit 0; exit 1");
    let line = "sed -i s/libelf.h/zzz.h/ scripts/setup && scripts/setup --check";
    machine.run(&["sh", "-c", line]).says(&[]);
    machine.program("gcc", "exit 1");
    machine
        .run(&["scripts/setup", "--check"])
        .fails(&["the header <zzz.h>"]);
}

#[test]
fn root_is_asked_for_once() {
    let machine = Machine::new();
    with_apt(&machine);
    machine.without("flex");
    machine.without("bison");
    machine
        .run_as_user(&["scripts/setup"])
        .passes()
        .says(&["flex, which configures the kernel"]);
    let asked = machine.read("home/sudo");
    // This is no terminal: nobody could type a password.
    assert!(asked.starts_with("-n "), "{asked}");
    assert_eq!(asked.lines().count(), 1, "{asked}");
    let apt = machine.read("home/apt");
    assert_eq!(apt.lines().count(), 2, "{apt}");
    assert!(
        apt.contains("update") && apt.contains("flex bison"),
        "{apt}"
    );
}

#[test]
fn root_that_is_refused_is_told() {
    let machine = Machine::new();
    with_apt(&machine);
    machine.program("sudo", "echo sudo: a password is required >&2; exit 1");
    machine.without("flex");
    machine
        .run_as_user(&["scripts/setup"])
        .fails(&["a password is required", "run scripts/setup once as root"]);
}

#[test]
fn what_cargo_starts_does_not_hold_the_lock() {
    let machine = Machine::new();
    let home = machine.path("home").display().to_string();
    machine.without("bindgen");
    machine.program(
        "cargo",
        &format!(
            "case $1 in --version) echo cargo 1.96.0; exit ;; esac
ls -l /proc/self/fd >{home}/fds
mkdir -p bin && printf '#!/bin/sh\\necho bindgen 0.72.1\\n' >bin/bindgen && chmod +x bin/bindgen"
        ),
    );
    machine.run(&["scripts/setup"]).passes();
    let open = machine.read("home/fds");
    assert!(
        open.contains(" 0 -> ") && !open.contains("lkmpg-rs/lock"),
        "{open}"
    );
    assert!(
        machine
            .cache()
            .join("tools/bindgen-0.72.1/bin/bindgen")
            .exists()
    );
}

#[test]
fn the_book_takes_its_own_tools_and_no_others() {
    let machine = Machine::new();
    with_apt(&machine);
    for it in ["flex", &qemu().0, "bindgen"] {
        machine.without(it);
    }
    let home = machine.path("home").display().to_string();
    machine.program(
        "cargo",
        &format!(
            "case $1 in --version) echo cargo 1.96.0; exit ;; esac
echo \"$@\" >>{home}/cargo
mkdir -p bin && printf '#!/bin/sh\\necho mdbook v0.4.52\\n' >bin/mdbook && chmod +x bin/mdbook"
        ),
    );
    machine.run(&["scripts/setup", "--book"]).passes().says(&[
        "pandoc, which makes an EPUB",
        "weasyprint, which makes a PDF",
        "mdBook 0.4.40 or newer, before 0.5",
    ]);
    let apt = machine.read("home/apt");
    assert!(apt.trim_end().ends_with(" pandoc weasyprint"), "{apt}");
    let cargo = machine.read("home/cargo");
    assert!(cargo.trim_end().ends_with(" mdbook"), "{cargo}");
    assert_eq!(cargo.lines().count(), 1, "{cargo}");
    // It is taken from the cache from now on; one of another series is not.
    machine.program("mdbook", "echo mdbook v0.5.4");
    machine.run(&["scripts/setup", "--book"]).passes();
    assert_eq!(machine.read("home/cargo"), cargo);
    // What the modules take is another matter.
    let ended = machine.run(&["scripts/setup", "--check"]).fails(&["flex"]);
    assert!(!ended.out.contains("mdBook"), "{ended:?}");
}

#[test]
fn files_of_somebody_else_are_named() {
    let mut machine = Machine::new();
    machine.write("checkout/build/dev/modules.order", "");
    machine.set("DOCTOR_USER", "4242");
    let words = ["checkout/build", "sudo chown -R"];
    machine.run(&["scripts/setup"]).fails(&words);
    machine.run(&["scripts/doctor"]).fails(&words);
    let id = machine.run(&["id", "-u"]).passes().out;
    machine.set("DOCTOR_USER", id.trim());
    machine.run(&["scripts/setup"]).passes();
}

#[test]
fn the_dev_container_leaves_its_packages_to_set_up() {
    let read = |name: &str| fs::read_to_string(root().join(name)).expect(name);
    let (setup, image) = (read("scripts/setup"), read(".devcontainer/Dockerfile"));
    let needs = setup.lines().filter(|it| it.contains("   "));
    let known: Vec<_> = needs
        .filter_map(|it| it.split_whitespace().nth(1))
        .collect();
    assert!(known.contains(&"flex"), "{known:?}");

    let (before, after) = image.split_once("\nRUN scripts/setup\n").expect("set-up");
    assert!(!after.contains("install"), "{after}");
    let installed = before.split_once(" install ").expect("packages").1.lines();
    let installed = installed.take(1).flat_map(str::split_whitespace);
    let twice: Vec<_> = installed.filter(|it| known.contains(it)).collect();
    assert!(twice.is_empty(), "set-up installs these: {twice:?}");
}

#[test]
fn every_script_says_what_it_does() {
    let machine = Machine::new();
    let scripts = fs::read_dir(root().join("scripts")).expect("the scripts");
    let mut told = 0;
    for script in scripts {
        let path = script.expect("a script").path();
        let name = format!("scripts/{}", path.file_name().unwrap().to_string_lossy());
        let is_script = fs::read_to_string(&path)
            .is_ok_and(|it| it.starts_with("#!") && it.contains("/lib.sh\"\n"));
        if is_script {
            let ended = machine.run(&[&name, "--help"]).passes();
            assert!(ended.out.contains(&name), "{name}: {}", ended.out);
            told += 1;
        }
    }
    assert!(told > 10, "{told} scripts");
}
