// SPDX-License-Identifier: GPL-2.0-only

//! Everything that can fail does so once, in every module.
//!
//! A module is loaded with its first allocation failing, then with its second one, until all
//! succeed; then each operation on each of its nodes is done in the same way, once more with
//! the copies from and to user space failing, and once more with each page failing of a file that
//! it reads. `LKMPG_FAULTS=all` includes the allocations of the
//! kernel's own module loader.

use lkm::raw::{self, LowMemory};
use lkmpg_tests::{
    Footprint, Module, Node, Progress, Subject, Tmpfs,
    faults::{self, Fault, Injector, Scope},
    module_file, skip, subjects,
    tally::{self, Column},
    wait_until,
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::OFlags,
    io::Errno,
    system::finit_module,
};
use std::{
    cell::LazyCell,
    ffi::CString,
    fmt::Debug,
    fs::{self, File},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
};

/// More calls that can fail than any operation makes.
const LIMIT: u32 = 10_000;

/// Has each call of `operation` that can fail do so, one at a time. `undo` gets what came of it.
fn sweep<T, E: Debug>(
    subject: &Subject,
    injector: &Injector,
    operation: impl Fn() -> Result<T, E>,
    undo: impl Fn(u32, Result<T, E>),
) {
    for n in 1..LIMIT {
        let (result, injected) = injector.fail(n, &operation);
        if !injected {
            if let Err(error) = result {
                panic!("{}: fails by itself: {error:?}", subject.module);
            }
            undo(n, result);
            return;
        }
        tally::add(subject.module, Column::Faults, 1);
        undo(n, result);
    }
    panic!("{}: there is no end to it", subject.module);
}

fn every_load_fails(subject: &Subject, scope: Scope) {
    let before = Footprint::now();
    let file = File::open(module_file(subject.module)).expect("the module");
    let parameters = CString::new(subject.parameters.join(" ")).expect("no NUL");
    let injector = Injector::new(Fault::Allocation, scope);
    let load = || finit_module(&file, &parameters, 0);
    sweep(subject, &injector, load, |n, result| match result {
        Ok(()) => Module::adopt(subject.module).unload().expect("unload"),
        Err(error) => {
            let documented = error == Errno::NOMEM || Some(error) == subject.refusal;
            assert!(documented, "{}: failure {n}: {error:?}", subject.module);
            before.check(&format!(
                "{}, of which failure {n} stopped the load,",
                subject.module
            ));
        }
    });
    before.check(subject.module);
}

/// Something that a user does with an open file.
type Operation<'a> = Box<dyn Fn(&OwnedFd) -> Result<(), Errno> + 'a>;

fn operations(node: &Node) -> Vec<Operation<'_>> {
    let mut all: Vec<Operation<'_>> = vec![
        Box::new(|file| rustix::io::read(file, &mut [0u8; 200]).map(drop)),
        Box::new(|file| {
            let now = Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&now)).map(drop)
        }),
    ];
    for word in node.words {
        all.push(Box::new(|file| {
            rustix::io::write(file, word.as_bytes()).map(drop)
        }));
    }
    for number in node.ioctls {
        // A string, a number, and the address and length of a buffer, all in one.
        let page = LowMemory::new().expect("a page");
        let buffer = [page.at(64).get() as u64, 8].map(u64::to_le_bytes);
        page.write(buffer.as_flattened());
        all.push(Box::new(move |file| {
            raw::ioctl(file.as_fd(), *number, page.address()).map(drop)
        }));
    }
    all
}

/// Whether an operation did what it can: what there was to read may have been read before, and what
/// was asked for may still be under way, or taken back.
fn is_served(result: &Result<(), Errno>) -> bool {
    matches!(
        result,
        Ok(()) | Err(Errno::AGAIN | Errno::BUSY | Errno::NOENT)
    )
}

/// The ways to open a node that work.
fn open(node: &Node) -> Vec<OFlags> {
    let ways = [OFlags::RDONLY, OFlags::WRONLY, OFlags::RDWR];
    let ways = ways.map(|it| it | OFlags::NONBLOCK);
    ways.into_iter()
        .filter(|it| node.open(*it).is_ok())
        .collect()
}

