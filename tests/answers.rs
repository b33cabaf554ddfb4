// SPDX-License-Identifier: GPL-2.0-only

//! A module in safe Rust, each of whose callbacks answers what it is told to: any error, and any number.

use lkm::memory::Mapping;
use lkmpg_tests::{Configfs, Footprint, Module, Progress, errno_of, open_node};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags, SeekFrom, open, seek, sendfile},
    io::{Errno, pread, read, write},
    termios::tcgetwinsize,
};
use std::{
    fs::{self, File},
    sync::LazyLock,
};

const FILES: [&str; 4] = [
    "/dev/answers",
    "/dev/answers_misc",
    "/proc/answers/node",
    "/sys/kernel/debug/answers/node",
];
const OPEN: &str = "/proc/answers/open";
const SHOW: &str = "/proc/answers/show";
const VALUE: &str = "/sys/kernel/answers/value";
const CONFIG: &str = "/sys/kernel/config/answers/value";
const FOLDER: &str = "/sys/kernel/config/answers/folder";
const BYTES: &str = "/sys/kernel/answers/bytes";
const SENSORS: &str = "/sys/devices/faux/answers/hwmon";

fn file(path: &str) -> File {
    open_node(path, OFlags::RDWR)
}

/// What all callbacks of the module `answers` answer from now on.
struct Answer(File);

impl Answer {
    fn new() -> Self {
        let mut options = File::options();
        Self(
            options
                .write(true)
                .open("/proc/answers/control")
                .expect("control"),
        )
    }

    fn set(&self, answer: &str) {
        let written = write(&self.0, answer.as_bytes());
        assert_eq!(written, Ok(answer.len()), "{answer}");
    }
}

type Call = fn(&File) -> Result<(), Errno>;

/// What can be done with each of the files. Not at 0: `seq_file` first looks for where that is.
const CALLS: [(&str, Call); 3] = [
    ("write", |file| write(file, b"12345678").map(drop)),
    ("read", |file| pread(file, &mut [0; 8], 1).map(drop)),
    ("sendfile", |file| {
        static OUT: LazyLock<File> = LazyLock::new(file_in_memory);
        sendfile(&*OUT, file, Some(&mut 1), 8).map(drop)
    }),
];

/// And with those that have all operations.
const MORE_CALLS: [(&str, Call); 2] = [
    ("ioctl", |file| tcgetwinsize(file).map(drop)),
    ("mmap", |file| {
        Mapping::new(file, 4096).map(drop).map_err(errno_of)
    }),
];

fn file_in_memory() -> File {
    let file = open("/tmp", OFlags::TMPFILE | OFlags::RDWR, Mode::RUSR);
    File::from(file.expect("a file in /tmp"))
}

