// SPDX-License-Identifier: GPL-2.0-only

//! Several minors and mmap, which no sample has: the module `pages` of the tests.

use lkm::memory::Mapping;
use lkmpg_tests::{Module, errno_of, majors};
use rustix::{
    fs::{FileType, Mode, makedev, mknodat},
    io::Errno,
};
use std::{
    fs::{self, File},
    os::unix::fs::MetadataExt as _,
};

const PAGE: usize = 4096;
const NODES: [&str; 2] = ["/dev/pages0", "/dev/pages1"];

fn load() -> Module {
    Module::load("pages", &[]).expect("the module loads")
}

fn open(node: &str) -> File {
    let mut options = File::options();
    options.read(true).write(true).open(node).expect("open")
}

/// Makes a node for a minor that has none.
fn node(minor: u32) -> String {
    let path = format!("/tmp/page{minor}");
    let device = makedev(majors()["pages"], minor);
    mknodat(
        rustix::fs::CWD,
        &path,
        FileType::CharacterDevice,
        Mode::RUSR | Mode::WUSR,
        device,
    )
    .expect("mknod");
    path
}

fn text(mapping: &Mapping) -> [u8; 5] {
    let mut bytes = [0; 5];
    mapping.read(PAGE - 5, &mut bytes);
    bytes
}

#[test]
fn each_minor_is_a_device() {
    let module = load();
    for (minor, path) in NODES.iter().enumerate() {
        let metadata = fs::metadata(path).expect("a node");
        assert_eq!(rustix::fs::minor(metadata.rdev()), minor as u32);
        assert_eq!(metadata.mode() & 0o7777, 0o600);
        assert_eq!(
            fs::read_to_string(path).expect("read"),
            format!("page {minor}\n")
        );
    }
    assert!(!fs::exists("/dev/pages2").expect("/dev"));
    let third = node(2);
    assert_eq!(fs::read_to_string(&third).expect("read"), "page 2\n");
    // The module knows no such minor; and that one is not the module's.
    for minor in [3, 4] {
        let stray = node(minor);
        assert_eq!(
            File::open(&stray).map_err(errno_of).err(),
            Some(Errno::NXIO)
        );
        fs::remove_file(stray).expect("rm");
    }
    module.unload().expect("unload");
    assert!(NODES.iter().all(|it| !fs::exists(it).expect("/dev")));
    assert_eq!(
        File::open(&third).map_err(errno_of).err(),
        Some(Errno::NXIO)
    );
    fs::remove_file(third).expect("rm");
}

#[test]
fn who_maps_the_same_minor_shares_it() {
    let module = load();
    let [first, again, other] =
        [NODES[0], NODES[0], NODES[1]].map(|it| Mapping::writable(open(it), PAGE).expect("mmap"));
    first.write(PAGE - 5, b"hello");
    assert_eq!(text(&again), *b"hello");
    assert_eq!(text(&other), [0; 5]);
    // A mapping is an open file: it keeps the module.
    let module = module
        .unload()
        .expect_err("it is in use")
        .into_module(Errno::AGAIN);
    drop((first, again, other));
    // The page lasts as long as the module.
    assert_eq!(
        text(&Mapping::new(open(NODES[0]), PAGE).expect("mmap")),
        *b"hello"
    );
    module.unload().expect("unload");
}

#[test]
fn a_mapping_of_another_length_is_refused() {
    let _module = load();
    let two = Mapping::new(open(NODES[0]), 2 * PAGE).map_err(errno_of);
    assert_eq!(two.err(), Some(Errno::INVAL));
}
