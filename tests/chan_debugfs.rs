// SPDX-License-Identifier: GPL-2.0-only

//! Channels: chan_debugfs.

use lkm::raw;
use lkmpg_tests::{
    BadMemory, LoadError, Module, as_user, errno_of,
    faults::{self, Fault, Injector, Scope},
    handled_signal_ends, is_asleep, is_in, is_twin, name, ready, skip, wait_until, while_asleep,
};
use rustix::{
    event::{PollFlags, epoll},
    fs::{Mode, OFlags},
    io::Errno,
    pipe::{SpliceFlags, pipe, splice},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::fs::MetadataExt as _,
    },
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

const MODULE: &str = name!("chan_debugfs");
const FOLDER: &str = name!("/sys/kernel/debug/chan_debugfs");
const LEVEL: &str = name!("/sys/kernel/debug/chan_debugfs", "/level");
const BLOB: &str = name!("/sys/kernel/debug/chan_debugfs", "/blob");
const MAILBOX: &str = name!("/sys/kernel/debug/chan_debugfs", "/mailbox");

fn load() -> Module {
    Module::load(MODULE, &[]).expect("the module loads")
}

fn write(path: &str, bytes: &[u8]) -> Result<usize, Errno> {
    let file = OpenOptions::new().write(true).open(path).expect(path);
    rustix::io::write(file, bytes)
}

fn chan(arguments: &[&str]) -> (bool, Vec<u8>) {
    let output = Command::new("chan")
        .arg("debugfs")
        .args(arguments)
        .output()
        .expect("chan");
    (
        output.status.success(),
        [output.stdout, output.stderr].concat(),
    )
}

fn open_nonblocking() -> File {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK;
    rustix::fs::open(MAILBOX, flags, Mode::empty())
        .expect("open")
        .into()
}

#[test]
fn a_number_is_shown_and_set() {
    let _module = load();
    assert_eq!(fs::read_to_string(LEVEL).expect("read"), "7\n");
    for (input, shown) in [("255\n", "255\n"), ("0x10", "16\n"), ("0", "0\n")] {
        assert_eq!(write(LEVEL, input.as_bytes()), Ok(input.len()));
        assert_eq!(fs::read_to_string(LEVEL).expect("read"), shown);
    }
    for input in ["\n", "x", "1x", "-"] {
        assert_eq!(
            write(LEVEL, input.as_bytes()),
            Err(Errno::INVAL),
            "{input:?}"
        );
    }
    // What does not fit is cut, as C does it.
    assert_eq!(write(LEVEL, b"256"), Ok(3));
    assert_eq!(fs::read_to_string(LEVEL).expect("read"), "0\n");
}

#[test]
fn the_client_shows_and_sets_a_number() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    let _module = load();
    assert_eq!(chan(&["level", "99"]), (true, Vec::new()));
    assert_eq!(chan(&["level"]), (true, b"99\n".to_vec()));
    assert!(!chan(&["level", "256"]).0);
}

#[test]
fn the_shell_s_tools_will_do() {
    let _module = load();
    let sh = |script: &str| {
        let output = Command::new("sh")
            .args(["-c", script])
            .current_dir(FOLDER)
            .output()
            .expect("sh");
        (output.status.success(), output.stdout)
    };
    for (script, shown) in [
        ("echo 200 > level && cat level", &b"200\n"[..]),
        ("echo 0x11 | tee level > /dev/null && cat level", b"17\n"),
        (
            "printf 9 | dd of=level 2>/dev/null && dd if=level bs=1 2>/dev/null",
            b"9\n",
        ),
        ("dd if=blob bs=4 skip=3 count=1 2>/dev/null", &[9, 0, 0, 0]),
        (
            "printf hello > mailbox && dd if=mailbox bs=128 count=1 2>/dev/null",
            b"hello",
        ),
    ] {
        assert_eq!(sh(script), (true, shown.to_vec()), "{script}");
    }
    assert!(!sh("echo x > level").0);
    assert_eq!(sh("cat level"), (true, b"9\n".to_vec()));
}

