// SPDX-License-Identifier: GPL-2.0-only

//! How the time for parsing grows with the input: nanoseconds per byte, which must not depend on
//! the size, whatever the input.
//!
//! ```sh
//! cargo bench --package html-parser
//! ```

use html_parser::parser;
use rustix::time::{ClockId, clock_gettime};
use std::{convert::Infallible, hint::black_box, time::Duration};

const SIZES: [usize; 5] = [1 << 10, 16 << 10, 256 << 10, 4 << 20, 16 << 20];

/// What each input repeats, after what it begins with.
const INPUTS: [(&str, &[u8], &[u8]); 16] = [
    (
        "plain text",
        b"",
        b"All work and no play makes Jack a dull boy.\n",
    ),
    (
        "a page",
        b"",
        b"<li class=\"item\"><a href=\"/4\">Devices</a> &mdash; how they <em>open</em>\n",
    ),
    ("only <", b"", b"<"),
    ("only &", b"", b"&"),
    ("unclosed tags", b"", b"<a"),
    ("unclosed attributes", b"<a", b" b='"),
    ("nested quotes", b"<a ", b"b=\"'\"'"),
    ("open quote", b"<a b=\"", b"<>'/&"),
    ("open comment", b"<!--", b"--!"),
    ("comment dashes", b"<!--", b"-"),
    ("open script", b"<script>", b"</scrip"),
    ("scripts", b"", b"<script>a < b</script>"),
    ("endless entity", b"&", b"a"),
    ("endless number", b"&#", b"9"),
    ("unknown entities", b"", b"&unknown;"),
    ("bad UTF-8", b"", b"\xE2\x82a\xFF\xF0\x9F\x98<"),
];

fn main() {
    print!("{:<20}", "ns per byte");
    for size in SIZES {
        print!("{:>10}", format!("{} KiB", size >> 10));
    }
    println!();
    for (name, start, repeated) in INPUTS {
        print!("{name:<20}");
        for size in SIZES {
            let rest = repeated.iter().copied().cycle();
            let input: Vec<u8> = start.iter().copied().chain(rest).take(size).collect();
            print!("{:>10.2}", nanoseconds(&input) / size as f64);
        }
        println!();
    }
}

/// The fastest of some runs.
fn nanoseconds(input: &[u8]) -> f64 {
    let repeats = ((64 << 20) / input.len()).clamp(5, 1000);
    let mut text = String::with_capacity(3 * input.len());
    let runs = (0..repeats).map(|_| {
        text.clear();
        let start = cpu_time();
        let result = parser::parse(black_box(input), &mut |part| {
            text.push_str(part);
            Ok::<_, Infallible>(())
        });
        let elapsed = cpu_time().saturating_sub(start);
        assert!(result.is_ok());
        elapsed.as_nanos() as f64
    });
    runs.fold(f64::INFINITY, f64::min)
}

/// What this thread has run: other processes on the machine do not count.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
