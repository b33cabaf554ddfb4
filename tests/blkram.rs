// SPDX-License-Identifier: GPL-2.0-only

//! Block devices: blkram.

use lkmpg_tests::{KernelSetting, Module, errno_of, skip};
use rustix::{
    fs::{FallocateFlags, OFlags, fallocate},
    io::Errno,
    mount::{MountFlags, UnmountFlags, mount, unmount},
};
use std::{
    fs::{self, File},
    os::unix::fs::{FileExt as _, FileTypeExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    process::Command,
    thread,
};

const NODE: &str = "/dev/blkram";
const MIB: u64 = 1 << 20;

fn load(parameters: &[&str]) -> Module {
    Module::load("blkram", parameters).expect("the module loads")
}

fn open() -> File {
    let mut options = File::options();
    options.read(true).write(true).open(NODE).expect("open")
}

/// Past the page cache: each read and write is a request.
fn open_direct() -> File {
    let mut options = File::options();
    options.read(true).write(true);
    let options = options.custom_flags(OFlags::DIRECT.bits() as i32);
    options.open(NODE).expect("open")
}

/// Runs a program, which must succeed.
fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {output:?}"
    );
}

/// A mounted file system.
struct Mounted(PathBuf);

impl Mounted {
    fn new(node: &str, options: &str) -> Self {
        let folder = std::env::temp_dir().join("blkram");
        fs::create_dir_all(&folder).expect("a folder");
        let data = std::ffi::CString::new(options).expect("text");
        mount(node, &folder, "ext2", MountFlags::empty(), data.as_c_str()).expect("mount");
        Self(folder)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        unmount(&self.0, UnmountFlags::empty()).expect("unmount");
        fs::remove_dir(&self.0).expect("an empty folder");
    }
}

/// Bytes that differ from sector to sector.
fn pattern(seed: u64, length: usize) -> Vec<u8> {
    let numbers =
        (0..length as u64 / 8).map(|at| (at.wrapping_mul(0x9e37_79b9) ^ seed << 40).to_ne_bytes());
    numbers.flatten().collect()
}

/// Memory that `O_DIRECT` takes.
fn aligned(bytes: &[u8], skew: usize) -> (Vec<u8>, std::ops::Range<usize>) {
    let mut memory = vec![0; bytes.len() + 4096 + skew];
    let start = memory.as_ptr().align_offset(4096) + skew;
    let range = start..start + bytes.len();
    memory[range.clone()].copy_from_slice(bytes);
    (memory, range)
}

fn sectors(name: &str) -> u64 {
    let size = fs::read_to_string(Path::new("/sys/class/block").join(name).join("size"));
    size.expect("a size").trim().parse().expect("a number")
}

#[test]
fn it_is_a_disk_of_its_size() {
    for size in [1, 16, 65536] {
        let module = load(&[&format!("size={size}")]);
        assert!(
            fs::metadata(NODE)
                .expect("stat")
                .file_type()
                .is_block_device()
        );
        assert_eq!(sectors("blkram"), size * MIB / 512);
        module.unload().expect("unload");
        assert!(!fs::exists(NODE).expect("stat"));
    }
    load(&["queues=64"]).unload().expect("unload");
    for wrong in [
        "size=0",
        "size=65537",
        "size=-1",
        "queues=0",
        "queues=65",
        "size=x",
    ] {
        let error = Module::load("blkram", &[wrong]).expect_err(wrong);
        assert!(!fs::exists(NODE).expect("stat"), "{error}");
    }
}

#[test]
fn what_was_written_is_there_and_the_rest_is_zero() {
    let _module = load(&[]);
    let disk = open();
    // Within a page, over the end of one, and at the end of the disk.
    let end = 16 * MIB;
    for (seed, (at, length)) in [
        (512, 512),
        (4096 - 512, 1024),
        (MIB, 200_000 / 8 * 8),
        (end - 4096, 4096),
    ]
    .into_iter()
    .enumerate()
    {
        let bytes = pattern(seed as u64, length);
        disk.write_all_at(&bytes, at).expect("write");
        disk.sync_all().expect("sync");
        let mut seen = vec![0xff; length];
        open_direct_read(at, &mut seen);
        assert_eq!(seen, bytes, "at {at}");
    }
    let mut seen = vec![0xff; 4096];
    open_direct_read(8 * MIB, &mut seen);
    assert_eq!(seen, [0; 4096]);
    // Beyond the end.
    assert_eq!(disk.read_at(&mut seen, end).map_err(errno_of), Ok(0));
    assert_eq!(
        disk.write_at(&seen, end).map_err(errno_of),
        Err(Errno::NOSPC)
    );
    assert_eq!(disk.write_at(&seen, end - 512).map_err(errno_of), Ok(512));
}

