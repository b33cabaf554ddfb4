// SPDX-License-Identifier: GPL-2.0-only

//! A test that cannot be done where it runs.

use std::{
    env,
    io::{self, Write as _},
    thread,
};

/// Says why a test is skipped, where the runner reads it: between libtest's `test NAME ... ` and
/// `ok`, where they take turns, as in the guest; or in a line of its own. By `print!` libtest would
/// hide it.
pub fn skip(why: &str) {
    let turns = match env::var("RUST_TEST_THREADS") {
        Ok(threads) => threads == "1",
        Err(_) => thread::available_parallelism().is_ok_and(|it| it.get() == 1),
    };
    let line = match thread::current().name() {
        Some(test) if !turns => format!("test {test} ... skipped, since {why}\n"),
        _ => format!("skipped, since {why} ... "),
    };
    let written = io::stdout().write_all(line.as_bytes());
    written.expect("it is not skipped in silence");
}
