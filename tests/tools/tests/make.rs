// SPDX-License-Identifier: GPL-2.0-only

//! What make builds, for which kernel, and what of its surroundings it lets have a say.

use lkmpg_tools_tests::{Ended, Machine, root};
use std::{fs, process::Command};

fn machine() -> Machine {
    let machine = Machine::new();
    machine.kernel_tree("tree");
    machine.dev_is("tree");
    machine
}

/// The lines that the kernel's Makefile saw, as a module build.
fn seen(machine: &Machine, build: &str) -> String {
    let seen = machine.read(&format!("checkout/build/{build}/seen"));
    assert!(!seen.is_empty(), "nothing was built in build/{build}");
    seen
}

#[test]
fn every_machine_builds_for_dev() {
    let machine = machine();
    machine.runs_linux("7.3.4+deb13-amd64");
    machine
        .run(&["make", "modules"])
        .passes()
        .says(&["the kernel dev"]);
    seen(&machine, "dev");
}

#[test]
fn host_is_the_running_kernel() {
    let machine = machine();
    machine.runs_linux("7.3.4+deb13-amd64");
    machine.run(&["make", "modules", "KERNEL=host"]).passes();
    seen(&machine, "7.3.4+deb13-amd64");
    machine
        .run(&["make", "vm", "KERNEL=host"])
        .fails(&["7.3.4+deb13-amd64 is for building"]);
    // What is not said is not dev's, either.
    machine
        .run(&["make", "uninstall"])
        .fails(&["/lib/modules/7.3.4+deb13-amd64/extra"]);
}

#[test]
fn a_kernel_with_more_options_is_another() {
    let mut machine = machine();
    machine.write("mine/net.config", "");
    let file = machine.path("mine/net.config").display().to_string();
    machine
        .run(&["make", "modules", "CONFIG=../mine/net.config"])
        .passes()
        .says(&["the kernel dev+net"]);
    assert!(seen(&machine, "dev+net").contains(&format!("LKMPG_CONFIG={file}\n")));
    machine
        .run(&[
            "make",
            "modules",
            "KERNEL=debug",
            "CONFIG=../mine/net.config",
        ])
        .passes();
    seen(&machine, "debug+net");
    let fails = |words: &[&str], said: &str| {
        machine
            .run(&[&["make", "modules"], words].concat())
            .fails(&[said]);
    };
    fails(&["CONFIG=nosuch.config"], "there is no file");
    let config = format!("CONFIG={file}");
    let built_here = "is for kernels that are built here";
    fails(&[&config, "KERNEL=debian"], built_here);
    fails(&[&config, "KDIR=/tree"], built_here);
    // Of the environment, it is somebody else's.
    machine.set("CONFIG", &file);
    machine.set("LKMPG_CONFIG", &file);
    machine.run(&["make", "modules"]).passes();
    assert!(!seen(&machine, "dev").contains("LKMPG_CONFIG"));
}

#[test]
fn empty_variables_choose_nothing() {
    let mut machine = machine();
    machine
        .run(&["make", "modules", "KDIR=", "KERNEL="])
        .passes();
    seen(&machine, "dev");
    machine.set("KERNEL", "");
    machine.set("KDIR", "");
    machine.run(&["make", "modules"]).passes();
}

#[test]
fn what_the_shell_happens_to_have_counts_on_the_command_line_only() {
    let mut machine = machine();
    let stray = [
        "ARCH",
        "CROSS_COMPILE",
        "CC",
        "KBUILD_OUTPUT",
        "KCFLAGS",
        "CPATH",
        "BASH_ENV",
        "BASH_FUNC_ls%%",
        "GREP_OPTIONS",
        "POSIXLY_CORRECT",
        "CONFIG_KASAN",
    ];
    for it in stray {
        machine.set(it, "stray");
    }
    machine.run(&["make", "modules"]).passes();
    let seen_now = seen(&machine, "dev");
    assert!(!seen_now.contains("stray"), "{seen_now}");

    machine
        .run(&["make", "modules", "ARCH=meant", "CC=meant"])
        .passes();
    assert!(seen(&machine, "dev").contains("ARCH=meant\n"));
    assert!(seen(&machine, "dev").contains("CC=meant"));
}

