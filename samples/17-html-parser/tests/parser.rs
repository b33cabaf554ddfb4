// SPDX-License-Identifier: GPL-2.0-only

//! What the parser makes of HTML, and what it never does.

use html_parser::parser::{self, Parser};
use proptest::prelude::*;
use std::convert::Infallible;

fn text(document: impl AsRef<[u8]>) -> String {
    let mut text = String::new();
    let Ok(()) = parser::parse(document.as_ref(), &mut |part| {
        text.push_str(part);
        Ok::<_, Infallible>(())
    });
    text
}

/// Parses a document that comes in pieces.
fn text_of_pieces<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> String {
    let mut text = String::new();
    let mut out = |part: &str| {
        text.push_str(part);
        Ok::<_, Infallible>(())
    };
    let mut parser = Parser::new();
    for piece in pieces {
        let Ok(()) = parser.feed(piece, &mut out);
    }
    let Ok(()) = parser.finish(&mut out);
    text
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    for (document, expected) in cases {
        assert_eq!(text(document), *expected, "of {document:?}");
        // Each cut between two bytes.
        let bytes = text_of_pieces(document.as_bytes().chunks(1));
        assert_eq!(bytes, *expected, "of {document:?}, byte by byte");
    }
}

#[test]
fn text_stays_as_it_is() {
    check(&[
        ("", ""),
        ("Hello, world\n", "Hello, world\n"),
        ("  a \t\r\n b ", "  a \t\r\n b "),
        ("Grüße, 世界 🦀", "Grüße, 世界 🦀"),
        ("a\0b", "a\0b"),
    ]);
}

#[test]
fn tags_go() {
    check(&[
        ("<p>a</p>", "a"),
        ("a<br>b<br/>c<br />d", "abcd"),
        ("<a href=x>a</a>", "a"),
        ("<A HREF='x' b = \"y\" c>a</A\n>", "a"),
        ("<!DOCTYPE html>a<?xml version='1'?>b<![CDATA[c>d", "abd"),
        ("a</>b</ >c</p q='r'>d", "abcd"),
    ]);
}

#[test]
fn a_quotation_mark_hides_what_would_end_a_tag() {
    check(&[
        ("<a b='>'>x", "x"),
        ("<a b=\"'>'\">x", "x"),
        ("<a b='\">\"'>x", "x"),
        ("<a b = '>' c=\">\">x", "x"),
        // But only where a value begins.
        ("<a b'>'>x", "'>x"),
        ("<a b=c'>'>x", "'>x"),
        ("<a '>'>x", "'>x"),
        ("<a / b = '>'>x", "x"),
        ("<a b / = '>'>x", "'>x"),
    ]);
}

#[test]
fn a_lone_angle_bracket_is_text() {
    check(&[
        ("a < b > c", "a < b > c"),
        ("1<2", "1<2"),
        ("<<p>>", "<>"),
        ("<", "<"),
        ("</", "</"),
        ("<>", "<>"),
        ("< p>", "< p>"),
        ("<\u{e9}>", "<\u{e9}>"),
    ]);
}

#[test]
fn a_tag_that_is_cut_off_is_no_text() {
    check(&[
        ("a<p", "a"),
        ("a<p b", "a"),
        ("a<p b='c>d", "a"),
        ("a<!", "a"),
        ("a<!-", "a"),
        ("a<?b", "a"),
        ("a<p <b>c", "ac"),
    ]);
}

#[test]
fn comments_go() {
    check(&[
        ("a<!-- b -->c", "ac"),
        ("a<!---->b<!-- - -- > --->c", "abc"),
        ("a<!-->b<!--->c", "abc"),
        ("a<!-- <p> & &lt; -- -->b", "ab"),
        ("a<!-- b --!>c<!-- d --!-->e<!--!>f-->g", "aceg"),
        ("a<!-- b --!c-->d", "ad"),
        ("a<!-b-->c", "ac"),
        ("a<!-- b", "a"),
        ("a<!-- b --", "a"),
    ]);
}

#[test]
fn scripts_and_styles_go() {
    check(&[
        ("a<script>b < c && d</script>e", "ae"),
        ("a<STYLE type='x'>b</p>c</Style >d", "ad"),
        ("a<script src='x'/>b</script>c", "ac"),
        (
            "a<script>'</scrip' </ script> </scripts></script\nx='y'>b",
            "ab",
        ),
        ("a<script><script></script>b</script>c", "abc"),
        ("a<script><</script>b", "ab"),
        ("a<script></</script>b", "ab"),
        ("a<script></scr</script>b", "ab"),
        ("a<script>b</style>c", "a"),
        ("a<script>b</script", "a"),
        ("a<scripts>b</scripts><scrip>c", "abc"),
        ("a</script>b</style>c", "abc"),
        ("a<b script>c<script", "ac"),
        ("a<scriptscriptscript>b", "ab"),
    ]);
}

