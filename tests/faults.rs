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
    Footprint, Module, Node, Progress, Said, Subject, Tmpfs, are_somebodys,
    faults::{self, Fault, Injector, Scope},
    module_file, only, skip, subjects,
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
    env,
    ffi::CString,
    fs::{self, File},
    os::{
        fd::{AsFd as _, OwnedFd},
        unix::{ffi::OsStrExt as _, fs::FileTypeExt as _},
    },
};

/// More calls that can fail than any operation makes.
const LIMIT: u32 = 10_000;

/// What came of the failures of one operation.
#[derive(Debug, Default)]
struct Swept {
    /// How many there were.
    injected: u32,
    /// How many of them had the operation fail. The kernel does without some of what it asks for.
    failed: u32,
}

/// Has each call of `operation` that can fail do so, one at a time. `after` gets what came of it,
/// with the number of the failure, or none if nothing failed, and says whether all is done.
fn sweep<P, T>(
    subject: &Subject,
    injector: &Injector,
    prepare: impl Fn() -> P,
    operation: impl Fn(&P) -> Result<T, Errno>,
    mut after: impl FnMut(Option<u32>, Result<T, Errno>) -> bool,
) -> Swept {
    let mut swept = Swept::default();
    let (mut n, mut is_again) = (1, false);
    while n < LIMIT {
        let with = prepare();
        let (result, injected) = injector.fail(n, || operation(&with));
        drop(with);
        if !injected {
            after(None, result);
            return swept;
        }
        let is_done = after(Some(n), result);
        swept.injected += 1;
        swept.failed += u32::from(!is_done);
        tally::add(&subject.module, Column::Faults, 1);
        // What the kernel did without it may have wanted this once, as room for a new stack trace.
        // Without that, the n-th is another.
        is_again = is_done && !is_again;
        n += u32::from(!is_again);
    }
    panic!("{}: there is no end to it", subject.module);
}

fn every_load_fails(subject: &Subject, scope: Scope) -> Swept {
    let module = &subject.module;
    let _needs = Module::load_needs(module).expect(module);
    let before = Footprint::now();
    let file = File::open(module_file(module)).expect("the module");
    let parameters = CString::new(subject.said.parameters.join(" ")).expect("no NUL");
    let injector = Injector::new(Fault::Allocation, scope);
    let load = |_: &()| finit_module(&file, &parameters, 0);
    // It takes longer than the load.
    let is_checked_each_time = only().is_some();
    let swept = sweep(
        subject,
        &injector,
        || (),
        load,
        |n, result| {
            // A driver whose probe fails is loaded all the same, and its nodes are not there.
            let is_done = match result {
                Ok(()) => {
                    let is_whole = subject.is_whole();
                    Module::adopt(module).unload().expect("unload");
                    is_whole
                }
                Err(error) => {
                    let may = subject.may_refuse(error);
                    assert!(may, "{module}: failure {n:?}: {error:?}");
                    false
                }
            };
            assert!(
                is_done || n.is_some(),
                "{module}: does not load: {result:?}"
            );
            if !is_done {
                remove_misplaced_nodes();
                if is_checked_each_time {
                    before.check(&format!(
                        "{module}, of which failure {n:?} stopped the load,"
                    ));
                }
            }
            is_done
        },
    );
    before.check(&format!(
        "{module}, of which {} failures stopped the load (LKMPG_SUBJECT={module} tells which),",
        swept.failed
    ));
    // There is no node without memory, but for parameters: those are the loader's.
    let is_own = |it: &Node| !it.path.starts_with("/sys/module/");
    let least = u32::from(subject.nodes.iter().any(is_own));
    assert!(swept.failed >= least, "{module}: nothing failed: {swept:?}");
    swept
}

/// Without memory for the name of its folder, devtmpfs puts the node of an input device beside it, and
/// does not find it there when the device goes.
fn remove_misplaced_nodes() {
    for entry in fs::read_dir("/dev").expect("/dev").flatten() {
        if entry.file_name().to_string_lossy().starts_with("event") {
            fs::remove_file(entry.path()).expect("a node");
        }
    }
}

/// Returns how many bytes it moved.
type Call<'a> = Box<dyn Fn(&OwnedFd) -> Result<usize, Errno> + 'a>;

/// Something that a user does with an open file.
struct Operation<'a> {
    name: String,
    call: Call<'a>,
    /// Written before.
    undo: Option<Vec<u8>>,
}

