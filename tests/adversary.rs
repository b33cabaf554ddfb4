// SPDX-License-Identifier: GPL-2.0-only

//! Modules in safe Rust that try to do harm: those of `tests/adversary`.
//!
//! Most of what is tested is that nothing happens: no splat, no hang, and the module unloads.

use lkm::{memory::Mapping, raw};
use lkmpg_tests::{
    Footprint, KernelLog, KernelSetting, LoadError, Module, Progress, errno_of, is_loaded,
    netlink::{Connection, FAMILY_ID, REQUEST, command, message},
    times, wait_until,
};
use netlink_sys::protocols::NETLINK_GENERIC;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags, SeekFrom, ftruncate, open, seek, sendfile},
    io::{Errno, pread, read, write},
    mount::{MountFlags, UnmountFlags, mount, unmount},
    termios::tcgetwinsize,
};
use std::{
    fs::{self, File},
    os::{
        fd::{AsFd as _, AsRawFd as _, OwnedFd},
        unix::process::ExitStatusExt as _,
    },
    path::Path,
    process::Command,
    sync::{
        Arc, Barrier, LazyLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

const FILES: [&str; 4] = [
    "/dev/answers",
    "/dev/answers_misc",
    "/proc/answers/node",
    "/sys/kernel/debug/answers/node",
];
const OPEN: &str = "/proc/answers/open";
const SHOW: &str = "/proc/answers/show";
const VALUE: &str = "/sys/kernel/answers/value";
const CONFIG: &str = "/sys/kernel/config/answers/value";
const FOLDER: &str = "/sys/kernel/config/answers/folder";
const BYTES: &str = "/sys/kernel/answers/bytes";

fn file(path: &str) -> OwnedFd {
    open(path, OFlags::RDWR, Mode::empty()).expect(path)
}

/// What all callbacks of the module `answers` answer from now on.
struct Answer(File);

impl Answer {
    fn new() -> Self {
        let mut options = File::options();
        Self(
            options
                .write(true)
                .open("/proc/answers/control")
                .expect("control"),
        )
    }

    fn set(&self, answer: &str) {
        let written = write(&self.0, answer.as_bytes());
        assert_eq!(written, Ok(answer.len()), "{answer}");
    }
}

type Call = fn(&OwnedFd) -> Result<(), Errno>;

/// What can be done with each of the files. Not at 0: `seq_file` first looks for where that is.
const CALLS: [(&str, Call); 3] = [
    ("write", |file| write(file, b"12345678").map(drop)),
    ("read", |file| pread(file, &mut [0; 8], 1).map(drop)),
    ("sendfile", |file| {
        static OUT: LazyLock<OwnedFd> = LazyLock::new(file_in_memory);
        sendfile(&*OUT, file, Some(&mut 1), 8).map(drop)
    }),
];

/// And with those that have all operations.
const MORE_CALLS: [(&str, Call); 2] = [
    ("ioctl", |file| tcgetwinsize(file).map(drop)),
    ("mmap", |file| {
        Mapping::new(file, 4096).map(drop).map_err(errno_of)
    }),
];

fn file_in_memory() -> OwnedFd {
    open("/tmp", OFlags::TMPFILE | OFlags::RDWR, Mode::RUSR).expect("a file in /tmp")
}

/// configfs, mounted.
struct Configfs;

const CONFIGFS: &str = "/sys/kernel/config";

impl Configfs {
    fn mount() -> Self {
        mount("none", CONFIGFS, "configfs", MountFlags::empty(), None).expect("mount");
        Self
    }
}

impl Drop for Configfs {
    fn drop(&mut self) {
        unmount(CONFIGFS, UnmountFlags::DETACH).expect("unmount");
    }
}

fn answers() -> (Module, Answer, Vec<(&'static str, OwnedFd)>) {
    let module = Module::load("answers", &[]).expect("the module loads");
    let paths = FILES.into_iter().chain([SHOW, VALUE, CONFIG, BYTES]);
    (
        module,
        Answer::new(),
        paths.map(|it| (it, file(it))).collect(),
    )
}

#[test]
fn any_error_can_be_returned() {
    let before = Footprint::now();
    let configfs = Configfs::mount();
    let (module, answer, files) = answers();
    let mut progress = Progress::new("errors");
    for number in 1..=4095 {
        progress.tell(number as usize, 4095);
        answer.set(&format!("-{number}"));
        let expected = match number {
            // Nobody sends a signal, so nobody would restart the call.
            512..=514 | 516 => Errno::INTR,
            515 => Errno::NOTTY,
            // The kernel's own.
            512.. => Errno::IO,
            _ => Errno::from_raw_os_error(number),
        };
        assert_eq!(
            open(OPEN, OFlags::RDWR, Mode::empty()).err(),
            Some(expected),
            "open"
        );
        let made = fs::create_dir(FOLDER).map_err(errno_of);
        assert_eq!(made, Err(expected), "mkdir");
        for (path, file) in &files {
            let more = MORE_CALLS.iter().filter(|_| FILES.contains(path));
            for (what, call) in CALLS.iter().chain(more) {
                let result = call(file).expect_err(what);
                let expected = match expected {
                    // Would be tried again for ever.
                    Errno::AGAIN if [SHOW, VALUE].contains(path) && *what != "write" => Errno::BUSY,
                    // The VFS does not splice from some of them, and takes this for a full pipe.
                    _ if *what == "sendfile" && result == Errno::INVAL => Errno::INVAL,
                    Errno::FAULT if *what == "sendfile" => Errno::AGAIN,
                    _ => expected,
                };
                assert_eq!(result, expected, "{what} {path}: {number}");
            }
        }
    }
    drop((files, answer));
    module.unload().expect("nobody uses it");
    drop(configfs);
    before.check("errors");
}

#[test]
fn any_count_can_be_returned() {
    let before = Footprint::now();
    let configfs = Configfs::mount();
    let (module, answer, files) = answers();
    let counts = [
        0,
        1,
        8,
        9,
        4096,
        i64::from(i32::MAX),
        i64::from(u32::MAX),
        i64::MAX - 1,
        i64::MAX,
    ];
    for count in counts {
        for skip in [false, true] {
            answer.set(&count.to_string());
            if skip {
                answer.set("skip");
            }
            let taken = count.min(8) as usize;
            for (path, file) in &files {
                let is_node = FILES.contains(path);
                // Where the last call left it, there may be nothing.
                seek(file, SeekFrom::Start(0)).expect(path);
                let written = write(file, b"12345678").expect(path);
                assert_eq!(
                    written,
                    if [VALUE, CONFIG].contains(path) || skip {
                        8
                    } else {
                        taken
                    },
                    "{path}"
                );
                let mut bytes = [b'-'; 8];
                let length = pread(file, &mut bytes, 0).expect(path);
                let shown: &[u8] = if is_node { b"" } else { b"shown" };
                assert_eq!(&bytes[..shown.len()], shown, "{path}");
                assert!(
                    bytes[shown.len()..].iter().all(|it| *it == b'-'),
                    "{path}: {bytes:?}"
                );
                assert_eq!(
                    length,
                    if is_node && skip { 8 } else { shown.len() },
                    "{path}"
                );
                if is_node {
                    let ioctl = tcgetwinsize(file).map(drop);
                    assert_eq!(
                        ioctl,
                        if count == 0 && !skip {
                            Ok(())
                        } else {
                            Err(Errno::IO)
                        }
                    );
                    // The module has long let go of the one page that is there.
                    let mapping = Mapping::new(file, 1 << 20).expect("mmap");
                    let mut bytes = [1; 4096];
                    mapping.read(0, &mut bytes);
                    assert_eq!(bytes, [0; 4096], "{path}");
                    drop(mapping);
                    let limit = Timespec {
                        tv_sec: 0,
                        tv_nsec: 0,
                    };
                    let mut fds = [PollFd::new(file, PollFlags::all())];
                    assert_eq!(poll(&mut fds, Some(&limit)), Ok(1), "{path}");
                    for to in [
                        SeekFrom::End(0),
                        SeekFrom::End(i64::MAX),
                        SeekFrom::End(i64::MIN),
                        SeekFrom::Data(0),
                        SeekFrom::Hole(0),
                        SeekFrom::Current(i64::MAX),
                    ] {
                        let _ = seek(file, to);
                        let _ = read(file, &mut bytes);
                    }
                }
            }
        }
    }
    drop((files, answer));
    module.unload().expect("nobody uses it");
    drop(configfs);
    before.check("counts");
}

#[test]
fn what_a_read_skips_is_no_old_memory() {
    let _configfs = Configfs::mount();
    let (_module, answer, _files) = answers();
    let node = file("/proc/answers/node");
    answer.set("skip");
    for _ in 0..16 {
        // Pages that were used, and are free now.
        fs::write("/tmp/used", vec![0xaa; 8 << 20]).expect("/tmp");
        fs::remove_file("/tmp/used").expect("/tmp");
        let out = file_in_memory();
        let length = sendfile(&out, &node, Some(&mut 0), 1 << 16).expect("sendfile");
        let mut bytes = vec![1; length];
        assert_eq!(pread(&out, &mut bytes, 0), Ok(length));
        assert!(length > 0 && bytes.iter().all(|it| *it == 0));
    }
}

#[test]
fn init_is_not_called_when_it_is_gone() {
    let module = Module::load("again", &[]).expect("the module loads");
    assert_eq!(
        fs::read_to_string("/proc/again").expect("show"),
        "Some(EBUSY)\n"
    );
    module.unload().expect("nobody uses it");
}

#[test]
fn a_string_that_is_given_again_leaves_the_first_as_it_is() {
    let module = Module::load("kept", &["port=one", "keep=1", "port=two"]).expect("as it was");
    let port = fs::read_to_string("/sys/module/kept/parameters/port");
    assert_eq!(port.expect("its file"), "two\n");
    module.unload().expect("nobody uses it");
    let (fits, too_long) = ("x".repeat(1024), "x".repeat(1025));
    drop(Module::load("kept", &[&format!("port={fits}")]).expect("it fits"));
    let result = Module::load("kept", &[&format!("port={too_long}")]);
    assert!(
        matches!(result, Err(LoadError::Refused(Errno::NOSPC))),
        "{result:?}"
    );
}

#[test]
fn a_subsystem_of_configfs_waits_for_what_is_in_it() {
    let before = Footprint::now();
    let configfs = Configfs::mount();
    let log = KernelLog::now();
    let folder = |name| Path::new("/sys/kernel/config/configs").join(name);
    let load = thread::spawn(|| Module::load("configs", &[]));
    log.wait_for("configs: The directory stays.");
    for (name, expected) in [("all", Errno::FBIG), ("none", Errno::ACCESS)] {
        let result = fs::read(folder(name)).map_err(errno_of);
        assert_eq!(result, Err(expected), "{name}");
    }
    let odd = fs::create_dir(folder("odd")).map_err(errno_of);
    assert_eq!(odd, Err(Errno::INTR));
    fs::create_dir(folder("one")).expect("mkdir");
    let inner = folder("one").join("inner");
    // It may have come too late.
    let inner_is_there = fs::create_dir(&inner).is_ok();
    log.wait_for("Waiting for the directories in /sys/kernel/config/configs");
    assert!(is_loaded("configs") && !load.is_finished());
    let late = fs::create_dir(folder("two")).map_err(errno_of);
    assert_eq!(late, Err(Errno::NODEV));
    if inner_is_there {
        fs::remove_dir(&inner).expect("rmdir");
    }
    fs::remove_dir(folder("one")).expect("rmdir");
    let result = load.join().expect("no panic");
    assert!(
        matches!(result, Err(LoadError::Refused(Errno::CANCELED))),
        "{result:?}"
    );
    drop(configfs);
    before.check("configfs");
}

/// Two who use a file at the same time, one of them with memory that is not there yet.
#[test]
fn nobody_waits_for_anothers_memory() {
    let late = Module::load("late", &[]).expect("the module loads");
    for (name, path) in [
        ("scull", "/dev/scull0"),
        ("scull_pipe", "/dev/scull_pipe"),
        ("scull_map", "/dev/scull_map"),
    ] {
        let module = Module::load(name, &[]).expect(name);
        let (one, two) = (file(path), file(path));
        for reads in [true, false] {
            let device = file("/dev/late");
            let memory = Mapping::writable(&device, 4096).expect("mmap");
            let mut waiting = [0];
            if reads {
                write(&one, b"here").expect(path);
                seek(&one, SeekFrom::Start(0))
                    .or_else(|errno| match errno {
                        Errno::SPIPE => Ok(0),
                        errno => Err(errno),
                    })
                    .expect(path);
            }
            // Nothing can be mapped while somebody waits for a page.
            let begin = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    begin.wait();
                    if reads {
                        raw::read(one.as_fd(), memory.address(0), 4)
                    } else {
                        raw::write(one.as_fd(), memory.address(0), 4)
                    }
                    .expect(path);
                });
                begin.wait();
                wait_until("the page to be missed", || {
                    read(&device, &mut waiting).is_ok() && waiting != [0]
                });
                write(&two, b"four").expect(path);
                write(&device, b"come").expect("come");
            });
            drop((memory, device));
        }
        drop((one, two));
        module.unload().expect("nobody uses it");
    }
    late.unload().expect("nobody uses it");
}

