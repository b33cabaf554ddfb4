// SPDX-License-Identifier: GPL-2.0-only

//! A user who tries everything: random system calls on a node, which a seed determines.

use crate::{
    BadMemory, Node, Progress, Subject, setting, some,
    subjects::{WORDS, subjects},
    tally,
};
use lkm::{
    hostile::{Window, read_vector, tell, write_vector},
    memory::{Address, is_nobodys},
    raw::{self, LowMemory},
};
use rustix::{
    buffer::spare_capacity,
    event::{PollFd, PollFlags, Timespec, epoll, poll},
    fs::{
        Advice, FallocateFlags, FlockOperation, MemfdFlags, OFlags, SeekFrom, copy_file_range,
        fadvise, fallocate, fcntl_setfl, flock, fstat, fsync, ftruncate, memfd_create, seek,
        sendfile,
    },
    io::{Errno, pread, pwrite},
    mm::{MapFlags, ProtFlags},
    pipe::{PipeFlags, SpliceFlags, pipe_with, splice},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env,
    fmt::Debug,
    num::NonZero,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How long a call may sleep: then a signal ends it.
const PATIENCE: Duration = Duration::from_millis(3);
/// How many files one user has open at most.
const FILES: usize = 3;
/// The size of what can be read and written.
const PAGE: usize = 4096;
/// `O_ASYNC`.
const ASYNC: OFlags = OFlags::from_bits_retain(0o20000);

// Ioctls that any file may have.
const FIBMAP: u32 = 1;
const FIGETBSZ: u32 = 2;
const TCGETS: u32 = 0x5401;
const FIONREAD: u32 = 0x541b;
const FIOASYNC: u32 = 0x5452;

/// Numbers that look random, and are the same for the same seed.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// Starts with a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number (SplitMix64).
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut n = self.0;
        n = (n ^ n >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ n >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ n >> 31
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.number() % limit as u64) as usize
    }

    /// One of several.
    pub fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }

    /// A place in a file, of which many are near an end.
    fn position(&mut self) -> u64 {
        let ends = [0, PAGE as u64, 1 << 31, 1 << 32, i64::MAX as u64, u64::MAX];
        match self.below(4) {
            0 => self.size(),
            _ => self
                .pick(&ends)
                .wrapping_add(self.number() % 33)
                .wrapping_sub(16),
        }
    }

    /// A number of the kind that is likely to go wrong.
    fn size(&mut self) -> u64 {
        match self.below(4) {
            0 => self.number(),
            1 => (1u64 << self.below(64)).wrapping_sub(self.number() & 1),
            _ => self.number() % 300,
        }
    }
}

/// The seed of this run: `LKMPG_SEED`, or a new one. It is printed.
pub fn seed(test: &str) -> u64 {
    let given = setting("LKMPG_SEED", "a number");
    let seed = given.unwrap_or_else(|| {
        let time = std::time::SystemTime::UNIX_EPOCH.elapsed();
        time.map_or(0, |it| it.as_nanos() as u64 & 0xffff_ffff)
    });
    // Into the kernel's log, too, where it stands before a splat.
    let line = format!("{test}: LKMPG_SEED={seed}");
    println!("{line}");
    std::fs::write("/dev/kmsg", &line).expect("/dev/kmsg");
    seed
}

/// A node, and what can be done with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Target {
    module: String,
    node: Node,
    words: Vec<String>,
    ioctls: Vec<u32>,
}

/// The nodes of all modules under test. That there is none is counted.
pub fn targets() -> Vec<Target> {
    let of = |subject: &'static Subject| {
        let target = |node: &Node| Target {
            module: subject.module.clone(),
            node: node.clone(),
            words: words(subject).map(str::to_owned).collect(),
            ioctls: subject.said.ioctls.clone(),
        };
        subject.nodes.iter().map(target).collect::<Vec<_>>()
    };
    some("node", subjects().iter().flat_map(of))
}

/// What is understood, and what is not.
fn words(subject: &Subject) -> impl Iterator<Item = &str> {
    let undo = subject.said.undo.values().map(|it| &**it);
    WORDS.iter().copied().chain(subject.words()).chain(undo)
}

/// A user of one node.
struct User<'a> {
    target: &'a Target,
    words: Vec<Vec<u8>>,
    random: Random,
    files: Vec<OwnedFd>,
    bad: BadMemory,
    page: LowMemory,
    /// Whether what is written has to be there, all of it: docs/upstream.md, of riscv64.
    is_careful: bool,
    /// What can be moved from and to a file without being looked at.
    pipe: (OwnedFd, OwnedFd),
    other: OwnedFd,
}