#[test]
fn functions_and_settings_of_the_shell_do_not_reach_the_scripts() {
    let mut machine = Machine::new();
    machine.set("BASH_FUNC_awk%%", "() { echo broken; return 1; }");
    let stray = "POSIXLY_CORRECT GREP_OPTIONS TAR_OPTIONS CDPATH BASH_ENV ENV";
    for it in stray.split(' ') {
        machine.set(it, "stray");
    }
    let arch = std::env::consts::ARCH;
    let script = format!("env >$HOME/seen; case $1 in -m) echo {arch} ;; *) echo 7.3.4 ;; esac");
    machine.program("uname", &script);
    machine.run(&["scripts/doctor"]).passes();
    // Nor the programs that these call.
    let seen = machine.read("home/seen");
    assert!(seen.contains("HOME=") && !seen.contains("stray"), "{seen}");
}

#[test]
fn paths_that_no_module_can_be_built_in_are_refused_at_once() {
    let machine = machine();
    for it in [" ", ":", "$", "'", "\"", "#", "&", "%", ",", "(", "*", "`"] {
        let odd = machine.path(&format!("a{it}b"));
        fs::rename(machine.checkout(), &odd).expect("another name");
        let odd_text = odd.display().to_string();
        machine
            .run_in(&odd, &["make", "modules"])
            .fails(&["cannot be built with a path", &odd_text]);
        fs::rename(&odd, machine.checkout()).expect("the first name");
    }
    machine
        .run(&["make", "modules", "KDIR=/x#y"])
        .fails(&["that has a # in it"]);
}

#[test]
fn tools_come_with_their_compiler() {
    let machine = machine();
    let tree = format!("KDIR={}", machine.path("tree").display());
    let sysroot = machine.path("other");
    let rustc = machine.script(
        "elsewhere/rustc",
        &format!(
            "case $1 in --print) echo {} ;; *) echo '{}' ;; esac",
            sysroot.display(),
            lkmpg_tools_tests::RUSTC
        ),
    );
    let rustdoc = machine.script("other/bin/rustdoc", "");
    let rustc = format!("RUSTC={}", rustc.display());
    machine.run(&["make", "modules", &tree, &rustc]).passes();
    assert!(seen(&machine, "7.3.4-tree").contains(&format!("RUSTDOC={}", rustdoc.display())));
}

#[test]
fn a_tree_of_the_callers_is_looked_at_first() {
    let machine = machine();
    let tree = format!("KDIR={}", machine.path("tree").display());
    fs::remove_file(machine.path("tree/Module.symvers")).expect("a file");
    machine
        .run(&["make", "modules", &tree])
        .fails(&["no Module.symvers"]);
}

#[test]
fn what_was_compiled_of_a_source_that_is_gone_goes_too() {
    let machine = machine();
    let build = "checkout/build/dev/samples/05-proc-files";
    for (name, source) in [("gone", "gone.rs"), ("there", "there.rs")] {
        let source = machine.path(&format!("checkout/samples/05-proc-files/{source}"));
        machine.write(
            &format!("{build}/.{name}.o.cmd"),
            format!("savedcmd := x\n\nsource_{name}.o := {}\n", source.display()),
        );
        machine.write(&format!("{build}/{name}.o"), "");
        machine.write(&format!("{build}/{name}.ko"), "");
    }
    machine.write("checkout/samples/05-proc-files/there.rs", "");
    machine.run(&["make", "modules"]).passes();
    for (name, expected) in [("gone", false), ("there", true)] {
        for it in [
            format!("{name}.o"),
            format!("{name}.ko"),
            format!(".{name}.o.cmd"),
        ] {
            assert_eq!(machine.path(build).join(&it).exists(), expected, "{it}");
        }
    }
}

