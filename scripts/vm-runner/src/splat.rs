// SPDX-License-Identifier: GPL-2.0-only

//! What the kernel says when something went wrong: the one list of patterns.

/// How a kernel message begins that reports a bug, and what follows somewhere in it.
///
/// They are matched at the start of a message, where a module's or a program's own words cannot
/// stand: `pr_*!` puts the module's name there. The measure is syzkaller's list
/// (`pkg/report/linux.go`), which the messages of Rust, arm64 and riscv64 are added to.
const SPLATS: &[(&str, &str)] = &[
    // BUG(), WARN(), lockdep, KASAN, KCSAN, KFENCE, KMSAN, sleeping in atomic context, bad pages,
    // damaged slabs.
    ("------------[ cut here ]------------", ""),
    ("BUG: ", ""),
    ("BUG ", "): "),
    ("WARNING: ", ""),
    ("[ BUG: ", " ]"),
    ("[ WARNING: ", " ]"),
    ("kernel BUG at ", ""),
    ("Kernel BUG [#", "]"),
    ("rust_kernel: panicked at ", ""),
    ("Kernel panic", ""),
    // Exceptions: "Oops" on all processors, and what they say before it.
    ("Oops: ", "[#"),
    ("Oops [#", "]"),
    ("Oops - ", "[#"),
    ("Internal error: ", "[#"),
    ("Unable to handle kernel ", ""),
    ("Unhandled ", " exception on CPU"),
    ("Unexpected kernel ", " exception at EL1"),
    ("SError Interrupt on CPU", ""),
    ("Insufficient stack space to handle exception!", ""),
    ("general protection fault", " [#"),
    ("divide error: ", " [#"),
    ("invalid opcode: ", " [#"),
    ("double fault: ", " [#"),
    ("stack segment: ", " [#"),
    ("traps: PANIC: ", ""),
    ("PANIC: ", ""),
    ("unchecked MSR access error: ", ""),
    ("CFI failure at ", ""),
    // Tasks and processors that do not move on.
    ("watchdog: BUG: ", ""),
    ("watchdog: ", "LOCKUP on cpu"),
    ("NMI watchdog: ", "LOCKUP on cpu"),
    ("INFO: task ", " blocked"),
    ("INFO: task ", " can't die for more than "),
    ("INFO: rcu_", " stall"),
    ("rcu: INFO: ", " stall"),
    ("smp: csd: ", " non-responsive CSD lock "),
    ("workqueue: BUG: ", ""),
    ("unregister_netdevice: waiting for ", " to become free"),
    // Lockdep, in the words of others.
    ("INFO: trying to register non-static key", ""),
    ("INFO: possible recursive locking detected", ""),
    ("DEBUG_LOCKS_WARN_ON(", ""),
    ("softirq: huh, entered softirq ", ""),
    // What the kernel finds broken in what it was given.
    ("UBSAN: ", " in "),
    ("ODEBUG: ", " object: "),
    ("refcount_t: ", ""),
    ("list_add ", ""),
    ("list_del corruption", ""),
    ("usercopy: Kernel memory ", " attempt detected "),
    ("DMA-API: ", ": device driver "),
    ("Bad rss-counter state ", ""),
    ("VFS: Busy inodes after unmount of ", ""),
    ("sysfs: cannot create duplicate filename ", ""),
    ("kobject: kobject_add_internal failed for ", " with -EEXIST"),
    ("kobject: ", " tried to init an initialized object"),
    ("irq ", ": nobody cared"),
    // Memory: what was asked for and not there, and what was not given back.
    ("", ": page allocation failure: order:"),
    ("kmemleak: ", " new suspected memory leaks"),
    ("kmemleak: Cannot insert ", " into the object search tree"),
    ("unreferenced object 0x", " (size "),
];

/// What begins so, and reports nothing.
const NO_SPLATS: &[&str] = &[
    "WARNING: Flushing system-wide workqueues will be prohibited",
    "WARNING: workqueue cpumask: online intersect > possible intersect",
    "WARNING: Unsupported flag value(s) of 0x",
];

/// Whether a line of the kernel's log reports a bug.
pub fn is_splat(line: &str) -> bool {
    let message = message(line);
    let is_none = NO_SPLATS.iter().any(|it| message.starts_with(it));
    !is_none && SPLATS.iter().any(|it| matches(message, it))
}

fn matches(message: &str, (begins, follows): &(&str, &str)) -> bool {
    let rest = message.strip_prefix(begins);
    rest.is_some_and(|it| it.contains(follows))
}