#[test]
fn a_load_that_fails_does_not_wait_for_itself() {
    let result = Module::load("failing", &["files=0"]);
    assert!(
        matches!(result, Err(LoadError::Refused(Errno::DEADLK))),
        "{result:?}"
    );
}

#[test]
fn a_load_that_fails_waits_for_those_who_use_the_module() {
    let paths = [
        "/dev/failing",
        "/sys/kernel/debug/failing/node",
        "/proc/failing",
        "/sys/kernel/failing/value",
    ];
    let before = Footprint::now();
    for count in 1..=paths.len() {
        let log = KernelLog::now();
        let load = thread::spawn(move || Module::load("failing", &[&format!("files={count}")]));
        let mut held = Vec::new();
        for path in &paths[..count] {
            wait_until(path, || File::open(path).map(|it| held.push(it)).is_ok());
        }
        for (path, file) in paths.iter().zip(&held) {
            assert_eq!(read(file, &mut [0; 4]), Ok(4), "{path}");
        }
        log.wait_for("Loading failing failed");
        assert!(is_loaded("failing") && !load.is_finished());
        for (path, file) in paths.iter().zip(&held) {
            let expected = match *path {
                "/proc/failing" => Err(Errno::IO),
                "/sys/kernel/failing/value" => Err(Errno::NODEV),
                _ => Ok(4),
            };
            assert_eq!(read(file, &mut [0; 4]), expected, "{path}");
        }
        // What is in /dev and debugfs is what it waits for, and one of them is enough.
        while held.len() > 1 {
            held.remove(held.len() - 1);
            assert!(!load.is_finished());
        }
        drop(held);
        let result = load.join().expect("no panic");
        assert!(
            matches!(result, Err(LoadError::Refused(Errno::CANCELED))),
            "{result:?}"
        );
        assert!(!is_loaded("failing"));
        before.check("a load that failed");
    }
}

