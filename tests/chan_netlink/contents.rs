// SPDX-License-Identifier: GPL-2.0-only

//! What messages contain, good and bad: lengths, attributes, lists within lists.

use super::{
    Chan as _, Family, load, nested, number,
    protocol::{ECHO, LIST, NUMBER, SUM, TEXT},
    raw, text,
};
use lkmpg_tests::{
    hostile::Random,
    is_twin,
    netlink::{ACK, CAPPED, Connection, NESTED, REQUEST, Reply, attribute, message},
    times,
};
use rustix::io::Errno;

#[test]
fn truncated_messages_are_refused() {
    let _module = load();
    let connection = Connection::classic();
    let good = message(ECHO.into(), REQUEST, 9, &text("hello"));
    for length in 1..good.len() {
        let replies = connection.ask(&good[..length]);
        if length < 16 {
            // There is no number to answer to.
            assert_eq!(replies, [], "{length} bytes");
        } else {
            assert_eq!(
                replies[0].errno(),
                Some(raw(Errno::BADMSG)),
                "{length} bytes"
            );
            assert_eq!((replies[0].sequence, replies[0].flags), (9, CAPPED));
            assert_eq!(replies[0].port, connection.port());
        }
    }
    // Lengths that are too great, or less than the header.
    for length in [
        0,
        1,
        15,
        good.len() as u32 + 1,
        0x7fff_ffff,
        0x8000_0000,
        u32::MAX,
    ] {
        let mut bad = good.clone();
        bad[..4].copy_from_slice(&length.to_ne_bytes());
        assert_eq!(
            connection.errno(&bad),
            raw(Errno::BADMSG),
            "length {length}"
        );
    }
    // The good one before a bad one is answered.
    let replies = connection.ask(&[&good[..], &good[..17]].concat());
    assert_eq!(
        replies.iter().map(Reply::errno).collect::<Vec<_>>(),
        [None, Some(raw(Errno::BADMSG))]
    );
    connection.check();
}

#[test]
fn bad_attributes_are_refused() {
    let _module = load();
    let (connection, family) = (Connection::classic(), Family::find());
    let with_length = |length: u16| {
        let mut bytes = text("hello");
        bytes[..2].copy_from_slice(&length.to_ne_bytes());
        bytes
    };
    let misaligned = [&attribute(TEXT, b"12345")[..9], &number(1)[..]].concat();
    for (what, payload) in [
        ("none", Vec::new()),
        ("half a header", vec![8, 0, 1]),
        ("a length of 0", with_length(0)),
        ("a length of 3", with_length(3)),
        ("a length beyond the end", with_length(200)),
        ("the greatest length", with_length(u16::MAX)),
        ("one that begins where none may", misaligned),
        ("no text", attribute(TEXT, b"\xff\xfe")),
        ("a NUL in the text", attribute(TEXT, b"a\0b")),
        ("text that is too long", attribute(TEXT, &[b'x'; 4097])),
        (
            "a number that is too short",
            [
                text("x"),
                attribute(LIST | NESTED, &attribute(NUMBER, b"123")),
            ]
            .concat(),
        ),
        (
            "something else in a list",
            [text("x"), attribute(LIST | NESTED, &text("y"))].concat(),
        ),
        (
            "half an attribute in a list",
            [text("x"), attribute(LIST | NESTED, &[9, 0, 3, 0, 1])].concat(),
        ),
    ] {
        if is_twin!() && what == "no text" {
            // Any bytes are, in C.
            continue;
        }
        assert_eq!(
            connection.errno(&message(ECHO.into(), REQUEST, 3, &payload)),
            raw(Errno::INVAL),
            "{what}"
        );
        let errno = family.errno(ECHO, &payload);
        assert!(
            [Errno::INVAL, Errno::RANGE].map(raw).contains(&errno),
            "{what}: {errno}"
        );
    }
    // The family knows all of its attributes.
    assert_eq!(
        family.errno(ECHO, &[text("x"), attribute(SUM, &[0; 8])].concat()),
        raw(Errno::INVAL)
    );
    assert_eq!(
        family.errno(ECHO, &[text("x"), attribute(0x3fff, b"")].concat()),
        raw(Errno::INVAL)
    );
    connection.check();
    family.check();
}

