// SPDX-License-Identifier: GPL-2.0-only

//! make doctor, and the quick look at a kernel tree that make itself takes.

use lkmpg_tools_tests::{Ended, Machine, PIECES, RUSTC};
use std::{fs, os::unix::fs::symlink};

/// What `make` sees of the tree.
fn look(machine: &Machine, tree: &str) -> Ended {
    let tree = format!("KDIR={}", machine.path(tree).display());
    machine.run(&[&*tree, "scripts/doctor", "--kdir"])
}

#[test]
fn a_whole_tree_is_fine() {
    let machine = Machine::new();
    machine.kernel_tree("tree");
    let ended = look(&machine, "tree").passes();
    assert_eq!((&*ended.out, &*ended.err), ("", ""));
}

#[test]
fn each_piece_that_is_missing_or_empty_is_named() {
    let machine = Machine::new();
    for (n, it) in PIECES.iter().enumerate() {
        machine.kernel_tree("tree");
        let path = machine.path("tree").join(it);
        if n % 2 == 0 {
            fs::remove_file(path).expect("a piece");
        } else {
            fs::write(path, "").expect("a piece");
        }
        look(&machine, "tree").fails(&[it]);
    }
}

#[test]
fn each_option_that_rust_needs_is_named() {
    let machine = Machine::new();
    for it in ["MODULE_UNLOAD", "PROC_FS", "SYSFS"] {
        machine.kernel_tree("tree");
        let config = machine.read("tree/include/config/auto.conf");
        let option = format!("CONFIG_{it}=y");
        machine.write(
            "tree/include/config/auto.conf",
            config.replace(&option, &format!("# CONFIG_{it} is not set")),
        );
        look(&machine, "tree").fails(&[&option]);
    }
}

#[test]
fn the_compiler_is_read_from_the_metadata() {
    let machine = Machine::new();
    machine.kernel_tree("tree");
    // The configuration says what it likes.
    let config = machine.read("tree/include/config/auto.conf");
    let text = format!("{config}CONFIG_RUSTC_VERSION_TEXT=\"{RUSTC}\"\n");
    machine.write("tree/include/config/auto.conf", text);
    machine.write(
        "tree/rust/libuapi.rmeta",
        "rust\0\0\0\x0a\0\0\0\0\x41rustc 1.85.1 (4eb161250 2025-03-15) (built from a source tarball)\x01",
    );
    let words = [
        "rust/libuapi.rmeta",
        "rustc 1.85.1 (4eb161250 2025-03-15) (built from a source tarball)'",
        RUSTC,
    ];
    look(&machine, "tree").fails(&words);
    let tree = format!("KDIR={}", machine.path("tree").display());
    machine.run(&["make", "doctor", &tree]).fails(&words);
}

#[test]
fn a_tree_that_was_copied_is_not_what_would_be_built_against() {
    let machine = Machine::new();
    machine.kernel_tree("tree");
    machine.kernel_tree("copy");
    let makefile = format!(
        "export KBUILD_OUTPUT = {}\n",
        machine.path("tree").display()
    );
    machine.write("copy/Makefile", &makefile);
    look(&machine, "copy").fails(&["was copied or moved", "outputmakefile"]);
    machine.write("tree/Makefile", &makefile);
    look(&machine, "tree").passes();
}

#[test]
fn a_kernel_that_is_not_there() {
    let machine = Machine::new();
    machine
        .run(&["make", "doctor", "KERNEL=nosuch"])
        .fails(&["there is no kernel nosuch", "debug"]);
    machine
        .run(&["make", "doctor"])
        .says(&["the kernel dev has not been built yet"]);
}

#[test]
fn what_was_built_for_another_kernel_is_no_problem_of_this_one() {
    let machine = Machine::new();
    let tree = format!("KDIR={}", machine.kernel_tree("tree").display());
    machine.program("modinfo", "echo 7.3.4-lkmpg-dev SMP");
    machine.write("checkout/build/dev/modules.order", "samples/x/chardev.o\n");
    machine.write("checkout/build/dev/samples/x/chardev.ko", "");
    let ended = machine.run(&["make", "doctor", &tree]).passes();
    assert!(!ended.out.contains("chardev"), "{ended:?}");

    // Left of before the kernel was another.
    machine.write(
        "checkout/build/7.3.4-tree/modules.order",
        "samples/x/chardev.o\n",
    );
    let ended = machine
        .run(&["make", "doctor", &tree])
        .fails(&["not built for 7.3.4-tree", "make KDIR="]);
    assert!(!ended.out.contains("clean &&"), "{ended:?}");
}

#[test]
fn what_make_ignores_is_told() {
    let mut machine = Machine::new();
    machine.set("ARCH", "arm64");
    machine
        .run(&["make", "doctor"])
        .says(&["ARCH is set", "ignored"]);
}

#[test]
fn another_processors_kernel_is_emulated_whatever_the_machine_can() {
    let mut machine = Machine::new();
    let other = match std::env::consts::ARCH {
        "aarch64" => "x86",
        _ => "arm64",
    };
    machine.set("KERNEL", other);
    let words = format!("the kernel {other} is of another processor");
    machine
        .run(&["scripts/doctor"])
        .says(&[&words, "KERNEL=dev"]);
}

#[test]
fn the_size_of_the_cache_is_told() {
    let machine = Machine::new();
    machine.write("home/.cache/lkmpg-rs/kernels/dev/image", vec![1; 3 << 20]);
    machine
        .run(&["scripts/doctor"])
        .says(&["which takes 4 MiB", "clean-cache"]);
}

