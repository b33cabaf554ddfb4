// SPDX-License-Identifier: GPL-2.0-only

//! make install, make uninstall and what DKMS is told.

use lkmpg_guest::skip;
use lkmpg_tools_tests::{Machine, root};
use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

const RELEASE: &str = "7.3.4-tree";

/// A machine with two modules that were built, and a third that is left of a former build.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.program("modinfo", &format!("echo {RELEASE} SMP mod_unload"));
    machine.program("strip", "");
    machine.program("depmod", "echo \"$@\" >$HOME/depmod");
    let build = format!("checkout/build/{RELEASE}");
    for it in ["chardev", "sleep", "stale"] {
        machine.write(&format!("{build}/samples/x/{it}.ko"), it);
    }
    machine.write(
        &format!("{build}/modules.order"),
        "samples/x/chardev.o\nsamples/x/sleep.o\ntests/modules/crash.o\n",
    );
    machine
}

fn installed(machine: &Machine, destination: &str) -> Vec<String> {
    let folder = folder(machine, destination);
    let mut names: Vec<_> = fs::read_dir(folder)
        .map(|it| {
            it.map(|it| {
                it.expect("a name")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
        })
        .map(Iterator::collect)
        .unwrap_or_default();
    names.sort();
    names
}

fn folder(machine: &Machine, destination: &str) -> PathBuf {
    machine.path(&format!(
        "{destination}/lib/modules/{RELEASE}/extra/lkmpg-rs"
    ))
}

fn install(machine: &Machine, words: &[&str]) -> lkmpg_tools_tests::Ended {
    let kernel = format!("KERNEL={RELEASE}");
    machine.run(&[&["make", "install", &kernel], words].concat())
}

#[test]
fn what_kbuild_made_last_is_installed() {
    let machine = machine();
    let destination = format!("DESTDIR={}", machine.path("to").display());
    install(&machine, &[&destination]).passes();
    assert_eq!(installed(&machine, "to"), ["chardev.ko", "sleep.ko"]);
    // A package's depmod runs where it is installed.
    assert!(!machine.path("home/depmod").exists());

    fs::remove_file(machine.path(&format!("checkout/build/{RELEASE}/samples/x/sleep.ko")))
        .expect("a module");
    install(&machine, &[&destination]).fails(&["sleep.ko is missing"]);
    fs::remove_file(machine.path(&format!("checkout/build/{RELEASE}/modules.order")))
        .expect("a list");
    install(&machine, &[&destination]).fails(&["there are no modules", "KERNEL=7.3.4-tree"]);
    assert_eq!(installed(&machine, "to"), ["chardev.ko", "sleep.ko"]);
}

#[test]
fn a_destination_is_one_word() {
    let machine = machine();
    machine.program("b", "touch $HOME/b-ran");
    let destination = format!("DESTDIR={} b", machine.path("to").display());
    install(&machine, &[&destination]).passes();
    assert_eq!(installed(&machine, "to b"), ["chardev.ko", "sleep.ko"]);
    assert!(!machine.path("home/b-ran").exists());
}

#[test]
fn everybody_can_read_what_is_installed() {
    let machine = machine();
    let destination = format!("{}", machine.path("to").display());
    let line = format!("umask 077; make install KERNEL={RELEASE} DESTDIR={destination}");
    machine.run(&["sh", "-c", &line]).passes();
    let mut path = folder(&machine, "to");
    assert_eq!(mode(path.join("sleep.ko")), 0o644);
    while path != machine.path("to") {
        assert_eq!(mode(path.clone()), 0o755, "{path:?}");
        path.pop();
    }
}

fn mode(path: PathBuf) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o777
}

#[test]
fn modules_for_another_kernel_are_refused() {
    let machine = machine();
    machine.program("modinfo", "echo 6.1.0 SMP");
    let destination = format!("DESTDIR={}", machine.path("to").display());
    install(&machine, &[&destination]).fails(&["is for 6.1.0", RELEASE]);
    assert_eq!(installed(&machine, "to"), [""; 0]);
}

#[test]
fn failed_signing_leaves_what_was_installed() {
    let machine = machine();
    let destination = format!("DESTDIR={}", machine.path("to").display());
    machine.write(
        &format!("to/lib/modules/{RELEASE}/extra/lkmpg-rs/before.ko"),
        "",
    );
    let key = format!("SIGN_KEY={}", machine.write("key", "").display());
    let certificate = format!("SIGN_CERT={}", machine.write("certificate", "").display());
    let words = [&*destination, &key, &certificate];
    let tree = machine.kernel_tree("tree");
    let with_tree = format!("KDIR={}", tree.display());
    let with_tree = [&words[..], &[&with_tree]].concat();

    install(&machine, &[&destination, &key]).fails(&["SIGN_KEY and SIGN_CERT go together"]);
    // One module is signed, the other is not.
    for (sign_file, said) in [
        (
            "[ \"${4##*/}\" = chardev.ko ] && echo '~Module signature appended~' >>\"$4\"",
            "did not sign sleep.ko",
        ),
        ("true", "put no signature into chardev.ko"),
    ] {
        machine.script("tree/scripts/sign-file", sign_file);
        install(&machine, &with_tree).fails(&[said]);
        assert_eq!(installed(&machine, "to"), ["before.ko"]);
    }
    let left = fs::read_dir(folder(&machine, "to").parent().expect("extra"))
        .expect("extra")
        .count();
    assert_eq!(left, 1, "something was left beside it");

    machine.script(
        "tree/scripts/sign-file",
        "echo '~Module signature appended~' >>\"$4\"",
    );
    install(&machine, &with_tree).passes();
    assert_eq!(installed(&machine, "to"), ["chardev.ko", "sleep.ko"]);
}

#[test]
fn a_program_that_signs_is_looked_for_first() {
    let machine = machine();
    let key = format!("SIGN_KEY={}", machine.write("key", "").display());
    let certificate = format!("SIGN_CERT={}", machine.write("certificate", "").display());
    let destination = format!("DESTDIR={}", machine.path("to").display());
    let ended = install(&machine, &[&destination, &key, &certificate]);
    // A Debian with headers has one in /usr/lib.
    if ended.err.contains("no sign-file") {
        ended.fails(&["linux-headers-7.3.4-tree"]);
    }
    assert_eq!(installed(&machine, "to"), [""; 0]);
}

#[test]
fn uninstall_removes_it() {
    let machine = machine();
    let kernel = format!("KERNEL={RELEASE}");
    let destination = format!("DESTDIR={}", machine.path("to").display());
    install(&machine, &[&destination]).passes();
    machine
        .run(&["make", "uninstall", &kernel, &destination])
        .passes();
    assert!(!folder(&machine, "to").exists());
    machine
        .run(&["make", "uninstall", &kernel, &destination])
        .fails(&["there is nothing of this project"]);
}

/// The modules that dkms.conf promises for a configuration.
fn promised(machine: &Machine, config: &str) -> Vec<String> {
    machine.write("headers/.config", config);
    let line = format!(
        "kernelver=x kernel_source_dir={}; . ./dkms.conf; [ ${{#BUILT_MODULE_NAME[@]}} = ${{#DEST_MODULE_LOCATION[@]}} ]; \
         for i in ${{!BUILT_MODULE_NAME[@]}}; do echo ${{BUILT_MODULE_LOCATION[i]}}/${{BUILT_MODULE_NAME[i]}}; done",
        machine.path("headers").display()
    );
    let ended = machine.run(&["bash", "-ec", &line]).passes();
    ended.out.lines().map(str::to_owned).collect()
}

#[test]
fn dkms_is_told_of_all_modules() {
    let machine = Machine::new();
    let least = promised(&machine, "");
    assert!(
        least.contains(&"build/x/samples/05-proc-files/procfs_1".to_owned()),
        "{least:?}"
    );
    assert!(
        !least.iter().any(|it| it.ends_with("/print_string")),
        "{least:?}"
    );
    let more = promised(
        &machine,
        "CONFIG_TTY=y\nCONFIG_X86=y\nCONFIG_SERIO_I8042=m\n",
    );
    assert!(
        more.contains(&"build/x/samples/10-terminals/print_string".to_owned()),
        "{more:?}"
    );
    assert!(
        more.contains(&"build/x/samples/12-interrupts/intrpt".to_owned()),
        "{more:?}"
    );
}

#[test]
fn dkms_fails_where_something_else_was_built() {
    let machine = Machine::new();
    machine.kernel_tree("tree");
    machine.dev_is("tree");
    machine.write("tree/.config", "");
    // That tree builds a single module.
    machine
        .run(&["make", "dkms"])
        .fails(&["< samples/04-character-devices/chardev", "was not built"]);
}

/// Where Kbuild built for the kernel of this run, and which modules.
fn built() -> (PathBuf, String) {
    let kernel = std::env::var("KERNEL").unwrap_or_else(|_| "dev".into());
    let build = root().join("build").join(kernel);
    let order = fs::read_to_string(build.join("modules.order"));
    (build, order.expect("the modules are built: make"))
}

/// What Kbuild really built for the kernel of this run.
#[test]
fn the_list_is_that_of_kbuild() {
    let (build, order) = built();
    let mut built: Vec<_> = order
        .lines()
        .filter(|it| it.starts_with("samples/"))
        .map(|it| it.trim_end_matches(".o"))
        .collect();
    built.sort_unstable();
    let config = format!("CONFIG={}", build.join("kernel/config").display());
    let output = Command::new("make")
        .args([
            "-s",
            "--no-print-directory",
            "-f",
            "scripts/samples.mk",
            &config,
        ])
        .current_dir(root())
        .env_remove("MAKEFLAGS")
        .output()
        .expect("make runs");
    let text = String::from_utf8(output.stdout).expect("names");
    let mut listed: Vec<_> = text.lines().collect();
    listed.sort_unstable();
    assert_eq!(listed, built);
}

/// A sample that was not built would not be missed: the tests go through what there is.
#[test]
fn the_kernel_dev_has_all_samples() {
    let (build, order) = built();
    if !build.ends_with("dev") || std::env::consts::ARCH != "x86_64" {
        skip("other kernels lack what some samples need");
        return;
    }
    let built: Vec<_> = order.lines().collect();
    let mut samples = 0;
    for folder in fs::read_dir(root().join("samples")).expect("the samples") {
        let folder = folder.expect("a folder").path();
        let Ok(kbuild) = fs::read_to_string(folder.join("Kbuild")) else {
            continue;
        };
        let lines = kbuild.lines().filter(|it| it.starts_with("obj-"));
        let objects = lines.flat_map(str::split_whitespace);
        for object in objects.filter(|it| it.ends_with(".o")) {
            let path = folder.join(object);
            let path = path.strip_prefix(root()).expect("a sample");
            let path = path.to_str().expect("UTF-8");
            assert!(built.contains(&path), "{path} is not built");
            samples += 1;
        }
    }
    assert!(samples > 50, "{samples} samples are few");
}

/// The long run in a bare Debian, on a machine whose chroot only says what it was asked for.
#[test]
fn a_bare_debian_is_made_and_asked() {
    let machine = Machine::new();
    let words = ["scripts/test-debian", "../debian", "host"];
    if !rustix::process::getuid().is_root() {
        machine.run(&words).fails(&["this takes root"]);
        return;
    }
    machine.real("realpath");
    machine.program(
        "apt-get",
        "echo \"'http://deb.example/debian/dists/trixie/main/binary-amd64/Packages.xz' x\"",
    );
    machine.program("dpkg", "echo amd64");
    for it in ["mount", "umount", "git"] {
        machine.program(it, "");
    }
    machine.program(
        "debootstrap",
        "for root; do case $root in /*) break ;; esac; done
        mkdir -p $root/etc/apt/sources.list.d $root/etc/dpkg/dpkg.cfg.d $root/etc/sudoers.d
        mkdir -p $root/usr/bin $root/usr/local/bin $root/home/tester
        for mirror; do :; done; echo $mirror >$root/usr/bin/apt-get",
    );
    machine.program(
        "chroot",
        "echo \"$*\" >>$HOME/asked
        case \"$*\" in *'apt-cache pkgnames'*)
            echo linux-headers-7.3.4+deb13-amd64
            echo linux-headers-6.12.1+deb13-amd64 ;;
        esac",
    );
    machine
        .run(&words)
        .passes()
        .says(&[" s: sudo make install"]);
    let mirror = machine.read("debian/usr/bin/apt-get");
    assert_eq!(mirror, "http://deb.example/debian\n");
    let asked = machine.read("home/asked");
    for it in [
        "linux-headers-7.3.4+deb13-amd64",
        "make KERNEL=host",
        "modinfo -k 7.3.4+deb13-amd64 chardev",
    ] {
        assert!(asked.contains(it), "{asked}");
    }
    machine
        .run(&["scripts/test-debian", "../debian", "nosuch"])
        .fails(&["there is no part nosuch"]);
}