const REGISTERED: [&str; 9] = [
    "/dev/adversary0",
    "/dev/adversary1",
    "/dev/adversary_misc",
    "/proc/adversary/node",
    "/proc/adversary/file",
    "/sys/kernel/debug/adversary/node",
    "/sys/kernel/debug/adversary/number",
    "/sys/kernel/debug/adversary/blob",
    "/sys/kernel/adversary/value",
];

/// Has the module `registrations` do one of its tricks.
fn trick(name: &str) {
    fs::write("/proc/registrations", name).expect(name);
}

#[test]
fn registrations_come_and_go() {
    let before = Footprint::now();
    let module = Module::load("registrations", &[]).expect("the module loads");
    for name in [
        "churn", "threads", "twice", "names", "notify", "modes", "numbers", "sizes",
    ] {
        trick(name);
    }
    module.unload().expect("nobody uses it");
    before.check("registrations");
}

#[test]
fn what_is_open_may_go() {
    let before = Footprint::now();
    let module = Module::load("registrations", &[]).expect("the module loads");
    let mut old = Vec::new();
    for _ in 0..3 {
        // Under the same names as those before, which are still open.
        trick("keep");
        let files = REGISTERED.map(|path| File::open(path).expect(path));
        trick("let go");
        for (path, file) in REGISTERED.iter().zip(&files) {
            let result = read(file, &mut [0; 4]);
            // These work for whoever has them open.
            if path.starts_with("/dev/") || path.ends_with("debug/adversary/node") {
                assert_eq!(result, Ok(4), "{path}");
            } else {
                assert!(
                    matches!(result, Err(Errno::IO | Errno::NODEV)),
                    "{path}: {result:?}"
                );
            }
            assert!(!Path::new(path).exists(), "{path}");
        }
        old.extend(files);
    }
    let module = module
        .unload()
        .expect_err("in use")
        .into_module(Errno::AGAIN);
    drop(old);
    module.unload().expect("nobody uses it");
    before.check("what was open");
}

