// SPDX-License-Identifier: GPL-2.0-only

//! containers.

use lkmpg_tests::{Module, errno_of};
use rustix::io::Errno;
use std::{fs, thread};

const FILE: &str = "/proc/containers";

fn load() -> Module {
    Module::load("containers", &[]).expect("the module loads")
}

fn tell(word: &str) {
    fs::write(FILE, word).unwrap_or_else(|error| panic!("{word:?}: {error}"));
}

/// The list, the tree and the array.
fn shown() -> [Vec<String>; 3] {
    let text = fs::read_to_string(FILE).expect("read");
    let mut lines = text.lines();
    ["list: ", "tree: ", "array:"].map(|label| {
        let line = lines.next().expect("a line");
        let words = line.strip_prefix(label).expect(label);
        words.split_whitespace().map(str::to_owned).collect()
    })
}

#[test]
fn each_has_its_order() {
    let _module = load();
    assert!(shown().iter().all(Vec::is_empty));
    for word in ["pear\n", "apple\n", "fig\n", "a-word-of-16-byt"] {
        tell(word);
    }
    let [list, tree, array] = shown();
    assert_eq!(list, ["pear", "apple", "fig", "a-word-of-16-byt"]);
    assert_eq!(tree, ["a-word-of-16-byt", "apple", "fig", "pear"]);
    assert_eq!(array, ["0=pear", "1=apple", "2=fig", "3=a-word-of-16-byt"]);

    for (gone, left) in [
        ("apple", 3),
        ("pear", 2),
        ("a-word-of-16-byt", 1),
        ("fig", 0),
    ] {
        tell(&format!("-{gone}\n"));
        for words in shown() {
            assert_eq!(words.len(), left, "{words:?}");
            assert!(!words.iter().any(|it| it.contains(gone)), "{words:?}");
        }
    }
}

#[test]
fn odd_words_are_refused() {
    let _module = load();
    tell("once");
    for (word, errno) in [
        ("once", Errno::EXIST),
        ("-twice", Errno::NOENT),
        ("", Errno::INVAL),
        ("-", Errno::INVAL),
        ("two words", Errno::INVAL),
        ("a-word-of-17-byte", Errno::NAMETOOLONG),
        (&format!("once{:40}twice", ""), Errno::NAMETOOLONG),
    ] {
        let file = fs::File::options().write(true).open(FILE).map_err(errno_of);
        let seen = rustix::io::write(file.expect("open"), word.as_bytes());
        assert_eq!(seen, Err(errno), "{word:?}");
    }
    assert_eq!(shown()[0], ["once"]);
}

#[test]
fn all_three_agree_whoever_writes() {
    let _module = load();
    thread::scope(|scope| {
        for writer in 0..4 {
            scope.spawn(move || {
                for n in 0..200 {
                    tell(&format!("{writer}-{n}"));
                    if n % 3 > 0 {
                        tell(&format!("-{writer}-{n}"));
                    }
                }
            });
        }
        scope.spawn(|| {
            for _ in 0..50 {
                let [list, tree, array] = shown();
                assert_eq!(list.len(), tree.len());
                assert_eq!(list.len(), array.len());
            }
        });
    });
    let [mut list, mut tree, array] = shown();
    assert_eq!(list.len(), 4 * 67);
    let numbers = array.iter().map(|it| it.split_once('=').expect("a number"));
    let mut words: Vec<_> = numbers.map(|it| it.1.to_owned()).collect();
    assert!(tree.is_sorted());
    for words in [&mut list, &mut tree, &mut words] {
        words.sort();
    }
    assert_eq!((&list, &words), (&tree, &list));
}

#[test]
fn there_is_room_for_a_thousand() {
    let _module = load();
    (0..1000).for_each(|n| tell(&format!("word-{n}")));
    assert_eq!(shown()[2].len(), 1000);
    let error = fs::write(FILE, "more").map_err(errno_of);
    assert_eq!(error, Err(Errno::NOSPC));
}
