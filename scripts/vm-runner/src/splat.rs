// SPDX-License-Identifier: GPL-2.0-only

//! What the kernel says when something went wrong: the one list of patterns.

/// How a kernel message begins that reports a bug.
///
/// They are matched at the start of a message, where a module's or a program's
/// own words cannot stand: `pr_*!` puts the module's name there.
const BEGINNINGS: &[&str] = &[
    // Oopses, BUG(), KASAN, sleeping in atomic context, bad pages, slab errors,
    // soft lockups, and the older of lockdep's headlines.
    "BUG: ",
    "BUG ",
    "[ BUG: ",
    "kernel BUG at ",
    "watchdog: BUG: ",
    "watchdog: CPU",
    "watchdog: Watchdog detected hard LOCKUP",
    "Oops: ",
    "Oops - ",
    "general protection fault",
    "double fault: ",
    "stack segment: ",
    "traps: PANIC: ",
    "PANIC: ",
    "Kernel panic - not syncing",
    "rust_kernel: panicked at ",
    // WARN(), and lockdep's reports.
    "WARNING: ",
    "[ WARNING: ",
    "INFO: trying to register non-static key",
    "INFO: possible recursive locking detected",
    // Tasks and CPUs that do not move on.
    "INFO: task ",
    "INFO: rcu",
    "rcu: INFO: ",
    "workqueue: BUG: ",
    // The sanitizers.
    "UBSAN: ",
    "ODEBUG: ",
    "DEBUG_LOCKS_WARN_ON",
    "refcount_t: ",
    "list_add corruption",
    "list_del corruption",
    "usercopy: Kernel memory ",
    "kmemleak: Cannot insert ",
    "unreferenced object 0x",
    "Bad rss-counter state",
];

/// Whether a line of the kernel's log reports a bug.
pub fn is_splat(line: &str) -> bool {
    let message = message(line);
    BEGINNINGS.iter().any(|it| message.starts_with(it)) || is_leak_count(message)
}

/// Whether the kernel will say nothing after this.
pub fn is_panic(line: &str) -> bool {
    message(line).starts_with("Kernel panic - not syncing")
}

/// `kmemleak: 3 new suspected memory leaks (see …)`.
fn is_leak_count(message: &str) -> bool {
    message.starts_with("kmemleak: ") && message.contains(" new suspected memory leaks")
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

    #[test]
    fn reports_are_seen() {
        for line in [
            "[    1.234567] BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "[   12.000001] BUG: KASAN: slab-out-of-bounds in foo+0x1/0x2 [bar]",
            "[    1.234567] BUG: sleeping function called from invalid context at kernel/mutex.c:1",
            "[    1.234567] BUG: scheduling while atomic: insmod/12/0x00000002",
            "[    1.234567] BUG kmalloc-64 (Tainted: G           O      ): Poison overwritten",
            "[    1.234567] [ BUG: Invalid wait context ]",
            "[    1.234567] kernel BUG at samples/x.rs:1!",
            "[    1.234567] rust_kernel: panicked at tests/modules/crash.rs:10:5:",
            "[    1.234567] Oops: invalid opcode: 0000 [#1] SMP",
            "[    1.234567] WARNING: tests/x.rs:1 at foo+0x1/0x2 [bar], CPU#0: insmod/12",
            "[    1.234567] WARNING: possible circular locking dependency detected",
            "[    1.234567] WARNING: suspicious RCU usage",
            "[    1.234567] INFO: trying to register non-static key.",
            "[    1.234567] INFO: task cat:12 blocked for more than 30 seconds.",
            "[    1.234567] rcu: INFO: rcu_sched self-detected stall on CPU",
            "[    1.234567] watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [cat:12]",
            "[    1.234567] UBSAN: array-index-out-of-bounds in x.c:1:2",
            "[    1.234567] ODEBUG: free active (active state 0) object: 0000",
            "[    1.234567] kmemleak: 2 new suspected memory leaks (see /sys/kernel/debug/kmemleak)",
            "[    1.234567] unreferenced object 0xffff888003a1b2c0 (size 64):",
            "[    1.234567] Kernel panic - not syncing: sysrq triggered crash",
            "[    1.234567][   T12] WARNING: suspicious RCU usage",
            "[    1.234567][     C0] BUG: scheduling while atomic: swapper/0/0/0x1",
            "some program's half a line[    1.234567] BUG: Bad page state in process cat  pfn:01234",
        ] {
            assert!(is_splat(line), "{line}");
        }
    }

    #[test]
    fn ordinary_words_are_not() {
        for line in [
            "",
            "[    1.234567] ",
            "[    0.000000] Linux version 7.3.4 (a@b) #1 SMP",
            "[    1.234567] hello_1: Hello world 1.",
            "[    1.234567] hello_1: WARNING: this sample warns",
            "[    1.234567] chardev: BUG: is what the reader wrote",
            "[    1.234567] hello_1: loading out-of-tree module taints kernel.",
            "[    1.234567] cat[12]: segfault at 0 ip 0 sp 0 error 4 in cat",
            "[    1.234567] traps: cat[12] general protection fault ip:0 sp:0 error:0 in cat",
            "[    1.234567] Warning: unable to open an initial console.",
            "[    1.234567] FAULT_INJECTION: forcing a failure.",
            "[    1.234567] kmemleak: Kernel memory leak detector initialized (mem pool available: 1)",
            "[    1.234567] Oopsie: said a module without a prefix",
            "[    1.234567] INFO: lockdep is turned off.",
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