#[test]
fn kbuild_is_asked_when_something_has_changed() {
    let machine = machine();
    let log = "checkout/build/dev/seen";
    let asks = |words: &[&str]| {
        machine.write(log, "");
        machine
            .run(&[&["make", "modules"], words].concat())
            .passes();
        !machine.read(log).is_empty()
    };
    assert!(asks(&[]), "the first time");
    assert!(!asks(&[]), "nothing has changed");
    assert!(asks(&["-B"]), "all is to be made");
    assert!(asks(&["W=1"]), "with more warnings");
    assert!(asks(&["KCFLAGS=-O3"]), "with another option");
    assert!(!asks(&["W=1"]), "nothing has changed since");
    for (file, text) in [
        (
            "checkout/samples/05-proc-files/procfs_1.rs",
            "// Another.\n",
        ),
        ("checkout/rust/new.rs", ""),
        ("checkout/Kbuild", "obj-m := rust/ samples/\n"),
        ("checkout/scripts/clippy.toml", "# Another.\n"),
        ("checkout/build/dev/kernel/complete", "another\n"),
        ("checkout/build/dev/samples/05-proc-files/procfs_1.ko", "it"),
    ] {
        machine.write(file, text);
        assert!(asks(&[]), "{file} is another one");
        assert!(!asks(&[]), "{file} stays as it is");
        if file.ends_with(".rs") || file.ends_with(".ko") {
            fs::remove_file(machine.path(file)).expect("a file");
            assert!(asks(&[]), "{file} is gone");
        }
    }
}

#[test]
fn a_name_that_nothing_has_is_told_at_once() {
    let machine = machine();
    let told = |words: &[&str], what: &[&str]| {
        machine.run(&[&["make"], words].concat()).fails(what);
    };
    for goal in ["test", "soak", "coverage"] {
        told(&[goal, "T=nosuch"], &["there is no test nosuch"]);
    }
    told(&["test", "EXCEPT=nosuch"], &["there is no test nosuch"]);
    told(
        &["test", "T=units", "EXCEPT=units"],
        &["EXCEPT='units' leaves no test"],
    );
    told(&["bench", "T=nosuch"], &["there is no bench nosuch"]);
    told(&["fuzz", "T=nosuch"], &["there is no module nosuch"]);
    told(&["gates"], &["whose gates?", "M=DIR"]);
    for set in [
        "MINUTES=x",
        "MINUTES=0",
        "MINUTES=-3",
        "MINUTES=1 2",
        "LKMPG_SMP=0",
        "LKMPG_JOBS=abc",
        "LKMPG_TIMEOUT=1s",
    ] {
        told(
            &["soak", set],
            &[&format!("{set}: it is a whole number above 0")],
        );
    }
}

#[test]
fn what_a_test_needs_is_what_it_names() {
    let machine = Machine::new();
    machine.write(
        "order",
        "samples/x/one.o\nsamples/y/two-parts.o\nsamples/z/other.o\n",
    );
    for (name, text) in [
        ("names", "load(\"one\"); name!(\"two_parts\");"),
        ("more", "load(\"other\");"),
        ("nothing", "load(&format!(\"{first}_part\"));"),
        ("all", "for subject in subjects() { load(\"one\") }"),
    ] {
        machine.write(&format!("checkout/tests/{name}.rs"), text);
    }
    let needs = |names: &[&str]| {
        let order = machine.path("order");
        let order = order.to_str().expect("text");
        let ended = machine.run(&[&["scripts/needs", order], names].concat());
        let ended = ended.passes();
        ended.out.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(needs(&["names"]), "samples/x/one.o samples/y/two-parts.o");
    let both = "samples/x/one.o samples/y/two-parts.o samples/z/other.o";
    assert_eq!(needs(&["names", "more"]), both);
    for name in ["nothing", "all", "not-there"] {
        assert_eq!(needs(&[name]), "");
        assert_eq!(needs(&["names", name]), "");
    }
}

#[test]
fn an_editor_may_read_the_bindings() {
    let machine = Machine::new();
    machine.write("checkout/build/dev/samples/x/chardev.o", "");
    let shared = "#[path = \"../shared/cases.rs\"]\nmod cases;\n";
    machine.write("checkout/samples/x/chardev.rs", shared);
    machine.write(
        "checkout/build/dev/rust-project.json",
        format!(
            r#"{{"crates": [
                {{"display_name": "core", "root_module": "/library/core/src/lib.rs", "cfg": [], "deps": []}},
                {{"display_name": "chardev", "root_module": "{}", "cfg": [],
                  "deps": [{{"crate": 0, "name": "core"}}]}}
            ]}}"#,
            machine.checkout().join("samples/x/chardev.rs").display()
        ),
    );
    machine.write(
        "checkout/build/dev/rust/.lkm.o.cmd",
        "rustc --cfg linux_7_3 rust/lib.rs",
    );
    machine.without("python3");
    machine.real("python3");
    machine.run(&["scripts/rust-project", "build/dev"]).passes();
    let project = machine.read("checkout/rust-project.json");
    let folder = machine.checkout().join("build/dev/rust");
    assert!(project.contains("include_dirs"), "{project}");
    assert!(
        project.contains(&format!("\"{}\"", folder.display())),
        "{project}"
    );
    let shared = machine.checkout().join("samples/shared");
    assert!(
        project.contains(&format!("\"{}\"", shared.display())),
        "{project}"
    );
    // What is built in, such as the methods of numbers, is in the compiler's own crates.
    assert!(
        project.contains("\"sysroot_src\": \"/library\""),
        "{project}"
    );
    assert!(project.contains("sysroot_project"), "{project}");
    assert!(project.contains("linux_7_3"), "{project}");
}

