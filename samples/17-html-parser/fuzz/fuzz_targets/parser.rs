// SPDX-License-Identifier: GPL-2.0-only

//! Looks for input that makes the parser panic, say too much, or depend on how the document is cut.
//!
//! ```sh
//! cargo +nightly fuzz run parser -- -runs=10000000
//! ```

#![no_main]

use html_parser::parser::Parser;
use libfuzzer_sys::fuzz_target;
use std::convert::Infallible;

fn text<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> String {
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

fuzz_target!(|document: &[u8]| {
    let whole = text([document].into_iter());
    assert!(whole.len() <= 3 * document.len());
    for size in [1, 3, 7] {
        assert_eq!(text(document.chunks(size)), whole, "in pieces of {size}");
    }
});
