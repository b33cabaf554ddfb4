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

/// The keys of an American keyboard, by `linux/input-event-codes.h`: their numbers, and what they type
/// without Shift and with it.
#[rustfmt::skip]
const KEYS: [(u16, u8, u8); 47] = [
    (41, b'`', b'~'), (2, b'1', b'!'), (3, b'2', b'@'), (4, b'3', b'#'), (5, b'4', b'$'),
    (6, b'5', b'%'), (7, b'6', b'^'), (8, b'7', b'&'), (9, b'8', b'*'), (10, b'9', b'('),
    (11, b'0', b')'), (12, b'-', b'_'), (13, b'=', b'+'), (16, b'q', b'Q'), (17, b'w', b'W'),
    (18, b'e', b'E'), (19, b'r', b'R'), (20, b't', b'T'), (21, b'y', b'Y'), (22, b'u', b'U'),
    (23, b'i', b'I'), (24, b'o', b'O'), (25, b'p', b'P'), (26, b'[', b'{'), (27, b']', b'}'),
    (43, b'\\', b'|'), (30, b'a', b'A'), (31, b's', b'S'), (32, b'd', b'D'), (33, b'f', b'F'),
    (34, b'g', b'G'), (35, b'h', b'H'), (36, b'j', b'J'), (37, b'k', b'K'), (38, b'l', b'L'),
    (39, b';', b':'), (40, b'\'', b'"'), (44, b'z', b'Z'), (45, b'x', b'X'), (46, b'c', b'C'),
    (47, b'v', b'V'), (48, b'b', b'B'), (49, b'n', b'N'), (50, b'm', b'M'), (51, b',', b'<'),
    (52, b'.', b'>'), (53, b'/', b'?'),
];

/// All that ASCII can print.
#[test]
fn every_character_has_its_key() {
    let (_module, keys) = load();
    let with_both = |(key, plain, shifted)| [(plain, tap(key)), (shifted, with_shift(key))];
    let mut wanted: Vec<_> = KEYS.into_iter().flat_map(with_both).collect();
    wanted.extend([(b' ', tap(57)), (b'\t', tap(15)), (b'\n', tap(28))]);
    assert!((b' '..=b'~').all(|it| wanted.iter().any(|(character, _)| *character == it)));
    for (character, typed) in wanted {
        let character = [character];
        assert_eq!(write(&character), Ok(1), "{}", character.escape_ascii());
        let seen = keys.wait_for_keys(typed.len());
        assert_eq!(seen, typed, "{}", character.escape_ascii());
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