/// Opens a device by an inode that knows it, whatever became of its node.
fn open_again(known: &OwnedFd) -> Result<OwnedFd, Errno> {
    let path = format!("/proc/self/fd/{}", known.as_raw_fd());
    open(path, OFlags::RDONLY, Mode::empty())
}

#[test]
fn a_device_that_is_gone_is_not_found_by_who_knows_it() {
    let before = Footprint::now();
    let _modprobe = KernelSetting::no_modprobe();
    let module = Module::load("registrations", &[]).expect("the module loads");
    trick("keep");
    let known = open("/dev/adversary0", OFlags::PATH, Mode::empty()).expect("a node");
    let file = open_again(&known).expect("the device");
    trick("let go");
    assert_eq!(open_again(&known).err(), Some(Errno::NXIO));
    drop(file);
    module.unload().expect("nobody uses it");
    assert_eq!(open_again(&known).err(), Some(Errno::NXIO));
    drop(known);
    before.check("a device");
}

#[test]
fn a_device_that_fails_to_load_is_not_found_by_who_knows_it() {
    let before = Footprint::now();
    let _modprobe = KernelSetting::no_modprobe();
    for _ in 0..times("LKMPG_ROUNDS", 3) {
        let load = thread::spawn(|| Module::load("failing", &["files=1"]));
        let mut known = None;
        wait_until("a node", || {
            known = open("/dev/failing", OFlags::PATH, Mode::empty()).ok();
            known.is_some()
        });
        let known = known.expect("a node");
        while !load.is_finished() {
            if let Ok(file) = open_again(&known) {
                let _ = read(&file, &mut [0; 4]);
            }
        }
        let result = load.join().expect("no panic");
        assert!(
            matches!(result, Err(LoadError::Refused(Errno::CANCELED))),
            "{result:?}"
        );
        assert_eq!(open_again(&known).err(), Some(Errno::NXIO));
    }
    before.check("a device that failed to load");
}

