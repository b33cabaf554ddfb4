// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 2: hello_1 to hello_6, loglevels and start_stop.

use lkmpg_tests::{KernelLog, LoadError, Module, errno_of, is_loaded, module_file, name};
use object::{Object as _, ObjectSection as _};
use rustix::io::Errno;
use std::fs;

const HELLO_1: &str = name!("hello_1");
const HELLO_2: &str = name!("hello_2");
const HELLO_5: &str = name!("hello_5");

/// Loads and unloads a module; returns what it logged meanwhile, without its name.
fn session(name: &str, parameters: &[&str]) -> Vec<String> {
    let log = KernelLog::now();
    let module = Module::load(name, parameters).expect("the module loads");
    assert!(is_loaded(name));
    module.unload().expect("the module unloads");
    assert!(!is_loaded(name));
    let prefix = format!("{name}: ");
    log.lines_with(&prefix)
        .iter()
        .map(|line| line[prefix.len()..].to_owned())
        .collect()
}

/// Loads a module that must not load; returns the errno and what the kernel logged meanwhile.
fn refusal(name: &str, parameters: &[&str]) -> (Errno, Vec<String>) {
    let log = KernelLog::now();
    let LoadError::Refused(errno) = Module::load(name, parameters).expect_err("it must not load")
    else {
        panic!("there is no module {name}");
    };
    assert!(!is_loaded(name), "nothing is left of {name}");
    (errno, log.lines())
}

fn parameter(module: &str, name: &str) -> String {
    let file = format!("/sys/module/{module}/parameters/{name}");
    fs::read_to_string(&file)
        .unwrap_or_else(|e| panic!("{file}: {e}"))
        .trim_end()
        .to_owned()
}

/// The values of a tag in a module's `.modinfo`.
fn modinfo(module: &str, tag: &str) -> Vec<String> {
    let file = fs::read(module_file(module)).expect("the module's file");
    let object = object::File::parse(&*file).expect("an ELF file");
    let section = object
        .section_by_name(".modinfo")
        .expect("modinfo")
        .data()
        .expect("its data");
    section
        .split(|byte| *byte == 0)
        .map(|entry| String::from_utf8_lossy(entry).into_owned())
        .filter_map(|entry| Some(entry.strip_prefix(tag)?.strip_prefix('=')?.to_owned()))
        .collect()
}

#[test]
fn hello_1_greets_and_says_goodbye() {
    assert_eq!(
        session(HELLO_1, &[]),
        ["Hello world 1.", "Goodbye world 1."]
    );
}

#[test]
fn hello_2_greets_and_says_goodbye() {
    assert_eq!(
        session(HELLO_2, &[]),
        ["Hello, world 2", "Goodbye, world 2"]
    );
}

#[test]
fn a_failing_init_returns_its_errno() {
    for errno in [Errno::PERM, Errno::NOMEM, Errno::NODEV] {
        let fail = format!("fail={}", errno.raw_os_error());
        let (seen, log) = refusal(HELLO_2, &[&fail]);
        assert_eq!(seen, errno);
        assert!(log.iter().any(|line| line.contains("Hello")), "{log:?}");
    }
}

#[test]
fn a_failing_init_undoes_what_it_did() {
    let (_, log) = refusal(HELLO_2, &["fail=1"]);
    assert_eq!(
        log,
        ["Hello, world 2", "Goodbye, world 2"].map(|it| format!("{HELLO_2}: {it}"))
    );
}

#[test]
fn hello_3_has_code_and_data_for_init_alone() {
    let file = fs::read(module_file("hello_3")).expect("the module's file");
    let object = object::File::parse(&*file).expect("an ELF file");
    let size = |name| {
        object
            .section_by_name(name)
            .map_or(0, |section| section.size())
    };
    // Beside the data there is the pointer to the function that every module has.
    assert!(size(".init.text") > 0);
    assert!(size(".init.data") > 8, "{}", size(".init.data"));
}

