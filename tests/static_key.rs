// SPDX-License-Identifier: GPL-2.0-only

//! static_key.

use lkmpg_tests::{Module, errno_of, name};
use rustix::io::Errno;
use std::{fs, thread};

const FILE: &str = name!("/proc/static_key");
const PASSES: &str = "1000000";

fn load() -> Module {
    Module::load(name!("static_key"), &[]).expect("the module loads")
}

fn tell(word: &str) {
    fs::write(FILE, word).expect("write");
}

/// Whether the key is on, and how many passes were counted.
fn state() -> (String, String) {
    let text = fs::read_to_string(FILE).expect("read");
    let (first, second) = text.split_once('\n').expect("two lines");
    assert!(second.starts_with("a pass takes "), "{second}");
    let (state, rest) = first.split_once(": counted ").expect("a state");
    let count = rest.strip_suffix(" of 1000000 passes").expect("a number");
    (state.to_owned(), count.to_owned())
}

fn is(state: (String, String), name: &str, count: &str) -> bool {
    state.0 == name && state.1 == count
}

#[test]
fn the_branch_is_there_when_it_is_on() {
    let module = load();
    assert!(is(state(), "off", "0"));
    for _ in 0..3 {
        tell("on\n");
        assert!(is(state(), "on", PASSES));
        tell("on\n");
        assert!(is(state(), "on", PASSES), "twice is once");
        tell("off\n");
        assert!(is(state(), "off", "0"));
    }
    for word in ["perhaps", "on      or not"] {
        assert_eq!(fs::write(FILE, word).map_err(errno_of), Err(Errno::INVAL));
    }
    // It goes while it is on, and is off the next time.
    tell("on");
    module.unload().expect("unload");
    let _module = load();
    assert!(is(state(), "off", "0"));
}

#[test]
fn it_is_patched_while_it_runs() {
    let _module = load();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..20 {
                let (_, count) = state();
                let count: u64 = count.parse().expect("a number");
                assert!(count <= 1_000_000);
            }
        });
        for _ in 0..20 {
            tell("on");
            tell("off");
        }
    });
    assert!(is(state(), "off", "0"));
}

#[test]
fn two_turn_it_at_once() {
    let _module = load();
    thread::scope(|scope| {
        for words in [["on", "off"], ["off", "on"]] {
            scope.spawn(move || {
                for word in words.iter().cycle().take(400) {
                    tell(word);
                }
            });
        }
    });
    // What C says of who turns a key while somebody else does is a splat, which the runner sees.
    tell("off");
    assert!(is(state(), "off", "0"));
    tell("on");
    assert!(is(state(), "on", PASSES));
}