#[test]
fn entities_are_decoded() {
    check(&[
        ("&lt;b&gt; &amp;&quot;&apos;", "<b> &\"'"),
        ("&nbsp;&copy;&hellip;&mdash;&euro;", "\u{a0}©…—€"),
        ("&auml;&Auml;&thetasym;&lang;", "äÄϑ⟨"),
        ("&amp;lt;", "&lt;"),
        ("&#65;&#x42;&#X43;&#x1f980;", "ABC🦀"),
        ("&#65 &#66B&#x43", "A BBC"),
        ("&#000000000000000000000065;", "A"),
        ("&#65;;", "A;"),
    ]);
}

#[test]
fn numbers_that_are_no_characters_are_replaced() {
    check(&[
        ("&#0;", "\u{FFFD}"),
        ("&#xD800;&#xDFFF;", "\u{FFFD}\u{FFFD}"),
        ("&#x110000;", "\u{FFFD}"),
        ("&#99999999999999999999;", "\u{FFFD}"),
        ("&#xFFFFFFFFFFFFFFFFFFFF;", "\u{FFFD}"),
        // What old pages mean by them.
        ("&#128;&#150;&#x9F;", "€–Ÿ"),
        ("&#129;&#160;", "\u{81}\u{a0}"),
    ]);
}

#[test]
fn what_is_no_entity_is_text() {
    check(&[
        ("AT&T", "AT&T"),
        ("a & b", "a & b"),
        ("&", "&"),
        ("&;", "&;"),
        ("&amp", "&amp"),
        ("&amp ;", "&amp ;"),
        ("&Amp;", "&Amp;"),
        ("&unknown;", "&unknown;"),
        ("&averyverylongname;", "&averyverylongname;"),
        ("&a&amp;", "&a&"),
        ("&#", "&#"),
        ("&#;", "&#;"),
        ("&#x", "&#x"),
        ("&#Xg;", "&#Xg;"),
        ("&a#65;", "&a#65;"),
        ("&<b>", "&"),
        ("&#<b>", "&#"),
    ]);
}

#[test]
fn bad_utf8_is_replaced() {
    let cases: &[(&[u8], &str)] = &[
        (b"\xFF", "\u{FFFD}"),
        (b"a\x80b", "a\u{FFFD}b"),
        (b"\xC3", "\u{FFFD}"),
        (b"\xE2\x82", "\u{FFFD}"),
        (b"\xE2\x82x", "\u{FFFD}x"),
        (b"\xE2\x82<b>\xAC", "\u{FFFD}\u{FFFD}"),
        (b"\xE2\x82&amp;\xAC", "\u{FFFD}&\u{FFFD}"),
        (b"\xF0\x9F\xF0\x9F\xA6\x80", "\u{FFFD}🦀"),
        (b"\xED\xA0\x80", "\u{FFFD}\u{FFFD}\u{FFFD}"),
        (b"\xC0\xAF", "\u{FFFD}\u{FFFD}"),
        (b"<a b='\xFF\xE2'>c", "c"),
        (b"&am\xFFp;", "&am\u{FFFD}p;"),
    ];
    for (document, expected) in cases {
        assert_eq!(text(document), *expected, "of {document:x?}");
        let bytes = text_of_pieces(document.chunks(1));
        assert_eq!(bytes, *expected, "of {document:x?}, byte by byte");
    }
}

#[test]
fn every_entity_is_found() {
    // Were the table not in order, some would be missed.
    let table = include_str!("../parser/entities.rs");
    let entries = table.split("(\"").skip(1);
    let names: Vec<&str> = entries
        .filter_map(|entry| entry.split('"').next())
        .collect();
    assert_eq!(names.len(), 253);
    for name in names {
        let shown = text(format!("&{name};"));
        assert_eq!(shown.chars().count(), 1, "&{name}; is {shown:?}");
    }
}

#[test]
fn the_first_error_ends_it() {
    let mut calls = 0;
    let result = parser::parse(b"a<b>c<d>e", &mut |_| {
        calls += 1;
        if calls == 2 { Err("full") } else { Ok(()) }
    });
    assert_eq!((result, calls), (Err("full"), 2));
}

