// SPDX-License-Identifier: GPL-2.0-only

//! Modules in safe Rust that try to do harm: those of `tests/adversary`.
//!
//! Most of what is tested is that nothing happens: no splat, no hang, and the module unloads.

use lkm::{memory::Mapping, raw};
use lkmpg_tests::{
    Configfs, Evdev, Footprint, GpioChip, KernelLog, KernelSetting, Keyboard, LoadError, Module,
    Tmpfs, as_user, errno_of, is_loaded,
    netlink::{Connection, FAMILY_ID, REQUEST, command, message},
    open_node, ready, skip, wait_until,
};
use netlink_sys::protocols::NETLINK_GENERIC;
use rustix::{
    event::PollFlags,
    fs::{CWD, FileType, Mode, OFlags, SeekFrom, ftruncate, mknodat, open, seek, sendfile},
    io::{Errno, pread, pwrite, read, write},
    pipe::{SpliceFlags, pipe, splice},
};
use std::{
    fs::{self, File, Permissions},
    io::Read as _,
    iter,
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::{
            fs::{PermissionsExt as _, chown, lchown, symlink},
            process::ExitStatusExt as _,
        },
    },
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

fn file(path: &str) -> File {
    open_node(path, OFlags::RDWR)
}

fn file_in_memory() -> File {
    let file = open("/tmp", OFlags::TMPFILE | OFlags::RDWR, Mode::RUSR);
    File::from(file.expect("a file in /tmp"))
}

