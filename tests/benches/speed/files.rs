// SPDX-License-Identifier: GPL-2.0-only

//! What is done with files.

use super::{
    Loaded, Node, Row, Side,
    measure::{Clock, Operation, repeat},
    netlink::{Connection, FAMILY, PROTOCOL},
};
use lkm::ioctl::{self, Command, ReadWrite};

use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Write as _},
    os::unix::fs::FileExt as _,
};

#[path = "../../../samples/07-ioctl/protocol.rs"]
mod protocol;

const BATCH: u32 = 100;

macro_rules! row {
    ($module:literal, $operation:literal, $start:expr) => {
        Row {
            module: $module,
            operation: $operation,
            loaded: Loaded::Both,
            batch: BATCH,
            start: $start,
        }
    };
}

pub const ROWS: &[Row] = &[
    row!("chardev", "open+close", |clock, side| open_close(
        clock, side, CHARDEV
    )),
    row!("chardev", "1-byte read", |clock, side| read(
        clock, side, CHARDEV, 1
    )),
    row!("chardev", "4-kB read", |clock, side| read(
        clock, side, CHARDEV, 4096
    )),
    row!("chardev", "write, refused", refused_write),
    row!("procfs_1", "open+close", |clock, side| open_close(
        clock, side, PROCFS_1
    )),
    row!("procfs_1", "1-byte read", |clock, side| read(
        clock, side, PROCFS_1, 1
    )),
    row!("procfs_1", "4-kB read", |clock, side| read(
        clock, side, PROCFS_1, 4096
    )),
    row!("procfs_2", "open+close", |clock, side| open_close(
        clock, side, PROCFS_2
    )),
    row!("procfs_2", "1-byte read", |clock, side| read(
        clock, side, PROCFS_2, 1
    )),
    row!("procfs_2", "4-kB read", |clock, side| read(
        clock, side, PROCFS_2, 4096
    )),
    row!("procfs_2", "1-byte write", |clock, side| write(
        clock, side, PROCFS_2, 1
    )),
    row!("procfs_2", "4-kB write", |clock, side| write(
        clock, side, PROCFS_2, 4096
    )),
    row!("procfs_4", "list of 100, read", read_list),
    row!("ioctl", "open+close", |clock, side| open_close(
        clock, side, IOCTL
    )),
    row!("ioctl", "1-byte read", |clock, side| read(
        clock, side, IOCTL, 1
    )),
    row!("ioctl", "4-kB read", |clock, side| read(
        clock, side, IOCTL, 4096
    )),
    row!("ioctl", "1-byte write", |clock, side| write(
        clock, side, IOCTL, 1
    )),
    row!("ioctl", "4-kB write", |clock, side| write(
        clock, side, IOCTL, 4096
    )),
    row!("ioctl", "SET_MSG", set_msg),
    row!("ioctl", "GET_MSG", get_msg),
    row!("ioctl", "GET_NTH_BYTE", get_nth_byte),
    row!("ioctl", "SET_MSG_BUF", set_msg_buf),
    row!("ioctl", "GET_MSG_BUF", get_msg_buf),
    Row {
        // The device has one driver at a time.
        loaded: Loaded::One(&[]),
        ..row!("edu", "two registers", invert)
    },
    row!("sched", "4-kB read", |clock, side| read_only(
        clock, side, SCHED
    )),
    row!("sleep", "open+close", |clock, side| open_close(
        clock, side, SLEEP
    )),
    row!("sleep", "4-kB read", |clock, side| read(
        clock, side, SLEEP, 4096
    )),
    row!("sleep", "1-byte write", |clock, side| write(
        clock, side, SLEEP, 1
    )),
    row!("scull", "open+close", |clock, side| open_close(
        clock, side, SCULL
    )),
    row!("scull", "4-kB read", |clock, side| {
        fs::write(side.path(SCULL), [b'x'; 4096]).expect("write");
        read_only(clock, side, SCULL)
    }),
    row!("scull", "4-kB write", |clock, side| write(
        clock, side, SCULL, 4096
    )),
    row!("scull_pipe", "1 byte, there and back", |clock, side| pass(
        clock, side, 1
    )),
    row!("scull_pipe", "2 kB, there and back", |clock, side| pass(
        clock, side, 2048
    )),
    row!("slab", "a ticket, made and freed", |clock, side| {
        write_both(clock, side, SLAB, ["1", "0"])
    }),
    Row {
        batch: 10,
        ..row!("slab", "1000 tickets, made and freed", |clock, side| {
            write_both(clock, side, SLAB, ["1000", "0"])
        })
    },
    Row {
        batch: 1,
        ..row!("static_key", "3 million passes, off", |clock, side| {
            read_only(clock, side, STATIC_KEY)
        })
    },
    Row {
        batch: 10,
        ..row!("static_key", "on and off", |clock, side| write_both(
            clock,
            side,
            STATIC_KEY,
            ["on", "off"]
        ))
    },
    row!("chan_sysfs", "value, read", |clock, side| read_only(
        clock, side, VALUE
    )),
    row!("chan_sysfs", "value, write", write_value),
    row!("chan_sysfs", "4-kB read", |clock, side| read_only(
        clock, side, BYTES
    )),
    row!("chan_sysfs", "4-kB write", |clock, side| write(
        clock, side, BYTES, 4096
    )),
    row!("chan_debugfs", "4-kB read", |clock, side| read_only(
        clock, side, BLOB
    )),
    row!("chan_debugfs", "letter, there and back", mail),
    row!("chan_netlink", "round trip, generic", |clock, side| {
        let connection = Connection::generic(&side.name(FAMILY));
        repeat(clock, move || connection.echo(64))
    }),
    row!("chan_netlink", "round trip, classic", |clock, side| {
        let connection = Connection::classic(if side.is_twin() { 29 } else { PROTOCOL });
        repeat(clock, move || connection.echo(64))
    }),
];