#[test]
fn what_the_compiler_takes_is_asked_once() {
    let machine = Machine::new();
    let asked = machine.path("asked");
    let script = format!(
        "echo \"$*\" >>{}; case $* in *-Wodd*) exit 1 ;; *-Wkilled*) kill -9 $$ ;; esac",
        asked.display()
    );
    let compiler = machine.program("clang-9", &script);
    let asks = |option: &str, rest: &str| {
        let mut cc = Command::new(root().join("scripts/cc"));
        cc.env("LKMPG_CC", &compiler);
        cc.env("LKMPG_ANSWERS", machine.path("answers"));
        cc.args(["-O2", option]).args(rest.split(' '));
        cc.status().expect("scripts/cc").code()
    };
    let calls = || fs::read_to_string(&asked).map_or(0, |it| it.lines().count());
    for round in ["a", "b"] {
        let nothing = format!("-c -x c /dev/null -o {round}/tmp");
        assert_eq!(asks("-Wall", &nothing), Some(0));
        assert_eq!(asks("-Wodd", &nothing), Some(1));
        // What is no part of another question is one of its own.
        assert_eq!(asks("-Wal", &nothing), Some(0));
        assert_eq!(calls(), 3);
    }
    // What is compiled is compiled each time, and what was no answer is asked again.
    for round in 1..3 {
        assert_eq!(asks("-Wall", "-c -o x.o x.c"), Some(0));
        assert_eq!(asks("-Wodd", "-c -o x.o x.c"), Some(1));
        assert_ne!(asks("-Wkilled", "-c -x c /dev/null -o tmp"), Some(0));
        assert_eq!(calls(), 3 + 3 * round);
    }
}

/// A machine with tests of the guest and of a program, that says which of them cargo and the runner
/// are given.
fn machine_with_tests() -> Machine {
    let machine = machine();
    for (name, text) in [
        ("chardev", ""),
        ("loads", "LKMPG_LOADS"),
        ("faults", ""),
        ("storm", ""),
        ("hostile", ""),
        ("soak", ""),
    ] {
        machine.write(&format!("checkout/tests/{name}.rs"), text);
    }
    machine.write("checkout/scripts/vm-runner/tests/runner.rs", "");
    machine.program("cargo", "echo cargo \"$@\" >>$HOME/asked; echo list");
    let vm = "echo \"vm: $(cat): $*\"; env | grep ^LKMPG_";
    machine.script("checkout/scripts/vm", vm);
    machine
}