impl<'a> User<'a> {
    /// A user who has not opened anything yet.
    fn new(target: &'a Target, random: Random) -> Self {
        let say = target.node.language();
        let words = target.words.iter();
        let words = words.flat_map(|it| [say(it), it.as_bytes().to_vec()]);
        Self {
            target,
            words: words.collect(),
            random,
            files: Vec::new(),
            bad: BadMemory::new(),
            page: LowMemory::new().expect("a page"),
            is_careful: cfg!(target_arch = "riscv64") && target.node.is_disk(),
            pipe: pipe_with(PipeFlags::NONBLOCK).expect("a pipe"),
            other: memfd_create("other", MemfdFlags::empty()).expect("a file"),
        }
    }

    /// Makes a system call. Returns whether there is anything to call.
    fn act(&mut self) -> bool {
        if self.files.is_empty() {
            return self.open();
        }
        let at = self.random.below(self.files.len());
        let choice = self.random.below(50);
        let random = &mut self.random;
        let file = &self.files[at];
        let fd = file.as_fd();
        match choice {
            0 if self.files.len() < FILES => return self.open(),
            0 | 1 => drop(self.files.swap_remove(at)),
            2..8 => {
                let (address, length) = place(random, &self.page, &self.bad);
                ignore(raw::read(fd, address, length));
            }
            8..11 => {
                let (address, length) = source(random, &self.page, &self.bad, self.is_careful);
                ignore(raw::write(fd, address, length));
            }
            11..14 => {
                let word = random.pick(&self.words);
                ignore(rustix::io::write(fd, &word));
            }
            14..17 => {
                let by = random.position();
                let to = random.pick(&[
                    SeekFrom::Start(by),
                    SeekFrom::Current(by as i64),
                    SeekFrom::End(by as i64),
                    SeekFrom::Start(0),
                    SeekFrom::Data(by),
                ]);
                ignore(seek(fd, to));
            }
            17..24 => {
                self.fill_page();
                self.ioctl(at);
            }
            24 => {
                let wanted = random.pick(&[PollFlags::IN, PollFlags::OUT, PollFlags::PRI]);
                let time = Timespec {
                    tv_sec: 0,
                    tv_nsec: random.pick(&[0, 1, 500_000]),
                };
                ignore(poll(&mut [PollFd::new(&fd, wanted)], Some(&time)));
            }
            25 => ignore(epoll(fd)),
            26 => {
                let flags = random.pick(&[OFlags::NONBLOCK, OFlags::empty(), OFlags::APPEND]);
                ignore(fcntl_setfl(fd, flags));
            }
            27 => ignore(ftruncate(fd, random.size())),
            28 => ignore(fsync(fd)),
            29 => ignore(fstat(fd)),
            30 => ignore(rustix::io::dup(fd)),
            31..34 => {
                let (at, mut bytes) = (random.position(), [0; 16]);
                let length = random.below(17);
                match random.below(2) {
                    0 => ignore(pread(fd, &mut bytes[..length], at)),
                    _ => ignore(pwrite(fd, &bytes[..length], at)),
                }
            }
            34..37 => {
                let count = random.pick(&[0, 1, 2, 3, 8, 64, 1023, 1024, 1025]);
                let some = [(); 4].map(|()| place(random, &self.page, &self.bad));
                let segments: Vec<_> = some.into_iter().cycle().take(count).collect();
                // -1 is where the file is.
                let at = random.position() as i64;
                let at = random.pick(&[-1, -1, 0, at]);
                let flags = random.pick(&[0, 0, 0, 1, 8, 16, 1 << 30]);
                match random.below(2) {
                    _ if self.is_careful => ignore(read_vector(fd, &segments, at, flags)),
                    0 => ignore(read_vector(fd, &segments, at, flags)),
                    _ => ignore(write_vector(fd, &segments, at, flags)),
                }
            }
            37..40 => self.move_bytes(at),
            40..44 => self.map(at),
            44 => {
                // Signals when something happens; to us, and nobody. Group 1 has the test in it.
                let flags = random.pick(&[ASYNC, ASYNC | OFlags::NONBLOCK, OFlags::empty()]);
                ignore(tell(
                    fd,
                    random.pick(&[std::process::id() as i32, 0, i32::MIN]),
                ));
                ignore(fcntl_setfl(fd, flags));
            }
            45 => {
                let (at, length) = (random.position(), NonZero::new(random.size()));
                let advice = random.pick(&[Advice::Normal, Advice::WillNeed, Advice::DontNeed]);
                ignore(fadvise(fd, at, length, advice));
            }
            46 => {
                let mode = random.pick(&[0, 1, 3, 8, 0x10, 0x20]);
                let mode = FallocateFlags::from_bits_retain(mode);
                ignore(fallocate(fd, mode, random.position(), random.size()));
            }
            47 => ignore(flock(fd, FlockOperation::NonBlockingLockExclusive)),
            _ => self.fill_page(),
        }
        true
    }