#[test]
fn a_blob_is_what_is_in_memory() {
    let _module = load();
    let squares: Vec<_> = (0..5000_u32)
        .flat_map(|it| (it * it).to_le_bytes())
        .collect();
    assert_eq!(fs::read(BLOB).expect("read"), squares);
    if !is_twin!() {
        assert_eq!(chan(&["blob"]), (true, squares.clone()));
    }
    let file = File::open(BLOB).expect("open");
    for (offset, length) in [(1, 7), (4095, 3), (19_999, 10), (20_000, 1), (1 << 40, 1)] {
        let mut bytes = vec![0; length];
        let got = rustix::io::pread(&file, &mut bytes, offset as u64).expect("pread");
        assert_eq!(
            bytes[..got],
            squares[offset.min(20_000)..(offset + length).min(20_000).max(offset.min(20_000))]
        );
    }
}

#[test]
fn a_reader_sleeps_until_there_is_a_letter() {
    let _module = load();
    thread::scope(|scope| {
        let (sender, tid) = mpsc::channel();
        let reader = scope.spawn(move || {
            let mut file = File::open(MAILBOX).expect("open");
            sender.send(rustix::thread::gettid()).expect("send");
            let mut letter = [0; 128];
            let length = file.read(&mut letter).expect("read");
            letter[..length].to_vec()
        });
        let tid = tid.recv().expect("the reader").as_raw_nonzero();
        wait_until("the reader to sleep", || {
            fs::read_to_string(format!("/proc/self/task/{tid}/stat"))
                .is_ok_and(|it| it.contains(") S "))
        });
        assert_eq!(write(MAILBOX, b"hello"), Ok(5));
        assert_eq!(reader.join().expect("no panic"), b"hello");
    });
}

#[test]
fn those_who_share_an_open_mailbox_do_not_wait_for_each_other() {
    let _module = load();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(MAILBOX)
        .expect("open");
    thread::scope(|scope| {
        let (sender, tid) = mpsc::channel();
        let reader = scope.spawn({
            let file = &file;
            move || {
                sender.send(rustix::thread::gettid()).expect("send");
                let mut letter = [0; 128];
                let length = rustix::io::read(file, &mut letter).expect("read");
                letter[..length].to_vec()
            }
        });
        let tid = tid.recv().expect("the reader").as_raw_nonzero();
        wait_until("the reader to sleep in its read", || {
            is_in(&format!("self/task/{tid}"), &[libc::SYS_read])
        });
        assert_eq!(rustix::io::write(&file, b"hello"), Ok(5));
        assert_eq!(reader.join().expect("no panic"), b"hello");
    });
}

#[test]
fn a_reader_without_room_takes_nothing() {
    let _module = load();
    let mut file = File::open(MAILBOX).expect("open");
    assert_eq!(file.read(&mut []).expect("read"), 0);
    assert_eq!(write(MAILBOX, b"hi"), Ok(2));
    assert_eq!(file.read(&mut []).expect("read"), 0);
    let mut letter = [0; 9];
    assert_eq!(file.read(&mut letter).expect("read"), 2);
}

