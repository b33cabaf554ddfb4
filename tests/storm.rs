// SPDX-License-Identifier: GPL-2.0-only

//! Modules come and go while processes do everything with them, and get killed.
//!
//! `LKMPG_ROUNDS=` says how often each module is loaded, `LKMPG_SUBJECT=` which one only: `make soak`
//! does 1,000 rounds. `LKMPG_SEED=` makes the same choices again, though not at the same moments.

use lkmpg_tests::{
    Footprint, LoadError, Module, Progress, Subject, early,
    hostile::{self, Random},
    is_loaded, subjects, times,
};
use rustix::io::Errno;
use std::{fs, process::Child, thread};

/// How many processes use the modules.
const PROCESSES: usize = 4;
/// How often each module is loaded.
const ROUNDS: usize = 3;
/// What the kernel runs when it misses a module.
const MODPROBE: &str = "/proc/sys/kernel/modprobe";
/// After how many loads and unloads one of the processes is killed.
const KILL_EVERY: usize = 20;

/// A module of the storm.
struct Target {
    subject: &'static Subject,
    module: Option<Module>,
    loads: usize,
}

impl Target {
    /// Loads it, or unloads it if nobody has it open.
    fn toggle(&mut self) {
        self.module = match self.module.take() {
            None => self.load(),
            Some(module) => module.unload().err().map(|in_use| in_use.busy()),
        };
    }

    /// Loads it, unless a user who asked for what it has was faster: some have the kernel do so.
    fn load(&mut self) -> Option<Module> {
        self.loads += 1;
        match Module::load(self.subject.module, self.subject.parameters) {
            Ok(module) => Some(module),
            Err(LoadError::Refused(Errno::EXIST)) => Some(Module::adopt(self.subject.module)),
            Err(error) => panic!("{}: {error}", self.subject.module),
        }
    }

    fn remove(mut self) {
        if is_loaded(self.subject.module) && self.module.is_none() {
            self.module = Some(Module::adopt(self.subject.module));
        }
        while self.module.is_some() {
            self.toggle();
        }
    }
}

fn end(mut process: Child) {
    process.kill().expect("kill");
    process.wait().expect("its end");
}

#[test]
fn unloading_at_the_worst_moment_is_safe() {
    let rounds = times("LKMPG_ROUNDS", ROUNDS);
    let mut random = Random::new(hostile::seed("storm"));
    // Nobody but this test loads modules: who opens a netlink socket without its module has the
    // kernel ask for it, which may come true after the end.
    fs::write("/proc/sys/kernel/modprobe", "\n").expect("no modprobe");
    let before = Footprint::now();
    let mut targets: Vec<_> = subjects()
        .map(|subject| Target {
            subject,
            module: None,
            loads: 0,
        })
        .collect();
    let start = |random: &mut Random| hostile::start(random.number(), 0);
    let mut users: Vec<_> = (0..PROCESSES).map(|_| start(&mut random)).collect();
    let mut toggles = 0;
    let mut progress = Progress::new("loads");
    while targets.iter().any(|it| it.loads < rounds) {
        let wanting: Vec<_> = (0..targets.len())
            .filter(|it| targets[*it].loads < rounds || targets[*it].module.is_some())
            .collect();
        targets[random.pick(&wanting)].toggle();
        toggles += 1;
        if toggles % KILL_EVERY == 0 {
            let victim = random.below(PROCESSES);
            end(std::mem::replace(&mut users[victim], start(&mut random)));
        }
        let loads = targets.iter().map(|it| it.loads.min(rounds)).sum();
        progress.tell(loads, targets.len() * rounds);
        // On one CPU they have to get their turn.
        thread::yield_now();
    }
    users.into_iter().for_each(end);
    targets.into_iter().for_each(Target::remove);
    before.check("the storm");
}

#[test]
fn loading_and_unloading_at_the_same_moment_is_safe() {
    let before = Footprint::now();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for subject in subjects().filter(|it| it.nodes.is_empty()) {
                    for _ in 0..ROUNDS {
                        // Loads at the same moment share one result; of those that unload it,
                        // one succeeds.
                        let Ok(module) = Module::load(subject.module, subject.parameters) else {
                            continue;
                        };
                        if let Err(in_use) = module.unload() {
                            in_use.leave();
                        }
                    }
                }
            });
        }
    });
    for subject in subjects().filter(|it| is_loaded(it.module)) {
        Module::adopt(subject.module)
            .unload()
            .expect("nobody uses it");
    }
    before.check("loading and unloading");
}

#[test]
fn a_node_can_be_opened_as_soon_as_it_is_there() {
    // Whoever does keeps the module. What a load does then that fails: see adversary.rs.
    let one_cpu = thread::available_parallelism().is_ok_and(|it| it.get() == 1);
    let before = Footprint::now();
    // Who opens a device that is not there yet would wait until this has looked for a driver.
    let modprobe = fs::read(MODPROBE).expect(MODPROBE);
    fs::write(MODPROBE, "\n").expect(MODPROBE);
    for subject in subjects() {
        for path in subject.nodes.iter().map(|it| it.path) {
            if !path.starts_with("/dev/") {
                continue;
            }
            let opener = early::opener(subject.module, path);
            let module = Module::load(subject.module, subject.parameters).expect("it loads");
            let early = opener.join().expect("no panic");
            assert!(
                early.is_loading || !one_cpu,
                "{path}: that was after the load"
            );
            drop(early.file.expect(path));
            module.unload().expect("nobody uses it");
        }
    }
    fs::write(MODPROBE, modprobe).expect(MODPROBE);
    before.check("opening early");
}

#[test]
#[ignore = "one of the processes that the tests above start"]
fn user() {
    hostile::run();
}