/// Reads what the disk has, whatever the page cache thinks.
fn open_direct_read(at: u64, out: &mut [u8]) {
    let first = at / 512 * 512;
    let length = (at + out.len() as u64).div_ceil(512) * 512 - first;
    let (mut memory, range) = aligned(&vec![0; length as usize], 0);
    let seen = &mut memory[range];
    open_direct().read_exact_at(seen, first).expect("read");
    let start = (at - first) as usize;
    out.copy_from_slice(&seen[start..start + out.len()]);
}

/// A process' own memory, that begins anywhere.
#[test]
fn requests_of_odd_shapes_are_answered() {
    let _module = load(&[]);
    let disk = open_direct();
    for (seed, (at, length, skew)) in [
        (0, 4096, 512),
        (512, 8192, 0),
        (1536, 8192, 1024),
        (MIB - 512, 1024, 3584),
        (2 * MIB + 512, 300_032, 512),
    ]
    .into_iter()
    .enumerate()
    {
        let bytes = pattern(seed as u64 + 10, length);
        let (memory, range) = aligned(&bytes, skew);
        assert_eq!(
            disk.write_at(&memory[range], at).map_err(errno_of),
            Ok(length)
        );
        let (mut memory, range) = aligned(&vec![0xff; length], 4096 - skew);
        disk.read_exact_at(&mut memory[range.clone()], at)
            .expect("read");
        assert_eq!(memory[range], bytes, "at {at}");
    }
}

#[test]
fn files_survive_unmounting() {
    let module = load(&[]);
    run("mke2fs", &["-q", NODE]);
    let bytes = pattern(7, 300_000);
    {
        let disk = Mounted::new(NODE, "");
        fs::write(disk.file("file"), &bytes).expect("write");
        fs::create_dir(disk.file("folder")).expect("a folder");
    }
    run("e2fsck", &["-f", "-n", NODE]);
    {
        let disk = Mounted::new(NODE, "");
        assert_eq!(fs::read(disk.file("file")).expect("read"), bytes);
        assert!(disk.file("folder").is_dir());
        let module = module.unload().expect_err("it is mounted").busy();
        drop(disk);
        module.unload().expect("unload");
    }
}

/// A table of partitions as DOS had it: one that begins at the second MiB.
#[test]
fn it_can_be_partitioned() {
    let module = load(&[]);
    let mut table = [0; 512];
    table[446..462].copy_from_slice(&[0, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 16, 0, 0]);
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    let disk = open();
    disk.write_all_at(&table, 0).expect("write");
    disk.sync_all().expect("sync");
    drop(disk);
    run("blockdev", &["--rereadpt", NODE]);
    assert_eq!(sectors("blkram/blkram1"), 4096);
    run("mke2fs", &["-q", "/dev/blkram1"]);
    fs::write(Mounted::new("/dev/blkram1", "").file("file"), "kept").expect("write");
    let disk = Mounted::new("/dev/blkram1", "");
    assert_eq!(fs::read_to_string(disk.file("file")).expect("read"), "kept");
    drop(disk);
    let mut first = [0; 512];
    open().read_exact_at(&mut first, 0).expect("read");
    assert_eq!(first, table);
    module.unload().expect("unload");
}

#[test]
fn what_is_discarded_reads_as_zeroes() {
    let _module = load(&[]);
    let disk = open();
    disk.write_all_at(&vec![0x5a; MIB as usize], MIB)
        .expect("write");
    disk.sync_all().expect("sync");
    // From within a page to within another.
    let (at, length) = (MIB + 512, 3 * 4096);
    let punch = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    fallocate(&disk, punch, at, length).expect("a hole");
    let mut seen = vec![0; 5 * 4096];
    open_direct_read(MIB, &mut seen);
    for (offset, byte) in seen.into_iter().enumerate() {
        let hole = (512..512 + length).contains(&(offset as u64));
        assert_eq!(byte, if hole { 0 } else { 0x5a }, "at {offset}");
    }
}

/// Has each so many-th piece that is written fail.
fn fail(every: &str) {
    fs::write("/sys/module/blkram/parameters/fail", every).expect("a parameter");
}

/// A write that fails is told to who asks whether it is on the disk, and what was there before stays.
#[test]
fn errors_are_told_and_nothing_else_is_lost() {
    let module = load(&[]);
    let disk = open();
    disk.write_all_at(&[1; 4096], 0).expect("write");
    disk.sync_all().expect("sync");
    fail("1");
    disk.write_all_at(&[2; 4096], 0)
        .expect("it is only in memory");
    assert_eq!(disk.sync_all().map_err(errno_of), Err(Errno::IO));
    let mut seen = [0; 4096];
    open_direct_read(0, &mut seen);
    assert_eq!(seen, [1; 4096]);
    fail("0");
    disk.write_all_at(&[3; 4096], 0).expect("write");
    disk.sync_all().expect("sync");
    open_direct_read(0, &mut seen);
    assert_eq!(seen, [3; 4096]);
    drop(disk);
    module.unload().expect("unload");
}

