// SPDX-License-Identifier: GPL-2.0-only

//! Chapter 11: defer.

use lkmpg_tests::{Module, as_user, errno_of};
use rustix::{
    io::Errno,
    system::uname,
    time::{ClockId, clock_getres},
};
use std::{
    fs,
    thread::{self, available_parallelism},
};

const FILE: &str = "/proc/defer";
/// Each way, and its context. Only a PC has the line of the last.
const WAYS: &[(&str, &str)] = match &[
    ("timer", "softirq"),
    ("hrtimer", "hardirq"),
    ("work", "task"),
    ("delayed work", "task"),
    ("BH work", "softirq"),
    ("threaded IRQ", "task"),
] {
    [others @ .., _] if cfg!(not(target_arch = "x86_64")) => others,
    all => all,
};

/// How long a tick is, in microseconds, as the coarse clocks say.
fn tick() -> u64 {
    clock_getres(ClockId::MonotonicCoarse).tv_nsec as u64 / 1000
}

/// Way, context, CPU, microseconds.
fn table() -> Vec<(String, String, usize, u64)> {
    let text = fs::read_to_string(FILE).expect("read");
    let mut lines = text.lines();
    let header = "way            context  cpu  microseconds";
    assert_eq!(lines.next(), Some(header));
    let row = |line: &str| {
        let (way, rest) = line.split_at(header.find("context").expect("a column"));
        let rest: Vec<_> = rest.split_whitespace().collect();
        let [context, cpu, time] = rest[..] else {
            panic!("{line}");
        };
        let (cpu, time) = (cpu.parse().expect("a CPU"), time.parse().expect("a time"));
        (way.trim().to_owned(), context.to_owned(), cpu, time)
    };
    lines.map(row).collect()
}

#[test]
fn each_way_has_its_context() {
    let _module = Module::load("defer", &[]).expect("the module loads");
    let cpus = available_parallelism().expect("the CPUs").get();
    let is_realtime = uname().version().to_string_lossy().contains("PREEMPT_RT");
    let mut times = vec![Vec::new(); WAYS.len()];
    for _ in 0..20 {
        let rows = table();
        let ways: Vec<_> = rows.iter().map(|it| (&*it.0, &*it.1)).collect();
        // On PREEMPT_RT only a timer that asks for it is called in the interrupt.
        let expected = WAYS.iter().map(|(way, context)| match *context {
            "hardirq" if is_realtime => (*way, "softirq"),
            context => (*way, context),
        });
        assert_eq!(ways, expected.collect::<Vec<_>>());
        for ((way, _, cpu, time), all) in rows.iter().zip(&mut times) {
            assert!(*cpu < cpus, "{way} on CPU {cpu}");
            all.push(*time);
        }
    }
    for ((way, _), mut all) in WAYS.iter().zip(times) {
        all.sort_unstable();
        // None comes before its time, and how late is nobody's promise. What counts ticks may begin with
        // one that is late itself: mostly it does not.
        let (time, earliest) = match *way {
            "hrtimer" => (all[0], 10_000),
            "timer" | "delayed work" => (all[all.len() / 2], 10_000_u64.saturating_sub(tick())),
            _ => continue,
        };
        assert!(time >= earliest, "{way} after {time}");
    }
}

#[test]
fn it_unloads_right_after() {
    for _ in 0..20 {
        let module = Module::load("defer", &[]).expect("the module loads");
        assert_eq!(table().len(), WAYS.len());
        module.unload().expect("unload");
    }
}

#[test]
fn one_opener_at_a_time() {
    let module = Module::load("defer", &[]).expect("the module loads");
    // It takes two delays of ten milliseconds, so some of these come at the same time.
    let results: Vec<_> = thread::scope(|scope| {
        let open = || as_user(1000, || [(); 10].map(|()| fs::read(FILE).map_err(errno_of)));
        let openers = [(); 4].map(|()| scope.spawn(open));
        let results = openers.map(|it| it.join().expect("no panic"));
        results.into_iter().flatten().collect()
    });
    assert!(results.iter().any(Result::is_ok));
    let errors: Vec<_> = results.iter().filter_map(|it| it.as_ref().err()).collect();
    assert!(
        !errors.is_empty() && errors.iter().all(|it| **it == Errno::BUSY),
        "{errors:?}"
    );
    assert_eq!(table().len(), WAYS.len());
    module.unload().expect("unload");
}

/// As many threads as there may be are no reason to ask again at once.
#[cfg(target_arch = "x86_64")]
#[test]
fn without_threads_there_is_no_memory() {
    let module = Module::load("defer", &[]).expect("the module loads");
    let most = lkmpg_tests::KernelSetting::new("/proc/sys/kernel/threads-max", "20");
    assert_eq!(fs::read(FILE).map_err(errno_of), Err(Errno::NOMEM));
    drop(most);
    assert_eq!(table().len(), WAYS.len());
    module.unload().expect("unload");
}
