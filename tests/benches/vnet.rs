// SPDX-License-Identifier: GPL-2.0-only

//! How fast a stream goes through vnet, beside the kernel's own veth in the same run.
//!
//! veth may be handed many segments in one packet, as the last row has it. It never needs their sums, which vnet is
//! handed like a wire.

use lkmpg_tests::{
    Module, Namespace,
    namespace::{THERE, be_quiet, ip},
};
use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

const ROUNDS: usize = 5;
const MIB: usize = 1 << 20;
const LENGTH: usize = 32 * MIB;
const PIECE: usize = 64 << 10;

/// Sends zeroes, and says how long it took until the last had arrived.
fn stream(other: &Namespace) -> Duration {
    let listener = other.run(|| TcpListener::bind((THERE, 9)).expect("bind"));
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("accept");
            let (mut piece, mut seen) = (vec![0; PIECE], 0);
            loop {
                match stream.read(&mut piece).expect("receive") {
                    0 => return seen,
                    length => seen += length,
                }
            }
        });
        let start = Instant::now();
        let mut stream = TcpStream::connect((THERE, 9)).expect("connect");
        for _ in 0..LENGTH / PIECE {
            stream.write_all(&[0; PIECE]).expect("send");
        }
        drop(stream);
        assert_eq!(receiver.join().expect("the receiver"), LENGTH);
        start.elapsed()
    })
}

fn through_vnet() -> Duration {
    let _module = Module::load("vnet", &[]).expect("the module loads");
    let other = Namespace::new();
    other.connect("vnet0", "vnet1");
    stream(&other)
}

/// Each packet may hold so many segments: one is what a wire carries.
fn through_veth(segments: u32) -> Duration {
    let end = |name| format!("{name} gso_max_segs {segments}");
    let (first, second) = (end("veth0"), end("veth1"));
    ip(&format!("link add {first} type veth peer name {second}"));
    let other = Namespace::new();
    other.connect("veth0", "veth1");
    let took = stream(&other);
    ip("link del veth0");
    took
}

fn main() {
    be_quiet();
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        times[0].push(through_vnet());
        times[1].push(through_veth(1));
        times[2].push(through_veth(44));
    }
    println!(
        "a stream of {} MiB, MiB/s: median of {ROUNDS} rounds (least, most)",
        LENGTH / MIB
    );
    for (name, mut times) in ["vnet", "veth", "veth, 44 at a time"]
        .into_iter()
        .zip(times)
    {
        times.sort();
        let speed = |time: Duration| (LENGTH / MIB) as f64 / time.as_secs_f64();
        println!(
            "{name:>20}  {:.0} ({:.0}, {:.0})",
            speed(times[ROUNDS / 2]),
            speed(times[ROUNDS - 1]),
            speed(times[0])
        );
    }
}
