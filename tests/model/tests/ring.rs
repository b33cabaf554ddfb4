// SPDX-License-Identifier: GPL-2.0-only

//! `lkm::ring`, the very file, in every interleaving of a writer and its readers.

use loom::{model, sync::Arc, thread};
use ring::{Next, Position, Ring};

#[path = "../../../rust/ring.rs"]
mod ring;

/// Reads until `end` bytes were written: what came, and how many are said to be lost.
fn read(ring: &Ring, position: &mut Position, times: usize) -> (Vec<u8>, u64) {
    let (mut bytes, mut lost) = (Vec::new(), 0);
    for _ in 0..times {
        match ring.next(position) {
            Some(Next::Byte(byte)) => bytes.push(byte),
            Some(Next::Lost(n)) => {
                assert_ne!(n, 0, "to lose nothing is not worth a word");
                lost += n;
            }
            None => thread::yield_now(),
        }
    }
    (bytes, lost)
}

/// Every byte comes once, in order, or is counted as lost.
fn check(size: usize, writes: u8) {
    model(move || {
        let ring = Arc::new(Ring::new(size).expect("memory"));
        let mut position = ring.end();
        let writer = thread::spawn({
            let ring = ring.clone();
            move || (0..writes).for_each(|n| ring.push(n))
        });
        let (mut bytes, mut lost) = read(&ring, &mut position, 3);
        writer.join().expect("the writer");
        let is_more = ring.has_next(&position);
        let rest = read(&ring, &mut position, 2 * usize::from(writes));
        assert_eq!(is_more, !rest.0.is_empty());
        assert!(!ring.has_next(&position));
        bytes.extend(rest.0);
        lost += rest.1;
        assert!(bytes.is_sorted(), "{bytes:?}");
        assert_eq!(bytes.len() as u64 + lost, u64::from(writes), "{bytes:?}");
        assert_eq!(bytes.last(), Some(&(writes - 1)), "the last one stays");
    });
}

#[test]
fn a_reader_that_keeps_up_sees_all() {
    model(|| {
        let ring = Arc::new(Ring::new(2).expect("memory"));
        let mut position = ring.end();
        let writer = thread::spawn({
            let ring = ring.clone();
            move || (0..2).for_each(|n| ring.push(n))
        });
        let (mut bytes, lost) = read(&ring, &mut position, 2);
        writer.join().expect("the writer");
        bytes.extend(read(&ring, &mut position, 2).0);
        assert_eq!((bytes, lost), (vec![0, 1], 0));
    });
}

#[test]
fn a_reader_that_is_overtaken_knows_how_far() {
    check(1, 3);
    check(2, 4);
}

#[test]
fn two_readers_do_not_disturb_each_other() {
    model(|| {
        let ring = Arc::new(Ring::new(1).expect("memory"));
        let readers = [(); 2].map(|()| {
            let ring = ring.clone();
            let mut position = ring.end();
            thread::spawn(move || {
                // Of a ring that has one byte, at a moment when two are or are not written.
                match ring.next(&mut position) {
                    None | Some(Next::Byte(0) | Next::Lost(1)) => {}
                    other => panic!("{other:?}"),
                }
            })
        });
        ring.push(0);
        ring.push(1);
        readers
            .into_iter()
            .for_each(|it| it.join().expect("a reader"));
    });
}
