// SPDX-License-Identifier: GPL-2.0-only

//! What `make bench` measures works, for the samples and for their twins in C.

#[expect(dead_code, reason = "it is not measured here")]
#[path = "benches/speed.rs"]
mod speed;

#[test]
fn each_operation_works() {
    speed::each_once();
}
