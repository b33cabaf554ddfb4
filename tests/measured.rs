// SPDX-License-Identifier: GPL-2.0-only

//! What `make bench` measures works, for the samples and for their twins in C.

use rustix::thread::{CpuSet, sched_setaffinity};

#[expect(dead_code, reason = "it is not measured here")]
#[path = "benches/speed.rs"]
mod speed;

#[test]
fn each_operation_works() {
    // A bench has one CPU, and reads its ring.
    let mut first = CpuSet::new();
    first.set(0);
    sched_setaffinity(None, &first).expect("the first CPU");
    speed::each_once();
}
