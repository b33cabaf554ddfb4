// SPDX-License-Identifier: GPL-2.0-only

//! slab.

use lkmpg_tests::{KernelLog, LoadError, Module, errno_of, is_twin, name, skip};
use rustix::io::Errno;
use std::{fs, path::Path, thread};

const FILE: &str = name!("/proc/slab");
/// With the blank that ends it: the twin's begins in the same way.
const CACHE: &str = name!("lkmpg_ticket", " ");

fn load() -> Module {
    Module::load(name!("slab"), &[]).expect("the module loads")
}

/// The numbers in the cache's line in `/proc/slabinfo`, if it has one.
fn slabinfo() -> Option<Vec<usize>> {
    let text = fs::read_to_string("/proc/slabinfo").expect("/proc/slabinfo");
    let line = text.lines().find_map(|it| it.strip_prefix(CACHE))?;
    let numbers = line.split_whitespace().map_while(|it| it.parse().ok());
    Some(numbers.collect())
}

#[test]
fn the_cache_counts_its_objects() {
    let module = load();
    fs::write(FILE, "1000\n").expect("write");
    let text = fs::read_to_string(FILE).expect("read");
    assert_eq!(text, "1000 tickets of 40 bytes\n");
    let numbers = slabinfo().expect("its line");
    // In use, by what CPUs keep ready, too.
    assert!(numbers[0] >= 1000, "{numbers:?}");
    assert!(numbers[1] >= numbers[0], "{numbers:?}");
    // The sanitizers put something around each.
    assert!(numbers[2] >= 40, "{numbers:?}");
    for count in ["999", "0", "1"] {
        fs::write(FILE, count).expect("write");
        assert!(
            fs::read_to_string(FILE)
                .expect("read")
                .starts_with(&format!("{count} "))
        );
    }
    let log = KernelLog::now();
    module.unload().expect("unload");
    assert_eq!(log.lines(), [""; 0], "all were freed");
    assert_eq!(slabinfo(), None, "it goes with the module");
}

#[test]
fn odd_words_are_refused() {
    let _module = load();
    for (word, errno) in [
        ("", Errno::INVAL),
        ("-1", Errno::INVAL),
        ("many", Errno::INVAL),
        ("100001", Errno::NOSPC),
        ("18446744073709551616", Errno::INVAL),
        // Cut, it would be 1.
        (&format!("{:033}", 10), Errno::INVAL),
    ] {
        assert_eq!(rustix_write(word), Err(errno), "{word:?}");
    }
    assert_eq!(
        fs::read_to_string(FILE).expect("read"),
        "0 tickets of 40 bytes\n"
    );
}

fn rustix_write(word: &str) -> Result<usize, Errno> {
    let file = fs::File::options()
        .write(true)
        .open(FILE)
        .map_err(errno_of)?;
    rustix::io::write(&file, word.as_bytes())
}

#[test]
fn many_at_the_same_time() {
    let _module = load();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for count in (0..300).cycle().step_by(7).take(100) {
                    fs::write(FILE, format!("{count}")).expect("write");
                }
            });
        }
    });
    fs::write(FILE, "10").expect("write");
    assert_eq!(
        fs::read_to_string(FILE).expect("read"),
        "10 tickets of 40 bytes\n"
    );
}

/// Last in the alphabet, and so last to run: the cache stays until the guest ends.
#[test]
fn z_what_is_left_behind_is_told() {
    if is_twin!() {
        return skip("C tells it with a stack trace, which fails the run");
    }
    if Path::new("/sys/kernel/debug/kmemleak").exists() {
        return skip("kmemleak sees it, too, and fails the run");
    }
    let module = load();
    fs::write(FILE, "forget\n").expect("write");
    let log = KernelLog::now();
    module.unload().expect("unload");
    assert_eq!(
        log.lines(),
        [format!(
            "lkm: The cache {} stays: 1 of its objects were not freed.",
            CACHE.trim_end()
        )]
    );
    assert!(slabinfo().is_some());
    let error = Module::load(name!("slab"), &[]).expect_err("the name is taken");
    assert!(matches!(error, LoadError::Refused(Errno::BUSY)), "{error}");
}