fn answers() -> (Module, Answer, Vec<(&'static str, File)>) {
    let module = Module::load("answers", &[]).expect("the module loads");
    let paths = FILES.into_iter().chain([SHOW, VALUE, CONFIG, BYTES]);
    (
        module,
        Answer::new(),
        paths.map(|it| (it, file(it))).collect(),
    )
}

#[test]
fn any_error_can_be_returned() {
    let before = Footprint::now();
    let configfs = Configfs::mount();
    let (module, answer, mut files) = answers();
    let folder = fs::read_dir(SENSORS).expect(SENSORS).flatten().next();
    let sensor = folder.expect("a chip").path().join("temp1_input");
    let sensor = &*sensor.to_str().expect("text").to_owned().leak();
    files.push((sensor, file(sensor)));
    let mut progress = Progress::new("errors");
    for number in 1..=4095 {
        progress.tell(number as usize, 4095);
        answer.set(&format!("-{number}"));
        let expected = match number {
            // Nobody sends a signal, so nobody would restart the call.
            512..=514 | 516 => Errno::INTR,
            515 => Errno::NOTTY,
            // The kernel's own.
            512.. => Errno::IO,
            _ => Errno::from_raw_os_error(number),
        };
        assert_eq!(
            open(OPEN, OFlags::RDWR, Mode::empty()).err(),
            Some(expected),
            "open"
        );
        let made = fs::create_dir(FOLDER).map_err(errno_of);
        assert_eq!(made, Err(expected), "mkdir");
        for (path, file) in &files {
            let more = MORE_CALLS.iter().filter(|_| FILES.contains(path));
            for (what, call) in CALLS.iter().chain(more) {
                let result = call(file).expect_err(what);
                let expected = match expected {
                    // Would be tried again for ever.
                    Errno::AGAIN if [SHOW, VALUE, sensor].contains(path) && *what != "write" => {
                        Errno::BUSY
                    }
                    // The VFS does not splice from some of them, and takes this for a full pipe.
                    _ if *what == "sendfile" && result == Errno::INVAL => Errno::INVAL,
                    Errno::FAULT if *what == "sendfile" => Errno::AGAIN,
                    _ => expected,
                };
                assert_eq!(result, expected, "{what} {path}: {number}");
            }
        }
    }
    drop((files, answer));
    module.unload().expect("nobody uses it");
    drop(configfs);
    before.check("errors");
}

#[test]
fn any_count_can_be_returned() {
    let before = Footprint::now();
    let configfs = Configfs::mount();
    let (module, answer, files) = answers();
    let counts = [
        0,
        1,
        8,
        9,
        4096,
        i64::from(i32::MAX),
        i64::from(u32::MAX),
        i64::MAX - 1,
        i64::MAX,
    ];
    for count in counts {
        for skip in [false, true] {
            answer.set(&count.to_string());
            if skip {
                answer.set("skip");
            }
            let taken = count.min(8) as usize;
            for (path, file) in &files {
                let is_node = FILES.contains(path);
                // Where the last call left it, there may be nothing.
                seek(file, SeekFrom::Start(0)).expect(path);
                let written = write(file, b"12345678").expect(path);
                assert_eq!(
                    written,
                    if [VALUE, CONFIG].contains(path) || skip {
                        8
                    } else {
                        taken
                    },
                    "{path}"
                );
                let mut bytes = [b'-'; 8];
                let length = pread(file, &mut bytes, 0).expect(path);
                let shown: &[u8] = if is_node { b"" } else { b"shown" };
                assert_eq!(&bytes[..shown.len()], shown, "{path}");
                assert!(
                    bytes[shown.len()..].iter().all(|it| *it == b'-'),
                    "{path}: {bytes:?}"
                );
                assert_eq!(
                    length,
                    if is_node && skip { 8 } else { shown.len() },
                    "{path}"
                );
                if is_node {
                    let ioctl = tcgetwinsize(file).map(drop);
                    assert_eq!(
                        ioctl,
                        if count == 0 && !skip {
                            Ok(())
                        } else {
                            Err(Errno::IO)
                        }
                    );
                    // The module has long let go of the one page that is there.
                    let mapping = Mapping::new(file, 1 << 20).expect("mmap");
                    let mut bytes = [1; 4096];
                    mapping.read(0, &mut bytes);
                    assert_eq!(bytes, [0; 4096], "{path}");
                    drop(mapping);
                    let limit = Timespec {
                        tv_sec: 0,
                        tv_nsec: 0,
                    };
                    let mut fds = [PollFd::new(file, PollFlags::all())];
                    assert_eq!(poll(&mut fds, Some(&limit)), Ok(1), "{path}");
                    for to in [
                        SeekFrom::End(0),
                        SeekFrom::End(i64::MAX),
                        SeekFrom::End(i64::MIN),
                        SeekFrom::Data(0),
                        SeekFrom::Hole(0),
                        SeekFrom::Current(i64::MAX),
                    ] {
                        let _ = seek(file, to);
                        let _ = read(file, &mut bytes);
                    }
                }
            }
        }
    }
    drop((files, answer));
    module.unload().expect("nobody uses it");
    drop(configfs);
    before.check("counts");
}

#[test]
fn what_a_read_skips_is_no_old_memory() {
    let _configfs = Configfs::mount();
    let (_module, answer, _files) = answers();
    let node = file("/proc/answers/node");
    answer.set("skip");
    for _ in 0..16 {
        // Pages that were used, and are free now.
        fs::write("/tmp/used", vec![0xaa; 8 << 20]).expect("/tmp");
        fs::remove_file("/tmp/used").expect("/tmp");
        let out = file_in_memory();
        let length = sendfile(&out, &node, Some(&mut 0), 1 << 16).expect("sendfile");
        let mut bytes = vec![1; length];
        assert_eq!(pread(&out, &mut bytes, 0), Ok(length));
        assert!(length > 0 && bytes.iter().all(|it| *it == 0));
    }
}