    /// Moves bytes between files, in the kernel.
    fn move_bytes(&mut self, at: usize) {
        let random = &mut self.random;
        let fd = &self.files[at];
        let length = random.pick(&[0, 1, PAGE, 1 << 20, usize::MAX]);
        let mut position = random.position();
        let position = random.pick(&[0, 1]).eq(&1).then_some(&mut position);
        let (reader, writer) = &self.pipe;
        match random.below(6) {
            0 => ignore(sendfile(&self.other, fd, position, length)),
            1 => ignore(sendfile(fd, &self.other, position, length)),
            2 => ignore(copy_file_range(fd, position, &self.other, None, length)),
            3 => ignore(copy_file_range(&self.other, None, fd, position, length)),
            4 => ignore(splice(
                fd,
                position,
                writer,
                None,
                length,
                SpliceFlags::NONBLOCK,
            )),
            _ => {
                ignore(rustix::io::write(writer, b"through a pipe"));
                ignore(splice(
                    reader,
                    None,
                    fd,
                    position,
                    length,
                    SpliceFlags::NONBLOCK,
                ));
            }
        }
    }

    /// Maps a file, and reads and writes what is there.
    fn map(&mut self, at: usize) {
        let random = &mut self.random;
        let fd = self.files[at].as_fd();
        let both = ProtFlags::READ | ProtFlags::WRITE;
        let prot = random.pick(&[both, ProtFlags::READ, ProtFlags::READ | ProtFlags::EXEC]);
        let flags = random.pick(&[MapFlags::SHARED, MapFlags::SHARED, MapFlags::PRIVATE]);
        let pages = match random.below(3) {
            0 => random.below(20),
            _ => 1 << random.below(11),
        };
        let first = match random.below(4) {
            0 => random.position() as usize / PAGE,
            1 => random.below(4),
            _ => pages * random.below(20),
        };
        let offset = (first as u64).wrapping_mul(PAGE as u64);
        let Ok(mut window) = Window::new(fd, offset, pages * PAGE, prot, flags) else {
            return;
        };
        let mut pages = pages;
        if random.below(4) == 0 {
            let more = random.pick(&[1, pages + 1, 2 * pages]);
            pages = window.resize(more * PAGE).map_or(pages, |()| more);
        }
        for _ in 0..8 {
            let byte = random.below(pages * PAGE);
            ignore(window.get(byte));
            if prot == both {
                ignore(window.set(byte, random.number() as u8));
            }
        }
    }

    fn open(&mut self) -> bool {
        let flags = self.random.pick(&[
            OFlags::RDONLY,
            OFlags::RDWR,
            OFlags::RDWR,
            OFlags::WRONLY,
            OFlags::RDONLY | OFlags::NONBLOCK,
            OFlags::RDWR | OFlags::NONBLOCK,
            OFlags::RDWR | OFlags::TRUNC | OFlags::APPEND,
            OFlags::WRONLY | OFlags::EXCL,
            OFlags::RDONLY | OFlags::DIRECTORY,
            OFlags::PATH,
        ]);
        let opened = self.target.node.open(flags);
        let there = !matches!(opened, Err(Errno::NOENT | Errno::PROTONOSUPPORT));
        self.files.extend(opened);
        there
    }

    /// Arguments of ioctls: words of which each may be an address of nobody, or a number.
    fn fill_page(&mut self) {
        let random = &mut self.random;
        let mut bytes = Vec::new();
        for _ in 0..8 {
            let (address, length) = place(random, &self.page, &self.bad);
            bytes.extend((address.get() as u64).to_le_bytes());
            let length = Some(length as u64).filter(|it| is_nobodys(*it));
            bytes.extend(length.unwrap_or(0).to_le_bytes());
        }
        self.page.write(&bytes);
    }

    fn ioctl(&mut self, at: usize) {
        let random = &mut self.random;
        let number = match random.below(8) {
            0 => {
                let any = random.number() as u32;
                random.pick(&[any, FIONREAD, FIOASYNC, TCGETS, FIGETBSZ, FIBMAP])
            }
            // The number of none, but close to one.
            1 => {
                let near = random.pick(&[0x6400, 0x5401, 0x5421, 0x6660]);
                near ^ 1 << random.below(32)
            }
            _ if self.target.ioctls.is_empty() => return ignore(fstat(&self.files[at])),
            _ => random.pick(&self.target.ioctls),
        };
        let fd = self.files[at].as_fd();
        let argument = match random.below(3) {
            0 => (random.size() as u16 as i16).into(),
            _ => place(random, &self.page, &self.bad).0,
        };
        #[cfg(target_arch = "x86_64")]
        if random.below(4) == 0 {
            // A 32-bit process has no other addresses.
            let argument = self.page.at(random.below(PAGE / 16) * 8);
            return ignore(raw::compat_ioctl(fd, number, argument));
        }
        ignore(raw::ioctl(fd, number, argument));
    }
}