/// Waits until nobody uses a module, as a thread may that drops something later.
fn wait_for_nobody(module: &str) {
    let users = || fs::read_to_string(format!("/sys/module/{module}/refcnt")).expect("its users");
    wait_until("nobody to use it", || users() == "0\n");
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
fn a_string_that_somebody_has_is_not_given_again() {
    let result = Module::load("kept", &["port=one", "keep=1", "port=two"]);
    assert!(
        matches!(result, Err(LoadError::Refused(Errno::BUSY))),
        "{result:?}"
    );
    drop(Module::load("kept", &["port=one", "keep=1"]).expect("as it was"));
    let module = Module::load("kept", &["port=one", "port=two"]).expect("nobody had it");
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

/// The same with two who share an open file.
#[test]
fn nobody_waits_for_the_memory_of_who_shares_a_file() {
    let late = Module::load("late", &[]).expect("the module loads");
    let chip = GpioChip::new("board", 2);
    let reads_too = |file: &File| assert_ne!(pread(file, &mut [0; 4], 0), Ok(0));
    let polls = |file: &File| {
        ready(file, PollFlags::IN, Some(Duration::ZERO));
    };
    let mut held_up = Vec::new();
    for (name, path, use_too) in [
        ("procfs_2", "/proc/rw_test", reads_too as fn(&File)),
        (
            "chan_relay",
            "/sys/kernel/debug/chan_relay/control",
            reads_too,
        ),
        ("gpio_button", "/dev/button", polls),
        #[cfg(target_arch = "x86_64")]
        ("intrpt", "/dev/scancode", polls),
    ] {
        if name == "intrpt" {
            // Until its driver has set it up, the keyboard sends other things.
            drop(Evdev::keyboard());
        }
        let module = Module::load(name, &[]).expect(name);
        let (log, file) = (KernelLog::now(), open_node(path, OFlags::RDONLY));
        match name {
            "gpio_button" => {
                chip.pull(1, true);
                log.wait_for("gpio_button: Press 1");
            }
            "intrpt" => {
                Keyboard::new().tap(&["a"]);
                ready(&file, PollFlags::IN, None);
            }
            _ => {}
        }
        let device = self::file("/dev/late");
        let memory = Mapping::writable(&device, 4096).expect("mmap");
        let (begin, missed, is_done) = (Barrier::new(3), Barrier::new(2), AtomicBool::new(false));
        let in_time = thread::scope(|scope| {
            scope.spawn(|| {
                begin.wait();
                raw::read(file.as_fd(), memory.address(0), 2).expect(path);
            });
            scope.spawn(|| {
                begin.wait();
                missed.wait();
                use_too(&file);
                is_done.store(true, SeqCst);
            });
            begin.wait();
            let mut waiting = [0];
            wait_until("the page to be missed", || {
                read(&device, &mut waiting).is_ok() && waiting != [0]
            });
            missed.wait();
            let until = Instant::now() + Duration::from_secs(10);
            while !is_done.load(SeqCst) && Instant::now() < until {
                thread::sleep(Duration::from_millis(10));
            }
            let in_time = is_done.load(SeqCst);
            write(&device, b"come").expect("come");
            in_time
        });
        if !in_time {
            held_up.push(path);
        }
        drop((memory, device, file));
        module.unload().expect("nobody uses it");
    }
    assert_eq!(held_up, [""; 0]);
    late.unload().expect("nobody uses it");
}

#[test]
fn a_load_that_fails_does_not_wait_for_itself() {
    let result = Module::load("failing", &["files=0"]);
    assert!(
        matches!(result, Err(LoadError::Refused(Errno::CANCELED))),
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
        let (mut held, mut other_place) = (Vec::new(), None);
        for path in &paths[..count] {
            wait_until(path, || File::open(path).map(|it| held.push(it)).is_ok());
        }
        for (path, file) in paths.iter().zip(&held) {
            if *path == "/sys/kernel/debug/failing/node" {
                let other = "/sys/kernel/debug/failing/other";
                other_place = Some(open(other, OFlags::PATH, Mode::empty()).expect(other));
            }
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
        // Nobody has opened it. In C that looks at the module first.
        if let Some(place) = other_place {
            let error = File::open(format!("/proc/self/fd/{}", place.as_raw_fd()));
            assert_eq!(errno_of(error.expect_err("gone")), Errno::NOENT);
        }
        before.check("a load that failed");
    }
}

#[test]
fn who_waits_for_what_never_happens_can_be_killed() {
    let late = Module::load("late", &[]).expect("the module loads");
    let asks = Path::new("/proc/sys/kernel/firmware_config").exists();
    // Who is killed and what it waits for are at it together.
    let asks = iter::repeat_n("ask", if asks { 20 } else { 0 });
    for what in ["wait", "join"].into_iter().chain(asks) {
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
fn who_has_ended_opens_no_file() {
    let late = Module::load("late", &[]).expect("the module loads");
    for (end, found) in [("exec 3>&-", "Ok(true)"), ("kill -9 $$", "Err(ESRCH)")] {
        let log = KernelLog::now();
        let script = format!("exec 3>/dev/late; printf look >&3; {end}");
        let shell = Command::new("sh").args(["-c", &script]).status();
        shell.expect("a shell");
        let closed = format!("Closed, and found {found}, and read {found}, and made {found}.");
        log.wait_for(&closed);
    }
    late.unload().expect("nobody uses it");
}

#[test]
fn a_disk_goes_after_who_has_it_open() {
    if !Path::new("/sys/block").exists() {
        skip("the kernel has no disks");
        return;
    }
    let late = Module::load("late", &[]).expect("the module loads");
    // The file with the highest number is the first to go at the end: that with the disk.
    let all = [
        "exec 4>/dev/late 5</dev/late; printf disk >&4; exec 3</dev/late_disk; exit",
        "exec 4>/dev/late; printf disk >&4; exec 3</dev/late_disk; kill -9 $$",
        "exec 4>/dev/late; printf disk >&4; exec 3</dev/late_disk 4>&-; exit",
        "exec 4>/dev/late; printf disk >&4; exit",
    ];
    for script in all {
        let log = KernelLog::now();
        let shell = Command::new("sh").args(["-c", script]).status();
        shell.expect("a shell");
        log.wait_for("Nobody has the disk any more.");
        assert!(!Path::new("/dev/late_disk").exists(), "{script}");
    }
    // A partition that is open does not keep what it had, nor does the disk.
    let maker = file("/dev/late");
    assert_eq!(write(&maker, b"disk"), Ok(4));
    let disk = open_node("/dev/late_disk", OFlags::RDWR);
    let partition = open_node("/dev/late_disk1", OFlags::RDONLY | OFlags::DIRECT);
    let mut sector = Sector([1; 512]);
    assert_eq!(pread(&partition, &mut sector.0, 0), Ok(512));
    assert_eq!(sector.0, [0; 512]);
    drop(maker);
    let gone = || pread(&partition, &mut Sector([1; 512]).0, 0) == Err(Errno::IO);
    wait_until("the disk to be gone", gone);
    assert_eq!(pread(&disk, &mut [0; 512], 0), Ok(0));
    assert_eq!(pwrite(&disk, &[0; 512], 0), Err(Errno::NOSPC));
    drop((disk, partition));
    wait_for_nobody("late");
    late.unload().expect("nobody uses it");
}

#[test]
fn no_file_is_used_where_it_would_wait_for_itself() {
    if !Path::new("/sys/kernel/config").exists() || !Path::new("/sys/class/hwmon").exists() {
        skip("the kernel has no CONFIG_CONFIGFS_FS, or no CONFIG_HWMON");
        return;
    }
    let module = Module::load("inside", &[]).expect("the module loads");
    let _configfs = Configfs::mount();
    let (folder, log) = (Path::new("/sys/kernel/config/inside"), KernelLog::now());
    let deadlock = format!("{}", -Errno::DEADLK.raw_os_error());
    let errno = || fs::read_to_string(folder.join("errno")).expect("an attribute");
    assert_eq!(errno().trim(), deadlock);
    fs::create_dir(folder.join("new")).expect("mkdir");
    log.wait_for(&format!("inside: new: {deadlock}"));
    fs::remove_dir(folder.join("new")).expect("rmdir");
    log.wait_for(&format!("inside: Gone: {deadlock}"));
    let inputs = fs::read_dir("/sys/class/hwmon").expect("the class");
    let inputs = inputs.map(|it| it.expect("a device").path());
    let is_ours = |it: &PathBuf| fs::read(it.join("name")).is_ok_and(|it| it == b"inside\n");
    let device = inputs.into_iter().find(is_ours).expect("its device");
    let input = fs::read_to_string(device.join("temp1_input")).expect("a temperature");
    assert_eq!(input.trim(), deadlock);
    let set = fs::write("/sys/module/inside/parameters/look", "1");
    assert_eq!(set.map_err(errno_of), Err(Errno::DEADLK));
    log.wait_for(&format!("inside: look: {deadlock}, more: {deadlock}"));
    let device = file("/dev/inside");
    log.wait_for(&format!("inside: open: {deadlock}, more: {deadlock}"));
    let other = Path::new("/dev/inside_other");
    wait_until("nothing where it was dropped", || !other.exists());
    ready(&device, PollFlags::IN, Some(Duration::ZERO));
    Mapping::new(&device, 1).expect("mmap").read(0, &mut [1; 1]);
    let seen = fs::read_to_string("/dev/inside").expect("read");
    assert_eq!(seen, "(0, 0, 0)");
    let mut seen = String::new();
    (&device).read_to_string(&mut seen).expect("read");
    assert_eq!(seen, format!("({deadlock}, {deadlock}, {deadlock})"));
    drop(device);
    wait_for_nobody("inside");
    module.unload().expect("nobody uses it");
}

/// A file in `/proc` or in sysfs is locked while its content is made.
#[test]
fn no_file_of_the_kernel_s_is_used_where_one_is_made() {
    let module = Module::load("inside", &[]).expect("the module loads");
    let deadlock = -Errno::DEADLK.raw_os_error();
    let errors = format!("{:?}", [deadlock, deadlock, deadlock, 0]);
    let shown = |path| fs::read_to_string(path).expect("read");
    assert_eq!(shown("/proc/inside_looks"), format!("{errors}\n"));
    assert_eq!(shown("/proc/inside_lists"), format!("{errors} {errors}\n"));
    let sysfs = Path::new("/sys/kernel/inside");
    assert_eq!(
        shown(sysfs.join("errors").to_str().unwrap()),
        format!("{errors}\n")
    );
    for file in ["errors", "bytes"] {
        let written = fs::write(sysfs.join(file), "1");
        assert_eq!(written.map_err(errno_of), Err(Errno::DEADLK), "{file}");
    }
    let read = fs::read(sysfs.join("bytes"));
    assert_eq!(read.map_err(errno_of), Err(Errno::DEADLK));
    module.unload().expect("nobody uses it");
}

/// What a module opens at a path, and what it creates there.
#[test]
fn what_is_at_a_path_is_looked_at_before_it_is_opened() {
    let module = Module::load("inside", &[]).expect("the module loads");
    let path = "/tmp/inside";
    let shown = || fs::read_to_string("/proc/inside").expect("read");
    let errors = |there: Errno, created: Errno| {
        format!("-{} -{}\n", there.raw_os_error(), created.raw_os_error())
    };
    symlink("/tmp/nowhere", path).expect("a link");
    assert_eq!(shown(), errors(Errno::NOENT, Errno::EXIST));
    fs::remove_file(path).expect("remove");
    fs::create_dir(path).expect("mkdir");
    assert_eq!(shown(), errors(Errno::ISDIR, Errno::ISDIR));
    fs::remove_dir(path).expect("rmdir");
    assert_eq!(shown(), format!("-{} 0\n", Errno::NOENT.raw_os_error()));
    assert_eq!(shown(), "0 0\n");
    // Who has put it there, where others may, could have meant another file.
    chown(path, Some(1000), None).expect("chown");
    let planted = format!("0 -{}\n", Errno::ACCESS.raw_os_error());
    for (mode, expected) in [(0o777, "0 0\n"), (0o1770, &planted), (0o1777, &planted)] {
        fs::set_permissions("/tmp", Permissions::from_mode(mode)).expect("chmod");
        assert_eq!(shown(), expected, "{mode:o}");
    }
    chown(path, Some(0), None).expect("chown");
    assert_eq!(shown(), "0 0\n");
    // Nor is a link of theirs followed.
    let setting = KernelSetting::new("/proc/sys/fs/protected_symlinks", "0");
    let elsewhere = "/tmp/elsewhere";
    fs::rename(path, elsewhere).expect("rename");
    symlink(elsewhere, path).expect("a link");
    for (owner, mode, expected) in [
        (1000, 0o777, "0 0\n"),
        (1000, 0o1777, &planted),
        (0, 0o1777, "0 0\n"),
    ] {
        lchown(path, Some(owner), None).expect("lchown");
        fs::set_permissions("/tmp", Permissions::from_mode(mode)).expect("chmod");
        assert_eq!(shown(), expected, "{owner}, {mode:o}");
    }
    drop(setting);
    // Nor is a file of root's opened by a name that they have given it.
    fs::remove_file(path).expect("remove");
    let setting = KernelSetting::new("/proc/sys/fs/protected_hardlinks", "0");
    as_user(1000, || fs::hard_link(elsewhere, path).expect("link"));
    for (mode, expected) in [(0o777, "0 0\n"), (0o1777, &planted)] {
        fs::set_permissions("/tmp", Permissions::from_mode(mode)).expect("chmod");
        assert_eq!(shown(), expected, "{mode:o}");
    }
    fs::remove_file(elsewhere).expect("remove");
    assert_eq!(shown(), "0 0\n");
    drop(setting);
    fs::remove_file(path).expect("remove");

    // Who splices to a FIFO has it locked when the module is called.
    let invalid = errors(Errno::INVAL, Errno::INVAL);
    mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).expect("mkfifo");
    assert_eq!(shown(), invalid);
    let fifo = file(path);
    let source = File::open("/proc/inside").expect("open");
    let length = splice(&source, None, &fifo, None, 100, SpliceFlags::empty()).expect("splice");
    let mut text = vec![0; length];
    (&fifo).read_exact(&mut text).expect("read");
    assert_eq!(text, invalid.as_bytes());
    // Nor by another name.
    fs::remove_file(path).expect("remove");
    let (reader, writer) = pipe().expect("a pipe");
    symlink(format!("/proc/self/fd/{}", reader.as_raw_fd()), path).expect("a link");
    let source = File::open("/proc/inside").expect("open");
    let length = splice(&source, None, &writer, None, 100, SpliceFlags::empty());
    assert_eq!(length, Ok(invalid.len()));
    fs::remove_file(path).expect("remove");
    drop(source);
    module.unload().expect("nobody uses it");
}

/// On overlayfs it has to be copied, with the pipe that the process' bytes are in.
#[test]
fn nothing_is_opened_for_sendfile_that_has_to_be_copied() {
    let kinds = fs::read_to_string("/proc/filesystems").expect("/proc");
    if !kinds.lines().any(|it| it == "nodev\toverlay") {
        skip("the kernel has no CONFIG_OVERLAY_FS");
        return;
    }
    let module = Module::load("inside", &[]).expect("the module loads");
    let layers = Tmpfs::new("layers", 1 << 20);
    let there = "there\n".repeat(2000);
    fs::create_dir(layers.path().join("lower")).expect("mkdir");
    fs::write(layers.file("lower/log"), &there).expect("write");
    let overlay = layers.overlay("overlay");
    symlink(overlay.file("log"), "/tmp/inside").expect("a link");
    let log = || fs::read_to_string("/tmp/inside").expect("read");
    let (source, device) = (file_in_memory(), file("/dev/inside"));
    write(&source, "sent\n".repeat(20_000).as_bytes()).expect("write");
    let sent = sendfile(&device, &source, Some(&mut 0), 65536);
    assert_eq!(sent, Err(Errno::DEADLK));
    assert_eq!(log(), there);
    assert_eq!(write(&device, b"written\n"), Ok(8));
    assert_eq!(log(), there + "written\n");
    // The device has kept the file until the next one opens it, and has a thread close it.
    drop(device);
    drop(file("/dev/inside"));
    wait_for_nobody("inside");
    overlay.unmount().expect("nobody has a file open");
    fs::remove_file("/tmp/inside").expect("remove");
    module.unload().expect("nobody uses it");
}

/// What a disk can write to itself.
#[repr(align(512))]
struct Sector([u8; 512]);

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
        // Not each kernel asks user space for what is in no file.
        if Path::new("/proc/sys/kernel/firmware_config").exists() {
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
        }
        drop((family, classic));
        module.unload().expect("nobody uses it");
    }
    before.check("relay, netlink and firmware");
}