/// Has some requests fail before they reach the driver, on kernels that can (`CONFIG_FAIL_MAKE_REQUEST`).
fn some_fail() -> Option<KernelSetting> {
    const PROBABILITY: &str = "/sys/kernel/debug/fail_make_request/probability";

    if !fs::exists(PROBABILITY).expect("stat") {
        skip("the kernel has no CONFIG_FAIL_MAKE_REQUEST");
        return None;
    }
    let set = |file: &str, value: &str| fs::write(file, value).expect(file);
    set("/sys/kernel/debug/fail_make_request/verbose", "0");
    set("/sys/kernel/debug/fail_make_request/times", "-1");
    set("/sys/block/blkram/make-it-fail", "1");
    Some(KernelSetting::new(PROBABILITY, "30"))
}

/// Who is told of an error finds what was there before, and who is not finds what he wrote.
#[test]
fn requests_that_fail_are_told_and_the_others_are_kept() {
    const PAGES: u64 = 256;

    let module = load(&[]);
    let Some(failing) = some_fail() else { return };
    let disk = open_direct();
    let mut expected = vec![0; PAGES as usize * 4096];
    let mut failed = 0;
    for (round, page) in (0..4).flat_map(|round| (0..PAGES).map(move |page| (round, page))) {
        let bytes = pattern(round * PAGES + page + 1, 4096);
        let (memory, range) = aligned(&bytes, 0);
        let at = page * 4096;
        match disk.write_at(&memory[range], at).map_err(errno_of) {
            Ok(4096) => expected[at as usize..][..4096].copy_from_slice(&bytes),
            Err(Errno::IO) => failed += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!((1..4 * PAGES).contains(&failed), "{failed}");
    drop(failing);
    let mut seen = vec![0xff; expected.len()];
    open_direct_read(0, &mut seen);
    assert!(seen == expected);
    drop(disk);
    module.unload().expect("unload");
}

/// A file system hears of errors, too: it can be mended, and works on.
#[test]
fn a_file_system_survives_requests_that_fail() {
    let module = load(&[]);
    run("mke2fs", &["-q", NODE]);
    let disk = Mounted::new(NODE, "errors=continue");
    let Some(failing) = some_fail() else { return };
    let mut failed = 0;
    for number in 0..50_u64 {
        let written = File::create(disk.file(&number.to_string())).and_then(|file| {
            file.write_all_at(&pattern(number, 8192), 0)?;
            file.sync_all()
        });
        failed += u32::from(written.is_err());
    }
    assert!(failed > 0);
    drop(failing);
    drop(disk);
    // 1: something was mended.
    let mended = Command::new("e2fsck").args(["-f", "-y", NODE]).output();
    let mended = mended.expect("e2fsck");
    assert!(matches!(mended.status.code(), Some(0 | 1)), "{mended:?}");
    run("e2fsck", &["-f", "-n", NODE]);
    let disk = Mounted::new(NODE, "");
    fs::write(disk.file("after"), "kept").expect("write");
    assert_eq!(fs::read(disk.file("after")).expect("read"), b"kept");
    drop(disk);
    module.unload().expect("unload");
}

#[test]
fn all_queues_write_side_by_side() {
    let module = load(&["queues=4"]);
    thread::scope(|scope| {
        for part in 0..4_u64 {
            scope.spawn(move || {
                let disk = open_direct();
                for round in 0..20 {
                    // Sectors of the same pages, so that all change each page, and none is there before.
                    let bytes = pattern(part * 100 + round, 1024);
                    let (memory, range) = aligned(&bytes, 0);
                    for page in round * 64..(round + 1) * 64 {
                        let at = page * 4096 + part * 1024;
                        disk.write_all_at(&memory[range.clone()], at)
                            .expect("write");
                    }
                    for page in round * 64..(round + 1) * 64 {
                        let (mut memory, range) = aligned(&[0; 1024], 0);
                        let at = page * 4096 + part * 1024;
                        disk.read_exact_at(&mut memory[range.clone()], at)
                            .expect("read");
                        assert_eq!(memory[range], bytes);
                    }
                }
            });
        }
    });
    module.unload().expect("unload");
}

#[test]
fn it_stays_while_it_is_open() {
    let module = load(&[]);
    let disk = open();
    let module = module.unload().expect_err("it is open").busy();
    drop(disk);
    module.unload().expect("unload");
    assert_eq!(File::open(NODE).map_err(errno_of).err(), Some(Errno::NOENT));
}
