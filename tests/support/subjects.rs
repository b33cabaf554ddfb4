// SPDX-License-Identifier: GPL-2.0-only

//! The modules that the reliability tests go through: to be listed here is all that a new one needs.
//!
//! `runner.rs` fails if a sample is not listed. What a module must leave behind when it goes,
//! nothing, need not be said: see [`Footprint`](crate::Footprint).

use crate::Module;
use rustix::{
    fs::{Mode, OFlags, open},
    io::Errno,
    net::{AddressFamily, SocketFlags, SocketType, socket_with},
};
use std::{fs, os::fd::OwnedFd};

/// A module under test.
#[derive(Debug)]
pub struct Subject {
    /// Its name.
    pub module: &'static str,
    /// Parameters that have it do as much as it can without anybody's help.
    pub parameters: &'static [&'static str],
    /// Where a user gets at it.
    pub nodes: &'static [Node],
    /// What loading it without memory may fail with, as documented, besides `ENOMEM`.
    pub refusal: Option<Errno>,
}

/// A file of a module, or its netlink protocol.
#[derive(Debug)]
pub struct Node {
    /// The path, or `netlink:` with the number of a protocol.
    pub path: &'static str,
    /// What a write of is understood.
    pub words: &'static [&'static str],
    /// The numbers of its ioctls.
    pub ioctls: &'static [u32],
}

/// Where modules may keep what they take.
const WORDS: &[&str] = &["hello\n", "", "0\n", "4294967296\n", "a line\nand more"];

const fn subject(module: &'static str, nodes: &'static [Node]) -> Subject {
    Subject {
        module,
        parameters: &[],
        nodes,
        refusal: None,
    }
}

const fn with(
    module: &'static str,
    parameters: &'static [&'static str],
    nodes: &'static [Node],
) -> Subject {
    Subject {
        module,
        parameters,
        nodes,
        refusal: None,
    }
}

const fn node(path: &'static str) -> Node {
    Node {
        path,
        words: WORDS,
        ioctls: &[],
    }
}

/// All of them, in the order of the chapters.
pub const SUBJECTS: &[Subject] = &[
    subject("hello_1", &[]),
    subject("hello_2", &[]),
    subject("hello_3", &[]),
    subject("hello_4", &[]),
    with("hello_5", &["mystring=bebop", "myintArray=1,2"], &[]),
    subject("start_stop", &[]),
    subject("chardev", &[node("/dev/chardev")]),
    subject("procfs_1", &[node("/proc/test")]),
    subject("procfs_2", &[node("/proc/rw_test")]),
    subject(
        "ioctl",
        &[Node {
            path: "/dev/char_dev",
            words: WORDS,
            ioctls: &[
                0x8008_6400, // SET_MSG
                0x8008_6401, // GET_MSG
                0xc004_6402, // GET_NTH_BYTE
                0xc010_6403, // GET_MSG_BUF
                0x4010_6404, // SET_MSG_BUF
            ],
        }],
    ),
    with(
        "syscall",
        &["uid=4711"],
        &[node("/sys/kernel/debug/syscall/opens")],
    ),
    subject("sleep", &[node("/proc/sleep")]),
    subject("print_string", &[]),
    subject("sched", &[node("/proc/sched")]),
    subject("intrpt", &[node("/dev/scancode")]),
    with("smp", &["increments=1000"], &[node("/proc/smp")]),
    with(
        "kthread_file",
        &["path=/tmp/kthread_file.log", "period_ms=1"],
        &[node("/proc/kthread_file")],
    ),
    with("xktty", &["tty=tty1"], &[node("/dev/xktty")]),
    with(
        "html_parser",
        &["path=/etc/passwd"],
        // Its other file takes long, and does the same more often.
        &[node("/proc/html_parser")],
    ),
    subject(
        "chan_sysfs",
        &[
            node("/sys/kernel/chan_sysfs/value"),
            node("/sys/kernel/chan_sysfs/stores"),
            node("/sys/kernel/chan_sysfs/limits/min"),
            node("/sys/kernel/chan_sysfs/limits/max"),
            node("/sys/kernel/chan_sysfs/raw/bytes"),
        ],
    ),
    // By number, and as a generic family, whose number may be any.
    Subject {
        module: "chan_netlink",
        parameters: &[],
        nodes: &[node("netlink:31"), node("netlink:16")],
        // The kernel does not say whether the protocol is taken or there is no memory for it.
        refusal: Some(Errno::BUSY),
    },
    subject(
        "chan_relay",
        &[
            node("/sys/kernel/debug/chan_relay/cpu0"),
            Node {
                path: "/sys/kernel/debug/chan_relay/control",
                words: &["generate 1 100\n", "flush\n", "consume 0 0\n", "no\n"],
                ioctls: &[],
            },
        ],
    ),
    subject(
        "chan_debugfs",
        &[
            node("/sys/kernel/debug/chan_debugfs/level"),
            node("/sys/kernel/debug/chan_debugfs/blob"),
            node("/sys/kernel/debug/chan_debugfs/mailbox"),
        ],
    ),
    Subject {
        module: "chan_firmware",
        parameters: &[],
        nodes: &[
            node("/sys/kernel/chan_firmware/load"),
            node("/sys/kernel/chan_firmware/ask"),
            node("/sys/kernel/chan_firmware/cancel"),
            node("/sys/kernel/chan_firmware/status"),
            node("/sys/kernel/chan_firmware/image"),
        ],
        // Nor why there is no device.
        refusal: Some(Errno::NODEV),
    },
];