#[test]
fn hostile_input_of_a_million_bytes() {
    let million = |unit: &str| unit.repeat(1_000_000 / unit.len());
    assert_eq!(text(million("<")), million("<"));
    assert_eq!(text(million("&")), million("&"));
    assert_eq!(text(million("<a")), "");
    assert_eq!(text(million("<a b='\"'>")), "");
    assert_eq!(text(million("<!--")), "");
    assert_eq!(text(million("<script>")), "");
    assert_eq!(text(format!("&#{};", million("9"))), "\u{FFFD}");
    assert_eq!(
        text(format!("&{}", million("a"))),
        format!("&{}", million("a"))
    );
}

/// A stretch of HTML, and the text in it.
fn fragment() -> impl Strategy<Value = (String, String)> {
    let plain = "[^<&]{0,12}";
    prop_oneof![
        4 => plain.prop_map(|text| (text.clone(), text)),
        2 => "</?[a-z][a-z0-9]{0,8}( [a-z]{1,4}=(\"[^\"]{0,8}\"|'[^']{0,8}'|[a-z0-9]{1,4}))* ?/?>"
            .prop_filter("hides what follows", |tag| {
                !tag.starts_with("<script") && !tag.starts_with("<style")
            })
            .prop_map(|tag| (tag, String::new())),
        1 => "<!--[^->]{0,12}-->".prop_map(|comment| (comment, String::new())),
        1 => "<script>[^<]{0,12}</script>".prop_map(|script| (script, String::new())),
        1 => any::<char>().prop_filter("means another", |c| {
            !matches!(u32::from(*c), 0 | 0x80..=0x9F)
        }).prop_map(|c| (format!("&#{};", u32::from(c)), c.to_string())),
        1 => any::<char>().prop_filter("means another", |c| {
            !matches!(u32::from(*c), 0 | 0x80..=0x9F)
        }).prop_map(|c| (format!("&#x{:x};", u32::from(c)), c.to_string())),
        1 => prop_oneof![Just(("&lt;", "<")), Just(("&amp;", "&")), Just(("&eacute;", "é"))]
            .prop_map(|(entity, text)| (entity.into(), text.into())),
    ]
}

/// Bytes of which many mean something to a parser.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"<".to_vec()),
        Just(b">".to_vec()),
        Just(b"&".to_vec()),
        Just(b"&#".to_vec()),
        Just(b"&#x".to_vec()),
        Just(b";".to_vec()),
        Just(b"/".to_vec()),
        Just(b"=".to_vec()),
        Just(b"'".to_vec()),
        Just(b"\"".to_vec()),
        Just(b"-".to_vec()),
        Just(b"!".to_vec()),
        Just(b"<!--".to_vec()),
        Just(b"-->".to_vec()),
        Just(b"<script>".to_vec()),
        Just(b"</script".to_vec()),
        Just(b"<style".to_vec()),
        Just(b" ".to_vec()),
        Just("é".as_bytes().to_vec()),
        Just("🦀".as_bytes().to_vec()),
        Just(b"amp".to_vec()),
        Just(b"\xE2\x82".to_vec()),
        any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn the_text_of_a_page_is_that_of_its_parts(parts in prop::collection::vec(fragment(), 0..20)) {
        let (document, expected): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
        prop_assert_eq!(text(document.concat()), expected.concat());
    }

    #[test]
    fn how_a_document_is_cut_makes_no_difference(
        document in soup(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(document.len() + 1)).collect();
        cuts.sort_unstable();
        cuts.push(document.len());
        let mut start = 0;
        let pieces = cuts.into_iter().map(|end| &document[std::mem::replace(&mut start, end)..end]);
        let in_pieces = text_of_pieces(pieces);
        prop_assert_eq!(in_pieces, text(&document));
    }

    #[test]
    fn escaped_text_comes_back(original in "\\PC{0,40}") {
        let escaped = original.replace('&', "&amp;").replace('<', "&lt;");
        prop_assert_eq!(text(escaped), original);
    }

    #[test]
    fn text_grows_at_most_threefold(document in soup()) {
        prop_assert!(text(&document).len() <= 3 * document.len());
    }

    #[test]
    fn what_has_no_markup_is_only_made_valid(
        document in prop::collection::vec(any::<u8>(), 0..60),
    ) {
        let plain: Vec<u8> = document.into_iter().filter(|b| !matches!(b, b'<' | b'&')).collect();
        prop_assert_eq!(text(&plain), String::from_utf8_lossy(&plain));
    }
}
