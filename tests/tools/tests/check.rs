// SPDX-License-Identifier: GPL-2.0-only

//! make check: a check that has seen nothing has failed.

use lkmpg_tools_tests::{Machine, root};
use std::{fs, os::unix::fs::symlink, process::Command};

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

/// What safe code could say to have the `unsafe` code of others do what it is not meant to.
#[test]
fn there_is_no_way_around_the_lints() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("way.rs");
    let is_refused = |options: &[&str], text: &str| {
        fs::write(&file, text).expect("a file");
        let mut command = Command::new(root().join("scripts/ways-around"));
        let ended = command
            .args(options)
            .arg(&file)
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(!said.contains("Traceback"), "{said}");
        !ended.status.success()
    };
    for way in [
        "unsafe {}",
        "write!(unsafe { Cheat, usize => &'static u64 });",
        "extern  crate self as kernel;",
        "extern /* in between */ crate self as kernel;",
        "macro_rules! concat { () => {} }",
        "macro_rules! r#include { () => {} }",
        "macro_rules! all { ($n:ident) => { macro_rules! $n { () => {} } } }",
        "use mine as\nstringify;",
        "include!(\"x.inc\");",
        "#[path = \"x.inc\"]\nmod x;",
        "paste! { [<un safe>] {} }",
        "use kernel::macros::paste as p;",
        "bitfield! { struct R(&'static u64) {} }",
        "register! { pub(crate) ID(u32) @ 0x0 {} pub(crate) IT(&'static u64) @ 0x4 {} }",
        "global_lock! {}",
        "kernel::print_macro!()",
        "static __LOG_PREFIX: &[u8] = b\"\";",
        "use kernel::device_id as it;",
        "impl kernel::pci::IdTable for X {}",
        "#[kernel::macros::export]\nfn f() {}",
        "#[cfg_attr(all(), no_mangle)]\nfn f() {}",
        "#[link_section = \".init.text\"]\nfn f() {}",
        "#[cfg(not(clippy))]\nfn f() {}",
        "#![allow(clippy::disallowed_types)]",
        "#![allow(dead_code, clippy::all)]",
        "#[expect(warnings)]\nfn f() {}",
        "extern \"C\" { fn gone() -> !; }",
        "macro_rules! e { ($($t:tt)*) => { extern $($t)* } }",
        "write!(path = \"y.inc\", pub mod y;);",
        "#[cfg_attr(all(), rustfmt::x[], path = \"y.inc\")]\npub mod z;",
        "#[path = \"/tmp/x.rs\"]\nmod x;",
        "#[path = \"a b.rs\"]\nmod x;",
        "macro_rules! call { ($i:ident) => { $i! {} } } call!(paste);",
        "macro_rules! with { ($a:meta) => { #[$a] fn f() {} } }",
        "write!(clippy::disallowed_types);",
        "impl S { #[link_section = \".init.text\"] pub fn late(&self) {} }",
        "use kernel::io::register as regs;",
        "type u32 = &'static u64;",
        "kernel::impl_has_work! { impl{> FromBytes for Any {} } }",
        "fn f(_: UnsafeForLtImpl<A, B, 1>) {}",
        "io_read!(view, .0.1);",
        "lkm::export!(@symbol a b);",
        // What is never dropped.
        "static F: SetOnce<misc::Registration<X>> = SetOnce::new();",
        "type Once = SetOnce<KVec<u8>>; static F: Once = Once::new();",
        "static F: Wrapped = Wrapped { once: SetOnce::new() };",
        "impl Wrapped { const fn new() -> Self { Self(SetOnce::new()) } }",
        "static F: SetOnce::<misc::Registration<X>> = SetOnce::new();",
        "use kernel::sync::SetOnce as Once;",
        "const fn new() -> Self { if false {} Self(SetOnce::new()) }",
        "static F: W = const { let _x = 1; W(SetOnce::new()) };",
        "macro_rules! hold { ($($t:tt)*) => { static F: $($t)* } } hold!(SetOnce<X> = new());",
        // What nobody has looked at.
        "use kernel::prelude::{export as e, *};",
        "#[cfg(any())] macro_rules! io_project { () => {} }",
        "#[cfg(any())] macro_rules! mine { () => {} } kernel::list::mine! {}",
        "use core::arch::asm as r#match; fn f() { r#match!(\"cli\") }",
        "macro_rules! dbg { ($k:ident $p:ident) => { $k::$p::Clk } } type C = dbg!(kernel clk);",
        "macro_rules! skip { ($a:ident $s:tt $b:ident $t:tt $c:ident) => { $a $s $c } } skip!(kernel::sync::drm);",
        "kernel::asm!(\"cli\");",
        "core::arch::asm! {}",
        "macro_rules! call { ($m:path) => { $m!(\"cli\"); } }",
        "use kernel::io::io_project as write;",
        "type Clock = kernel::clk::Clk;",
        "use kernel::{bindings, sync::Arc};",
        "use kernel::{sync::Arc, {prelude::*, drm}};",
        "use kernel::*;",
        "use kernel as k;",
        "use kernel::{sync::Arc, self as k};",
        "macro_rules! clock { ($part:ident) => { kernel::$part::Clk } }",
        "macro_rules! clock { ($k:ident) => { $k::clk::Clk } } clock!(kernel);",
        // Neither a string nor a comment hides what comes after it.
        "const A: &str = \"/*\"; const B: char = '\"'; unsafe {} // \"*/",
        "const A: &str = r#\"\"\"#; unsafe {} /* r#\" */",
        "write!('\\'','\"'); unsafe {} // \"",
        "// x\rfn f() {}",
        "#!\"\nunsafe {} // \"",
        "write! {'r\"\\\" \"} unsafe {} write! {\" \"}",
        "write!(\"a\"r\"\\\" \"); unsafe {} write!(\" \");",
        "extern\u{200e}crate self as kernel;",
        "/* /* */ unsafe */ fn f<'a>(_: &'a u8) {} unsafe {}",
    ] {
        assert!(is_refused(&[], way), "{way}");
    }
    for harmless in [
        "// unsafe\n/* extern crate /* */ unsafe */ const A: &str = \"unsafe\";",
        "const A: &str = r#\"un\"safe\"#; const B: char = '\\''; #![forbid(unsafe_code)]",
        "#[path = \"../common.rs\"]\nmod common;",
        "const TEXT: &str = include_str!(\"x.txt\");",
        "#[allow(clippy::too_many_arguments)]\nfn f() {}",
        "register! { pub(crate) ID(u32) @ 0x0 { 7:0 minor; } pub(crate) IT(u8) @ 0x4 {} }",
        "impl<T> kernel::pci::Driver for X<T> {} fn export() {}",
        "fn f(n: usize) -> bool { dev.device_id as u32 == 7 && bitfield != 0 }",
        "fn allow(n: u32) -> [u8; 1] { let warnings = 1; [warnings] }",
        "fn take(_: impl Fn(pci::IdTable<()>)) {}",
        "static F: SetOnce<&'static CStr> = SetOnce::new(); static N: SetOnce<u32> = SetOnce::new();",
        "static F: kernel::sync::SetOnce<u32> = kernel::sync::SetOnce::new();",
        "fn f() -> usize { 'outer: loop { break 'outer !core::mem::offset_of!(S, a); } }",
        "macro_rules! mine { () => { $crate::one() } } fn f() { crate::mine!() }",
        "macro_rules! mine { ($r:ident $t:ty) => { $r::$crate::x(); struct S<const N: usize> { d: [$t; N] } } }",
        "mod macros { pub(crate) use mine; macro_rules! mine { () => {} } } fn f() { macros::mine!() }",
        "macro_rules! mine { () => {} } const ID_TABLE: pci::IdTable<()> = &T; static F: SetOnce<u8> = SetOnce::new();",
        "type Data = SetOnce<u32>; static F: SetOnce<bool> = SetOnce::<bool>::new();",
        "const fn limits(once: &SetOnce<KVec<u8>>, asm: u8) -> u16 { asm as u16 }",
        "struct S<const N: usize> { once: SetOnce<KVec<u8>> } fn new() -> S { S { once: SetOnce::new() } }",
        "use kernel::{self, prelude::*, sync::{new_mutex, Arc}, time::{self, Instant},};",
        "macro_rules! mine { ($n:expr) => { $n + 1 } } fn f() -> u8 { if !(true) { 1 } else { mine!(2) } }",
        "fn f(kernel: &str) -> bool { !kernel.is_empty() && ::kernel::page::PAGE_SIZE != 1 }",
        "#[doc = \"how to export\"]\n#[allow(clippy::too_many_arguments)]\nextern \"C\" fn f() {}",
    ] {
        assert!(!is_refused(&[], harmless), "{harmless}");
    }
    assert!(!is_refused(&["--unsafe"], "unsafe {}"));
    assert!(!is_refused(&["--unsafe"], "kernel::asm!(\"cli\");"));
    assert!(is_refused(&["--unsafe"], "extern crate self as kernel;"));
}