impl Subject {
    /// Loads the module.
    pub fn load(&self) -> Module {
        self.load_with(self.parameters)
    }

    /// Loads the module, with `file` for the one that it reads or writes, if it does.
    pub fn load_on(&self, file: &str) -> Module {
        let path = format!("path={file}");
        let parameters = self.parameters.iter().copied();
        let parameters = parameters.map(|it| match it.starts_with("path=") {
            true => &*path,
            false => it,
        });
        self.load_with(&parameters.collect::<Vec<_>>())
    }

    fn load_with(&self, parameters: &[&str]) -> Module {
        let loaded = Module::load(self.module, parameters);
        loaded.unwrap_or_else(|error| panic!("{}: {error}", self.module))
    }

    /// Whether this kernel's build has the module, and the kernel room for its name.
    pub fn is_built(&self) -> bool {
        crate::module_file(self.module).exists() && !crate::is_built_in(self.module)
    }

    /// Where its code is.
    pub fn code(&self) -> (u64, u64) {
        let folder = format!("/sys/module/{}", self.module);
        let start = fs::read_to_string(format!("{folder}/sections/.text")).expect("its code");
        let start = start.trim().trim_start_matches("0x");
        let start = u64::from_str_radix(start, 16).expect("an address");
        let size = fs::read_to_string(format!("{folder}/coresize")).expect("its size");
        (start, start + size.trim().parse::<u64>().expect("a number"))
    }
}

/// Those of [`SUBJECTS`] that this kernel's build has, or the one that `LKMPG_SUBJECT` names.
pub fn subjects() -> impl Iterator<Item = &'static Subject> {
    let only = std::env::var("LKMPG_SUBJECT").ok();
    SUBJECTS
        .iter()
        .filter(move |it| only.as_ref().is_none_or(|only| it.module == only))
        .filter(|it| it.is_built())
}

impl Node {
    /// Opens it.
    pub fn open(&self, flags: OFlags) -> Result<OwnedFd, Errno> {
        let Some(protocol) = self.path.strip_prefix("netlink:") else {
            return open(self.path, flags, Mode::empty());
        };
        let protocol = protocol
            .parse()
            .ok()
            .and_then(rustix::net::RawProtocol::new);
        let mut socket = SocketFlags::empty();
        socket.set(SocketFlags::NONBLOCK, flags.contains(OFlags::NONBLOCK));
        socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            socket,
            protocol.map(rustix::net::Protocol::from_raw),
        )
    }
}