#[test]
fn the_client_sleeps_until_there_is_a_letter() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    let _module = load();
    let mut reader = Command::new("chan")
        .args(["debugfs", "receive"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("chan");
    let stat = format!("/proc/{}/stat", reader.id());
    wait_until("the client to sleep", || {
        fs::read_to_string(&stat).is_ok_and(|it| it.contains(") S "))
    });
    assert_eq!(chan(&["send", "hello"]), (true, Vec::new()));
    let mut text = String::new();
    reader
        .stdout
        .as_mut()
        .expect("a pipe")
        .read_to_string(&mut text)
        .expect("read");
    assert_eq!(text, "hello\n");
    assert!(reader.wait().expect("wait").success());
}

#[test]
fn a_mailbox_can_be_polled_and_does_not_block_who_does_not_want() {
    let _module = load();
    let mut file = open_nonblocking();
    let ready = |file: &File| !ready(file, PollFlags::IN, Some(Duration::ZERO)).is_empty();
    let mut letter = [0; 200];
    assert!(!ready(&file));
    assert_eq!(
        errno_of(file.read(&mut letter).expect_err("empty")),
        Errno::AGAIN
    );
    assert_eq!(write(MAILBOX, &[b'x'; 128]), Ok(128));
    assert!(ready(&file));
    assert_eq!(file.read(&mut letter).expect("read"), 128);
    assert_eq!(write(MAILBOX, &[b'x'; 129]), Err(Errno::MSGSIZE));
    assert!(!ready(&file));
}

#[test]
fn it_is_roots() {
    let _module = load();
    // Nobody else gets as far as these modes.
    for (path, mode) in [(LEVEL, 0o100_644), (BLOB, 0o100_444), (MAILBOX, 0o100_644)] {
        assert_eq!(fs::metadata(path).expect(path).mode(), mode, "{path}");
    }
    as_user(1000, || {
        for path in [LEVEL, BLOB, MAILBOX] {
            let error = File::open(path).expect_err(path);
            assert_eq!(errno_of(error), Errno::ACCESS);
        }
    });
}

#[test]
fn a_bad_buffer_leaves_the_letter_where_it_was() {
    let _module = load();
    let mut file = open_nonblocking();
    assert_eq!(write(MAILBOX, b"a letter"), Ok(8));
    for (what, address) in BadMemory::new().unwritable() {
        let read = raw::read(file.as_fd(), address, 64);
        assert_eq!(read, Err(Errno::FAULT), "{what}");
    }
    let mut letter = [0; 64];
    assert_eq!(file.read(&mut letter).expect("it is still there"), 8);
    assert_eq!(&letter[..8], b"a letter");
}

/// The letter that one could not take is the next reader's.
#[test]
fn a_letter_that_is_given_back_wakes_the_next() {
    let _module = load();
    let reader = |good: bool| {
        let (sender, tid) = mpsc::channel();
        let reader = thread::spawn(move || {
            let file = File::open(MAILBOX).expect("open");
            sender.send(rustix::thread::gettid()).expect("send");
            let mut letter = [0; 5];
            match good {
                true => rustix::io::read(&file, &mut letter).map(|_| letter),
                false => raw::read(file.as_fd(), 0.into(), 5).map(|_| letter),
            }
        });
        let tid = tid.recv().expect("the reader").as_raw_nonzero().get();
        wait_until("the reader to sleep in its read", || {
            is_in(&format!("self/task/{tid}"), &[libc::SYS_read])
                && is_asleep(std::process::id(), tid)
        });
        reader
    };
    let (first, second) = (reader(false), reader(true));
    assert_eq!(write(MAILBOX, b"hello"), Ok(5));
    assert_eq!(first.join().expect("no panic"), Err(Errno::FAULT));
    wait_until("the second reader", || second.is_finished());
    assert_eq!(second.join().expect("no panic"), Ok(*b"hello"));
}

#[test]
fn a_handled_signal_ends_the_wait() {
    let _module = load();
    let read = || rustix::io::read(File::open(MAILBOX).expect("open"), &mut [0; 5]);
    handled_signal_ends(read);
    assert_eq!(write(MAILBOX, b"hello"), Ok(5));
    let mut letter = [0; 5];
    assert_eq!(open_nonblocking().read(&mut letter).expect("read"), 5);
    handled_signal_ends(read);
}

#[test]
fn a_letter_is_not_spliced() {
    let _module = load();
    let file = open_nonblocking();
    assert_eq!(write(MAILBOX, b"hello"), Ok(5));
    let (_reader, writer) = pipe().expect("a pipe");
    let out = splice(&file, None, &writer, None, 5, SpliceFlags::empty());
    assert_eq!(out, Err(Errno::INVAL));
}

#[test]
fn an_open_mailbox_keeps_the_module() {
    let module = load();
    let file = open_nonblocking();
    let module = module
        .unload()
        .expect_err("in use")
        .into_module(Errno::AGAIN);
    drop(file);
    module.unload().expect("it unloads");
}

/// Unloads the module. Who has the mailbox's place, and has not opened it, comes to it afterwards.
fn is_not_there_after(module: Module) {
    let place = rustix::fs::open(MAILBOX, OFlags::PATH, Mode::empty()).expect("open");
    module.unload().expect("it unloads");
    let error = File::open(format!("/proc/self/fd/{}", place.as_raw_fd())).expect_err("gone");
    assert_eq!(errno_of(error), Errno::NOENT);
}

#[test]
fn a_mailbox_that_nobody_has_opened_is_not_there_after_the_module() {
    if is_twin!() {
        return skip("in C the module that has gone is looked at: debugfs_reopen");
    }
    is_not_there_after(load());
}

/// As some drivers do with what has their name.
#[test]
fn what_another_module_takes_away_is_gone() {
    if is_twin!() {
        return skip("in C what was freed is removed");
    }
    let module = load();
    let folder = Path::new(MAILBOX).parent().expect("a folder");
    let mailbox = File::open(MAILBOX).expect("open");
    let name = folder.file_name().expect("a name").to_string_lossy();
    let taker = Module::load("taker", &[&format!("name={name}")]).expect("it loads");
    assert!(!folder.exists());
    drop(mailbox);
    taker.unload().expect("not in use");
    module.unload().expect("not in use");
}

/// That takes memory when it is created.
#[test]
fn a_mailbox_that_came_without_memory_is_not_there_after_the_module() {
    if is_twin!() {
        return skip("in C the module that has gone is looked at: debugfs_reopen");
    }
    if let Some(why) = faults::missing() {
        return skip(why);
    }
    let init = Scope::Below(faults::function("do_one_initcall"));
    let injector = Injector::new(Fault::Allocation, init);
    for n in 1.. {
        let (result, injected) = injector.fail(n, || Module::load(MODULE, &[]));
        match result {
            Ok(module) => is_not_there_after(module),
            Err(LoadError::Refused(Errno::NOMEM)) => {}
            Err(error) => panic!("failure {n}: {error}"),
        }
        if !injected {
            break;
        }
    }
}

#[test]
fn open_values_outlive_the_module() {
    let module = load();
    let files = [LEVEL, BLOB].map(|it| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .open(it)
            .expect(it)
    });
    module.unload().expect("it unloads");
    for mut file in files {
        assert_eq!(
            errno_of(file.read(&mut [0; 8]).expect_err("gone")),
            Errno::IO
        );
        assert_eq!(errno_of(file.write(b"1").expect_err("gone")), Errno::IO);
    }
}

