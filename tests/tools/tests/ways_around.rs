// SPDX-License-Identifier: GPL-2.0-only

//! scripts/ways-around: what it refuses, for which reason, and what it does not mind.

use lkmpg_tools_tests::root;
use std::{fs, process::Command};

/// What safe code could say to have the `unsafe` code of others do what it is not meant to.
#[test]
fn there_is_no_way_around_the_lints() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("way.rs");
    let said = |options: &[&str], text: &str| {
        fs::write(&file, text).expect("a file");
        let mut command = Command::new(root().join("scripts/ways-around"));
        let ended = command
            .args(options)
            .arg(&file)
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!said.contains("Traceback"), "{said}");
        assert_eq!(ended.status.success(), said.is_empty(), "{said}");
        said
    };
    for (reason, ways) in [
        (
            "macros take it for their own",
            &[
                "unsafe {}",
                "write!(unsafe { Cheat, usize => &'static u64 });",
                "const A: &str = \"/*\"; const B: char = '\"'; unsafe {} // \"*/",
                "const A: &str = r#\"\"\"#; unsafe {} /* r#\" */",
                "write!('\\'','\"'); unsafe {} // \"",
                "write! {'r\"\\\" \"} unsafe {} write! {\" \"}",
                "write!(\"a\"r\"\\\" \"); unsafe {} write!(\" \");",
                "/* /* */ unsafe */ fn f<'a>(_: &'a u8) {} unsafe {}",
            ][..],
        ),
        (
            "it takes the name of a crate that macros refer to",
            &[
                "extern  crate self as kernel;",
                "extern /* in between */ crate self as kernel;",
                "mod kernel { pub(crate) use mine as assert; }",
                "use crate::mine as core;",
                "mod rustfmt { pub(crate) use kernel::macros::*; }",
            ][..],
        ),
        (
            "macros of the kernel crate would use it, or hide behind it",
            &["pub(crate) use mine as kunit_assert;"][..],
        ),
        (
            "it takes the name of a macro that was looked at",
            &["use mine as\nstringify;"][..],
        ),
        (
            "it is no macro that was looked at",
            &[
                "include!(\"x.inc\");",
                "paste! { [<un safe>] {} }",
                "bitfield! { struct R(&'static u64) {} }",
                "global_lock! {}",
                "kernel::list::mine! {}",
                "mine!(1);",
                "core::arch::asm! {}",
                "core::pin::pin!(thing);",
            ][..],
        ),
        (
            "it is no file that is looked at",
            &[
                "#[path = \"x.inc\"]\nmod x;",
                "write!(path = \"y.inc\", pub mod y;);",
                "#[cfg_attr(all(), rustfmt::x[], path = \"y.inc\")]\npub mod z;",
                "#[path = \"/tmp/x.rs\"]\nmod x;",
                "#[path = \"a b.rs\"]\nmod x;",
                "#[path = \"{:e}.inc\"]\nmod x;",
            ][..],
        ),
        (
            "it trusts its caller, or hides names",
            &[
                "use kernel::macros::paste as p;",
                "use core::arch::asm as r#match; fn f() { r#match!(\"cli\") }",
                "use kernel::io::io_project as write;",
            ][..],
        ),
        (
            "a register is kept in a number",
            &[
                "register! { pub(crate) ID(u32) @ 0x0 {} pub(crate) IT(&'static u64) @ 0x4 {} }",
                "use kernel::io::register as regs;",
            ][..],
        ),
        (
            "it is the kernel crate's own",
            &[
                "kernel::print_macro!()",
                "static __LOG_PREFIX: &[u8] = b\"\";",
                "fn f(_: UnsafeForLtImpl<A, B, 1>) {}",
            ][..],
        ),
        (
            "it trusts whoever makes one",
            &[
                "use kernel::device_id as it;",
                "impl kernel::pci::IdTable for X {}",
            ][..],
        ),
        (
            "it names what others look for",
            &[
                "#[kernel::macros::export]\nfn f() {}",
                "#[cfg_attr(all(), no_mangle)]\nfn f() {}",
                "#[link_section = \".init.text\"]\nfn f() {}",
                "impl S { #[link_section = \".init.text\"] pub fn late(&self) {} }",
                "use kernel::prelude::{export as e, *};",
            ][..],
        ),
        (
            "it hides from the lints",
            &["#[cfg(not(clippy))]\nfn f() {}"][..],
        ),
        (
            "it lifts the lints",
            &[
                "#![allow(clippy::disallowed_types)]",
                "#![allow(dead_code, clippy::all)]",
                "#[allow(clippy::large_stack_arrays)] fn f() {}",
                "#[expect(warnings)]\nfn f() {}",
            ][..],
        ),
        (
            "nobody knows whether it is what it says",
            &[
                "extern \"C\" { fn gone() -> !; }",
                "extern \"{:e}\" { fn gone() -> !; }",
            ][..],
        ),
        (
            "a macro makes of pieces what is refused",
            &[
                "macro_rules! mine { () => { 1 } }",
                "macro_rules! r#mine { ($e:expr) => { $e } } fn f() {}",
            ][..],
        ),
        (
            "it is no attribute that was looked at",
            &[
                "#[kunit_tests(way)] mod tests {}",
                "#[cfg_attr(all(), allow(dead_code), kernel::macros::kunit_tests(way))] mod tests {}",
                "#![feature(core_intrinsics)]",
                "#[cfg_attr(all(), cfg_attr(all(), feature(core_intrinsics)))] mod m {}",
                "mod pin { pub(crate) use kernel::prelude::*; } #[pin::kunit_tests(way)] mod tests {}",
                "#[zerocopy_derive::anything] struct S;",
                "#[rustfmt::kunit_tests(way)] mod tests {}",
            ][..],
        ),
        (
            "nobody has looked at what is derived",
            &[
                "#[derive(Clone, FromBytes)] struct S;",
                "#[cfg_attr(all(), derive(kernel::prelude::IntoBytes))] struct S(u8);",
                "write!(derive(TryFromBytes,));",
            ][..],
        ),
        (
            "it takes the name of what was looked at",
            &[
                "use kernel::prelude::{IntoBytes as Clone, *};",
                "use kernel::macros::other as inline;",
                "use core::ops::AsyncFnOnce as FnOnce;",
                "type u32 = &'static u64;",
                "fn Ok<T, E>(it: T) -> Result<T, E> { Result::Ok(it) }",
                "static Ok: u8 = 1;",
                "type CString = &'static pci::Device;",
                "use crate::other::It as c_int;",
            ][..],
        ),
        (
            "it lifts or hides from the lints",
            &["write!(clippy::disallowed_types);"][..],
        ),
        (
            "who answers with it promises that somebody else will",
            &[
                "use kernel::error::code::EIOCBQUEUED;",
                "fn probe() -> Result { Err(kernel::error::code::EIOCBQUEUED) }",
            ][..],
        ),
        (
            "each is dropped within the one before",
            &[
                "struct E { n: u8, next: Option<KBox<E>> }",
                "pub(crate) struct E(Option<Arc<Mutex<E>>>);",
                "enum E<T: Fn(u8) -> u8> where T: Is<[u8; 2]> { End, More(T, KVBox::<E<T>>) }",
                "struct E { next: Option<Pin<VBox<Self>>> }",
                "struct E { next: Option<UniqueArc<Mutex<E>>>, last: ListArc<F> }",
                "struct Tree { children: KVec<Tree> }",
                "struct E(KBox<crate::E>); struct F(KBox<(Option<F>, u8)>);",
                "struct E { next: KVec<(kernel::sync::Mutex<[E; 1]>, u8)> }",
            ][..],
        ),
        (
            "its words end up behind `unsafe`",
            &["kernel::impl_has_work! { impl{> FromBytes for Any {} } }"][..],
        ),
        (
            "it looks at the outer type only",
            &[
                "io_read!(view, .0.1);",
                "io_read!({ let v = view; v }, .0.1);",
            ][..],
        ),
        ("it is lkm's own", &["lkm::export!(@symbol a b);"][..]),
        (
            "what is in a static is never dropped",
            &[
                "static F: SetOnce<misc::Registration<X>> = SetOnce::new();",
                "type Once = SetOnce<KVec<u8>>; static F: Once = Once::new();",
                "static F: Wrapped = Wrapped { once: SetOnce::new() };",
                "impl Wrapped { const fn new() -> Self { Self(SetOnce::new()) } }",
                "static F: SetOnce::<misc::Registration<X>> = SetOnce::new();",
                "use kernel::sync::SetOnce as Once;",
                "const fn new() -> Self { if false {} Self(SetOnce::new()) }",
                "static F: W = const { let _x = 1; W(SetOnce::new()) };",
                "trait Z { const Z: Self; } impl<T> Z for SetOnce<T> { const Z: Self = Self::new(); }",
                "struct D<T = (u8, SetOnce<X>)>(T);",
                "const fn new() -> Self { Self(<SetOnce<X>>::new()) }",
                "struct W(H<SetOnce<X>>); impl H<SetOnce<X>> {}",
                "const fn f<I: A<O = SetOnce<X>>>() -> W { W(<I::O>::new()) }",
            ][..],
        ),
        (
            "nobody has read what safe code can do with it",
            &[
                "kernel::asm!(\"cli\");",
                "type Clock = kernel::clk::Clk;",
                "use kernel::{bindings, sync::Arc};",
                "use kernel::{sync::Arc, {prelude::*, drm}};",
                "use kernel::*;",
                "use kernel::{sync::Arc, self as k};",
                "use zerocopy::TryFromBytes as _;",
                "struct ___ZerocopyTagPrimitive(Option<&'static u64>);",
                "impl PaddingFree<Leak, 7> for () {}",
                "use kernel::driver::Registration;",
                "use kernel::xarray::XArray;",
                "use kernel::cpumask::CpumaskVar;",
                "use kernel::configfs::Group;",
                "use kernel::{firmware::ModInfoBuilder, sync::Arc};",
                "fn f(_: kernel::block::mq::Request<X>) {}",
            ][..],
        ),
        (
            "to rustc it is another name as well",
            &["struct G\u{301}; fn f(d: &D) { let _ = G\u{301}::try_from(d); }"][..],
        ),
        (
            "say what it is to be, as `u32::try_from(value)`",
            &[
                "fn f(d: &Device<Bound>) -> Result<&'static pci::Device<Bound>> { d.try_into() }",
                "use core::convert::TryInto as It;",
                "fn f(d: &D) { let _ = core::convert::TryInto::<&'static E>::try_into(d); }",
                "fn f(d: &D) { let _ = <&'static E>::try_from(d); }",
                "fn f(d: &D) { let _ = <&'static E as TryFrom<&D>>::try_from(d); }",
                "fn f<'a, T: TryFrom<&'a D>>(d: &'a D) { let _ = T::try_from(d); }",
                "fn f<T>(d: &D) where T: for<'a> TryFrom<&'a D> {}",
                "fn f<T: Is<TryFrom<D>>>() {} impl<T: TryFrom<D>> Is<T> for E {}",
                "fn f(_: impl TryFrom<D>) {}",
                "trait Mine<'a>: TryFrom<&'a D> {}",
                "use core::convert::TryFrom as Mine;",
                "fn f<'a, E>() where E: TryFrom<<() as P<{ match 0 { _ => match 0 { _ => for _ in [0] {} } } 0 }>>::A<'a>> {}",
                "impl<'r#struct> Is<&'r#struct F> for E {} fn f(d: &D) { let _ = F::try_from(d); }",
                "type E = &'static pci::Device; fn f(d: &D) { let _ = E::try_from(d); }",
                "struct E; mod m { type E = &'static pci::Device; fn f(d: &D) { E::try_from(d); } }",
                "struct E; mod m { use crate::other::E; fn f(d: &D) { E::try_from(d); } }",
                "struct E; mod m { use crate::other::*; fn f(d: &D) { E::try_from(d); } }",
                "struct E; fn f(d: &D) { use crate::other::{It as E}; E::try_from(d); }",
                "mod m { struct E; } use crate::other::*; fn f(d: &D) { E::try_from(d); }",
                "#[cfg(any())] pub(crate) struct E; use crate::other::*; fn f(d: &D) { E::try_from(d); }",
                "#[cfg_attr(all(), cfg(any()))] #[derive(Clone)] enum E {} fn f(d: &D) { E::try_from(d); }",
                "stringify! { struct E; } use crate::other::*; fn f(d: &D) { E::try_from(d); }",
                "struct E; fn f(d: &D) { crate::other::E::try_from(d); }",
                "struct E; impl T for E { fn f(d: &D) -> &E { Self::try_from(d) } }",
                "struct E; fn f(d: &D) { <E>::try_from(d); }",
                "fn f(d: &D) { Wrap::<[u8; 2]>::try_from(d); }",
                "fn f(d: &D) { d.map(r#Self::r#try_from); }",
            ][..],
        ),
        (
            "to show one is a `panic`",
            &[
                "#[derive(Debug)] struct S { speed: f32 }",
                "fn f(n: u64) { pr_info!(\"{:?}\", n as core::primitive::f64); }",
                "type F = core::ffi::c_double;",
                "fn f() { show(1f64); }",
                "fn f() { show(1_0_f32); }",
                "fn f() { show(1.5); }",
                "fn f() { show(-1_000.); }",
                "fn f() { show(1e3); }",
                "fn f() { show(2E-3); }",
                "fn f() { show(a.0.1..2.5); }",
                "fn f() { show(0..=1.5); }",
                "fn f() { show(1. ..); }",
                "fn f() { show(1./**/); }",
                "fn f() { show(1.0.max(n)); }",
                "fn f(t: Duration) { pr_info!(\"{:?}\", t.as_secs_f64()); }",
            ][..],
        ),
        (
            "it divides a `u128`",
            &[
                "fn f(t: Duration) { pr_info!(\"{:e}\\n\", t.as_nanos()); }",
                "fn f() { pr_info!(\"{} {n:E } {}\", 1, 2); }",
                r#"fn f() { pr_info!("{:\x65} \u{7b}:x}", n); }"#,
                r#"fn f() { pr_info!("\u{7_b}:e}", n); }"#,
                "fn f() { pr_info!(\"{:\\\n    e}\", n); }",
                "fn f() { write!(out, r#\"{{{0:\">+#08.3e}}}\"#, n) }",
                "fn f() { write!(out, \"{:^width$.*e}\", 1, n) }",
                "impl S { fn f(&self, f: &mut F) -> R { core::fmt::LowerExp::fmt(&self.0, f) } }",
            ][..],
        ),
        (
            "a timer warns of being on a stack",
            &[
                "use kernel::time::hrtimer::*; fn f() { stack_pin_init!(let it = Mine::new()); }",
                "fn f() { pin_init::stack_try_pin_init!(let it: HrTimer<Mine> =? HrTimer::new()); }",
            ][..],
        ),
        (
            "a timer that is not put forward",
            &[
                "fn run() -> HrTimerRestart { HrTimerRestart::Restart }",
                "use kernel::time::hrtimer::{self, *}; fn run() -> R { hrtimer::HrTimerRestart::Restart } // forward",
            ][..],
        ),
        (
            "it may be how something is shown",
            &[
                "fn f() { write!(out, concat!(\"{:\", \"p}\"), &n) }",
                "fn f() { pr_info!(stringify!({:e}), n) }",
                "fn f() { pr_info!(core::include_str!(\"how\"), n) }",
            ][..],
        ),
        (
            "it shows where something is",
            &[
                "fn show(&self, out: &mut SeqFile) -> Result { writeln!(out, \"{:p}\", self) }",
                "fn f() { pr_info!(\"{}\", core::format_args!(\"{at:#018p} {:e}\", 1)); }",
                "fn f() { assert!(a, \"{:16p}\", &a); }",
                "impl S { fn f(&self, f: &mut F) -> R { core::fmt::Pointer::fmt(&self.0, f) } }",
                "use kernel::fmt::{self, Pointer};",
                "fn f() { write! { out.lock(), r\"{:p}\", &a } }",
            ][..],
        ),
        (
            "it is a `BUG` in an interrupt, and may sleep",
            &[
                "fn f() { let _ = VVec::with_capacity(1, GFP_ATOMIC).map(|_: VVec<u8>| ()); }",
                "fn f() -> Result<KVBox<u8>> { alloc(flags::GFP_NOWAIT) }",
                "type T = kernel::alloc::Box<u8, Vmalloc>; const F: Flags = GFP_ATOMIC;",
            ][..],
        ),
        ("its parts would not be seen", &["use kernel as k;"][..]),
        (
            "rustc reads it otherwise",
            &[
                "// x\rfn f() {}",
                "#!\"\nunsafe {} // \"",
                "extern\u{200e}crate self as kernel;",
            ][..],
        ),
    ] {
        for way in ways {
            assert!(said(&[], way).contains(reason), "{way}");
        }
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
        "const ID_TABLE: pci::IdTable<()> = &T; fn f(x: u8) -> bool { if !(x == 1) { io_read!(v, .0) } else { x.0.1 } }",
        "impl S { fn str(&self) -> &str { self.0 } fn u16(&self) -> u16 { 1 } }",
        "static F: kernel::sync::SetOnce<u32> = kernel::sync::SetOnce::new();",
        "fn f() -> usize { 'outer: loop { break 'outer !core::mem::offset_of!(S, a); } }",
        "type Data = SetOnce<u32>; static F: SetOnce<bool> = SetOnce::<bool>::new();",
        "const fn limits(once: &SetOnce<KVec<u8>>, asm: u8) -> u16 { asm as u16 }",
        "struct S<const N: usize> { once: SetOnce<KVec<u8>> } fn new() -> S { S { once: SetOnce::new() } }",
        "use kernel::{self, prelude::*, sync::{new_mutex, Arc}, time::{self, Instant},};",
        "fn f(kernel: &str) -> bool { !kernel.is_empty() && ::kernel::page::PAGE_SIZE != 1 }",
        "#[derive(Clone, Copy, core::fmt::Debug,)] #[repr(C)] struct S; fn f() -> impl Fn() + use<> { <S as core::clone::Clone>::clone }",
        "#[cfg_attr(not(CONFIG_X), expect(dead_code, reason = \"it depends\"),)] #[rustfmt::skip] mod m {}",
        "use mine::It as _; fn f<T: kernel::transmute::FromBytes>(n: u8) -> u64 { n as u64 }",
        "fn f(n: u64) -> Result<u32> { Ok(n.checked_add(1).map(u32::try_from).ok_or(EINVAL)??) }",
        "fn f(n: &CStr) -> Result<kernel::str::CString> { kernel::str::CString::try_from(n) }",
        "fn f(n: u64) -> Result<c_int> { let _ = core::primitive::usize::try_from(n)?; c_int::try_from(n) }",
        "fn f(n: &[u8]) -> Result<[u8; 2]> { n.chunks(2).flat_map(<[u8; 2]>::try_from); return <[u8; 2]>::try_from(n) }",
        "#[derive(Clone)] pub(crate) struct E(u8); use super::*; fn f(n: u8) -> Result<E> { E::try_from(n) }",
        "impl TryFrom<u8> for E { type Error = Error; fn try_from(n: u8) -> Result<Self> { Ok(Self(n)) } } enum E {}",
        "impl<'a> core::convert::TryFrom<&'a fn(u8) -> Is<u8>> for E {} fn f() { try_from_fn(); }",
        "struct E { a: KBox<u8>, b: fn(E) } struct F(KBox<E>); struct G { b: ListArc<Gg>, c: KBox<dyn Fn(G)>, d: Arc<other::G> }",
        "struct E<'a> { a: KBox<&'a E<'a>>, b: Arc<u8>, c: *const E<'a> } fn f() { let struct_of: KBox<E> = KBox::new(E); }",
        "fn f(a: A) { show(&a.0.1, a.0.1.2, a.0 .1, 1..5, a.0..1, ..2, 1..=2, &n[1..], 1.max(2), 1._x()); }",
        "const N: [u32; 4] = [0x1e3, 0xf32, 0x1_f64, 0b1]; fn f64_of(e3: u8, _1e3: u8) { 'a: loop { break 'a } }",
        "const TEXTS: [&str; 6] = [\"{{:e}}\", \"{:?} e}\", \"{e}\", \"{e:x}\", \"{:e$}\", \"{name:value}\"]; fn exp(e: u128) {}",
        "fn f() { stack_pin_init!(let it = Timer::new()); } // HrTimer",
        "fn run(mut c: Context) -> HrTimerRestart { c.forward_now(DELAY); HrTimerRestart::Restart }",
        "fn run() -> HrTimerRestart { HrTimerRestart::NoRestart } enum Answer { Restarted }",
        "enum Answer { Restart }",
        "fn f() { pr_info!(\"{:p}\", &a); seq_print!(out, \"{0:#?} {1:>p$}\", &a, p); write!(out, \"{{:p}} {p} {:x}\", 1) }",
        r#"const B: &str = concat!("{:", "e}"); const C: &[u8] = b"\x7be"; const D: &str = "\u{10FFFF}";"#,
        "// 1.5, f64\nconst A: &str = \"1.5 f32\";",
        "fn f() { let _ = (KVec::<u8>::with_capacity(1, GFP_ATOMIC), KBox::new(1, GFP_NOWAIT)); }",
        "fn f() -> Result<KVVec<u8>> { KVVec::from_elem(0, 1, GFP_KERNEL) }",
        "#[doc = \"how to export\"]\n#[allow(clippy::too_many_arguments)]\nextern \"C\" fn f() {}",
    ] {
        assert_eq!(said(&[], harmless), "", "{harmless}");
    }
    assert_eq!(said(&["--unsafe"], "unsafe {}"), "");
    assert_eq!(said(&["--unsafe"], "kernel::asm!(\"cli\");"), "");
    assert_eq!(said(&["--unsafe"], "macro_rules! mine { () => { 1 } }"), "");
    assert_ne!(said(&["--unsafe"], "extern crate self as kernel;"), "");
}