impl<'a> Operation<'a> {
    fn new(name: impl Into<String>, call: impl Fn(&OwnedFd) -> Result<usize, Errno> + 'a) -> Self {
        Self {
            name: name.into(),
            call: Box::new(call),
            undo: None,
        }
    }

    /// Has it do something, which it may have done before.
    fn renew(&self, file: &OwnedFd) {
        if let Some(bytes) = &self.undo {
            let result = rustix::io::write(file, bytes);
            assert!(is_served(&result), "undo {}: {result:?}", self.name);
        }
    }

    /// What comes of it when nothing fails.
    fn works(&self, file: &OwnedFd) -> Result<usize, Errno> {
        self.renew(file);
        (self.call)(file)
    }
}

/// What must work with a node that was opened in some way. `is_served` says whether a
/// word is understood.
fn operations<'a>(
    subject: &'a Subject,
    node: &'a Node,
    way: OFlags,
    is_served: impl Fn(&Operation<'a>) -> bool,
) -> Vec<Operation<'a>> {
    let mut all = vec![Operation::new("poll", |file| {
        let now = Timespec::default();
        poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&now)).map(|_| 0)
    })];
    if way != OFlags::WRONLY && !subject.said.unreadable {
        all.push(Operation::new("read", |file| {
            rustix::io::read(file, &mut [0u8; 200])
        }));
    }
    let path = &node.path;
    // A character device's calls go through the hands of its module.
    let by_hand = fs::metadata(path).is_ok_and(|it| it.file_type().is_char_device());
    let ioctls = subject.said.ioctls.iter().filter(|_| by_hand);
    for number in ioctls {
        // A string and the address and length of a buffer in one, or zeroes, or the number 0.
        let name = format!("ioctl {number:#x}");
        let with_page = |is_zero: bool| {
            let page = LowMemory::new().expect("a page");
            Operation::new(&*name, move |file| {
                let buffer = if is_zero {
                    [0; 2]
                } else {
                    [page.at(64).get() as u64, 8]
                };
                page.write(buffer.map(u64::to_le_bytes).as_flattened());
                raw::ioctl(file.as_fd(), *number, page.address()).map(|_| 0)
            })
        };
        let with_number = Operation::new(&*name, |file| {
            raw::ioctl(file.as_fd(), *number, 0.into()).map(|_| 0)
        });
        let with = [with_page(false), with_page(true), with_number];
        let works = with.into_iter().find(|it| is_served(it));
        all.push(works.unwrap_or_else(|| panic!("{path} refuses {name}")));
    }
    if way != OFlags::RDONLY {
        let say = node.language();
        let words = subject.words().into_iter().map(|word| {
            let bytes = say(word);
            let write = move |file: &OwnedFd| rustix::io::write(file, &bytes);
            Operation {
                undo: subject.undo(word).map(&say),
                ..Operation::new(format!("write {word:?}"), write)
            }
        });
        let words: Vec<_> = words.filter(|it| is_served(it)).collect();
        let none = subject.words().is_empty();
        assert!(
            none || !words.is_empty(),
            "{path} takes no word: see gates.toml"
        );
        all.extend(words);
    }
    all
}