#[test]
fn hello_3_frees_what_init_used() {
    let log = KernelLog::now();
    let _module = Module::load("hello_3", &[]).expect("the module loads");
    assert_eq!(log.lines_with("hello_3: "), ["hello_3: Hello, world 3"]);
    let size = fs::read_to_string("/sys/module/hello_3/initsize").expect("initsize");
    assert_eq!(size.trim(), "0");
}

#[test]
fn hello_4_is_documented() {
    assert_eq!(modinfo("hello_4", "license"), ["GPL"]);
    assert_eq!(modinfo("hello_4", "description"), ["A sample driver"]);
    assert_eq!(modinfo("hello_4", "author"), ["lkmpg-rs developers"]);
}

#[test]
fn hello_4_does_not_taint_by_its_licence() {
    let _module = Module::load("hello_4", &[]).expect("the module loads");
    let taint = fs::read_to_string("/sys/module/hello_4/taint").expect("taint");
    assert!(!taint.contains('P'), "{taint:?}");
}

#[test]
fn hello_5_has_defaults() {
    assert_eq!(
        session(HELLO_5, &[]),
        [
            "mybyte is an 8 bit integer: 65",
            "myshort is a short integer: 1",
            "myint is an integer: 20",
            "mylong is a long integer: 9999",
            "mystring is a string: blah",
            "myintArray is 0 and 420",
            "Goodbye, world 5",
        ]
    );
}

#[test]
fn hello_5_takes_the_values_of_the_guide() {
    let log = session(HELLO_5, &["mystring=bebop", "mybyte=255", "myintArray=-1"]);
    assert_eq!(
        log,
        [
            "mybyte is an 8 bit integer: 255",
            "myshort is a short integer: 1",
            "myint is an integer: 20",
            "mylong is a long integer: 9999",
            "mystring is a string: bebop",
            "myintArray is -1 and 420",
            "Goodbye, world 5",
        ]
    );
    let long = "mystring=supercalifragilisticexpialidocious";
    let log = session(HELLO_5, &[long, "myintArray=-1,-1"]);
    assert_eq!(
        log[4],
        "mystring is a string: supercalifragilisticexpialidocious"
    );
    assert_eq!(log[5], "myintArray is -1 and -1");
}

#[test]
fn hello_5_shows_its_parameters() {
    let parameters = ["mybyte=7", "myshort=-2", "mystring=a b", "myintArray=5,-6"];
    let _module = Module::load(HELLO_5, &parameters.map(quoted).each_ref().map(|it| &**it))
        .expect("the module loads");
    assert_eq!(parameter(HELLO_5, "mybyte"), "7");
    assert_eq!(parameter(HELLO_5, "myshort"), "-2");
    assert_eq!(parameter(HELLO_5, "myint"), "20");
    assert_eq!(parameter(HELLO_5, "mylong"), "9999");
    assert_eq!(parameter(HELLO_5, "mystring"), "a b");
    assert_eq!(parameter(HELLO_5, "myintArray"), "5,-6");
    let error =
        fs::write(format!("/sys/module/{HELLO_5}/parameters/mybyte"), "1").expect_err("read-only");
    assert!(
        matches!(
            Errno::from_io_error(&error),
            Some(Errno::ACCESS | Errno::IO)
        ),
        "{error}"
    );
}

/// As kmod does it: a value with a space goes in quotes.
fn quoted(parameter: &str) -> String {
    match parameter.split_once('=') {
        Some((name, value)) if value.contains(' ') => format!("{name}=\"{value}\""),
        _ => parameter.to_owned(),
    }
}

#[test]
fn hello_5_describes_its_parameters() {
    let mut described = modinfo(HELLO_5, "parm");
    described.sort();
    assert_eq!(
        described,
        [
            "mybyte:This byte really does nothing at all.",
            "myint:An integer",
            "myintArray:One or two integers",
            "mylong:A long integer",
            "myshort:This short is *extremely* important.",
            "mystring:A string of up to 1024 bytes",
        ]
    );
    let mut types = modinfo(HELLO_5, "parmtype");
    types.sort();
    assert_eq!(
        types,
        [
            "mybyte:byte",
            "myint:int",
            "myintArray:array of int",
            "mylong:long",
            "myshort:short",
            "mystring:charp",
        ]
    );
}

