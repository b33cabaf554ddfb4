// SPDX-License-Identifier: GPL-2.0-only

//! A user who tries everything: random system calls on a node, which a seed determines.

use crate::{BadMemory, Node, Progress, Subject, subjects, tally};
use lkm::{
    memory::Address,
    raw::{self, LowMemory},
};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{OFlags, SeekFrom, fcntl_setfl, fstat, fsync, ftruncate, seek},
    mm::{MapFlags, ProtFlags},
};
use std::{
    collections::BTreeMap,
    env,
    fmt::Debug,
    os::fd::{AsFd as _, OwnedFd},
    process::{Child, Command, Stdio},
    time::Duration,
};

/// How long a call may sleep: then a signal ends it.
const PATIENCE: Duration = Duration::from_millis(3);
/// How many files one user has open at most.
const FILES: usize = 3;
/// The size of what can be read and written.
const PAGE: usize = 4096;

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
    let given = env::var("LKMPG_SEED").ok();
    let given = given.map(|it| it.parse().expect("LKMPG_SEED is a number"));
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

/// A user of one node.
pub struct User {
    node: &'static Node,
    random: Random,
    files: Vec<OwnedFd>,
    bad: BadMemory,
    page: LowMemory,
}

impl User {
    /// A user who has not opened anything yet.
    pub fn new(node: &'static Node, random: Random) -> Self {
        Self {
            node,
            random,
            files: Vec::new(),
            bad: BadMemory::new(),
            page: LowMemory::new().expect("a page"),
        }
    }

    /// Makes a system call. Returns whether there is anything to call.
    pub fn act(&mut self) -> bool {
        if self.files.is_empty() {
            return self.open();
        }
        let at = self.random.below(self.files.len());
        let choice = self.random.below(32);
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
                let (address, length) = place(random, &self.page, &self.bad);
                ignore(raw::write(fd, address, length));
            }
            11..14 => ignore(rustix::io::write(
                fd,
                random.pick(self.node.words).as_bytes(),
            )),
            14..17 => {
                let by = random.size();
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
            25 => {
                let prot = random.pick(&[
                    ProtFlags::READ,
                    ProtFlags::WRITE,
                    ProtFlags::READ | ProtFlags::EXEC,
                ]);
                let flags = random.pick(&[MapFlags::SHARED, MapFlags::PRIVATE]);
                let (pages, at) = (random.pick(&[0, 1, 2, 17]), random.pick(&[0, 1, 1 << 20]));
                let page = PAGE as u64;
                ignore(raw::map(fd, pages * PAGE, prot, flags, at * page));
            }
            26 => {
                let flags = random.pick(&[OFlags::NONBLOCK, OFlags::empty(), OFlags::APPEND]);
                ignore(fcntl_setfl(fd, flags));
            }
            27 => ignore(ftruncate(fd, random.size())),
            28 => ignore(fsync(fd)),
            29 => ignore(fstat(fd)),
            30 => ignore(rustix::io::dup(fd)),
            _ => self.fill_page(),
        }
        true
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
        let opened = self.node.open(flags);
        let there = !matches!(
            opened,
            Err(rustix::io::Errno::NOENT | rustix::io::Errno::PROTONOSUPPORT)
        );
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
            bytes.extend((length as u64).to_le_bytes());
        }
        self.page.write(&bytes);
    }

    fn ioctl(&mut self, at: usize) {
        let random = &mut self.random;
        let number = match random.below(8) {
            0 => random.number() as u32,
            // The number of none, but close to one.
            1 => {
                let near = random.pick(&[0x6400, 0x5401, 0x5421, 0x6660]);
                near ^ 1 << random.below(32)
            }
            _ if self.node.ioctls.is_empty() => return ignore(fstat(&self.files[at])),
            _ => random.pick(self.node.ioctls),
        };
        let fd = self.files[at].as_fd();
        let argument = match random.below(3) {
            0 => (random.size() as u16 as i16).into(),
            _ => place(random, &self.page, &self.bad).0,
        };
        #[cfg(target_arch = "x86_64")]
        if random.below(4) == 0 {
            // A 32-bit process has no other addresses.
            let argument = self.page.at(random.below(PAGE / 2));
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
        _ => {
            // An ioctl that knows no length writes less than the other half.
            let offset = random.below(PAGE / 2);
            let length = random.size() as usize % (PAGE / 2);
            (page.at(offset), length)
        }
    }
}

/// What the kernel makes of it is its own business, as long as it survives.
fn ignore<T: Debug, E: Debug>(result: Result<T, E>) {
    drop(result);
}

/// What a process of users does; see [`start`].
const PLAN: &str = "LKMPG_PLAN";

/// Starts a process that goes through the nodes of all modules and makes `calls` on each of them,
/// as `seed` says; or that picks one after the other for ever, with zero calls.
///
/// The process is the caller's own binary again, with the test `user`, which has to call [`run`].
pub fn start(seed: u64, calls: usize) -> Child {
    let mut command = Command::new(env::current_exe().expect("the test"));
    command.args([
        "--exact",
        "user",
        "--ignored",
        "--nocapture",
        "--test-threads=1",
    ]);
    command.env(PLAN, format!("{seed} {calls}"));
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().expect("a process")
}

/// Is such a process.
pub fn run() {
    let plan = env::var(PLAN).expect("a plan: this is no test by itself");
    let (seed, calls) = plan.split_once(' ').expect("two numbers");
    let seed = seed.parse().expect("a number");
    let mut random = Random::new(seed);
    raw::interrupt_every(PATIENCE);
    match calls.parse().expect("a number") {
        0 => wander(&mut random),
        calls => work_through(&mut random, calls),
    }
}

/// The nodes of all modules.
fn nodes() -> Vec<(&'static Subject, &'static Node)> {
    let of = |subject: &'static Subject| subject.nodes.iter().map(move |it| (subject, it));
    subjects().flat_map(of).collect()
}

fn work_through(random: &mut Random, calls: usize) {
    let nodes = nodes();
    let mut progress = Progress::new("nodes");
    for (n, (subject, node)) in nodes.iter().enumerate() {
        let mut user = User::new(node, Random::new(random.number()));
        let made = (0..calls).filter(|_| user.act()).count();
        tally::add(subject.module, tally::Column::Operations, made as u64);
        progress.tell(n + 1, nodes.len());
    }
}

/// Goes from node to node, until somebody kills the process.
fn wander(random: &mut Random) {
    let nodes = nodes();
    if nodes.is_empty() {
        return;
    }
    let mut made = BTreeMap::<_, u64>::new();
    loop {
        for _ in 0..64 {
            let (subject, node) = random.pick(&nodes);
            let mut user = User::new(node, Random::new(random.number()));
            let calls = random.below(24);
            let count = (0..calls).take_while(|_| user.act()).count();
            *made.entry(subject.module).or_default() += count as u64;
        }
        for (module, count) in std::mem::take(&mut made) {
            tally::add(module, tally::Column::Operations, count);
        }
    }
}