/// Whether the kernel will say nothing after this.
pub fn is_panic(line: &str) -> bool {
    message(line).starts_with("Kernel panic - not syncing")
}

/// Whether that is the last of its lines.
pub fn is_end_of_panic(line: &str) -> bool {
    message(line).starts_with("---[ end Kernel panic")
}

/// The lines of a tally that say of whom a report is: of the modules that it
/// names, as in `f+0x1/0x2 [chardev]`, or of `-`, nobody known.
pub fn tally(report: &[String]) -> String {
    let is_leak = |it: &String| message(it).starts_with("unreferenced object 0x");
    let column = if report.iter().any(is_leak) {
        "leaks"
    } else {
        "splats"
    };
    let mut modules: Vec<_> = report.iter().filter_map(|it| module(it)).collect();
    modules.sort_unstable();
    modules.dedup();
    if modules.is_empty() {
        modules.push("-");
    }
    let lines = modules.iter().map(|it| format!("{it}\t{column}\t1\n"));
    lines.collect()
}

/// The module that a line of a backtrace is in.
fn module(line: &str) -> Option<&str> {
    let (function, module) = line.split_once("+0x")?.1.split_once(" [")?;
    let is_function = function.contains("/0x");
    let (module, _) = module.split_once(']')?;
    is_function.then_some(module)
}

/// A line without its time stamp (`[    1.234567] `) and its caller
/// (`[    1.234567][    T1] `). A program may have written to the same console
/// before it.
pub fn message(line: &str) -> &str {
    let mut rest = line;
    while let Some((_, opened)) = rest.split_once('[') {
        match opened.split_once(']') {
            Some((stamp, message)) if is_time(stamp.trim_start()) => {
                return without_caller(message);
            }
            _ => rest = opened,
        }
    }
    line
}

fn is_time(stamp: &str) -> bool {
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|it| it.is_ascii_digit());
    stamp
        .split_once('.')
        .is_some_and(|(seconds, rest)| digits(seconds) && digits(rest) && rest.len() == 6)
}

