// SPDX-License-Identifier: GPL-2.0-only

//! The eight channels between user space and the kernel, beside each other: what one message
//! costs, and how many bytes get through.
//!
//! It prints a table, and leaves a picture in `build/bench/chan.svg` on the host.

use lkm::ioctl;
use lkmpg_tests::{Host, Module, wait_until};
use netlink::{Connection, FAMILY, PROTOCOL};
use rustix::io::{pread, pwrite, read, write};
use std::{
    fs::{self, File},
    path::Path,
    time::{Duration, Instant},
};

#[path = "chan/netlink.rs"]
mod netlink;
#[path = "chan/plot.rs"]
mod plot;
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    ToKernel,
    FromKernel,
    /// An answer of the same length is waited for.
    Both,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::ToKernel => "to the kernel",
            Self::FromKernel => "from the kernel",
            Self::Both => "there and back",
        }
    }
}

/// Nanoseconds for each message: of all rounds the median, the least, and the most.
#[derive(Clone, Copy)]
struct Cost {
    median: f64,
    least: f64,
    most: f64,
}

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
        let mut rounds = [(); ROUNDS].map(|()| per_message(round(times)));
        rounds.sort_by(f64::total_cmp);
        Self {
            median: rounds[ROUNDS / 2],
            least: rounds[0],
            most: rounds[ROUNDS - 1],
        }
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

    /// In bytes a second.
    fn throughput(&self) -> f64 {
        self.size as f64 / self.most.median * 1e9
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

    println!(
        "A message of {MESSAGE} bytes, microseconds: median of {ROUNDS} rounds (least, most);"
    );
    println!("and the bytes a second with messages of the given length\n");
    println!(
        "| {:<18} | {:<15} | {:>24} | {:>10} | {:>8} |",
        "channel", "direction", "one message, µs", "length", "MB/s"
    );
    println!("| --- | --- | ---: | ---: | ---: |");
    for row in &rows {
        let Cost {
            median,
            least,
            most,
        } = row.message;
        let micros = [median, least, most].map(|it| it / 1000.0);
        println!(
            "| {:<18} | {:<15} | {:>24} | {:>10} | {:>8.2} |",
            row.channel,
            row.direction.name(),
            format!("{:.2} ({:.2}, {:.2})", micros[0], micros[1], micros[2]),
            row.size,
            row.throughput() / 1e6
        );
    }
    let svg = plot::draw(&rows).expect("a picture");
    Host::new().keep("chan.svg", &svg);
    println!("\nDrawn in build/bench/chan.svg");
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
    rows.push(Row::new("system call", Direction::FromKernel, 390, |_| {
        std::hint::black_box(rustix::system::uname());
    }));
}

fn ioctls(rows: &mut Vec<Row>) {
    let _module = Module::load("ioctl", &[]).expect("the module loads");
    let device = open("/dev/char_dev");
    let mut bytes = [b'x'; protocol::BUF_LEN];
    rows.push(Row::new(
        "ioctl",
        Direction::ToKernel,
        bytes.len(),
        |size| {
            ioctl::write_bytes(&device, protocol::SET_MSG_BUF, &bytes[..size]).expect("ioctl");
        },
    ));
    rows.push(Row::new(
        "ioctl",
        Direction::FromKernel,
        bytes.len(),
        |size| {
            ioctl::read_bytes(&device, protocol::GET_MSG_BUF, &mut bytes[..size]).expect("ioctl");
        },
    ));
}

fn procfs(rows: &mut Vec<Row>) {
    let _module = Module::load("procfs_2", &[]).expect("the module loads");
    let file = open("/proc/rw_test");
    let mut bytes = [b'x'; 79];
    rows.push(Row::new(
        "procfs",
        Direction::ToKernel,
        bytes.len(),
        |size| {
            put(&file, &bytes[..size]);
        },
    ));
    rows.push(Row::new(
        "procfs",
        Direction::FromKernel,
        bytes.len(),
        |size| {
            get(&file, &mut bytes[..size]);
        },
    ));
}

fn sysfs(rows: &mut Vec<Row>) {
    let _module = Module::load("chan_sysfs", &[]).expect("the module loads");
    let file = open("/sys/kernel/chan_sysfs/raw/bytes");
    let mut bytes = [b'x'; 4096];
    rows.push(Row::new(
        "sysfs",
        Direction::ToKernel,
        bytes.len(),
        |size| {
            put(&file, &bytes[..size]);
        },
    ));
    rows.push(Row::new(
        "sysfs",
        Direction::FromKernel,
        bytes.len(),
        |size| {
            get(&file, &mut bytes[..size]);
        },
    ));
}

fn netlinks(rows: &mut Vec<Row>) {
    let _module = Module::load("chan_netlink", &[]).expect("the module loads");
    for (name, connection) in [
        ("netlink, generic", Connection::generic(FAMILY)),
        ("netlink, classic", Connection::classic(PROTOCOL)),
    ] {
        rows.push(Row::new(name, Direction::Both, 4096, |size| {
            connection.echo(size)
        }));
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
    let most = Cost {
        median: message.median * (RING / 2 / MESSAGE) as f64,
        ..message
    };
    rows.push(Row {
        channel: "relay",
        direction: Direction::FromKernel,
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
    rows.push(Row::new(
        "debugfs",
        Direction::ToKernel,
        letter.len(),
        |size| {
            assert_eq!(write(&mailbox, &letter[..size]), Ok(size));
        },
    ));
    let mut bytes = [0; 20_000];
    rows.push(Row::new(
        "debugfs",
        Direction::FromKernel,
        bytes.len(),
        |size| {
            get(&blob, &mut bytes[..size]);
        },
    ));
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
    rows.push(Row::new(
        "firmware, a file",
        Direction::ToKernel,
        BIG,
        |size| {
            control("load", name(size));
        },
    ));
    for name in ["small", "big"] {
        fs::remove_file(format!("/lib/firmware/{name}")).expect("rm");
    }
    rows.push(Row::new(
        "firmware, asked",
        Direction::ToKernel,
        BIG,
        |size| {
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
        },
    ));
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
