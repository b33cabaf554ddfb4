// SPDX-License-Identifier: GPL-2.0-only

//! Everything at once, on every node of every module, by eight processes that do not care.
//!
//! The seed stands in the output and in the kernel's log; `LKMPG_SEED=` makes the same calls again,
//! `LKMPG_SUBJECT=` on one module only. `LKMPG_CALLS=` says how many calls each process makes on
//! each node: `make soak` makes more than ten million in all.

use lkmpg_tests::{
    Footprint, Module, Subject, apart,
    hostile::{self, Random},
    left_out, mappings, skip, some, subjects,
    tally::{self, Column},
    times,
};

/// How many processes there are.
const PROCESSES: usize = 8;
/// How many calls each makes on each node.
const CALLS: usize = 50;

#[test]
fn every_node_survives_every_call() {
    let calls = times("LKMPG_CALLS", CALLS);
    let mut random = Random::new(hostile::seed("hostile"));
    let targets = hostile::targets();
    if targets.is_empty() {
        return;
    }
    let before = Footprint::now();
    let modules: Vec<Module> = apart().map(Subject::load).collect();
    let start = |_| hostile::start(&targets, random.number(), Some(calls));
    let users: Vec<_> = (0..PROCESSES).map(start).collect();
    for mut user in users {
        assert!(user.wait().expect("its end").success());
    }
    for module in modules {
        module.unload().expect("nobody has it open");
    }
    before.check("all modules together");
}

#[test]
fn nothing_is_left_out() {
    let all = left_out();
    if !all.is_empty() {
        skip(&all.join("; "));
    }
}

#[test]
fn a_mapping_shows_nothing_but_the_file() {
    let nodes = subjects().iter().flat_map(|subject| {
        let nodes = subject.nodes.iter().filter(|it| it.path.starts_with('/'));
        nodes.map(move |node| (subject, node))
    });
    for (subject, node) in some("file", nodes) {
        let module = subject.load();
        match mappings::check(node) {
            Ok(calls) => tally::add(&subject.module, Column::Operations, calls as u64),
            Err(found) => panic!("{found}"),
        }
        module.unload().expect("nobody has it open");
    }
}

#[test]
#[ignore = "one of the processes that the test above starts"]
fn user() {
    hostile::run();
}