/// Memory to read from, or to write to: some of it ours, most of it not.
fn place<'a>(random: &mut Random, page: &'a LowMemory, bad: &'a BadMemory) -> (Address<'a>, usize) {
    match random.below(4) {
        0 => (random.pick(&bad.unwritable()).1, random.size() as usize),
        1 => (bad.edge().0, random.size() as usize),
        _ => ours(random, page),
    }
}

/// Memory to write from.
fn source<'a>(
    random: &mut Random,
    page: &'a LowMemory,
    bad: &'a BadMemory,
    is_careful: bool,
) -> (Address<'a>, usize) {
    match is_careful {
        true => ours(random, page),
        false => place(random, page, bad),
    }
}

fn ours<'a>(random: &mut Random, page: &'a LowMemory) -> (Address<'a>, usize) {
    // An ioctl that knows no length writes less than the other half.
    let offset = random.below(PAGE / 16) * 8;
    let length = random.size() as usize % (PAGE / 2);
    (page.at(offset), length)
}

fn epoll(fd: BorrowedFd<'_>) -> Result<usize, Errno> {
    let all = epoll::create(epoll::CreateFlags::empty())?;
    let wanted = epoll::EventFlags::IN | epoll::EventFlags::ET;
    epoll::add(&all, fd, epoll::EventData::new_u64(0), wanted)?;
    let mut events = Vec::with_capacity(1);
    let now = Timespec::default();
    epoll::wait(&all, spare_capacity(&mut events), Some(&now))
}

/// What the kernel makes of it is its own business, as long as it survives.
fn ignore<T: Debug, E: Debug>(result: Result<T, E>) {
    drop(result);
}

/// What a process of users does.
#[derive(Serialize, Deserialize)]
struct Plan {
    seed: u64,
    /// How many calls to make on each node, one after the other. If nothing is said, it goes from one
    /// to another for ever.
    calls: Option<usize>,
    targets: Vec<Target>,
}

const PLAN: &str = "LKMPG_PLAN";

/// Starts a process that makes `calls` on each of the targets, as `seed` says; or that goes from one
/// to another for ever.
///
/// The process is the caller's own binary again, with the test `user`, which has to call [`run`].
pub fn start(targets: &[Target], seed: u64, calls: Option<usize>) -> Child {
    let mut command = Command::new(env::current_exe().expect("the test"));
    command.args([
        "--exact",
        "user",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    let targets = targets.to_vec();
    let plan = Plan {
        seed,
        calls,
        targets,
    };
    command.env(PLAN, serde_json::to_string(&plan).expect("JSON"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().expect("a process")
}

/// Is such a process.
pub fn run() {
    let plan = env::var(PLAN).expect("a plan: this is no test by itself");
    let plan: Plan = serde_json::from_str(&plan).expect("a plan");
    let mut random = Random::new(plan.seed);
    raw::interrupt_every(PATIENCE);
    match plan.calls {
        None => wander(&plan.targets, &mut random),
        Some(calls) => work_through(&plan.targets, &mut random, calls),
    }
}

fn work_through(targets: &[Target], random: &mut Random, calls: usize) {
    let mut progress = Progress::new("nodes");
    for (n, target) in targets.iter().enumerate() {
        let mut user = User::new(target, Random::new(random.number()));
        let made = (0..calls).filter(|_| user.act()).count();
        assert_eq!(made, calls, "{} is not there", target.node.path);
        tally::add(&target.module, tally::Column::Operations, made as u64);
        progress.tell(n + 1, targets.len());
    }
}

/// Goes from node to node, until somebody kills the process.
fn wander(targets: &[Target], random: &mut Random) {
    let mut made = BTreeMap::<_, u64>::new();
    loop {
        for _ in 0..64 {
            let target = &targets[random.below(targets.len())];
            let mut user = User::new(target, Random::new(random.number()));
            let calls = random.below(24);
            let count = (0..calls).take_while(|_| user.act()).count();
            *made.entry(&target.module).or_default() += count as u64;
        }
        for (module, count) in std::mem::take(&mut made) {
            tally::add(module, tally::Column::Operations, count);
        }
    }
}
