// SPDX-License-Identifier: GPL-2.0-only

//! A long load on all modules together, under which the kernel's memory must not grow.
//!
//! `make soak MINUTES=30` says how long; without that it is a few seconds, too short to prove
//! anything but that the test works.

use lkmpg_tests::{
    Footprint, Module, Progress, Subject, apart,
    hostile::{self, Random, Target},
    setting,
};
use std::{
    collections::BTreeMap,
    fs,
    num::NonZero,
    process::Child,
    thread::sleep,
    time::{Duration, Instant},
};

/// How many processes use the modules.
const PROCESSES: usize = 8;
/// How long they do, if nobody says.
const SHORT: Duration = Duration::from_secs(4);
/// After how long the modules are unloaded, the processes start anew, and the memory is measured.
/// The first quarter of the rounds fills what the kernel keeps for later.
const ROUND: Duration = Duration::from_secs(60);
/// But so many rounds at least.
const ROUNDS: u32 = 4;
/// By how much memory may differ without a leak, in kB: what caches, and the CPUs' own lists, keep.
const SLACK: u64 = 2048;

/// The kernel's memory, in kB: what `/proc/meminfo` says of the kinds that modules use.
fn memory() -> BTreeMap<String, u64> {
    // Let go of what is only kept for later: by the file systems, by the slabs' CPUs, by KASAN.
    fs::write("/proc/sys/vm/drop_caches", "3").expect("drop_caches");
    for cache in fs::read_dir("/sys/kernel/slab").into_iter().flatten() {
        fs::write(cache.expect("a cache").path().join("shrink"), "1").expect("shrink");
    }
    let text = fs::read_to_string("/proc/meminfo").expect("/proc/meminfo");
    let lines = text.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        let value = value.trim().trim_end_matches(" kB").parse().ok()?;
        let counts = ["Slab", "SUnreclaim", "Percpu", "VmallocUsed", "KernelStack"];
        counts.contains(&name).then(|| (name.to_owned(), value))
    });
    lines.collect()
}

fn round(targets: &[Target], random: &mut Random, time: Duration) {
    let modules: Vec<Module> = apart().map(Subject::load).collect();
    let start = |_| hostile::start(targets, random.number(), None);
    let users: Vec<Child> = (0..PROCESSES).map(start).collect();
    sleep(time);
    for mut user in users {
        assert!(
            user.try_wait().expect("its state").is_none(),
            "one has failed"
        );
        user.kill().expect("kill");
        user.wait().expect("its end");
    }
    for module in modules {
        module.unload().expect("nobody has it open");
    }
}

#[test]
fn the_kernels_memory_does_not_grow() {
    let minutes = setting::<NonZero<u32>>("LKMPG_MINUTES", "a number above 0");
    let time = minutes.map_or(SHORT, |it| Duration::from_secs(u64::from(it.get()) * 60));
    let mut random = Random::new(hostile::seed("soak"));
    let targets = hostile::targets();
    if targets.is_empty() {
        return;
    }
    let before = Footprint::now();
    let start = Instant::now();
    let mut progress = Progress::new("rounds");
    let mut baseline = BTreeMap::new();
    let rounds = ROUNDS.max((time.as_secs() / ROUND.as_secs()) as u32);
    for n in 0..rounds {
        round(&targets, &mut random, time / rounds);
        let now = memory();
        progress.tell(n as usize + 1, rounds as usize);
        eprintln!("soak: after {} s: {now:?} kB", start.elapsed().as_secs());
        if n < rounds / 4 {
            baseline = now;
            continue;
        }
        for (kind, before) in &baseline {
            let grown = now[kind].saturating_sub(*before);
            assert!(grown <= SLACK, "{kind} has grown by {grown} kB");
        }
    }
    before.check("the soak");
}

#[test]
#[ignore = "one of the processes that the test above starts"]
fn user() {
    hostile::run();
}
