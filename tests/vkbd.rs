// SPDX-License-Identifier: GPL-2.0-only

//! Input: vkbd.

use lkmpg_tests::{Evdev, Module, errno_of};
use rustix::io::Errno;
use std::{
    fs::File,
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

const SHIFT: u16 = 42;

fn load() -> (Module, Evdev) {
    let module = Module::load("vkbd", &[]).expect("the module loads");
    (module, Evdev::called("vkbd"))
}

fn write(text: &[u8]) -> Result<usize, Errno> {
    let mut node = File::options().write(true).open("/dev/vkbd").expect("open");
    node.write(text).map_err(errno_of)
}

fn tap(key: u16) -> Vec<(u16, bool)> {
    vec![(key, true), (key, false)]
}

fn with_shift(key: u16) -> Vec<(u16, bool)> {
    [vec![(SHIFT, true)], tap(key), vec![(SHIFT, false)]].concat()
}

#[test]
fn a_text_is_typed() {
    let (_module, keys) = load();
    assert_eq!(write(b"Hi, yo!\n"), Ok(8));
    let wanted = [
        with_shift(35),
        tap(23),
        tap(51),
        tap(57),
        tap(21),
        tap(24),
        with_shift(2),
        tap(28),
    ];
    let wanted = wanted.concat();
    assert_eq!(keys.wait_for_keys(wanted.len()), wanted);
}

#[test]
fn evtest_shows_what_is_typed() {
    let (_module, keys) = load();
    let mut evtest = Command::new("evtest")
        .arg(keys.path())
        .stdout(Stdio::piped())
        .spawn()
        .expect("evtest");
    let output = evtest.stdout.take().expect("its output");
    let mut lines = BufReader::new(output).lines().map(|it| it.expect("text"));
    let name = lines.find(|it| it.starts_with("Input device name:"));
    assert_eq!(name.as_deref(), Some("Input device name: \"vkbd\""));
    assert!(lines.any(|it| it.starts_with("Testing ...")));
    assert_eq!(write(b"a"), Ok(1));
    for value in [1, 0] {
        let key = lines.find(|it| it.contains("(EV_KEY)")).expect("a key");
        let wanted = format!(", type 1 (EV_KEY), code 30 (KEY_A), value {value}");
        assert!(key.ends_with(&wanted), "{key}");
    }
    evtest.kill().expect("kill");
    evtest.wait().expect("its end");
}

/// All that ASCII can print has a key of its own, with Shift or without.
#[test]
fn every_character_has_a_key() {
    let (_module, keys) = load();
    let mut seen = Vec::new();
    for character in b' '..=b'~' {
        assert_eq!(write(&[character]), Ok(1), "{}", char::from(character));
        let typed = keys.wait_for_keys(2);
        assert!(typed.len() == 2 || typed.len() == 4, "{typed:?}");
        assert!(!seen.contains(&typed), "{}", char::from(character));
        seen.push(typed);
    }
}

#[test]
fn of_a_text_that_has_no_keys_nothing_is_typed() {
    let (_module, keys) = load();
    for wrong in ["h\u{e9}", "\0", "ab\u{7}", "\u{7f}"] {
        assert_eq!(write(wrong.as_bytes()), Err(Errno::INVAL));
    }
    assert_eq!(keys.wait_for_keys(0), []);
}