/// What make tells cargo and the runner: which tests it builds, what it runs, and how long.
fn told(words: &[&str]) -> (String, Ended) {
    let machine = machine_with_tests();
    let ended = machine.run(&[&["make"], words].concat()).passes();
    let asked = machine.read("home/asked");
    let mut tests = asked.lines().filter_map(|it| {
        let names = it.strip_prefix("cargo test --workspace ")?;
        names.strip_suffix("--no-run --message-format=json-render-diagnostics")
    });
    let names = tests.next().expect("the tests are built").trim().to_owned();
    assert!(
        asked.contains("cargo build --quiet --release --workspace --bins\n"),
        "{asked}"
    );
    (names, ended)
}

#[test]
fn all_is_tested_unless_a_name_is_said() {
    let runs = |words: &[&str], tests: &str, suite: &str| {
        let (names, ended) = told(&[&["test"], words].concat());
        assert_eq!(names, tests);
        assert_eq!(
            ended.out.lines().next(),
            Some(&*format!("vm: list: {suite}"))
        );
        ended.says(&["LKMPG_LOADS=20\n"]);
    };
    runs(&[], "", "--suite --doctests");
    runs(
        &["T=chardev runner"],
        "--test chardev --test runner",
        "--suite",
    );
    runs(&["T=units"], "--lib --bins", "--suite --doctests");
    runs(
        &["EXCEPT=faults storm hostile soak loads"],
        "--test chardev --test runner --lib --bins",
        "--suite --doctests",
    );
    runs(&["EXCEPT=units", "T=units soak"], "--test soak", "--suite");
}

#[test]
fn a_soak_is_longer() {
    let (names, ended) = told(&["soak"]);
    assert_eq!(
        names,
        "--test faults --test storm --test hostile --test soak --test loads"
    );
    ended.says(&[
        "LKMPG_SMP=2\n",
        "LKMPG_TIMEOUT=100000\n",
        "LKMPG_FAULTS=all\n",
        "LKMPG_ROUNDS=1000\n",
        "LKMPG_CALLS=50000\n",
        "LKMPG_LOADS=200\n",
        "LKMPG_MIB=10240\n",
        "LKMPG_MINUTES=30\n",
    ]);
    let (names, ended) = told(&["soak", "MINUTES=2", "LKMPG_SMP=4"]);
    assert_eq!(names, "--test soak");
    ended.says(&["LKMPG_MINUTES=2\n", "LKMPG_SMP=4\n"]);
}

#[test]
fn what_is_not_built_is_not_tested() {
    let machine = machine_with_tests();
    let stops = |words: &[&str]| {
        let ended = machine.run(&[&["make", "test"], words].concat());
        let ended = ended.fails(&["Error"]);
        assert!(!ended.out.contains("vm:"), "{ended:?}");
    };
    let tree = machine.read("tree/Makefile");
    machine.write("tree/Makefile", "modules:\n\t@false\n");
    stops(&[]);
    stops(&["T=chardev"]);
    machine.write("tree/Makefile", tree);
    machine.program("cargo", "case $1 in test) exit 1 ;; esac");
    stops(&[]);
    stops(&["T=units"]);
}

#[test]
fn what_cargo_would_build_elsewhere_is_not_passed_on() {
    let mut machine = machine_with_tests();
    machine.program("cargo", "env >>$HOME/asked");
    for it in [
        "CARGO_TARGET_DIR",
        "CARGO_BUILD_TARGET_DIR",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_BUILD_RUSTFLAGS",
    ] {
        machine.set(it, "stray");
    }
    machine.run(&["make", "test"]).passes();
    let asked = machine.read("home/asked");
    assert!(asked.contains("CARGO_BUILD_TARGET="), "{asked}");
    assert!(!asked.contains("stray"), "{asked}");
}

#[test]
fn a_module_that_calls_what_is_freed_does_not_link() {
    let machine = machine();
    let tree = machine.read("tree/Makefile");
    let says =
        format!("{tree}\t@echo 'WARN=[$(CONFIG_SECTION_MISMATCH_WARN_ONLY)]' >>$(MO)/seen\n");
    machine.write(
        "tree/Makefile",
        format!("CONFIG_SECTION_MISMATCH_WARN_ONLY := y\n{says}"),
    );
    machine.run(&["make", "modules"]).passes();
    assert!(seen(&machine, "dev").contains("WARN=[]\n"));
}