#[test]
fn a_number_is_not_taken_again_while_there_are_old_sockets() {
    let before = Footprint::now();
    let module = Module::load("registrations", &[]).expect("the module loads");
    trick("socket");
    let old = Connection::open(29).expect("a socket");
    trick("let go");
    let taken = fs::write("/proc/registrations", "socket").map_err(errno_of);
    assert_eq!(taken, Err(Errno::BUSY));
    drop(old);
    trick("socket");
    trick("let go");
    module.unload().expect("nobody uses it");
    before.check("netlink");
}

#[test]
fn who_waits_for_what_never_happens_can_be_killed() {
    let late = Module::load("late", &[]).expect("the module loads");
    for what in ["wait", "join"] {
        let script = format!("printf {what} >/dev/late");
        let waiter = Command::new("sh").args(["-c", &script]).spawn();
        let mut waiter = waiter.expect("a shell");
        let state = format!("/proc/{}/stat", waiter.id());
        wait_until("it to wait", || {
            fs::read_to_string(&state).is_ok_and(|it| it.contains(") D "))
        });
        waiter.kill().expect("kill");
        let status = waiter.wait().expect("its end");
        assert_eq!(status.signal(), Some(9), "{what}");
    }
    late.unload().expect("nobody uses it");
}

#[test]
fn the_kernel_copies_nothing_beyond_a_mapping() {
    let (zeros, file) = (file("/dev/zero"), file_in_memory());
    ftruncate(&file, 4096).expect("ftruncate");
    // Where the next one goes is below, mostly.
    let all: [Mapping; 8] = std::array::from_fn(|_| Mapping::writable(&file, 4096).expect("mmap"));
    for mapping in &all {
        assert_eq!(
            raw::read(zeros.as_fd(), mapping.address(96), 8192),
            Ok(4000)
        );
    }
}

