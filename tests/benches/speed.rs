// SPDX-License-Identifier: GPL-2.0-only

//! What the operations of the samples cost, beside those of their twins in C.
//!
//! Prints a line of JSON for each operation: what each round took on average, in nanoseconds, for
//! both. `make bench` makes a table of it. The two take turns, so that what changes during the run
//! changes for both. With `scripts/vm --icount` a nanosecond is an instruction.

#[path = "speed/events.rs"]
mod events;
#[path = "speed/files.rs"]
mod files;
#[path = "speed/measure.rs"]
mod measure;
#[path = "chan/netlink.rs"]
mod netlink;

use lkmpg_tests::Module;
use measure::{Clock, Operation, repeat};
use serde_json::json;
use std::{collections::BTreeSet, env, fs, fs::File, os::unix::fs::FileExt as _};

const ROUNDS: usize = 31;

/// Which of the two modules is measured.
#[derive(Clone, Copy)]
pub struct Side {
    suffix: &'static str,
}

const RUST: Side = Side { suffix: "" };
const C: Side = Side { suffix: "_c" };

impl Side {
    /// The name of the module for this side.
    pub fn name(self, name: &str) -> String {
        format!("{name}{}", self.suffix)
    }

    /// Whether this is the twin's side.
    pub fn is_twin(self) -> bool {
        !self.suffix.is_empty()
    }

    /// The path of a node for this side.
    pub fn path(self, node: Node) -> String {
        format!("{}{}{}", node.0, self.suffix, node.1)
    }
}

/// A node: the part of its path that has the name of the module, or one like it, and what follows.
#[derive(Clone, Copy)]
pub struct Node(pub &'static str, pub &'static str);

/// One row of the table.
pub struct Row {
    /// The sample.
    pub module: &'static str,
    /// What is done.
    pub operation: &'static str,
    /// Which modules are loaded meanwhile.
    pub loaded: Loaded,
    /// How often in a round.
    pub batch: u32,
    /// Gets it ready.
    pub start: fn(Clock, Side) -> Operation,
}

/// Which modules are loaded while an operation is measured.
pub enum Loaded {
    /// Both.
    Both,
    /// Only the one that is measured, with these parameters: the other would be in the way.
    One(&'static [&'static str]),
    /// None: the operation does it.
    None,
}

fn main() {
    let filter = env::args().skip(1).find(|it| !it.starts_with('-'));
    let wanted = |module: &str| filter.as_deref().is_none_or(|it| it == module);
    let clock = Clock::of_this_guest();
    let _quiet = Quiet::new();
    clock.settle();
    // On a machine that works some module is loaded. Without one, the last that goes gives back all
    // the memory that the kernel has for modules' code, 2 MB, and the next fills them anew.
    let _neighbour = Module::load("hello_1", &[]).expect("the module loads");
    for (operation, mut run) in references(clock) {
        run(100);
        let rounds: Vec<f64> = (0..ROUNDS).map(|_| per_operation(&mut run, 100)).collect();
        println!("{}", json!({ "operation": operation, "reference": rounds }));
    }
    let rows: Vec<&Row> = files::ROWS
        .iter()
        .chain(events::ROWS)
        .filter(|it| wanted(it.module))
        .collect();
    // That one has no operation, and says itself what its counters take.
    let smp = ["smp"].into_iter().filter(|it| wanted(it));
    let modules: BTreeSet<_> = rows.iter().map(|it| it.module).chain(smp).collect();
    for module in modules {
        let [rust, c] = [RUST, C].map(|it| memory(module, it));
        println!("{}", json!({ "module": module, "memory": [rust, c] }));
    }
    for row in rows {
        let (rust, c) = compare(clock, row);
        println!(
            "{}",
            json!({ "module": row.module, "operation": row.operation, "rust": rust, "c": c })
        );
    }
}

/// Does what is measured once, on both sides.
pub fn each_once() {
    let clock = Clock::of_this_guest();
    for row in files::ROWS.iter().chain(events::ROWS) {
        for side in [RUST, C] {
            println!("{}: {}", side.name(row.module), row.operation);
            let _module = match row.loaded {
                Loaded::Both => Some(load(row.module, side, &[])),
                Loaded::One(parameters) => Some(load(row.module, side, parameters)),
                Loaded::None => None,
            };
            (row.start)(clock, side)(1);
        }
    }
}

/// Keeps what modules log off the console, which is slower than anything that is measured.
struct Quiet;

impl Quiet {
    const SWITCH: &'static str = "/sys/module/printk/parameters/ignore_loglevel";

    fn new() -> Self {
        fs::write("/proc/sys/kernel/printk", "1 4 1 7").expect("a quiet console");
        fs::write(Self::SWITCH, "N").expect("a quiet console");
        Self
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // What runs the guest wants to hear of its end.
        fs::write(Self::SWITCH, "Y").expect("a console");
    }
}

/// The cheapest things that the kernel does.
fn references(clock: Clock) -> [(&'static str, Operation); 3] {
    let read = |path: &str| {
        let (file, mut room) = (File::open(path).expect("open"), [0; 4096]);
        repeat(clock, move || {
            file.read_at(&mut room, 0).expect("read");
        })
    };
    let getpid = repeat(clock, || {
        let _ = rustix::process::getpid();
    });
    [
        ("getpid", getpid),
        ("4-kB read of /dev/zero", read("/dev/zero")),
        ("4-kB read of /proc/version", read("/proc/version")),
    ]
}

/// What each round took for the one and for the other.
fn compare(clock: Clock, row: &Row) -> (Vec<f64>, Vec<f64>) {
    let mut rounds = (Vec::new(), Vec::new());
    if let Loaded::One(parameters) = row.loaded {
        for _ in 0..ROUNDS {
            let [rust, c] = [RUST, C].map(|side| {
                let _module = load(row.module, side, parameters);
                let mut run = (row.start)(clock, side);
                run(row.batch.min(10));
                per_operation(&mut run, row.batch)
            });
            rounds.0.push(rust);
            rounds.1.push(c);
        }
        return rounds;
    }
    let _modules = match row.loaded {
        Loaded::Both => Some([RUST, C].map(|it| load(row.module, it, &[]))),
        _ => None,
    };
    let mut operations = [RUST, C].map(|it| (row.start)(clock, it));
    for run in &mut operations {
        run(row.batch);
    }
    for _ in 0..ROUNDS {
        let [rust, c] = &mut operations;
        rounds.0.push(per_operation(rust, row.batch));
        rounds.1.push(per_operation(c, row.batch));
    }
    rounds
}

/// The memory that a module takes once it is loaded, in bytes.
fn memory(module: &str, side: Side) -> u64 {
    let _module = load(module, side, &[]);
    ["coresize", "initsize"]
        .map(|it| {
            let size = fs::read_to_string(format!("/sys/module/{}/{it}", side.name(module)));
            size.expect("a size")
                .trim()
                .parse::<u64>()
                .expect("a number")
        })
        .iter()
        .sum()
}

fn load(module: &str, side: Side, parameters: &[&str]) -> Module {
    Module::load(&side.name(module), parameters).expect("the module loads")
}

fn per_operation(run: &mut Operation, batch: u32) -> f64 {
    run(batch).as_nanos() as f64 / f64::from(batch)
}
