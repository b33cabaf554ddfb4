// SPDX-License-Identifier: GPL-2.0-only

//! The part of `lkm::seqlock` that needs no lock, the very file, in the interleavings of a writer and a
//! reader.

use latch::Latch;
use loom::{model::Builder, sync::Arc, thread};

#[path = "../../../rust/seqlock/latch.rs"]
mod latch;

/// A reader gets what one write left, and nothing older than before. Threads interrupt each other so many
/// times at most: all there is would take hours.
fn check(writes: usize, reads: usize, interrupts: usize) {
    let mut model = Builder::new();
    model.preemption_bound = Some(interrupts);
    model.check(move || {
        let latch = Arc::new(Latch::new([0; 2]));
        let writer = thread::spawn({
            let latch = latch.clone();
            move || {
                for _ in 0..writes {
                    latch.write(|numbers| *numbers = numbers.map(|n| n + 1));
                }
            }
        });
        let mut last = 0;
        for _ in 0..reads {
            let [one, two] = latch.read();
            assert_eq!(one, two, "of two writes");
            assert!(one >= last, "{one} after {last}");
            last = one;
        }
        writer.join().expect("the writer");
        assert_eq!(latch.read(), [writes; 2]);
    });
}

#[test]
fn a_reader_sees_a_write_wholly_or_not_at_all() {
    check(1, 2, 2);
}

#[test]
fn a_reader_that_is_overtaken_reads_again() {
    check(2, 1, 2);
}