fn without_caller(message: &str) -> &str {
    let caller = message.strip_prefix('[').and_then(|it| it.split_once(']'));
    let message = caller.map_or(message, |it| it.1);
    message.strip_prefix(' ').unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of logs, and the kernel's own formats filled in.
    const REPORTS: &[&str] = &[
        "------------[ cut here ]------------",
        "BUG: kernel NULL pointer dereference, address: 0000000000000000",
        "BUG: unable to handle page fault for address: ffffc90000a3f000",
        "BUG: KASAN: slab-use-after-free in misc_open+0x1/0x2",
        "BUG: KCSAN: data-race in foo / bar",
        "BUG: KFENCE: memory corruption in foo+0x1/0x2 [bar]",
        "BUG: KMSAN: uninit-value in foo+0x1/0x2",
        "BUG: sleeping function called from invalid context at kernel/locking/mutex.c:591",
        "BUG: scheduling while atomic: insmod/12/0x00000002",
        "BUG: using __this_cpu_add() in preemptible [00000000] code: cat/12",
        "BUG: spinlock bad magic on CPU#0, cat/12",
        "BUG: Bad page state in process cat  pfn:01234",
        "BUG: Bad page map in process cat  pte:8000000001234067 pmd:01234067",
        "BUG: workqueue lockup - pool cpus=0 node=0 flags=0x0 nice=0 stuck for 35s!",
        "BUG: workqueue leaked atomic, lock or RCU: kworker/0:1[12]",
        "BUG: MAX_LOCKDEP_ENTRIES too low!",
        "BUG: TASK stack guard page was hit at ffffc90000a3ff98",
        "BUG kmalloc-64 (Tainted: G           O      ): Poison overwritten",
        "BUG foo (Not tainted): Objects remaining in foo on __kmem_cache_shutdown()",
        "WARNING: tests/modules/crash.rs:42 at f+0x1/0x2 [crash], CPU#0: insmod/12",
        "WARNING: possible circular locking dependency detected",
        "WARNING: possible irq lock inversion dependency detected",
        "WARNING: SOFTIRQ-safe -> SOFTIRQ-unsafe lock order detected",
        "WARNING: inconsistent lock state",
        "WARNING: bad unlock balance detected!",
        "WARNING: held lock freed!",
        "WARNING: lock held when returning to user space!",
        "WARNING: suspicious RCU usage",
        "[ BUG: Invalid wait context ]",
        "[ WARNING: Nested lock was not taken ]",
        "kernel BUG at samples/x.rs:1!",
        "Kernel BUG [#1]",
        "rust_kernel: panicked at tests/modules/crash.rs:10:5:",
        "Kernel panic - not syncing: sysrq triggered crash",
        "Kernel panic - not syncing: stack-protector: Kernel stack is corrupted in: f+0x1/0x2",
        "Oops: invalid opcode: 0000 [#1] SMP",
        "Oops: general protection fault, probably for non-canonical address 0x6b6b: 0000 [#1]",
        "Oops [#1]",
        "Oops - illegal instruction [#1]",
        "Internal error: Oops: 0000000096000004 [#1]  SMP",
        "Internal error: synchronous external abort: 0000000096000010 [#1] SMP",
        "Unable to handle kernel NULL pointer dereference at virtual address 0000000000000010",
        "Unhandled 64-bit el1h sync exception on CPU0, ESR 0x0000000002000000 -- BTI",
        "Unexpected kernel single-step exception at EL1",
        "SError Interrupt on CPU0, code 0x00000000be000011 -- SError",
        "Insufficient stack space to handle exception!",
        "general protection fault, probably for non-canonical address 0xdead: 0000 [#1] PREEMPT SMP",
        "divide error: 0000 [#1] PREEMPT SMP",
        "invalid opcode: 0000 [#1] PREEMPT SMP",
        "double fault: 0000 [#1] PREEMPT SMP",
        "stack segment: 0000 [#1] PREEMPT SMP",
        "traps: PANIC: double fault, error_code: 0x0",
        "PANIC: early exception 0x0e IP 10:ffffffff81000000 error 0 cr2 0x0",
        "unchecked MSR access error: RDMSR from 0x1b0 at rIP: 0xffffffff81000000 (f+0x1/0x2)",
        "CFI failure at f+0x1/0x2 [bar] (target: g+0x0/0x1; expected type: 0x12345678)",
        "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [cat:12]",
        "watchdog: CPU0: Watchdog detected hard LOCKUP on cpu 0",
        "NMI watchdog: Watchdog detected hard LOCKUP on cpu 0",
        "INFO: task cat:12 blocked for more than 30 seconds.",
        "INFO: task cat:12 blocked in I/O wait for more than 30 seconds.",
        "INFO: task cat:12 can't die for more than 30 seconds.",
        "INFO: rcu_tasks detected stalls on tasks:",
        "rcu: INFO: rcu_sched self-detected stall on CPU",
        "rcu: INFO: rcu_preempt detected expedited stalls on CPUs/tasks: { 0-... } 5 jiffies s: 1",
        "smp: csd: Detected non-responsive CSD lock (#1) on CPU#0, waiting 5000000000 ns for CPU#01",
        "workqueue: BUG: workqueue lockup - pool cpus=0",
        "unregister_netdevice: waiting for lo to become free. Usage count = 2",
        "INFO: trying to register non-static key.",
        "INFO: possible recursive locking detected",
        "DEBUG_LOCKS_WARN_ON(lock->magic != lock)",
        "softirq: huh, entered softirq 1 TIMER f+0x0/0x1 with preempt_count 00000100, exited with 00000101?",
        "UBSAN: array-index-out-of-bounds in drivers/x.c:1:2",
        "ODEBUG: free active (active state 0) object: 00000000f1a5c0de object type: timer_list",
        "refcount_t: underflow; use-after-free.",
        "list_add corruption. prev->next should be next (0), but was 1. (prev=2).",
        "list_add double add: new=ffff888003a1b2c0, prev=ffff888003a1b2c0",
        "list_del corruption, ffff888003a1b2c0->next is LIST_POISON1 (dead000000000100)",
        "usercopy: Kernel memory exposure attempt detected from SLUB object 'kmalloc-64' (offset 0, size 65)!",
        "DMA-API: foo 0000:00:01.0: device driver frees DMA memory with wrong function",
        "Bad rss-counter state mm:00000000f1a5c0de type:MM_FILEPAGES val:1",
        "VFS: Busy inodes after unmount of tmpfs (tmpfs)",
        "sysfs: cannot create duplicate filename '/kernel/chan_sysfs'",
        "kobject: kobject_add_internal failed for x with -EEXIST, don't try to register things with the same name in the same directory.",
        "kobject: kobject (00000000f1a5c0de): tried to init an initialized object, something is seriously wrong.",
        "irq 1: nobody cared (try booting with the \"irqpoll\" option)",
        "insmod: page allocation failure: order:4, mode:0xcc0(GFP_KERNEL), nodemask=(null)",
        "kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
        "kmemleak: Cannot insert 0xffff888003a1b2c0 into the object search tree (overlaps existing)",
        "unreferenced object 0xffff888003a1b2c0 (size 64):",
    ];

    #[test]
    fn reports_are_seen() {
        for message in REPORTS {
            for stamps in [
                "[    1.234567] ",
                "[    1.234567][   T12] ",
                "[   12.000001][     C0] ",
            ] {
                let line = format!("{stamps}{message}");
                assert!(is_splat(&line), "{line}");
            }
        }
        assert!(is_splat(
            "some program's half a line[    1.234567] BUG: Bad page state"
        ));
    }

    #[test]
    fn each_pattern_has_a_report_that_no_other_sees() {
        for pattern in SPLATS {
            let alone = |message: &&str| {
                matches(message, pattern)
                    && SPLATS.iter().filter(|it| matches(message, it)).count() == 1
            };
            assert!(REPORTS.iter().any(alone), "{pattern:?}");
        }
    }

    #[test]
    fn ordinary_words_are_not() {
        for line in [
            "",
            "[    1.234567] ",
            "[    0.000000] Linux version 7.3.4 (a@b) #1 SMP",
            "[    0.000000] Lock dependency validator: Copyright (c) 2006 Red Hat, Inc., Ingo Molnar",
            "[    0.000000] ODEBUG: selftest passed",
            "[    0.000000] DMA-API: preallocated 65536 debug entries",
            "[    0.000000] rcu: \tRCU lockdep checking is enabled.",
            "[    0.000000] kmemleak: Kernel memory leak detector initialized (mem pool available: 1)",
            "[    1.234567] kmemleak: Automatic memory scanning thread started",
            "[    1.234567] WARNING: Flushing system-wide workqueues will be prohibited in near future.",
            "[    1.234567] hello_1: Hello world 1.",
            "[    1.234567] hello_1: WARNING: this sample warns",
            "[    1.234567] chardev: BUG: is what the reader wrote",
            "[    1.234567] hello_1: loading out-of-tree module taints kernel.",
            "[    1.234567] cat[12]: segfault at 0 ip 0 sp 0 error 4 in cat",
            "[    1.234567] cat[12]: unhandled exception: SP/PC alignment, ESR 0x000000008a000000",
            "[    1.234567] traps: cat[12] general protection fault ip:0 sp:0 error:0 in cat",
            "[    1.234567] traps: cat[12] trap invalid opcode ip:0 sp:0 error:0 in cat",
            "[    1.234567] watchdog: Delayed init of the lockup detector failed: -19",
            "[    1.234567] NMI watchdog: Perf NMI watchdog permanently disabled",
            "[    1.234567] irq 1: Affinity broken due to vector space exhaustion.",
            "[    1.234567] Warning: unable to open an initial console.",
            "[    1.234567] FAULT_INJECTION: forcing a failure.",
            "[    1.234567] Oopsie: said a module without a prefix",
            "[    1.234567] INFO: lockdep is turned off.",
            "[    1.234567] INFO: NMI handler (f+0x0/0x1) took too long to run: 1.234 msecs",
            "[    1.234567] debugfs: 'x' already exists in 'y'",
            "[x.234567] is no time, BUG: is no report",
            "a test wrote BUG: to the console",
        ] {
            assert!(!is_splat(line), "{line}");
        }
    }

    #[test]
    fn a_report_is_of_the_modules_that_it_names() {
        let report = [
            "[    1.234567] WARNING: x.rs:1 at f+0x1/0x2 [crash], CPU#0: insmod/12",
            "[    1.234567]  <TASK>",
            "[    1.234567]  g+0x1/0x2 [crash]",
            "[    1.234567]  do_one_initcall+0x1/0x2",
        ];
        assert_eq!(tally(&report.map(str::to_owned)), "crash\tsplats\t1\n");
        let report = ["[    1.234567] unreferenced object 0xffff888003a1b2c0 (size 64):"];
        assert_eq!(tally(&report.map(str::to_owned)), "-\tleaks\t1\n");
    }

    #[test]
    fn the_message_is_what_follows_the_stamps() {
        assert_eq!(message("[    1.234567] a [b] c"), "a [b] c");
        assert_eq!(message("[    1.234567][    T1] [ BUG: x ]"), "[ BUG: x ]");
        assert_eq!(message("[    1.234567] [ BUG: x ]"), "[ BUG: x ]");
        assert_eq!(message("[x] [    1.234567] y"), "y");
        assert_eq!(message("no stamp"), "no stamp");
    }

    #[test]
    fn a_panic_is_the_end() {
        assert!(is_panic(
            "[    1.234567] Kernel panic - not syncing: Fatal exception"
        ));
        assert!(!is_panic(
            "[    1.234567] BUG: kernel NULL pointer dereference"
        ));
    }
}
