// SPDX-License-Identifier: GPL-2.0-only

//! The eight channels between user space and the kernel, beside each other: what one message
//! costs, and how many bytes get through.
//!
//! Prints a line of JSON for each in each direction; `make bench T=chan` makes a table and a picture
//! of them.

use lkm::ioctl;
use lkmpg_tests::{Module, wait_until};
use netlink::{Connection, FAMILY, PROTOCOL};
use rustix::io::{pread, pwrite, read, write};
use serde_json::json;
use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, Instant},
};

#[path = "chan/netlink.rs"]
mod netlink;
#[path = "../../samples/07-ioctl/protocol.rs"]
#[allow(dead_code, reason = "it has more than is measured")]
mod protocol;

const ROUNDS: usize = 5;
/// How long a round takes, at least.
const ROUND: Duration = Duration::from_millis(40);
/// The length of a message whose cost is measured, in bytes.
const MESSAGE: usize = 64;
const CHANNELS: usize = 8;

/// A channel in one of its directions, measured.
struct Row {
    channel: &'static str,
    direction: Direction,
    /// What a message of 64 bytes takes.
    message: Cost,
    /// The best length for throughput, and what that takes.
    size: usize,
    most: Cost,
}

/// Where messages go.
type Direction = &'static str;
const TO_KERNEL: Direction = "to-kernel";
const FROM_KERNEL: Direction = "from-kernel";
/// An answer of the same length is waited for.
const BOTH: Direction = "both";

/// Nanoseconds for each message, in each round.
struct Cost([f64; ROUNDS]);

impl Cost {
    /// Measures something that passes so many messages each time.
    fn measure(messages: usize, mut pass: impl FnMut()) -> Self {
        let mut round = |times: u32| {
            let start = Instant::now();
            (0..times).for_each(|_| pass());
            start.elapsed()
        };
        let mut times = 1;
        while round(times) < ROUND {
            times *= 2;
        }
        let per_message = |it: Duration| it.as_nanos() as f64 / f64::from(times) / messages as f64;
        Self([(); ROUNDS].map(|()| per_message(round(times))))
    }
}

impl Row {
    /// Measures `pass`, which passes a message of a length.
    fn new(
        channel: &'static str,
        direction: Direction,
        size: usize,
        mut pass: impl FnMut(usize),
    ) -> Self {
        let message = Cost::measure(1, || pass(MESSAGE.min(size)));
        let most = Cost::measure(1, || pass(size));
        Self {
            channel,
            direction,
            message,
            size,
            most,
        }
    }
}

fn main() {
    let mut rows = Vec::new();
    for measure in [
        system_call,
        ioctls,
        procfs,
        sysfs,
        netlinks,
        relay,
        debugfs,
        firmware,
    ] as [fn(&mut Vec<Row>); CHANNELS]
    {
        measure(&mut rows);
    }
    for row in rows {
        println!(
            "{}",
            json!({
                "channel": row.channel,
                "direction": row.direction,
                "message": row.message.0,
                "size": row.size,
                "most": row.most.0,
            })
        );
    }
}

/// What a process and a file have between them: reads and writes at its beginning.
fn open(path: &str) -> File {
    let metadata = fs::metadata(path).expect(path);
    let writable = !metadata.permissions().readonly() && !path.ends_with("blob");
    let file = File::options().read(true).write(writable).open(path);
    file.expect(path)
}

fn put(file: &File, bytes: &[u8]) {
    assert_eq!(pwrite(file, bytes, 0), Ok(bytes.len()));
}

fn get(file: &File, bytes: &mut [u8]) {
    assert_eq!(pread(file, &mut *bytes, 0), Ok(bytes.len()));
}

/// uname(2): there is none that takes a message of a length that one chooses, and does nothing.
fn system_call(rows: &mut Vec<Row>) {
    // Six names of 65 bytes.
    rows.push(Row::new("system call", FROM_KERNEL, 390, |_| {
        std::hint::black_box(rustix::system::uname());
    }));
}

fn ioctls(rows: &mut Vec<Row>) {
    let _module = Module::load("ioctl", &[]).expect("the module loads");
    let device = open("/dev/char_dev");
    let mut bytes = [b'x'; protocol::BUF_LEN];
    rows.push(Row::new("ioctl", TO_KERNEL, bytes.len(), |size| {
        ioctl::write_bytes(&device, protocol::SET_MSG_BUF, &bytes[..size]).expect("ioctl");
    }));
    rows.push(Row::new("ioctl", FROM_KERNEL, bytes.len(), |size| {
        ioctl::read_bytes(&device, protocol::GET_MSG_BUF, &mut bytes[..size]).expect("ioctl");
    }));
}

fn procfs(rows: &mut Vec<Row>) {
    let _module = Module::load("procfs_2", &[]).expect("the module loads");
    let file = open("/proc/rw_test");
    let mut bytes = [b'x'; 79];
    rows.push(Row::new("procfs", TO_KERNEL, bytes.len(), |size| {
        put(&file, &bytes[..size]);
    }));
    rows.push(Row::new("procfs", FROM_KERNEL, bytes.len(), |size| {
        get(&file, &mut bytes[..size]);
    }));
}

