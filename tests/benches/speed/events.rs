// SPDX-License-Identifier: GPL-2.0-only

//! What happens to modules, rather than is done with their files.

use super::{
    Loaded, Node, Row, Side,
    measure::{Clock, Operation, repeat},
};
use lkmpg_tests::{Module, pty::Pty, wait_until};
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::{fd::AsRawFd as _, unix::fs::FileExt as _},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
};

macro_rules! load {
    ($module:literal) => {
        Row {
            module: $module,
            operation: "load+unload",
            loaded: Loaded::None,
            batch: 1,
            start: |clock, side| load(clock, side, $module),
        }
    };
}

pub const ROWS: &[Row] = &[
    Row {
        module: "sleep",
        operation: "hand-off",
        loaded: Loaded::Both,
        batch: 50,
        start: hand_off,
    },
    Row {
        module: "syscall_spy",
        operation: "open by others",
        loaded: Loaded::One(&["uid=4711"]),
        batch: 50,
        start: open,
    },
    Row {
        module: "syscall_spy",
        operation: "open, logged",
        loaded: Loaded::One(&["uid=0"]),
        batch: 50,
        start: open,
    },
    Row {
        module: "xktty",
        operation: "1-byte write",
        loaded: Loaded::None,
        batch: 50,
        start: tty_write,
    },
    Row {
        module: "chan_relay",
        operation: "event",
        loaded: Loaded::One(&["overwrite=1"]),
        batch: 5000,
        start: event,
    },
    Row {
        module: "chan_relay",
        operation: "4-kB read",
        loaded: Loaded::One(&[]),
        batch: 30,
        start: read_events,
    },
    Row {
        module: "chan_firmware",
        operation: "load, 4 kB",
        loaded: Loaded::Both,
        batch: 20,
        start: firmware,
    },
    load!("hello_5"),
    load!("chardev"),
    load!("procfs_1"),
    load!("procfs_2"),
    load!("ioctl"),
    load!("sched"),
    load!("sleep"),
    load!("xktty"),
    load!("chan_sysfs"),
    load!("chan_debugfs"),
    load!("chan_netlink"),
    load!("chan_relay"),
    load!("chan_firmware"),
];

fn load(clock: Clock, side: Side, module: &'static str) -> Operation {
    let name = side.name(module);
    repeat(clock, move || {
        let module = Module::load(&name, &[]).expect("the module loads");
        module.unload().expect("the module unloads");
    })
}

/// Two threads that pass the file to each other: whoever closes it wakes the other, and waits for
/// it to come back. Counted is each pass.
fn hand_off(clock: Clock, side: Side) -> Operation {
    let path = side.path(Node("/proc/sleep", ""));
    Box::new(move |times| {
        let through = AtomicBool::new(false);
        let mut file = Some(open_to_have(&path));
        thread::scope(|scope| {
            scope.spawn(|| {
                while !through.load(Relaxed) {
                    drop(open_to_have(&path));
                }
            });
            wait_until("the other to wait", others_wait);
            let start = clock.now();
            for _ in 0..times {
                drop(file.take());
                file = Some(open_to_have(&path));
            }
            let spent = clock.now() - start;
            through.store(true, Relaxed);
            drop(file.take());
            spent / 2
        })
    })
}

fn open_to_have(path: &str) -> File {
    File::open(path).expect("open")
}

/// Whether all threads but this one sleep.
fn others_wait() -> bool {
    let me = rustix::thread::gettid().as_raw_nonzero().to_string();
    let tasks = fs::read_dir("/proc/self/task").expect("the threads");
    tasks
        .filter_map(|it| Some(it.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|it| *it != me)
        .all(|it| {
            let stat = fs::read_to_string(format!("/proc/self/task/{it}/stat"));
            stat.is_ok_and(|it| it.contains(") S "))
        })
}

const RELAY: Node = Node("/sys/kernel/debug/chan_relay", "/control");
const RING: Node = Node("/sys/kernel/debug/chan_relay", "/cpu0");

/// Has as many events written as it is done times, by one system call.
fn event(clock: Clock, side: Side) -> Operation {
    let control = side.path(RELAY);
    Box::new(move |times| {
        let start = clock.now();
        fs::write(&control, format!("generate 1 {times}")).expect("generate");
        clock.now() - start
    })
}

fn read_events(clock: Clock, side: Side) -> Operation {
    const EVENT: u32 = 16;
    let (control, mut room) = (side.path(RELAY), [0; 4096]);
    let mut ring = File::open(side.path(RING)).expect("open");
    Box::new(move |times| {
        let events = times * room.len() as u32 / EVENT;
        fs::write(&control, format!("generate 1 {events}")).expect("generate");
        let start = clock.now();
        for _ in 0..times {
            ring.read_exact(&mut room).expect("read");
        }
        clock.now() - start
    })
}

fn firmware(clock: Clock, side: Side) -> Operation {
    fs::create_dir_all("/lib/firmware").expect("mkdir");
    fs::write("/lib/firmware/speed.bin", [0; 4096]).expect("write");
    let file = File::options()
        .write(true)
        .open(side.path(Node("/sys/kernel/chan_firmware", "/load")))
        .expect("open");
    repeat(clock, move || {
        file.write_at(b"speed.bin", 0).expect("load");
    })
}

fn open(clock: Clock, _side: Side) -> Operation {
    repeat(clock, || drop(File::open("/dev/null").expect("open")))
}

/// Writes to a pseudo-terminal by the device.
fn tty_write(clock: Clock, side: Side) -> Operation {
    let mut pty = Pty::new();
    let link = format!("/proc/self/fd/{}", pty.terminal.as_raw_fd());
    let name = fs::read_link(link).expect("the terminal's name");
    let name = name
        .strip_prefix("/dev")
        .expect("a device")
        .display()
        .to_string();
    let parameter = format!("tty={name}");
    let module = Module::load(&side.name("xktty"), &[&parameter]).expect("the module loads");
    let options = File::options()
        .write(true)
        .open(side.path(Node("/dev/xktty", "")));
    // Closed before the module goes.
    let held = (options.expect("open"), module);
    Box::new(move |times| {
        let (mut device, _module) = (&held.0, &held.1);
        let start = clock.now();
        for _ in 0..times {
            device.write_all(b"x").expect("write");
        }
        let spent = clock.now() - start;
        pty.read();
        spent
    })
}