const CHARDEV: Node = Node("/dev/chardev", "");
const PROCFS_1: Node = Node("/proc/test", "");
const PROCFS_2: Node = Node("/proc/rw_test", "");
const PROCFS_4: Node = Node("/proc/procfs_4", "");
const IOCTL: Node = Node("/dev/char_dev", "");
const SCHED: Node = Node("/proc/sched", "");
const SLEEP: Node = Node("/proc/sleep", "");
const SCULL: Node = Node("/dev/scull", "0");
const SCULL_PIPE: Node = Node("/dev/scull_pipe", "");
const SLAB: Node = Node("/proc/slab", "");
const STATIC_KEY: Node = Node("/proc/static_key", "");
const VALUE: Node = Node("/sys/kernel/chan_sysfs", "/value");
const BYTES: Node = Node("/sys/kernel/chan_sysfs", "/raw/bytes");
const MAILBOX: Node = Node("/sys/kernel/debug/chan_debugfs", "/mailbox");
const BLOB: Node = Node("/sys/kernel/debug/chan_debugfs", "/blob");

const TEXT: &[u8] = b"What the driver is told, in about as many letters as it takes.";

fn open(side: Side, node: Node) -> File {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    options.open(side.path(node)).expect("open")
}

fn open_close(clock: Clock, side: Side, node: Node) -> Operation {
    let path = side.path(node);
    repeat(clock, move || drop(File::open(&path).expect("open")))
}

fn read(clock: Clock, side: Side, node: Node, size: usize) -> Operation {
    let (file, mut room) = (open(side, node), vec![0; size]);
    // Where it takes a message, it has one.
    let _ = file.write_at(TEXT, 0);
    repeat(clock, move || {
        file.read_at(&mut room, 0).expect("read");
    })
}