#[test]
fn a_kernel_of_ones_own_is_told_in_plain_words() {
    let machine = Machine::new();
    machine.runs_linux("7.3.0-mine");
    machine.program("dpkg", "echo amd64");
    machine.run(&["make", "modules", "KERNEL=host"]).fails(&[
        "the kernel 7.3.0-mine",
        "headers are not installed",
        "KDIR=",
    ]);
}

/// What was made here may be removed; the headers of a distribution may not, nor what is beside them.
#[test]
fn the_remedy_is_for_what_was_made_here() {
    let mut machine = Machine::new();
    machine.set("KERNEL", "debian");
    let link = machine.path("checkout/build/debian/kernel");
    fs::create_dir_all(&link).expect("a folder");
    let made = machine.cache().join("metadata/7.3.4");
    for (tree, word) in [
        (machine.path("src/headers"), "rm -r"),
        (made.join("build"), "complete, then"),
    ] {
        let other = tree.strip_prefix(machine.path("")).expect("it is there");
        machine.kernel_tree(other.to_str().expect("UTF-8"));
        fs::remove_file(tree.join(PIECES[0])).expect("a piece");
        fs::write(link.join("toolchain.mk"), "").expect("a file");
        let _ = fs::remove_file(link.join("build"));
        symlink(&tree, link.join("build")).expect("a link");
        let ended = machine.run(&["scripts/doctor"]).fails(&[PIECES[0]]);
        assert!(
            !ended.out.contains(word),
            "{}: {}",
            tree.display(),
            ended.out
        );
    }
    let made = format!("rm -r {}", made.display());
    machine.run(&["scripts/doctor"]).fails(&[&made]);
}

/// What the doctor says of a tree, where it should find fault; and that without that it does not.
fn finds(machine: &Machine, breaks: impl FnOnce(&Machine), words: &[&str]) {
    let tree = format!("KDIR={}", machine.path("tree").display());
    let doctor = || machine.run(&[&*tree, "scripts/doctor"]);
    let well = doctor().passes();
    for it in words {
        assert!(!well.out.contains(it), "{it}: {well:?}");
    }
    breaks(machine);
    doctor().fails(words);
}

#[test]
fn a_kernel_that_takes_signed_modules_only_is_a_problem() {
    let mut machine = Machine::new();
    machine.kernel_tree("tree");
    machine.set("DOCTOR_SYS", machine.path("sys"));
    machine.set("DOCTOR_RUNNING", "7.3.4-tree");
    machine.write("sys/kernel/security/lockdown", "[none] integrity\n");
    let boot = "sys/firmware/efi/efivars/SecureBoot-1";
    machine.write(boot, [6, 0, 0, 0, 0]);
    let locked = |machine: &Machine| {
        machine.write("sys/kernel/security/lockdown", "none [integrity]\n");
    };
    finds(
        &machine,
        locked,
        &["this machine runs locked down", "mokutil"],
    );
    machine.write("sys/kernel/security/lockdown", "[none] integrity\n");
    let forces = |machine: &Machine| {
        let config = machine.read("tree/include/config/auto.conf");
        let config = format!("{config}CONFIG_MODULE_SIG_FORCE=y\n");
        machine.write("tree/include/config/auto.conf", config);
    };
    finds(
        &machine,
        forces,
        &["7.3.4-tree takes signed modules only", "mokutil"],
    );

    // Secure Boot need not be one.
    machine.kernel_tree("tree");
    machine.write(boot, [6, 0, 0, 0, 1]);
    let tree = format!("KDIR={}", machine.path("tree").display());
    let doctor = |machine: &Machine| machine.run(&[&*tree, "scripts/doctor"]).passes();
    doctor(&machine).says(&["has booted with Secure Boot", "mokutil"]);
    // Nor is what another kernel would not take.
    machine.write("sys/kernel/security/lockdown", "none [integrity]\n");
    machine.set("DOCTOR_RUNNING", "7.3.4-other");
    let other = doctor(&machine);
    assert!(!other.out.contains("mokutil"), "{other:?}");
}

#[test]
fn a_libclang_that_is_not_the_clangs_is_a_problem() {
    let machine = Machine::new();
    machine.kernel_tree("tree");
    let says = |libclang: &'static str| {
        move |machine: &Machine| {
            let bindgen = format!(
                "case $1 in --version) echo bindgen 0.72.1 ;; *) echo {libclang} >&2 ;; esac"
            );
            machine.program("bindgen", &bindgen);
        }
    };
    let other = "bindgen reads headers with libclang 29.1.0";
    finds(&machine, says("version 29.1.0"), &[other, "libclang1-30"]);
    says("version 30.0.1")(&machine);
    let none = "bindgen cannot use libclang in";
    finds(&machine, says("no libclang.so"), &[none, "no libclang.so"]);
}

#[test]
fn a_disk_that_is_full_is_a_problem() {
    let machine = Machine::new();
    machine.kernel_tree("tree");
    let free = |amount: u32| {
        move |machine: &Machine| {
            machine.program("df", &format!("echo Avail; echo {amount}"));
        }
    };
    free(3500)(&machine);
    let words = [
        "3499 MiB are free for",
        "3500 MiB are needed",
        "XDG_CACHE_HOME",
    ];
    finds(&machine, free(3499), &words);
    // There is a kernel, which does not take so much again.
    machine.write("checkout/build/dev/kernel/complete", "");
    finds(
        &machine,
        free(499),
        &["499 MiB are free for", "500 MiB are needed"],
    );
}