/// A poller stays in the queue, also as the only one to be woken, before those who come later.
#[test]
fn who_polls_takes_no_reader_s_turn() {
    if is_twin!() {
        return skip("in C pollers and readers are in one queue");
    }
    let module = load();
    let mailbox = open_nonblocking();
    let epoll = epoll::create(epoll::CreateFlags::empty()).expect("epoll_create");
    let events = epoll::EventFlags::IN | epoll::EventFlags::EXCLUSIVE | epoll::EventFlags::ET;
    epoll::add(&epoll, &mailbox, epoll::EventData::new_u64(0), events).expect("epoll_ctl");
    let wait = || {
        let mut seen = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }; 1];
        epoll::wait(&epoll, &mut seen, None)
    };
    let read = || {
        let mut letter = [0; 16];
        let length = File::open(MAILBOX)?.read(&mut letter)?;
        Ok::<_, io::Error>(letter[..length].to_vec())
    };
    let polled = while_asleep(wait, || {
        let letter = while_asleep(read, || {
            write(MAILBOX, b"first").expect("write");
            // Or in vain, for a reader who has lost his turn: he gets the second one.
            let start = Instant::now();
            while start.elapsed() < Duration::from_secs(5)
                && ready(&mailbox, PollFlags::IN, Some(Duration::ZERO)).contains(PollFlags::IN)
            {
                thread::sleep(Duration::from_millis(1));
            }
            write(MAILBOX, b"second").expect("write");
        });
        assert_eq!(letter.expect("read"), b"first");
    });
    assert_eq!(polled, Ok(1));
    drop(mailbox);
    module.unload().expect("not in use");
}