/// Whether an operation did what it can: what there was to read may have been read before, and what
/// was asked for may still be under way, or taken back.
fn is_served<T>(result: &Result<T, Errno>) -> bool {
    matches!(
        result,
        Ok(_) | Err(Errno::AGAIN | Errno::BUSY | Errno::NOENT)
    )
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

/// Returns what came of each operation, by its name.
fn every_operation_fails(subject: &Subject, fault: Fault, expected: Errno) -> Vec<(String, Swept)> {
    let document = Document::new();
    document.renew();
    let before = Footprint::now();
    let module = subject.load_on(&document.path());
    let injector = Injector::new(fault, Scope::Below(module.code()));
    let mut all = Vec::new();
    for node in &subject.nodes {
        for way in node.ways() {
            let path = &node.path;
            let fresh = || {
                let file = node.open(way | OFlags::NONBLOCK);
                file.unwrap_or_else(|error| panic!("{path} does not open for {way:?}: {error}"))
            };
            // Works without a failure, fails as documented with one, and works again.
            let check = |what: &str, n: Option<u32>, result: Result<(), Errno>| {
                let ok = is_served(&result) || n.is_some() && result == Err(expected);
                let how = match n {
                    Some(n) => format!("with failure {n}"),
                    None => "though nothing fails (or say so: gates.toml)".to_owned(),
                };
                assert!(ok, "{path}: {what} {how}: {result:?}");
                result.is_ok()
            };
            let open = |_: &()| node.open(way | OFlags::NONBLOCK);
            sweep(
                subject,
                &injector,
                || document.renew(),
                open,
                |n, result| {
                    let is_done = check("open", n, result.map(drop));
                    fresh();
                    is_done
                },
            );
            let works = |it: &Operation<'_>| is_served(&it.works(&fresh()));
            for operation in operations(subject, node, way, works) {
                let name = &operation.name;
                let mut moved = false;
                let prepare = || {
                    let file = fresh();
                    operation.renew(&file);
                    document.renew();
                    file
                };
                let swept = sweep(subject, &injector, prepare, &operation.call, |n, result| {
                    moved |= result.is_ok_and(|it| it > 0);
                    let is_done = check(name, n, result.map(drop));
                    let retry = operation.works(&fresh());
                    assert!(is_served(&retry), "{path}: {name}, again: {retry:?}");
                    is_done
                });
                // A character device's bytes go through the hands of its module.
                let by_hand = || fs::metadata(path).is_ok_and(|it| it.file_type().is_char_device());
                let copies = fault == Fault::UserCopy && moved && by_hand();
                assert!(
                    !copies || swept.failed > 0,
                    "{path}: {name}: no copy failed"
                );
                all.push((operation.name, swept));
            }
        }
    }
    drop(injector);
    module.unload().expect("nobody has it open");
    before.check(&subject.module);
    all
}

/// Calls `test` for each module, where the kernel can have things fail.
fn for_each_subject(test: impl Fn(&Subject)) {
    if let Some(why) = faults::missing() {
        return skip(why);
    }
    let mut progress = Progress::new("modules");
    for (n, subject) in subjects().iter().enumerate() {
        progress.tell(n, subjects().len());
        test(subject);
    }
}

#[test]
fn what_is_known_to_be_called_fails_exactly_as_often() {
    if let Some(why) = faults::missing() {
        return skip(why);
    }
    if are_somebodys() {
        return skip("the module that is known is not among these");
    }
    let before = Footprint::now();
    let known = Subject::new("known", Said::default(), &before);
    fail_exactly(vec![("a load", 3)], || {
        let failed = every_load_fails(&known, module_init()).failed;
        vec![("a load".to_owned(), failed)]
    });
    let said = Said {
        parameters: vec!["node=1".into()],
        words: Some(vec!["a word".into()]),
        ..Said::default()
    };
    let known = Subject::new("known", said, &before);
    for (fault, errno) in [
        (Fault::Allocation, Errno::NOMEM),
        (Fault::UserCopy, Errno::FAULT),
    ] {
        let (poll, read, write) = (("poll", 0), ("read", 2), ("write \"a word\"", 1));
        let ways = [&[poll, read][..], &[poll, write], &[poll, read, write]];
        fail_exactly(ways.concat(), || {
            let all = every_operation_fails(&known, fault, errno).into_iter();
            all.map(|(name, it)| (name, it.failed)).collect()
        });
    }
}

/// Compares how often each call failed. A slab that is full takes a page for what is asked of it, and does with a
/// smaller one. That is seen now and then: it counts as one call more, or stands for one that is not tried.
fn fail_exactly(expected: Vec<(&str, u32)>, mut sweep: impl FnMut() -> Vec<(String, u32)>) {
    let mut last = Vec::new();
    for _ in 0..5 {
        last = sweep();
        let failed: Vec<_> = last.iter().map(|(name, n)| (&**name, *n)).collect();
        if failed == expected {
            return;
        }
    }
    panic!("{last:?}, not {expected:?}, five times");
}

/// What a module calls when it loads, but for the loader.
fn module_init() -> Scope {
    Scope::Below(faults::function("do_one_initcall"))
}

#[test]
fn a_load_that_runs_out_of_memory_leaves_nothing_behind() {
    let all = match env::var("LKMPG_FAULTS").as_deref() {
        Ok("all") => true,
        Ok(other) => panic!("LKMPG_FAULTS={other}: it can be all, or not be"),
        Err(_) => false,
    };
    for_each_subject(|subject| {
        let scope = if all { Scope::All } else { module_init() };
        every_load_fails(subject, scope);
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
