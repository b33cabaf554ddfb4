// SPDX-License-Identifier: GPL-2.0-only

//! What it costs to send through vnet, beside the kernel's own veth in the same run.
//!
//! veth may be handed many segments in one packet, as the last column has it. It never needs their sums, which vnet is
//! handed like a wire.
//!
//! With `LKMPG_ICOUNT=1` a nanosecond is an instruction, of all that runs.

use lkmpg_tests::{
    Module, Namespace,
    namespace::{HERE, THERE, be_quiet, ip},
};
use std::{
    env,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream, UdpSocket},
    thread,
    time::Instant,
};

const ROUNDS: usize = 5;
/// How many are sent in a round.
const TIMES: usize = 256;
/// Of a stream.
const PIECE: usize = 64 << 10;

/// Sends so many bytes again and again, and returns what once takes on average.
type Operation = fn(&Namespace, usize) -> f64;

const OPERATIONS: [(&str, Operation, usize); 3] = [
    ("a datagram, 1 B", datagrams, 1),
    ("a datagram, 1.4 kB", datagrams, 1400),
    ("a stream's 64 kB", stream, PIECE),
];

/// Each is received before the next one is sent.
fn datagrams(other: &Namespace, length: usize) -> f64 {
    let receiver = other.run(|| UdpSocket::bind((THERE, 9)).expect("bind"));
    let sender = UdpSocket::bind((HERE, 9)).expect("bind");
    sender.connect((THERE, 9)).expect("connect");
    let (bytes, mut room) = (vec![0; length], vec![0; length]);
    let mut once = || {
        sender.send(&bytes).expect("send");
        assert_eq!(receiver.recv(&mut room).expect("receive"), length);
    };
    once();
    let start = Instant::now();
    for _ in 0..TIMES {
        once();
    }
    average(start)
}

/// Until the last has arrived.
fn stream(other: &Namespace, length: usize) -> f64 {
    let listener = other.run(|| TcpListener::bind((THERE, 9)).expect("bind"));
    thread::scope(|scope| {
        let receiver = scope.spawn(|| {
            let (mut stream, _) = listener.accept().expect("accept");
            let (mut piece, mut seen) = (vec![0; length], 0);
            loop {
                match stream.read(&mut piece).expect("receive") {
                    0 => return seen,
                    length => seen += length,
                }
            }
        });
        let start = Instant::now();
        let mut stream = TcpStream::connect((THERE, 9)).expect("connect");
        let piece = vec![0; length];
        for _ in 0..TIMES {
            stream.write_all(&piece).expect("send");
        }
        drop(stream);
        let seen = receiver.join().expect("the receiver");
        assert_eq!(seen, TIMES * length);
        average(start)
    })
}

fn average(start: Instant) -> f64 {
    start.elapsed().as_nanos() as f64 / TIMES as f64
}

/// All operations, between interfaces of these names.
fn all(near: &str, far: &str) -> [f64; OPERATIONS.len()] {
    let other = Namespace::new();
    other.connect(near, far);
    OPERATIONS.map(|(_, operation, length)| operation(&other, length))
}

fn through_vnet() -> [f64; OPERATIONS.len()] {
    let _module = Module::load("vnet", &[]).expect("the module loads");
    all("vnet0", "vnet1")
}

/// Each packet may hold so many segments: one is what a wire carries.
fn through_veth(segments: u32) -> [f64; OPERATIONS.len()] {
    let end = |name| format!("{name} gso_max_segs {segments}");
    let (first, second) = (end("veth0"), end("veth1"));
    ip(&format!("link add {first} type veth peer name {second}"));
    let took = all("veth0", "veth1");
    ip("link del veth0");
    took
}

fn main() {
    be_quiet();
    let rounds: Vec<_> = (0..ROUNDS)
        .map(|_| [through_vnet(), through_veth(1), through_veth(44)])
        .collect();
    let unit = match env::var_os("LKMPG_ICOUNT") {
        Some(_) => "instructions",
        None => "ns",
    };
    println!("{unit} for each: median of {ROUNDS} rounds");
    println!(
        "{:>18} {:>10} {:>10}  vnet/veth {:>14}",
        "", "vnet", "veth", "veth, 44 in 1"
    );
    for (row, (name, ..)) in OPERATIONS.into_iter().enumerate() {
        let [vnet, veth, many] = [0, 1, 2].map(|side| {
            let mut all: Vec<_> = rounds.iter().map(|it| it[side][row]).collect();
            all.sort_by(f64::total_cmp);
            all[ROUNDS / 2]
        });
        println!(
            "{name:>18} {vnet:>10.0} {veth:>10.0} {:>10.2} {many:>14.0}",
            vnet / veth
        );
    }
}
