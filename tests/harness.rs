// SPDX-License-Identifier: GPL-2.0-only

//! The tests of all modules fail where they must: when nothing would be tested, and when a module
//! does what `tests/modules/known.c` does on purpose.

use lkmpg_tests::{
    Footprint, Module, Said, Subject, mappings, module_file, skip, some, subjects, times,
};
use rustix::io::Errno;
use std::{
    env,
    panic::{UnwindSafe, catch_unwind},
    process::Command,
    time::Duration,
};

/// Fails unless `f` does, and says so in such words.
#[track_caller]
fn fails(f: impl FnOnce() + UnwindSafe, words: &str) {
    let error = catch_unwind(f).expect_err("it must fail");
    let text = error.downcast_ref::<String>().expect("a text");
    assert!(text.contains(words), "{text}");
}

/// Fails unless `test` of this file does, with a variable set, and says so in such words.
#[track_caller]
fn fails_with(variable: &str, value: &str, test: &str, words: &str) {
    let mut command = Command::new(env::current_exe().expect("this file"));
    command.args(["--exact", test, "--ignored", "--nocapture"]);
    let output = command.env(variable, value).output().expect("a process");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{variable}={value} passes");
    assert!(text.contains(words), "{text}");
}

#[test]
fn a_test_of_nothing_fails() {
    fails(|| drop(some("module", [0; 0])), "there is no module");
    assert_eq!(some("module", [1, 2]), [1, 2]);
}

#[test]
fn a_module_that_is_not_there_is_named() {
    let words = "LKMPG_SUBJECT=nosuch is none of [\"hello_1\", ";
    fails_with("LKMPG_SUBJECT", "nosuch", "all_subjects", words);
    fails_with(
        "LKMPG_SUBJECT",
        "",
        "all_subjects",
        "LKMPG_SUBJECT= is none of",
    );
    let load = || drop(Subject::new("nosuch", Said::default(), &Footprint::now()));
    fails(load, "nosuch: there is no such module");
}

#[test]
fn what_a_module_needs_and_cannot_be_made_is_named() {
    let said = Said {
        before: vec!["true".into(), "false; true".into()],
        ..Said::default()
    };
    fails(|| said.prepare("known"), "known needs `false; true`: ");
}

#[test]
fn a_number_that_is_none_is_named() {
    for value in ["0", "-1", "many", "", "99999999999999999999"] {
        let words = format!("LKMPG_CALLS={value}: it must be a number above 0");
        fails_with("LKMPG_CALLS", value, "a_setting", &words);
    }
}

#[test]
fn what_a_module_leaves_behind_is_named() {
    let before = Footprint::now();
    let come_and_go = |leave: &str| {
        let module = Module::load("known", &[leave]).expect("it loads");
        module.unload().expect("nobody uses it");
    };
    come_and_go("leave=1");
    let words = r#"known left ["/proc/known"] behind"#;
    fails(|| before.check_within("known", Duration::ZERO), words);
    come_and_go("leave=2");
    before.check("known");
}

#[test]
fn whatever_a_module_makes_is_seen() {
    let before = Footprint::now();
    for (module, parameters, made) in [
        ("chardev", &[][..], "/proc/devices: "),
        ("misc", &[], "/proc/misc: "),
        ("syscall_spy", &[], "/sys/kernel/debug/kprobes/list: "),
        (
            "kthread_file",
            &["path=/tmp/mail"],
            "the thread kthread_file",
        ),
    ] {
        if !module_file(module).exists() {
            skip(&format!("the kernel cannot have {module}"));
            continue;
        }
        let loaded = Module::load(module, parameters).expect(module);
        let left = before.difference().expect(module);
        loaded.unload().expect("nobody uses it");
        assert!(left.contains(made), "{module}: no {made:?}: {left}");
        before.check(module);
    }
    if !module_file("chan_relay").exists() {
        return skip("the kernel cannot have chan_relay");
    }
    let relay = Subject::new("chan_relay", Said::default(), &before);
    let mut paths = relay.nodes.iter().map(|it| &*it.path);
    assert!(
        paths.any(|it| it.starts_with("/sys/kernel/debug/chan_relay/")),
        "{:?}",
        relay.nodes
    );
}

#[test]
fn a_family_of_netlink_is_seen() {
    let before = Footprint::now();
    let module = Module::load("family", &[]).expect("it loads");
    let left = before.difference().expect("a difference");
    module.unload().expect("nobody uses it");
    assert!(left.contains(r#""genetlink:rest""#), "{left}");
}

#[test]
fn a_node_to_leave_alone_must_be_there() {
    let before = Footprint::now();
    let known = |path: &str| {
        let said = Said {
            parameters: vec!["node=1".into()],
            without: [(path.to_owned(), "why".to_owned())].into(),
            ..Said::default()
        };
        Subject::new("known", said, &before)
    };
    fails(|| drop(known("/dev/nosuch")), "known has no /dev/nosuch");
    let nodes = known("/dev/known").nodes;
    assert!(nodes.is_empty(), "{nodes:?}");
}

#[test]
fn what_is_undone_must_be_done() {
    let before = Footprint::now();
    let said = Said {
        words: Some(vec!["on".into()]),
        undo: [("no".to_owned(), "off".to_owned())].into(),
        ..Said::default()
    };
    let load = || drop(Subject::new("known", said, &before));
    fails(load, r#"known: undo: "no" is none of ["on"]"#);
}

#[test]
fn a_load_without_memory_fails_as_was_said() {
    for (refusal, may) in [
        (None, vec![Errno::NOMEM]),
        (Some(22), vec![Errno::NOMEM, Errno::INVAL]),
    ] {
        let said = Said {
            refusal,
            ..Said::default()
        };
        let subject = Subject {
            module: "known".into(),
            said,
            nodes: Vec::new(),
        };
        for errno in [Errno::NOMEM, Errno::INVAL, Errno::NODEV] {
            assert_eq!(subject.may_refuse(errno), may.contains(&errno), "{errno}");
        }
    }
}

#[test]
fn a_mapping_of_what_is_not_the_files_is_found() {
    let before = Footprint::now();
    for (hole, is_found) in [("hole=0", false), ("hole=1", true)] {
        let said = Said {
            parameters: vec!["node=1".into(), hole.into()],
            ..Said::default()
        };
        let known = Subject::new("known", said, &before);
        let paths: Vec<_> = known.nodes.iter().map(|it| &*it.path).collect();
        assert_eq!(paths, ["/dev/known"]);
        let module = known.load();
        let found = mappings::check(&known.nodes[0]);
        module.unload().expect("nobody uses it");
        assert_eq!(found.is_err(), is_found, "{hole}: {found:?}");
    }
}

#[test]
#[ignore = "a part of the tests above"]
fn all_subjects() {
    subjects();
}

#[test]
#[ignore = "a part of the tests above"]
fn a_setting() {
    times("LKMPG_CALLS", 1);
}
