// SPDX-License-Identifier: GPL-2.0-only

//! Several minors and mmap, which no sample has: the module `pages` of the tests.

use lkm::{hostile::Window, memory::Mapping};
use lkmpg_tests::{KernelSetting, Module, errno_of, majors, wait_until};
use rustix::{
    fs::{FileType, Mode, makedev, mknodat},
    io::Errno,
    mm::{MapFlags, ProtFlags},
};
use std::{
    env,
    fs::{self, File},
    os::{
        fd::AsFd as _,
        unix::{
            fs::{FileExt as _, MetadataExt as _},
            process::ExitStatusExt as _,
        },
    },
    process::{Command, Stdio},
};

const PAGE: usize = 4096;
const EVERYWHERE: &str = "/dev/everywhere";
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
    // The alias of chardev has such a number.
    let _no_modprobe = KernelSetting::no_modprobe();
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
fn a_mapping_of_nothing_faults_and_takes_no_marks() {
    let module = load();
    let file = open(NODES[0]);
    let (prot, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    let nothing = Window::new(file.as_fd(), PAGE as u64, PAGE, prot, flags).expect("mmap");
    assert_eq!(nothing.get(0), Err(Errno::FAULT));
    // `mm`: mixed pages, which userfaultfd leaves alone.
    let areas = fs::read_to_string("/proc/self/smaps").expect("the areas");
    let ours = areas.split_once(NODES[0]).expect("the area").1;
    let flags = ours.lines().find(|it| it.starts_with("VmFlags:"));
    assert!(flags.is_some_and(|it| it.contains(" mm")), "{flags:?}");
    drop((nothing, file));
    module.unload().expect("unload");
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

/// Maps six pages of the device that has four.
fn window(file: &File, flags: MapFlags) -> Window {
    let prot = ProtFlags::READ | ProtFlags::WRITE;
    Window::new(file.as_fd(), 0, 6 * PAGE, prot, flags).expect("mmap")
}

#[test]
fn pages_come_when_they_are_touched() {
    let module = load();
    let file = open("/dev/lazy_pages");
    let [shared, other] = [(); 2].map(|()| window(&file, MapFlags::SHARED));
    assert_eq!(shared.get(PAGE), Ok(0));
    shared.set(PAGE, b'm').expect("a page");
    assert_eq!(other.get(PAGE), Ok(b'm'));
    // What is mapped is what is read and written.
    file.write_all_at(b"written", 2 * PAGE as u64 - 3)
        .expect("write");
    assert_eq!(shared.get(2 * PAGE), Ok(b't'));
    let mut byte = [0];
    file.read_exact_at(&mut byte, PAGE as u64).expect("read");
    assert_eq!(byte, *b"m");
    // A copy of one's own.
    let private = window(&file, MapFlags::PRIVATE);
    assert_eq!(private.get(PAGE), Ok(b'm'));
    for page in [1, 3] {
        private.set(page * PAGE, b'p').expect("a page");
        assert_eq!(private.get(page * PAGE), Ok(b'p'));
    }
    assert_eq!(shared.get(PAGE), Ok(b'm'));
    assert_eq!(shared.get(3 * PAGE), Ok(0));
    // What fails is not there, and is not tried for ever.
    for page in [4, 5] {
        assert_eq!(shared.get(page * PAGE), Err(Errno::FAULT));
        assert_eq!(shared.set(page * PAGE, 1), Err(Errno::FAULT));
    }
    drop((file, shared, private));
    let module = module
        .unload()
        .expect_err("it is in use")
        .into_module(Errno::AGAIN);
    assert_eq!(other.get(0), Ok(0));
    drop(other);
    module.unload().expect("unload");
}

#[test]
fn who_is_killed_maps_no_further() {
    let module = load();
    let told = || {
        let text = fs::read_to_string(EVERYWHERE).expect("read");
        let (places, errno) = text.trim().split_once(' ').expect("two numbers");
        [places, errno].map(|it| it.parse::<i32>().expect("a number"))
    };
    let mut child = Command::new(env::current_exe().expect("this file"))
        .args(["--exact", "map_a_lot", "--ignored"])
        .stdout(Stdio::null())
        .spawn()
        .expect("a process");
    wait_until("a page to be mapped", || told()[0] > 0);
    child.kill().expect("kill");
    assert_eq!(child.wait().expect("its end").signal(), Some(9));
    let interrupted = Errno::INTR.raw_os_error();
    assert_eq!(told()[1], -interrupted);
    module.unload().expect("unload");
}

/// Takes a second or more, and 64 MiB of tables.
#[test]
#[ignore = "a process of the test above"]
fn map_a_lot() {
    let (prot, flags) = (ProtFlags::READ, MapFlags::SHARED);
    let file = open(EVERYWHERE);
    drop(Window::new(file.as_fd(), 0, 32 << 30, prot, flags));
}
