// SPDX-License-Identifier: GPL-2.0-only

//! Modules come and go while processes do everything with them, and get killed.
//!
//! `LKMPG_ROUNDS=` says how often each module is loaded, `LKMPG_SUBJECT=` which one only: `make soak`
//! does 1,000 rounds. `LKMPG_SEED=` makes the same choices again, though not at the same moments.

use lkmpg_tests::{
    Footprint, KernelSetting, LoadError, Module, Node, Progress, Subject, apart, early,
    hostile::{self, Random},
    is_loaded, needs_of_all, some, subjects, times,
};
use rustix::{fs::OFlags, io::Errno};
use std::{fs, os::unix::fs::FileTypeExt as _, process::Child, thread};

/// How many processes use the modules.
const PROCESSES: usize = 4;
/// How often each module is loaded.
const ROUNDS: usize = 3;
/// After how many loads and unloads one of the processes is killed.
const KILL_EVERY: usize = 20;

/// A module of the storm.
struct Guest {
    subject: &'static Subject,
    module: Option<Module>,
    loads: usize,
}

impl Guest {
    /// Loads it, or unloads it if nobody has it open.
    fn toggle(&mut self) {
        self.module = match self.module.take() {
            None => {
                self.loads += 1;
                Some(self.subject.load())
            }
            Some(module) => module.unload().err().map(|in_use| in_use.busy()),
        };
    }

    fn remove(mut self) {
        while self.module.is_some() {
            self.toggle();
        }
    }
}

/// Kills a user, who has not ended before.
fn end(mut process: Child) {
    let ended = process.try_wait().expect("its state");
    assert!(ended.is_none(), "a user failed: {ended:?}");
    process.kill().expect("kill");
    process.wait().expect("its end");
}

#[test]
fn unloading_at_the_worst_moment_is_safe() {
    let rounds = times("LKMPG_ROUNDS", ROUNDS);
    let mut random = Random::new(hostile::seed("storm"));
    let nodes = hostile::targets();
    let processes = if nodes.is_empty() { 0 } else { PROCESSES };
    let _no_modprobe = KernelSetting::no_modprobe();
    let before = Footprint::now();
    let guest = |subject| Guest {
        subject,
        module: None,
        loads: 0,
    };
    let mut guests: Vec<_> = apart().map(guest).collect();
    let start = |random: &mut Random| hostile::start(&nodes, random.number(), None);
    let mut users: Vec<_> = (0..processes).map(|_| start(&mut random)).collect();
    let mut toggles = 0;
    let mut progress = Progress::new("loads");
    while guests.iter().any(|it| it.loads < rounds) {
        let wanting: Vec<_> = (0..guests.len())
            .filter(|it| guests[*it].loads < rounds || guests[*it].module.is_some())
            .collect();
        guests[random.pick(&wanting)].toggle();
        toggles += 1;
        if toggles % KILL_EVERY == 0 && processes > 0 {
            let victim = random.below(processes);
            end(std::mem::replace(&mut users[victim], start(&mut random)));
        }
        let loads = guests.iter().map(|it| it.loads.min(rounds)).sum();
        progress.tell(loads, guests.len() * rounds);
        // On one CPU they have to get their turn.
        thread::yield_now();
    }
    users.into_iter().for_each(end);
    guests.into_iter().for_each(Guest::remove);
    before.check("the storm");
}

/// Loads and unloads a module while others do so, too. Returns how often it did.
fn come_and_go(subject: &Subject) -> usize {
    let attempt = |_: &usize| {
        let parameters: Vec<_> = subject.said.parameters.iter().map(|it| &**it).collect();
        let module = match Module::load(&subject.module, &parameters) {
            Ok(module) => module,
            // Another was faster, or is just about to unload it.
            Err(LoadError::Refused(Errno::EXIST | Errno::BUSY)) => return false,
            Err(error) => panic!("{}: {error}", subject.module),
        };
        // Loads at the same moment share one result; of those that unload it, one succeeds.
        if let Err(in_use) = module.unload() {
            in_use.leave();
        }
        true
    };
    (0..ROUNDS).filter(attempt).count()
}

#[test]
fn loading_and_unloading_at_the_same_moment_is_safe() {
    // They may bring along what stays.
    subjects();
    let before = Footprint::now();
    let needs = needs_of_all();
    let round = || apart().map(come_and_go).collect::<Vec<_>>();
    let loads = thread::scope(|scope| {
        let threads = [(); 3].map(|()| scope.spawn(round));
        threads.map(|it| it.join().expect("no panic"))
    });
    for (n, subject) in apart().enumerate() {
        let all: usize = loads.iter().map(|it| it[n]).sum();
        assert!(all > 0, "{} was never loaded", subject.module);
        if is_loaded(&subject.module) {
            let module = Module::adopt(&subject.module);
            module.unload().expect("nobody uses it");
        }
    }
    drop(needs);
    before.check("loading and unloading");
}

#[test]
fn a_module_stays_while_its_device_is_open() {
    let devices = some("device", devices());
    let before = Footprint::now();
    for (subject, node) in devices {
        let module = subject.load();
        // One that nobody may open is root's to open.
        let way = node.ways().first().copied().unwrap_or(OFlags::RDONLY);
        let file = node.open(way | OFlags::NONBLOCK).expect(&node.path);
        match module.unload() {
            Err(in_use) => {
                drop(file);
                in_use.busy().unload().expect("nobody has it open");
            }
            Ok(()) => {
                // What closes it is gone.
                std::mem::forget(file);
                let path = &node.path;
                panic!("{path} is open, and its module goes: the file operations have no owner");
            }
        }
    }
    before.check("devices that are open");
}

/// The devices of all modules.
fn devices() -> impl Iterator<Item = (&'static Subject, &'static Node)> {
    subjects().iter().flat_map(|subject| {
        let nodes = subject.nodes.iter();
        let devices = nodes.filter(|it| it.path.starts_with("/dev/"));
        devices.map(move |node| (subject, node))
    })
}

fn is_disk(path: &str) -> bool {
    fs::metadata(path).is_ok_and(|it| it.file_type().is_block_device())
}

#[test]
fn a_node_can_be_opened_as_soon_as_it_is_there() {
    // Whoever does keeps the module. What a load does then that fails: see adversary.rs.
    let one_cpu = thread::available_parallelism().is_ok_and(|it| it.get() == 1);
    let devices = some("device", devices());
    let before = Footprint::now();
    let _no_modprobe = KernelSetting::no_modprobe();
    for (subject, node) in devices {
        let path = &*node.path;
        let opener = early::opener(&subject.module, path);
        let module = subject.load();
        let early = opener.join().expect("no panic");
        assert!(
            early.is_loading || !one_cpu,
            "{path}: that was after the load"
        );
        match early.file {
            // A disk's node is there before its disk: the block layer's own.
            Err(Errno::NXIO) if is_disk(path) => {}
            other => drop(other.expect(path)),
        }
        module.unload().expect("nobody uses it");
    }
    before.check("opening early");
}

#[test]
#[ignore = "one of the processes that the tests above start"]
fn user() {
    hostile::run();
}
