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
    machine.write(
        "tree/scripts/Makefile.build",
        "rust_allowed_features := one,two\n",
    );
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
fn a_kernel_may_have_been_built_with_a_patch() {
    let machine = machine();
    machine.program("patch", "case \"$*\" in *--reverse*) ;; *) exit 1 ;; esac");
    machine.run(CHECK).passes();
}

#[test]
fn what_a_kbuild_may_not_ask_for_is_found() {
    let machine = machine();
    let told = |line: &str| {
        let text = format!("# SPDX-License-Identifier\n{line}\n");
        machine.write("checkout/build/dev/.y.o.cmd", text);
        machine.run(CHECK)
    };
    for line in [
        "rustc -Zallow-features=one,two -Zcrate-attr='feature(one,two)' -Zcrate-attr=no_std @/x/rustc_cfg -Aclippy::allow_attributes -Funsafe_code /y.rs ",
        // Who may say `unsafe` may say that as well.
        "rustc --cap-lints=allow /y.rs",
    ] {
        told(line).passes();
    }
    for word in [
        "--cap-lints",
        "--allow",
        "-Aclippy::disallowed_methods",
        "-Aclippy::disallowed-methods",
        "-A  clippy::large_stack_arrays",
        "-Zcrate-attr=\"allow(clippy::all)\"",
        "@more",
        "-A clippy::style",
        "-Awarnings",
        "-Zallow-features=one,two,three",
        "-Zcrate-attr='feature(three)'",
    ] {
        told(&format!("rustc -Funsafe_code {word}")).fails(&[word, "a Kbuild asks for"]);
    }
    // By the kernel's own rule, of y.rs.S.
    told("source_y.o := y.rs").fails(&["y.rs: sources that are made"]);
    // lkm's is bindgen's, and nobody else has one.
    let made = "bindings_generated.rs";
    let [ours, others] = ["build/dev/rust", "samples/x"].map(|folder| {
        let path = format!("checkout/{folder}/{made}");
        let source = machine.write(&path, "// SPDX-License-Identifier\n");
        source.canonicalize().expect("a file")
    });
    let sources = format!("source_y.o := {} {}", others.display(), ours.display());
    told(&sources).passes();
    let seen = machine.read("home/formatted");
    assert!(seen.contains(&format!("samples/x/{made}")), "{seen}");
    assert!(!seen.contains(&format!("rust/{made}")), "{seen}");
    fs::remove_file(machine.path("tree/scripts/Makefile.build")).expect("a file");
    machine.run(CHECK).fails(&["there are no features of Rust"]);
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

/// Has every program that a check asks find something.
fn find_something(machine: &Machine) {
    for it in ["make", "cargo", "rustfmt", "patch", "shellcheck"] {
        machine.program(it, "exit 1");
    }
    for it in ["doc", "check-examples"] {
        machine.script(&format!("checkout/scripts/{it}"), "exit 1");
    }
    let ways = "echo \"$@\" >>$HOME/ways; exit 1";
    machine.script("checkout/scripts/ways-around", ways);
}

#[test]
fn each_check_that_fails_is_named() {
    let machine = machine();
    find_something(&machine);
    machine.write("checkout/book/exercises/x/x.rs", "");
    machine.write("checkout/build/dev/.y.o.cmd", "source_y.o := y.rs\n");
    machine.run(CHECK).fails(&[
        "check failed: kernel format; kernel lints; kernel documentation; examples in documentation and book; \
         modules that the book breaks; editor's view; user-space format; user-space lints; user-space documentation; \
         unsafe policy; what Kbuild is told; licences; patches for upstream; shell scripts\n",
    ]);
    let ways = machine.read("home/ways");
    for it in ["/samples/x/chardev.rs", "book/exercises/x/x.rs"] {
        assert!(ways.contains(it), "{it}: {ways}");
    }
}

#[test]
fn of_another_folder_each_check_that_fails_is_named() {
    let mut machine = machine();
    find_something(&machine);
    let source = machine.write("mine/x.rs", "");
    let source = source.canonicalize().expect("a file");
    let mine = source.parent().expect("a folder");
    machine.write("mine/tests/x.sh", "");
    let command = format!("source_x.o := {}\n", source.display());
    machine.write("mine/build/dev/.x.o.cmd", &command);
    machine.set("LKMPG_M", mine);
    let out = mine.join("build/dev").display().to_string();
    let check = || machine.run(&["scripts/check", &out]);
    check().fails(&[
        "unsafe code is not forbidden there",
        "check failed: kernel format; ways around the lints; kernel lints; editor's view; shell scripts\n",
    ]);
    let ways = |it: &str| format!("{it}{}\n", source.display());
    assert_eq!(machine.read("home/ways"), ways("--unsafe "));
    machine.write(
        "mine/build/dev/.x.o.cmd",
        format!("-Funsafe_code --cap-lints=allow\n{command}"),
    );
    machine.write("home/ways", "");
    check().fails(&["ways around the lints; kernel lints; what Kbuild is told"]);
    assert_eq!(machine.read("home/ways"), ways(""));
}

#[test]
fn warnings_are_errors() {
    let machine = machine();
    machine.real("realpath");
    let asked = "echo \"${0##*/} $* $RUSTDOCFLAGS\" >>$HOME/asked";
    machine.program("make", asked);
    machine.program("cargo", asked);
    machine.write("tree/.clippy.toml", "of-the-kernel = 1\n");
    machine.run(CHECK).passes();
    let asked = machine.read("home/asked");
    for words in [
        &[
            "make --no-print-directory kbuild",
            "CLIPPY=1",
            "/build/dev-lint/clippy ",
            "-Dwarnings",
            "-Dclippy::large_stack_arrays",
            "KCFLAGS=-Werror",
        ][..],
        &[
            "make --no-print-directory M=book/broken modules",
            "KCFLAGS=-Werror",
        ],
        &["cargo fmt --all --check"],
        &["cargo clippy ", " --workspace --all-targets -- -Dwarnings"],
        &[
            "cargo doc ",
            " --workspace --no-deps --document-private-items -Dwarnings",
        ],
    ] {
        let has_all = |line: &str| words.iter().all(|it| line.contains(it));
        assert!(asked.lines().any(has_all), "{words:?}: {asked}");
    }
    assert!(machine.read("home/formatted").contains(" --check "));
    let lints = machine.read("checkout/build/dev-lint/clippy/clippy.toml");
    let ours = machine.read("checkout/scripts/clippy.toml");
    assert!(
        lints.contains("of-the-kernel = 1\n") && lints.ends_with(&ours),
        "{lints}"
    );
}

/// A compiler that finds fault with a file that says so.
const FAULTY: &str = "for it; do file=${file:-$(echo $it | grep '\\.rs$')}; done
echo \"$*\" >>$HOME/compiled
! grep -q WRONG $file || { echo 'error[E0425]: cannot find it' >&2; exit 1; }";

#[test]
fn examples_are_what_they_say_that_they_are() {
    let mut machine = Machine::new();
    let rustc = machine.program("faulty", FAULTY);
    machine.set("RUSTC", rustc);
    machine.write(
        "checkout/build/dev/samples/04-character-devices/.chardev.o.cmd",
        "savedcmd_x.o := OBJTREE=/x RUST_MODFILE=x rustc --edition=2021 x.rs\n",
    );
    let compile =
        |files: &[&str]| machine.run(&[&["scripts/check-examples", "build/dev"], files].concat());
    let one = |text: &str| {
        machine.write("checkout/x.md", text);
        compile(&["x.md"])
    };
    one("```rust\nright\n```\n")
        .passes()
        .says(&["1 examples compiled"]);
    assert!(machine.read("home/compiled").contains(" -Dwarnings "));
    one("```rust\nWRONG\n```\n").fails(&["example_x_1: the example does not compile"]);
    one("```rust,compile_fail,E0425\nright\n```\n").fails(&["what does not compile does"]);
    one("```rust,compile_fail,E0999\nWRONG\n```\n")
        .fails(&["no error\\[E0999\\], but: error[E0425]"]);
    let shown = |text: &str| {
        let fails = "```rust,compile_fail,E0425\nWRONG\n```\n";
        one(&format!("{fails}\n```text\nerror[E0425]: {text}\n```\n"))
    };
    shown("cannot find it").passes();
    shown("cannot be").fails(&["the compiler does not say: error[E0425]: cannot be"]);
    one("Nothing.\n").fails(&["there are no examples"]);

    // All that is read.
    let examples = [
        ("README.md", "```rust\nright\n```\n"),
        ("book/src/x.md", "```rust\nright\n```\n"),
        ("rust/x.rs", "/// ```\n/// right\n/// ```\n"),
    ];
    let write = |(name, text): (&str, &str)| machine.write(&format!("checkout/{name}"), text);
    for it in examples {
        write(it);
    }
    compile(&[]).passes().says(&["3 examples compiled"]);
    for (name, text) in examples {
        write((name, &text.replace("right", "WRONG")));
        compile(&[]).fails(&["the example does not compile"]);
        write((name, text));
    }
}
