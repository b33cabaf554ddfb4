// SPDX-License-Identifier: GPL-2.0-only

//! What requests to blkram cost, beside the kernel's own RAM disk in the same run: brd, which has no queue of requests.
//!
//! With `LKMPG_ICOUNT=1` a nanosecond is an instruction, of the process and of the kernel's threads.

use lkmpg_tests::Module;
use rustix::fs::OFlags;
use std::{
    env,
    fs::File,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    time::Instant,
};

const ROUNDS: usize = 11;
/// As large as brd's by default.
const SIZE: usize = 4 << 20;

/// Each is a request.
struct Disk {
    file: File,
    memory: Vec<u8>,
}

impl Disk {
    fn open(path: &str) -> Self {
        let mut options = File::options();
        let options = options.read(true).write(true);
        let file = options
            .custom_flags(OFlags::DIRECT.bits() as i32)
            .open(path);
        Self {
            file: file.expect(path),
            memory: vec![1; SIZE + 4096],
        }
    }

    fn write(&mut self, at: usize, length: usize) {
        let start = self.memory.as_ptr().align_offset(4096);
        let bytes = &self.memory[start..start + length];
        self.file.write_all_at(bytes, at as u64).expect("write");
    }

    fn read(&mut self, at: usize, length: usize) {
        let start = self.memory.as_ptr().align_offset(4096);
        let bytes = &mut self.memory[start..start + length];
        self.file.read_exact_at(bytes, at as u64).expect("read");
    }
}

type Operation = fn(&mut Disk, usize, usize);

const OPERATIONS: [(&str, Operation, usize); 4] = [
    ("write, 4 kB", Disk::write, 4 << 10),
    ("read, 4 kB", Disk::read, 4 << 10),
    ("write, 256 kB", Disk::write, 256 << 10),
    ("read, 256 kB", Disk::read, 256 << 10),
];

/// What one takes on average, over the whole disk.
fn average(disk: &mut Disk, operation: Operation, length: usize) -> f64 {
    let start = Instant::now();
    for at in (0..SIZE).step_by(length) {
        operation(disk, at, length);
    }
    start.elapsed().as_nanos() as f64 / (SIZE / length) as f64
}

fn main() {
    let _module = Module::load("blkram", &["size=4"]).expect("the module loads");
    let mut disks = ["/dev/blkram", "/dev/ram0"].map(Disk::open);
    // Each has its memory then.
    for disk in &mut disks {
        disk.write(0, SIZE);
    }
    let unit = match env::var_os("LKMPG_ICOUNT") {
        Some(_) => "instructions",
        None => "ns",
    };
    println!("{unit} for each: median of {ROUNDS} rounds");
    println!("{:>15} {:>10} {:>10}  blkram/brd", "", "blkram", "brd");
    for (name, operation, length) in OPERATIONS {
        let mut rounds = [const { Vec::new() }; 2];
        for _ in 0..ROUNDS {
            for (disk, rounds) in disks.iter_mut().zip(&mut rounds) {
                rounds.push(average(disk, operation, length));
            }
        }
        let [blkram, brd] = rounds.map(|mut it| {
            it.sort_by(f64::total_cmp);
            it[ROUNDS / 2]
        });
        println!("{name:>15} {blkram:>10.0} {brd:>10.0}  {:.2}", blkram / brd);
    }
}
