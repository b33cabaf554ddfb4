// SPDX-License-Identifier: GPL-2.0-only

//! Failures on request, on kernels with fault injection.
//!
//! `/proc/thread-self/fail-nth` has the n-th call of the thread fail that can. A function that fails
//! by error injection does so in any thread, as it is a probe's work. Which calls count is told by
//! what is on the stack: those below a function of the kernel, or those of a module.

use rustix::io::Errno;
use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    sync::LazyLock,
};

/// The kinds of failure, as folders of debugfs.
const KINDS: &[&str] = &[
    "failslab",
    "fail_page_alloc",
    "fail_usercopy",
    "fail_function",
];

/// The function that adds a page to what the kernel has of a file. Of those that can be made to
/// fail it is the only one below a module, besides what allocates.
const ADD_PAGE: &str = "__filemap_add_folio";

/// Makes the files of an interrupt in `/proc/irq`. It does without those that it has no memory for, and C warns
/// of each with a stack trace when the interrupt goes: `docs/upstream.md`.
const IRQ_FILES: &str = "register_irq_proc";

/// What may fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Memory from the slab allocator, and pages.
    Allocation,
    /// A copy from or to user space.
    UserCopy,
    /// A page of a file, with `EIO`. The file system must be a simple one, as ramfs is.
    FilePage,
}

impl Fault {
    fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::Allocation => &KINDS[..2],
            Self::UserCopy => &KINDS[2..3],
            Self::FilePage => &KINDS[3..],
        }
    }
}

/// Whose failures are meant.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// Of whatever the thread calls.
    All,
    /// Of what was called, directly or not, from code between two addresses.
    Below((u64, u64)),
}

/// Why the kernel cannot do that, if it cannot.
pub fn missing() -> Option<&'static str> {
    let there = |kind: &&str| fs::exists(format!("/sys/kernel/debug/{kind}/stacktrace-depth"));
    let all = KINDS.iter().all(|it| there(it).unwrap_or(false));
    (!all).then_some("the kernel has no fault injection (CONFIG_FAULT_INJECTION)")
}

/// Has things fail. Dropping it ends that.
#[derive(Debug)]
pub struct Injector {
    fault: Fault,
    fail_nth: File,
}

impl Injector {
    /// Chooses what fails, for the calling thread.
    pub fn new(fault: Fault, scope: Scope) -> Self {
        static SPARED: LazyLock<(u64, u64)> = LazyLock::new(|| function(IRQ_FILES));
        for kind in KINDS {
            let (start, end) = match (fault.kinds().contains(kind), scope) {
                (true, Scope::All) => (0, u64::MAX),
                (true, Scope::Below(range)) => range,
                // There is no code at 1.
                (false, _) => (1, 2),
            };
            set(kind, "verbose", 0);
            set(kind, "stacktrace-depth", 32);
            set(kind, "require-start", start);
            set(kind, "require-end", end);
            set(kind, "reject-start", SPARED.0);
            set(kind, "reject-end", SPARED.1);
        }
        set("failslab", "ignore-gfp-wait", 'N');
        set("fail_page_alloc", "ignore-gfp-wait", 'N');
        set("fail_page_alloc", "ignore-gfp-highmem", 'N');
        set("fail_page_alloc", "min-order", 0);
        if fault == Fault::FilePage {
            set("fail_function", "inject", ADD_PAGE);
            let error = -i64::from(Errno::IO.raw_os_error()) as u64;
            set("fail_function", &format!("{ADD_PAGE}/retval"), error);
            set("fail_function", "probability", 100);
            set("fail_function", "times", 0);
        }
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .open("/proc/thread-self/fail-nth");
        Self {
            fault,
            fail_nth: file.expect("/proc/thread-self/fail-nth"),
        }
    }

    /// Calls `f` with the `n`-th call failing, from 1. Returns what it returns, and whether so many
    /// were made.
    pub fn fail<T>(&self, n: u32, f: impl FnOnce() -> T) -> (T, bool) {
        self.set(n);
        let result = f();
        let left = self.left();
        self.set(0);
        (result, left == 0)
    }

    /// A probe is in no thread, so that `fail-nth` does not count what it does.
    fn set(&self, n: u32) {
        if self.fault == Fault::FilePage {
            set("fail_function", "space", n);
            set("fail_function", "times", n.min(1));
            return;
        }
        let text = n.to_string();
        self.fail_nth
            .write_at(text.as_bytes(), 0)
            .expect("fail-nth");
    }

    /// What is left to do until the failure.
    fn left(&self) -> u32 {
        let text = if self.fault == Fault::FilePage {
            fs::read_to_string("/sys/kernel/debug/fail_function/times").expect("times")
        } else {
            let mut left = [0; 16];
            let length = self.fail_nth.read_at(&mut left, 0).expect("fail-nth");
            String::from_utf8_lossy(&left[..length]).into_owned()
        };
        text.trim().parse().expect("a number")
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        if self.fault == Fault::FilePage {
            set("fail_function", "inject", format!("!{ADD_PAGE}"));
        }
    }
}

fn set(kind: &str, what: &str, value: impl ToString) {
    let file = format!("/sys/kernel/debug/{kind}/{what}");
    fs::write(&file, value.to_string()).unwrap_or_else(|error| panic!("{file}: {error}"));
}

/// Where a function of the kernel is.
pub fn function(name: &str) -> (u64, u64) {
    let symbols = fs::read_to_string("/proc/kallsyms").expect("/proc/kallsyms");
    let symbols = symbols.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let address = u64::from_str_radix(words.next()?, 16).ok()?;
        Some((address, words.nth(1)?))
    });
    let symbols: Vec<_> = symbols.collect();
    let start = symbols.iter().find(|it| it.1 == name);
    let start = start.unwrap_or_else(|| panic!("no {name} in the kernel")).0;
    let end = symbols.iter().map(|it| it.0).filter(|it| *it > start).min();
    (start, end.expect("something behind it"))
}
