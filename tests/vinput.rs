// SPDX-License-Identifier: GPL-2.0-only

//! Input: vinput.

use lkmpg_tests::{Evdev, Module, errno_of};
use rustix::io::Errno;
use std::{
    fs::{self, File},
    io::Write as _,
    os::unix::fs::MetadataExt as _,
    sync::Barrier,
    thread,
};

const NODE: &str = "/dev/vinput";

fn load() -> (Module, Evdev) {
    let module = Module::load("vinput", &[]).expect("the module loads");
    (module, Evdev::called("vinput"))
}

fn send(text: &str) -> Result<usize, Errno> {
    let mut node = File::options().write(true).open(NODE).expect("open");
    node.write(text.as_bytes()).map_err(errno_of)
}

/// The changes of a key that is pressed and released.
fn tap(key: u16) -> [(u16, bool); 2] {
    [(key, true), (key, false)]
}

#[test]
fn keys_arrive_once_and_in_order() {
    let (_module, keys) = load();
    assert_eq!(send("+30 -30\n+48\t-48 +46\n-46\n"), Ok(24));
    assert_eq!(keys.wait_for_keys(6), [tap(30), tap(48), tap(46)].concat());
    // What is down already stays so.
    assert_eq!(send("+30 +30 +30 -30 -30 -31"), Ok(23));
    assert_eq!(keys.wait_for_keys(2), tap(30));
    // The first key, and the last.
    assert_eq!(send("+1 -1 +127 -127"), Ok(15));
    assert_eq!(keys.wait_for_keys(4), [tap(1), tap(127)].concat());
    assert_eq!(send(""), Ok(0));
    assert_eq!(send(" \n"), Ok(2));
    assert_eq!(keys.wait_for_keys(0), []);
}

#[test]
fn of_a_wrong_text_nothing_is_sent() {
    let (_module, keys) = load();
    for wrong in [
        "30",
        "+",
        "-",
        "+0",
        "+99",
        "+128",
        "+65566",
        "+ 30",
        "++30",
        "+-30",
        "+30x",
        "+0x1e",
        "+99999999999",
        "\0",
        "é",
    ] {
        assert_eq!(
            send(&format!("+31 {wrong}\n")),
            Err(Errno::INVAL),
            "{wrong}"
        );
        assert_eq!(
            send(&format!("{wrong} +31\n")),
            Err(Errno::INVAL),
            "{wrong}"
        );
    }
    assert_eq!(keys.wait_for_keys(0), []);
}

/// Of more than 256 bytes the first whole words are taken.
#[test]
fn a_long_text_is_taken_by_pieces() {
    let (_module, keys) = load();
    let text = format!("+30 -30{}+31 -31", " ".repeat(248));
    assert_eq!(send(&text), Ok(255));
    assert_eq!(keys.wait_for_keys(2), tap(30));
    let text = format!("{}+30 -30", " ".repeat(254));
    assert_eq!(send(&text), Ok(254));
    assert_eq!(send(&"1".repeat(300)), Err(Errno::INVAL));
}

#[test]
fn who_has_it_open_is_told_that_it_has_gone() {
    let (module, keys) = load();
    assert_eq!(send("+42 +30"), Ok(7));
    assert_eq!(keys.wait_for_keys(2), [(42, true), (30, true)]);
    module.unload().expect("unload");
    assert_eq!(keys.keys_until_the_end(), (vec![], Errno::NODEV));
}

#[test]
fn the_keys_of_one_write_stay_together() {
    let (_module, keys) = load();
    let texts = [
        "+2 -2 +3 -3 +4 -4 +5 -5 +6 -6",
        "+7 -7 +8 -8 +9 -9 +10 -10 +11 -11",
    ];
    for _ in 0..1000 {
        let start = Barrier::new(texts.len());
        thread::scope(|scope| {
            for text in texts {
                let start = &start;
                scope.spawn(move || {
                    let mut node = File::options().write(true).open(NODE).expect("open");
                    start.wait();
                    assert_eq!(node.write(text.as_bytes()).expect("write"), text.len());
                });
            }
        });
        for half in keys.wait_for_keys(20).chunks(10) {
            let first = half[0].0;
            let expected: Vec<_> = (first..first + 5).flat_map(tap).collect();
            assert_eq!(half, expected);
        }
    }
}

#[test]
fn it_stays_while_its_node_is_open() {
    let (module, _keys) = load();
    let node = File::options().write(true).open(NODE).expect("open");
    assert_eq!(fs::metadata(NODE).expect("stat").mode() & 0o7777, 0o200);
    let module = module.unload().expect_err("it is in use").busy();
    drop(node);
    module.unload().expect("unload");
    assert!(!fs::exists(NODE).expect("stat"));
}