#[test]
fn text_may_be_as_long_as_it_says() {
    let _module = load();
    let (connection, family) = (Connection::classic(), Family::find());
    let long = "x".repeat(4096);
    let replies = connection.ask(&message(ECHO.into(), REQUEST, 1, &text(&long)));
    assert_eq!(
        replies[0].attributes(0)[&TEXT],
        format!("{long}\0").into_bytes()
    );
    let replies = family
        .connection
        .ask(&family.message(ECHO, 0, 1, &text(&long)));
    assert_eq!(
        replies[0].attributes(4)[&TEXT],
        format!("{long}\0").into_bytes()
    );
}

#[test]
fn of_two_that_are_the_same_the_last_counts() {
    let _module = load();
    let (connection, family) = (Connection::classic(), Family::find());
    let payload = [text("first"), text("last")].concat();
    let replies = connection.ask(&message(ECHO.into(), REQUEST, 1, &payload));
    assert_eq!(replies[0].attributes(0)[&TEXT], b"last\0");
    let replies = family.connection.ask(&family.message(ECHO, 0, 1, &payload));
    assert_eq!(replies[0].attributes(4)[&TEXT], b"last\0");
}

#[test]
fn nesting_has_a_limit() {
    let _module = load();
    let (connection, family) = (Connection::classic(), Family::find());
    for levels in [1, 2, 8, 9, 10, 100, 2000] {
        let payload = [text("x"), nested(levels)].concat();
        let request = message(ECHO.into(), REQUEST, 3, &payload);
        if levels <= 8 {
            assert_eq!(connection.ask(&request)[0].errno(), None, "{levels} levels");
            let replies = family.connection.ask(&family.message(ECHO, 0, 3, &payload));
            assert_eq!(replies[0].errno(), None, "{levels} levels");
        } else {
            assert_eq!(
                connection.errno(&request),
                raw(Errno::LOOP),
                "{levels} levels"
            );
            assert_eq!(
                family.errno(ECHO, &payload),
                raw(Errno::LOOP),
                "{levels} levels"
            );
        }
    }
}

#[test]
fn a_great_list_is_added_up() {
    let _module = load();
    let connection = Connection::classic();
    let numbers: Vec<_> = (0..8000).flat_map(|_| number(u32::MAX)).collect();
    let payload = [text("x"), attribute(LIST | NESTED, &numbers)].concat();
    let replies = connection.ask(&message(ECHO.into(), REQUEST, 3, &payload));
    let sum = 8000 * u64::from(u32::MAX);
    assert_eq!(replies[0].attributes(0)[&SUM], sum.to_ne_bytes());
}

#[test]
fn oversized_datagrams_are_refused() {
    let _module = load();
    let connection = Connection::classic();
    let huge = message(ECHO.into(), REQUEST, 3, &vec![0; 16 << 20]);
    assert_eq!(connection.send(&huge), Err(Errno::MSGSIZE));
    // Much that nobody asked for, but well formed.
    let padding: Vec<_> = (0..3).flat_map(|_| attribute(99, &[0; 60_000])).collect();
    let replies = connection.ask(&message(
        ECHO.into(),
        REQUEST,
        3,
        &[padding, text("x")].concat(),
    ));
    assert_eq!(replies[0].attributes(0)[&TEXT], b"x\0");
}

#[test]
fn random_messages_do_no_harm() {
    let _module = load();
    let (connection, family) = (Connection::classic(), Family::find());
    let mut random = Random::new(0x1234_5678_9abc_def1);
    // A hundred thousand by `make soak`, which takes minutes on `debug`.
    let count = 2 * times("LKMPG_CALLS", 4_000) as u32;
    for round in 0..count {
        let generic = random.below(2) == 1;
        let payload = [text("hello"), nested(1 + random.below(12)), number(round)].concat();
        let mut bytes = match random.below(4) {
            0 => (0..1 + random.below(200))
                .map(|_| random.number() as u8)
                .collect(),
            _ if generic => family.message(ECHO + random.below(3) as u8, ACK, round, &payload),
            _ => message(
                u16::from(ECHO) + random.below(3) as u16,
                REQUEST | ACK,
                round,
                &payload,
            ),
        };
        // Its own length stays mostly right, so that what is inside gets looked at.
        for _ in 0..random.below(6) {
            let at = random.below(bytes.len());
            if at >= 4 || random.below(10) == 0 {
                bytes[at] = random.number() as u8;
            }
        }
        if random.below(8) == 0 {
            bytes.truncate(1 + random.below(bytes.len()));
        }
        let to = if generic {
            &family.connection
        } else {
            &connection
        };
        to.send(&bytes).expect("send");
        if round % 32 == 31 {
            connection.drain();
            family.connection.drain();
        }
    }
    connection.check();
    family.check();
}
