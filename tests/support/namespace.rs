// SPDX-License-Identifier: GPL-2.0-only

//! A network of one's own, for the far end of an interface: packets to an address of the same network never reach
//! a driver.
//!
//! Needs `ip`, of Debian's package iproute2: `/bin/ip` in the test's `.add` file.

use crate::wait_until;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::fd::AsFd as _,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

const CLASS: &str = "/sys/class/net";
/// The address of the near end.
pub const HERE: &str = "10.9.8.1";
/// The address of the far end.
pub const THERE: &str = "10.9.8.2";

/// Has no interface speak unasked, on the kernels that have IPv6.
pub fn be_quiet() {
    let setting = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
    if fs::exists(setting).expect("stat") {
        fs::write(setting, "1").expect("write");
    }
}

/// Calls `ip`, which must succeed.
pub fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output();
    let output = output.unwrap_or_else(|error| panic!("ip: {error}"));
    assert!(output.status.success(), "ip {arguments}: {output:?}");
}

fn shown(interface: &str, file: &str) -> String {
    let path = Path::new(CLASS).join(interface).join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.trim().to_owned()
}

/// What `ip -s link` counts: /proc has it of the thread's own namespace, where /sys has it of whose mounted it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Counted {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_errors: u64,
    pub rx_dropped: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
}

/// What was counted for an interface of the thread's namespace.
pub fn counted(interface: &str) -> Counted {
    let text = fs::read_to_string("/proc/thread-self/net/dev").expect("/proc/net/dev");
    let lines = text.lines().filter_map(|line| line.trim().split_once(':'));
    let mut of_it = lines.filter(|(name, _)| *name == interface);
    let (_, numbers) = of_it
        .next()
        .unwrap_or_else(|| panic!("{interface}: {text}"));
    let numbers: Vec<u64> = numbers
        .split_whitespace()
        .map(|it| it.parse().expect("a number"))
        .collect();
    Counted {
        rx_bytes: numbers[0],
        rx_packets: numbers[1],
        rx_errors: numbers[2],
        rx_dropped: numbers[3],
        tx_bytes: numbers[8],
        tx_packets: numbers[9],
    }
}

/// A network namespace, which a process keeps.
#[derive(Debug)]
pub struct Namespace {
    keeper: Child,
    file: File,
}

impl Namespace {
    #[allow(clippy::new_without_default, reason = "it starts a process")]
    /// Makes one, with no interface that is up.
    pub fn new() -> Self {
        let mut keeper = Command::new("unshare")
            .args(["-n", "cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare");
        // `cat` answers, so it is there.
        let stdin = keeper.stdin.as_mut().expect("its input");
        stdin.write_all(b"?").expect("write");
        let stdout = keeper.stdout.as_mut().expect("its output");
        stdout.read_exact(&mut [0]).expect("an answer");
        let file = File::open(format!("/proc/{}/ns/net", keeper.id())).expect("its namespace");
        Self { keeper, file }
    }

    /// Runs something in it, in a thread of its own.
    pub fn run<T: Send>(&self, f: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(self.file.as_fd(), kind).expect("setns");
            f()
        };
        thread::scope(|scope| match scope.spawn(inside).join() {
            Ok(value) => value,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    }

    /// Puts the interface `there` there, and has both go up with [`HERE`] and [`THERE`], each knowing the
    /// other's: so nothing is sent that a test does not send.
    pub fn connect(&self, here: &str, there: &str) {
        self.run(be_quiet);
        let [first, second] = [here, there].map(|it| shown(it, "address"));
        ip(&format!("link set {there} netns {}", self.keeper.id()));
        ip(&format!("addr add {HERE}/24 dev {here}"));
        ip(&format!("link set {here} up"));
        self.run(|| {
            ip(&format!("addr add {THERE}/24 dev {there}"));
            ip(&format!("link set {there} up"));
            ip(&format!("neigh replace {HERE} lladdr {first} dev {there}"));
        });
        ip(&format!("neigh replace {THERE} lladdr {second} dev {here}"));
        wait_until("there is a carrier", || shown(here, "operstate") == "up");
    }

    /// What was counted for an interface that is there.
    pub fn counted(&self, interface: &str) -> Counted {
        self.run(|| counted(interface))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Its input is closed, so it ends.
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