fn read_list(clock: Clock, side: Side) -> Operation {
    let path = side.path(PROCFS_4);
    if fs::read(&path).expect("read").is_empty() {
        (0..100).for_each(|n| fs::write(&path, format!("guest-{n}")).expect("write"));
    }
    read_only(clock, side, PROCFS_4)
}

/// Writes to a pipe, and reads that again.
fn pass(clock: Clock, side: Side, size: usize) -> Operation {
    let (mut end, mut bytes) = (open(side, SCULL_PIPE), vec![b'x'; size]);
    repeat(clock, move || {
        end.write_all(&bytes).expect("write");
        end.read_exact(&mut bytes).expect("read");
    })
}

fn read_only(clock: Clock, side: Side, node: Node) -> Operation {
    let (file, mut room) = (File::open(side.path(node)).expect("open"), [0; 4096]);
    repeat(clock, move || {
        file.read_at(&mut room, 0).expect("read");
    })
}

fn write(clock: Clock, side: Side, node: Node, size: usize) -> Operation {
    let (file, text) = (open(side, node), vec![b'x'; size]);
    repeat(clock, move || {
        file.write_at(&text, 0).expect("write");
    })
}

/// Writes one word and then the other.
fn write_both(clock: Clock, side: Side, node: Node, words: [&'static str; 2]) -> Operation {
    let mut file = open(side, node);
    repeat(clock, move || {
        for word in words {
            file.write_all(word.as_bytes()).expect("write");
        }
    })
}

fn refused_write(clock: Clock, side: Side) -> Operation {
    let file = open(side, CHARDEV);
    repeat(clock, move || {
        file.write_at(TEXT, 0).expect_err("no writes");
    })
}

/// Of /dev/edu.
const INVERT: Command<ReadWrite<u32>> = Command::iowr(b'e', 1);

fn invert(clock: Clock, side: Side) -> Operation {
    let device = File::open(side.path(Node("/dev/edu", ""))).expect("open");
    repeat(clock, move || {
        let mut number = 1;
        ioctl::read_write(&device, INVERT, &mut number).expect("INVERT");
    })
}

fn set_msg(clock: Clock, side: Side) -> Operation {
    let device = open(side, IOCTL);
    repeat(clock, move || {
        ioctl::write_string(&device, protocol::SET_MSG, c"What the driver is told").expect("set");
    })
}

fn get_msg(clock: Clock, side: Side) -> Operation {
    let device = open(side, IOCTL);
    device.write_at(TEXT, 0).expect("write");
    repeat(clock, move || {
        ioctl::read_string(&device, protocol::GET_MSG).expect("get");
    })
}

fn get_nth_byte(clock: Clock, side: Side) -> Operation {
    let device = open(side, IOCTL);
    device.write_at(TEXT, 0).expect("write");
    repeat(clock, move || {
        ioctl::call_with(&device, protocol::GET_NTH_BYTE, 7).expect("a byte");
    })
}

fn set_msg_buf(clock: Clock, side: Side) -> Operation {
    let device = open(side, IOCTL);
    repeat(clock, move || {
        ioctl::write_bytes(&device, protocol::SET_MSG_BUF, TEXT).expect("set");
    })
}

fn get_msg_buf(clock: Clock, side: Side) -> Operation {
    let (device, mut room) = (open(side, IOCTL), [0; protocol::BUF_LEN]);
    device.write_at(TEXT, 0).expect("write");
    repeat(clock, move || {
        ioctl::read_bytes(&device, protocol::GET_MSG_BUF, &mut room).expect("get");
    })
}

fn write_value(clock: Clock, side: Side) -> Operation {
    let file = open(side, VALUE);
    repeat(clock, move || {
        file.write_at(b"-789\n", 0).expect("write");
    })
}

fn mail(clock: Clock, side: Side) -> Operation {
    let (mut file, mut room) = (open(side, MAILBOX), [0; 128]);
    repeat(clock, move || {
        file.write_all(TEXT).expect("write");
        let _count = file.read(&mut room).expect("read");
    })
}