#[test]
fn what_is_being_used_may_go() {
    let before = Footprint::now();
    let _modprobe = KernelSetting::no_modprobe();
    let module = Module::load("registrations", &[]).expect("the module loads");
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let uses = REGISTERED.map(|path| {
            let (count, done) = (Arc::new(AtomicUsize::new(0)), &done);
            let uses = count.clone();
            scope.spawn(move || {
                while !done.load(Relaxed) {
                    if let Ok(file) = File::open(path) {
                        let _ = read(&file, &mut [0; 4]);
                        count.fetch_add(1, Relaxed);
                    }
                }
            });
            uses
        });
        for _ in 0..times("LKMPG_ROUNDS", 10) {
            let seen = uses.each_ref().map(|it| it.load(Relaxed));
            trick("keep");
            wait_until("all to be used", || {
                uses.iter()
                    .zip(seen)
                    .all(|(it, seen)| it.load(Relaxed) > seen)
            });
            trick("let go");
        }
        done.store(true, Relaxed);
    });
    module.unload().expect("nobody uses it");
    before.check("what was being used");
}

#[test]
fn what_nobody_means_is_refused_by_relay_netlink_and_firmware() {
    let before = Footprint::now();
    for _ in 0..3 {
        let module = Module::load("channels", &[]).expect("the module loads");
        let family = Connection::open(NETLINK_GENERIC).expect("a socket");
        let id = family.family("channels")[&FAMILY_ID][..].try_into();
        let id = u16::from_ne_bytes(id.expect("two bytes"));
        let classic = Connection::open(30).expect("a socket");
        // As many answers as fit, and an errno that there is none of.
        for (socket, request) in [
            (&family, message(id, REQUEST, 2, &command(1, &[]))),
            (&classic, message(100, REQUEST, 2, &[])),
        ] {
            socket.send(&request).expect("send");
            assert!(!socket.drain().is_empty());
        }
        let log = KernelLog::now();
        let question = Path::new("/sys/class/firmware/image.bin");
        wait_until("the question", || question.join("data").exists());
        for (file, bytes) in [
            ("loading", &b"1"[..]),
            ("data", &[7; 5000]),
            ("loading", b"0"),
        ] {
            fs::write(question.join(file), bytes).expect(file);
        }
        log.wait_for("The image is gone.");
        drop((family, classic));
        module.unload().expect("nobody uses it");
    }
    before.check("relay, netlink and firmware");
}
