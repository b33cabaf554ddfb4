// SPDX-License-Identifier: GPL-2.0-only

//! scripts/kernel and the cache: when a kernel is built, and why.

use lkmpg_tools_tests::{Machine, write_after};
use std::{
    fs,
    io::Read,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Puts a kernel source into the cache, whose Makefile makes of it what scripts/kernel needs.
fn source(machine: &Machine, cache: &str, version: &str) {
    let folder = format!("{cache}/sources/linux-{version}-1");
    let numbers: Vec<_> = version.split('.').collect();
    machine.write(
        &format!("{folder}/Makefile"),
        format!(
            "VERSION = {}
PATCHLEVEL = {}
SUBLEVEL = {}
EXTRAVERSION =
allnoconfig:
\tgrep -v DROPPED $(KCONFIG_ALLCONFIG) >$(O)/.config
outputmakefile:
\techo 'export KBUILD_OUTPUT = $(O)' >$(O)/Makefile
\tln -sfn $(CURDIR) $(O)/source
vmlinux:
\techo built >>$(O)/vmlinux
Image:
\tmkdir -p $(O)/arch/arm64/boot $(O)/arch/riscv/boot
\techo built | tee -a $(O)/arch/arm64/boot/Image >>$(O)/arch/riscv/boot/Image
modules: outputmakefile
\tmkdir -p $(O)/include/config
\techo {version}-lkmpg >$(O)/include/config/kernel.release
modules_prepare: outputmakefile
\ttouch $(O)/prepared
modules_install:
\tmkdir -p $(INSTALL_MOD_PATH)/lib/modules/{version}-lkmpg
",
            numbers[0], numbers[1], numbers[2]
        ),
    );
    for it in [
        "Kbuild",
        "rust/kernel/lib.rs",
        "kernel/configs/tiny-base.config",
        "kernel/configs/tiny.config",
        "arch/x86/configs/tiny.config",
        "arch/riscv/configs/tiny.config",
    ] {
        machine.write(&format!("{folder}/{it}"), "");
    }
}

const CACHE: &str = "home/.cache/lkmpg-rs";

fn machine() -> Machine {
    let machine = Machine::new();
    source(&machine, CACHE, "7.3.4");
    machine
        .run(&["scripts/kernel"])
        .passes()
        .says(&["dev is ready"]);
    machine
}

/// The kernel that the checkout uses.
fn kernel(machine: &Machine) -> PathBuf {
    machine
        .path("checkout/build/dev/kernel")
        .canonicalize()
        .expect("there is a kernel")
}

/// How often it was built.
fn builds(machine: &Machine) -> usize {
    fs::read_to_string(kernel(machine).join("image"))
        .expect("an image")
        .lines()
        .count()
}

#[test]
fn what_is_prepared_only_is_no_kernel_yet() {
    let machine = Machine::new();
    source(&machine, CACHE, "7.3.4");
    let prepare = || machine.run(&["scripts/kernel", "--prepare"]).passes();
    prepare();
    let folder = kernel(&machine);
    let has = |it| folder.join(it).exists();
    assert!(has("build/prepared") && has("toolchain.mk"));
    assert!(!has("image") && !has("complete"));
    machine.run(&["scripts/kernel"]).passes();
    assert_eq!((kernel(&machine), builds(&machine)), (folder, 1));
    // A kernel is more than that.
    assert_eq!(prepare().err, "");
}

#[test]
fn what_another_processors_guests_take_comes_with_its_kernel() {
    let machine = Machine::new();
    source(&machine, CACHE, "7.3.4");
    // It needs the cache for itself.
    let root =
        "#!/bin/sh\nexec 9>$HOME/.cache/lkmpg-rs/lock\nflock --nonblock 9 && echo /its/root/$1\n";
    machine.write("checkout/scripts/guest-root", root);
    machine
        .run(&["scripts/kernel", "riscv64"])
        .passes()
        .says(&["riscv64 is ready"]);
    let folder = machine.path("checkout/build/riscv64/kernel");
    let root = fs::read_link(folder.join("root")).expect("the guest's programs");
    assert_eq!(root, PathBuf::from("/its/root/riscv64"));
}

#[test]
fn a_newer_source_is_no_reason_to_build_again() {
    let machine = machine();
    let first = kernel(&machine);
    source(&machine, CACHE, "7.3.9");
    let ended = machine.run(&["scripts/kernel"]).passes();
    assert_eq!(ended.err, "");
    assert_eq!((kernel(&machine), builds(&machine)), (first.clone(), 1));
    // Nor for another checkout.
    fs::remove_dir_all(machine.path("checkout/build")).expect("a folder");
    machine.run(&["scripts/kernel"]).passes();
    assert_eq!((kernel(&machine), builds(&machine)), (first, 1));
}

#[test]
fn why_a_kernel_is_built_again_is_told_before() {
    let machine = machine();
    let fragment = machine.read("checkout/scripts/configs/dev.config");
    machine.write(
        "checkout/scripts/configs/dev.config",
        format!("{fragment}CONFIG_ANOTHER=y\n"),
    );
    let ended = machine.run(&["scripts/kernel"]).passes();
    let why = ended
        .err
        .find("now:    CONFIG_ANOTHER=y")
        .expect("the reason");
    let start = ended.err.find("building Linux").expect("the start");
    assert!(why < start, "{}", ended.err);
    assert!(ended.err.contains("built again"), "{}", ended.err);
}

/// A machine that has the kernel `dev`, and is asked for it with what that file adds.
fn machine_with(own: &str) -> Machine {
    let mut machine = machine();
    let file = machine.write("mine/net.config", own);
    machine.set("LKMPG_CONFIG", file);
    machine
}

#[test]
fn what_a_file_adds_makes_a_kernel_of_its_own() {
    let machine = machine_with("# Mine.\nCONFIG_TUN=m\n# CONFIG_INET is not set\n");
    let dev = kernel(&machine);
    let with = |machine: &Machine, name: &str| {
        let own = machine.path("checkout/build/dev+net/kernel");
        fs::read_to_string(own.join(name)).expect("a file")
    };
    machine
        .run(&["scripts/kernel", "dev+net"])
        .passes()
        .says(&["dev+net is ready"]);
    let config = with(&machine, "config");
    for line in [
        "CONFIG_TUN=m",
        "CONFIG_INET=n",
        "CONFIG_RUST=y",
        "CONFIG_LOCALVERSION=\"-lkmpg-dev+net\"",
    ] {
        assert!(config.lines().any(|it| it == line), "no {line}: {config}");
    }
    assert_eq!(kernel(&machine), dev);
    // It is there, also for whom that does not name the file again.
    for settings in [&[][..], &["-u", "LKMPG_CONFIG"]] {
        let ended = machine.run(&[settings, &["scripts/kernel", "dev+net"]].concat());
        assert_eq!(ended.passes().err, "");
    }
    // And in another folder.
    let elsewhere = "rm -r build/dev+net && scripts/kernel dev+net";
    let ended = machine.run(&["-u", "LKMPG_CONFIG", "bash", "-c", elsewhere]);
    assert_eq!(ended.passes().err, "");
    assert_eq!(with(&machine, "image").lines().count(), 1);
    machine.write("mine/net.config", "CONFIG_TUN=y\n");
    machine
        .run(&["scripts/kernel", "dev+net"])
        .passes()
        .says(&["before: CONFIG_TUN=m", "now:    CONFIG_TUN=y"]);
}

#[test]
fn what_a_file_adds_is_what_the_kernel_has() {
    let machine = machine_with("CONFIG_DROPPED=y\n");
    let kernel = |name: &str| machine.run(&["scripts/kernel", name]);
    kernel("dev+net").fails(&[
        "CONFIG_DROPPED=y was asked for, and is n",
        "There is no such symbol.",
    ]);
    assert!(!machine.path("checkout/build/dev+net/kernel").exists());
    machine.write("mine/net.config", "CONFIG_TUN=y\nCONFIG_A = y\nTUN=y\n");
    kernel("dev+net").fails(&[
        "lines that are none of a .config",
        "2:CONFIG_A = y",
        "3:TUN=y",
    ]);
    machine.write("mine/net.config", "# CONFIG_TUN=y\n");
    kernel("dev+net").fails(&["net.config asks for nothing"]);
    kernel("dev+").fails(&["is no name for a kernel", "NAME.config"]);
    kernel("nosuch+net").fails(&["there is no kernel nosuch+net"]);
    let words = ["-u", "LKMPG_CONFIG", "scripts/kernel", "dev+net"];
    machine
        .run(&words)
        .fails(&["make KERNEL=dev CONFIG=FOLDER/net.config"]);
}

#[test]
fn another_compiler_is_a_reason() {
    let machine = machine();
    let first = kernel(&machine);
    machine.script(
        "rust/bin/rustc",
        "case $1 in --print) echo $(dirname $(dirname $0)) ;; *) echo 'rustc 1.97.0' ;; esac",
    );
    machine
        .run(&["scripts/kernel"])
        .passes()
        .says(&["before: rustc 1.96.0", "now:    rustc 1.97.0"]);
    assert_ne!(kernel(&machine), first);
}

#[test]
fn other_tools_and_wishes_are_reasons() {
    let machine = machine();
    let mut before = kernel(&machine);
    let mut again = |now: &str| {
        let ended = machine.run(&["scripts/kernel"]).passes();
        ended.says(&["dev is built again", &format!("now:    {now}\n")]);
        assert_ne!(kernel(&machine), before);
        before = kernel(&machine);
    };
    machine.program("clang-30", "echo clang version 30.0.10");
    again("clang version 30.0.10");
    machine.program("bindgen", "echo bindgen 0.72.10");
    again("bindgen 0.72.10");
    let wishes = "checkout/scripts/configs/dev-wishes.config";
    let wished = machine.read(wishes);
    machine.write(wishes, format!("{wished}CONFIG_WISHED=y\n"));
    again("CONFIG_WISHED=y");
}

#[test]
fn one_run_at_a_time_changes_the_cache() {
    let machine = Machine::new();
    source(&machine, CACHE, "7.3.4");
    machine.write(&format!("{CACHE}/tmp.old/half"), "");
    let mut other = Command::new("sh")
        .args(["-c", "exec 9>lock; flock 9; echo; exec sleep 600"])
        .current_dir(machine.path(CACHE))
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh starts");
    let mut said = other.stdout.take().expect("a pipe");
    said.read_exact(&mut [0]).expect("it has the lock");
    // The other one ends when it is waited for.
    let flock = machine.path("bin/flock").canonicalize().expect("flock");
    let waits = format!(
        "[ $1 != 9 ] || {{ ls $HOME/.cache/lkmpg-rs >&2; kill {}; }}; exec {} \"$@\"",
        other.id(),
        flock.display()
    );
    machine.program("flock", &waits);
    let ended = machine.run(&["scripts/kernel"]);
    let _ = other.kill();
    other.wait().expect("its end");
    ended
        .passes()
        .says(&["waiting for another run", "tmp.old", "dev is ready"]);
    assert!(!machine.path(CACHE).join("tmp.old").exists());
}

#[test]
fn a_cache_that_was_moved_leads_to_where_it_is() {
    let mut machine = machine();
    fs::create_dir(machine.path("moved")).expect("a folder");
    fs::rename(machine.path(CACHE), machine.path("moved/lkmpg-rs")).expect("moved");
    machine.set("XDG_CACHE_HOME", machine.path("moved"));
    machine
        .run(&["scripts/kernel"])
        .passes()
        .says(&["was moved here"]);
    assert_eq!(builds(&machine), 1);
    let build = machine
        .path("moved/lkmpg-rs/kernels")
        .join(kernel(&machine).file_name().expect("a name"))
        .join("build");
    let makefile = fs::read_to_string(build.join("Makefile")).expect("a makefile");
    assert_eq!(
        makefile,
        format!("export KBUILD_OUTPUT = {}\n", build.display())
    );
    assert!(build.join("source/Makefile").exists());
    let toolchain = fs::read_to_string(kernel(&machine).join("toolchain.mk")).expect("a file");
    assert!(
        toolchain.contains(&format!("KDIR := {}\n", build.display())),
        "{toolchain}"
    );
}

#[test]
fn a_kernel_without_its_source_is_not_taken() {
    let machine = machine();
    fs::remove_dir_all(machine.path(CACHE).join("sources/linux-7.3.4-1")).expect("a source");
    source(&machine, CACHE, "7.3.9");
    machine
        .run(&["scripts/kernel"])
        .passes()
        .says(&["linux-7.3.4-1 is gone"]);
    assert!(kernel(&machine).display().to_string().contains("7.3.9"));
}

#[test]
fn a_kernels_patches_are_in_a_source_of_its_own() {
    let machine = Machine::new();
    source(&machine, CACHE, "7.3.4");
    machine.write("checkout/scripts/guest-root", "#!/bin/sh\necho /its/root\n");
    let patch = |text: &str| {
        let to = "checkout/patches/pciehp-lock-order.patch";
        machine.write(to, format!("--- a/Kbuild\n+++ b/Kbuild\n{text}"));
        machine.run(&["scripts/kernel", "debug-riscv64"])
    };
    let kernel = || {
        machine
            .path("checkout/build/debug-riscv64/kernel")
            .canonicalize()
    };
    let its_kbuild = || {
        let folder = kernel().expect("a kernel").join("build/source/Kbuild");
        fs::read_to_string(folder).expect("its source")
    };
    patch("@@ -0,0 +1 @@\n+# Mended.\n")
        .passes()
        .says(&["building Linux 7.3.4, patched, debug-riscv64", "is ready"]);
    assert_eq!(its_kbuild(), "# Mended.\n");
    let first = kernel().expect("a kernel");
    // Another run takes it.
    assert_eq!(patch("@@ -0,0 +1 @@\n+# Mended.\n").passes().err, "");
    // One with another patch does not.
    patch("@@ -0,0 +1 @@\n+# Better.\n")
        .passes()
        .says(&["is ready"]);
    assert_eq!(its_kbuild(), "# Better.\n");
    assert_ne!(kernel().expect("a kernel"), first);
    patch("@@ -1 +1 @@\n-# Not there.\n+# Mended.\n")
        .fails(&["pciehp-lock-order.patch does not apply to linux-7.3.4-1"]);
    // Other kernels have the source as it was.
    let shared = machine.path(CACHE).join("sources/linux-7.3.4-1/Kbuild");
    assert_eq!(fs::read_to_string(shared).expect("a file"), "");
}

#[test]
fn a_source_of_the_callers_is_asked_for() {
    let mut machine = machine();
    source(&machine, "mine", "7.3.5");
    machine.set("KERNEL_SRC", machine.path("mine/sources/linux-7.3.5-1"));
    machine.run(&["scripts/kernel"]).passes();
    let mine = kernel(&machine);
    assert!(mine.display().to_string().contains("dev-7.3.5"));
    machine.run(&["scripts/kernel"]).passes();
    assert_eq!((kernel(&machine), builds(&machine)), (mine.clone(), 1));
    // What was changed there is in no key.
    let source = machine.path("mine/sources/linux-7.3.5-1/rust/kernel/lib.rs");
    write_after(&mine.join("complete"), &source, "// New.\n");
    machine.run(&["scripts/kernel"]).passes();
    assert_eq!((kernel(&machine), builds(&machine)), (mine.clone(), 2));
    machine.set("KERNEL_SRC", "");
    machine.run(&["scripts/kernel"]).passes();
    assert_ne!(kernel(&machine), mine);
}

#[test]
fn what_nobody_used_is_removed() {
    let machine = machine();
    source(&machine, CACHE, "7.2.0");
    let cache = machine.path(CACHE);
    let age = |name: &str| {
        let status = Command::new("touch")
            .args(["-d", "40 days ago"])
            .arg(cache.join(name))
            .status();
        assert!(status.expect("touch runs").success());
    };
    let name = kernel(&machine).file_name().expect("a name").to_owned();
    let used = format!("kernels/{}", name.to_string_lossy());
    age("sources/linux-7.2.0-1");
    age("sources/linux-7.3.4-1");
    age(&used);
    // Using a kernel is using its source.
    machine.run(&["scripts/kernel"]).passes();
    machine.run(&["make", "clean-cache"]).passes().says(&[
        "removed",
        "used 40 days ago: sources/linux-7.2.0-1",
        &format!("used today: {used}"),
    ]);
    assert!(!cache.join("sources/linux-7.2.0-1").exists());
    assert!(cache.join("sources/linux-7.3.4-1").exists() && cache.join(&used).exists());

    machine.run(&["make", "clean-cache", "DAYS=0"]).passes();
    assert!(!cache.join(&used).exists());
    machine
        .run(&["make", "clean-cache", "DAYS=x"])
        .fails(&["x is no number of days"]);
}