fn sysfs(rows: &mut Vec<Row>) {
    let _module = Module::load("chan_sysfs", &[]).expect("the module loads");
    let file = open("/sys/kernel/chan_sysfs/raw/bytes");
    let mut bytes = [b'x'; 4096];
    rows.push(Row::new("sysfs", TO_KERNEL, bytes.len(), |size| {
        put(&file, &bytes[..size]);
    }));
    rows.push(Row::new("sysfs", FROM_KERNEL, bytes.len(), |size| {
        get(&file, &mut bytes[..size]);
    }));
}

fn netlinks(rows: &mut Vec<Row>) {
    let _module = Module::load("chan_netlink", &[]).expect("the module loads");
    for (name, connection) in [
        ("netlink, generic", Connection::generic(FAMILY)),
        ("netlink, classic", Connection::classic(PROTOCOL)),
    ] {
        rows.push(Row::new(name, BOTH, 4096, |size| connection.echo(size)));
    }
}

/// Events of 16 bytes, as many as a ring holds; four of them are a message.
fn relay(rows: &mut Vec<Row>) {
    const RING: usize = 64 * 16384;
    let parameters = ["subbuffers=64", "subbuffer_size=16384"];
    let _module = Module::load("chan_relay", &parameters).expect("the module loads");
    let folder = "/sys/kernel/debug/chan_relay";
    let (control, ring) = (
        open(&format!("{folder}/control")),
        open(&format!("{folder}/cpu0")),
    );
    let mut set = rustix::thread::CpuSet::new();
    set.set(0);
    let all = rustix::thread::sched_getaffinity(None).expect("sched_getaffinity");
    rustix::thread::sched_setaffinity(None, &set).expect("sched_setaffinity");
    let mut bytes = vec![0; 65536];
    let mut pass = |size: usize| {
        put(&control, format!("generate 0 {}", size / 16).as_bytes());
        let mut rest = size;
        while rest > 0 {
            rest -= read(&ring, &mut bytes[..rest.min(65536)]).expect("read");
        }
    };
    let message = Cost::measure(RING / 2 / MESSAGE, || pass(RING / 2));
    let most = Cost(message.0.map(|it| it * (RING / 2 / MESSAGE) as f64));
    rows.push(Row {
        channel: "relay",
        direction: FROM_KERNEL,
        message,
        size: RING / 2,
        most,
    });
    rustix::thread::sched_setaffinity(None, &all).expect("sched_setaffinity");
}

fn debugfs(rows: &mut Vec<Row>) {
    let _module = Module::load("chan_debugfs", &[]).expect("the module loads");
    let folder = "/sys/kernel/debug/chan_debugfs";
    let (mailbox, blob) = (
        open(&format!("{folder}/mailbox")),
        open(&format!("{folder}/blob")),
    );
    let letter = [b'x'; 128];
    rows.push(Row::new("debugfs", TO_KERNEL, letter.len(), |size| {
        assert_eq!(write(&mailbox, &letter[..size]), Ok(size));
    }));
    let mut bytes = [0; 20_000];
    rows.push(Row::new("debugfs", FROM_KERNEL, bytes.len(), |size| {
        get(&blob, &mut bytes[..size]);
    }));
}

fn firmware(rows: &mut Vec<Row>) {
    const BIG: usize = 10 << 20;
    let _module = Module::load("chan_firmware", &[]).expect("the module loads");
    let image = vec![b'x'; BIG];
    let control = |name: &str, text: &str| {
        fs::write(format!("/sys/kernel/chan_firmware/{name}"), text).expect(name);
    };
    fs::create_dir_all("/lib/firmware").expect("mkdir");
    for (name, size) in [("small", MESSAGE), ("big", BIG)] {
        fs::write(format!("/lib/firmware/{name}"), &image[..size]).expect("an image");
    }
    let name = |size| if size == BIG { "big" } else { "small" };
    rows.push(Row::new("firmware, a file", TO_KERNEL, BIG, |size| {
        control("load", name(size));
    }));
    for name in ["small", "big"] {
        fs::remove_file(format!("/lib/firmware/{name}")).expect("rm");
    }
    rows.push(Row::new("firmware, asked", TO_KERNEL, BIG, |size| {
        control("ask", "asked");
        let question = Path::new("/sys/class/firmware/asked");
        // The last of its files to come.
        wait_for(|| question.join("data").exists());
        fs::write(question.join("loading"), "1").expect("loading");
        fs::write(question.join("data"), &image[..size]).expect("data");
        fs::write(question.join("loading"), "0").expect("loading");
        wait_for(|| {
            let status = fs::read("/sys/kernel/chan_firmware/status").expect("status");
            status.starts_with(b"loaded")
        });
    }));
}

/// Waits without sleeping for longer than it takes.
fn wait_for(mut condition: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        std::thread::yield_now();
    }
    wait_until("the kernel", condition);
}