#[test]
fn hello_5_refuses_what_does_not_fit() {
    let too_long = format!("mystring={}", "x".repeat(1025));
    for (given, name, errno) in [
        ("mybyte=256", "mybyte", Errno::RANGE),
        ("mybyte=-1", "mybyte", Errno::INVAL),
        ("myshort=32768", "myshort", Errno::RANGE),
        ("myint=2147483648", "myint", Errno::RANGE),
        ("mylong=9223372036854775808", "mylong", Errno::RANGE),
        ("mylong=hello", "mylong", Errno::INVAL),
        ("myint=", "myint", Errno::INVAL),
        ("mystring", "mystring", Errno::INVAL),
        (&too_long, "mystring", Errno::NOSPC),
        ("myintArray=1,2,3", "myintArray", Errno::INVAL),
        ("myintArray=1,x", "myintArray", Errno::INVAL),
        ("myintArray=", "myintArray", Errno::INVAL),
    ] {
        let (seen, log) = refusal(HELLO_5, &[given]);
        assert_eq!(seen, errno, "{given}");
        assert!(
            log.iter().any(|line| line.contains(name)),
            "{given}: {log:?}"
        );
        assert!(
            !log.iter().any(|line| line.contains("mybyte is")),
            "{given}: {log:?}"
        );
    }
}

#[test]
fn start_stop_is_one_module() {
    assert_eq!(
        session("start_stop", &[]),
        [
            "Hello, world - this is the kernel speaking",
            "Short is the life of a kernel module",
        ]
    );
}

#[test]
fn hello_6_acts_when_it_is_set() {
    let module = Module::load("hello_6", &[]).expect("the module loads");
    let log = KernelLog::now();
    let file = "/sys/module/hello_6/parameters/greetings";
    fs::write(file, "3\n").expect("three greetings");
    assert_eq!(log.lines(), ["hello_6: Hello again."; 3]);
    assert_eq!(parameter("hello_6", "greetings"), "3");

    // Refused by the module, by the kernel for its size, and for what it is.
    for (value, errno, word) in [
        ("11", Errno::INVAL, Some("11 greetings are too many")),
        ("256", Errno::RANGE, None),
        ("many", Errno::INVAL, None),
        ("", Errno::INVAL, None),
    ] {
        let error = fs::write(file, format!("{value}\n")).expect_err(value);
        assert_eq!(errno_of(error), errno, "{value}");
        let lines = log.lines();
        assert_eq!(lines.len(), word.iter().len(), "{lines:?}");
        assert!(lines.iter().all(|it| it.contains(word.unwrap_or_default())));
        assert_eq!(parameter("hello_6", "greetings"), "3", "the old value");
    }
    module.unload().expect("unload");
}

#[test]
fn hello_6_is_asked_before_init() {
    assert_eq!(
        session("hello_6", &["greetings=2"]),
        ["Hello again.", "Hello again."]
    );
    assert_eq!(session("hello_6", &["greetings=10"]).len(), 10);
    let (errno, log) = refusal("hello_6", &["greetings=11"]);
    assert_eq!(errno, Errno::INVAL);
    assert!(
        log.iter()
            .any(|it| it.contains("`11' invalid for parameter `greetings'")),
        "{log:?}"
    );
}

#[test]
fn loglevels_has_a_line_of_each() {
    let log = KernelLog::now();
    let module = Module::load("loglevels", &[]).expect("the module loads");
    let levels: Vec<u32> = log
        .messages()
        .into_iter()
        .filter(|(_, text)| text.starts_with("loglevels: "))
        .map(|(level, text)| {
            assert!(
                text.starts_with(&format!("loglevels: {level}, ")),
                "{level}: {text}"
            );
            level
        })
        .collect();
    assert_eq!(levels, [0, 1, 2, 3, 4, 5, 6, 7]);
    module.unload().expect("unload");
}
