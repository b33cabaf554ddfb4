// SPDX-License-Identifier: GPL-2.0-only

//! Everything at once, on every node of every module, by eight processes that do not care.
//!
//! The seed stands in the output and in the kernel's log; `LKMPG_SEED=` makes the same calls again,
//! `LKMPG_SUBJECT=` on one module only. `LKMPG_CALLS=` says how many calls each process makes on
//! each node: `make soak` makes more than ten million in all.

use lkmpg_tests::{
    Footprint, Module, Subject,
    hostile::{self, Random},
    subjects, times,
};

/// How many processes there are.
const PROCESSES: usize = 8;
/// How many calls each makes on each node.
const CALLS: usize = 200;

#[test]
fn every_node_survives_every_call() {
    let calls = times("LKMPG_CALLS", CALLS);
    let mut random = Random::new(hostile::seed("hostile"));
    let before = Footprint::now();
    let modules: Vec<Module> = subjects().map(Subject::load).collect();
    let users: Vec<_> = (0..PROCESSES)
        .map(|_| hostile::start(random.number(), calls))
        .collect();
    for mut user in users {
        assert!(user.wait().expect("its end").success());
    }
    for module in modules {
        module.unload().expect("nobody has it open");
    }
    before.check("all modules together");
}

#[test]
#[ignore = "one of the processes that the test above starts"]
fn user() {
    hostile::run();
}