/// The file that a module reads or writes.
struct Document(Tmpfs);

impl Document {
    const NAME: &str = "hello";
    const FIRMWARE: &str = "/sys/module/firmware_class/parameters/path";

    fn new() -> Self {
        let disk = Tmpfs::ramfs("faults");
        // What is asked for as firmware is here, too. Not every kernel has it.
        let _ = fs::write(Self::FIRMWARE, disk.path().as_os_str().as_bytes());
        Self(disk)
    }

    fn path(&self) -> String {
        self.0.file(Self::NAME)
    }

    /// None of its pages is in memory afterwards. While it is read as firmware, it cannot be
    /// written.
    fn renew(&self) {
        wait_until("nobody to read the file", || {
            let file = File::create(self.path());
            file.and_then(|it| it.set_len(3 << 12)).is_ok()
        });
    }
}

impl Drop for Document {
    fn drop(&mut self) {
        let _ = fs::write(Self::FIRMWARE, "\n");
    }
}

fn every_operation_fails(subject: &Subject, fault: Fault, expected: Errno) {
    let document = Document::new();
    document.renew();
    let before = Footprint::now();
    let module = subject.load_on(&document.path());
    let injector = Injector::new(fault, Scope::Below(subject.code()));
    let check = |what: &str, n, result: Result<(), Errno>| {
        let ok = is_served(&result) || result == Err(expected);
        assert!(
            ok,
            "{}: {what} with failure {n}: {result:?}",
            subject.module
        );
    };
    for node in subject.nodes {
        for flags in open(node) {
            sweep(
                subject,
                &injector,
                || {
                    document.renew();
                    node.open(flags)
                },
                |n, result| {
                    check("open", n, result.map(drop));
                    node.open(flags).expect("the retry works");
                },
            );
            for operation in operations(node) {
                let fresh = || node.open(flags).expect("it opens");
                // What it cannot do, and what it does not do for the asking, cannot fail either.
                if operation(&fresh()).is_err() {
                    continue;
                }
                for n in 1..LIMIT {
                    let file = fresh();
                    document.renew();
                    let (result, injected) = injector.fail(n, || operation(&file));
                    check(node.path, n, result);
                    drop(file);
                    let retry = operation(&fresh());
                    assert!(is_served(&retry), "{}: the retry: {retry:?}", node.path);
                    if !injected {
                        break;
                    }
                    tally::add(subject.module, Column::Faults, 1);
                }
            }
        }
    }
    drop(injector);
    module.unload().expect("nobody has it open");
    before.check(subject.module);
}

/// Calls `test` for each module, where the kernel can have things fail.
fn for_each_subject(test: impl Fn(&Subject)) {
    match faults::missing() {
        None => {
            let mut progress = Progress::new("modules");
            for (n, subject) in subjects().enumerate() {
                progress.tell(n, subjects().count());
                test(subject);
            }
        }
        Some(why) => skip(why),
    }
}

#[test]
fn a_load_that_runs_out_of_memory_leaves_nothing_behind() {
    let all = std::env::var("LKMPG_FAULTS").is_ok_and(|it| it == "all");
    let scope = LazyCell::new(|| match all {
        true => Scope::All,
        false => Scope::Below(faults::function("do_one_initcall")),
    });
    for_each_subject(|subject| {
        every_load_fails(subject, *scope);
    });
}

#[test]
fn an_operation_that_runs_out_of_memory_says_so() {
    for_each_subject(|subject| {
        every_operation_fails(subject, Fault::Allocation, Errno::NOMEM);
    });
}

#[test]
fn an_operation_whose_copy_fails_says_so() {
    for_each_subject(|subject| {
        every_operation_fails(subject, Fault::UserCopy, Errno::FAULT);
    });
}

#[test]
fn an_operation_whose_file_cannot_be_read_says_so() {
    for_each_subject(|subject| {
        every_operation_fails(subject, Fault::FilePage, Errno::IO);
    });
}
