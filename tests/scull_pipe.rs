// SPDX-License-Identifier: GPL-2.0-only

//! scull_pipe.

use lkm::hostile;
use lkmpg_tests::{
    LoadError, Module, Program, errno_of, handled_signal_ends, is_twin, name, ready,
    refuses_nonsense, skip, times, wait_until,
};
use rustix::{
    event::{PollFlags, Timespec, epoll},
    fs::{Mode, OFlags, fcntl_setfl},
    io::Errno,
    pipe::{SpliceFlags, pipe, splice},
    process::{Pid, Signal, kill_process},
};
use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    os::{fd::AsFd as _, unix::process::ExitStatusExt as _},
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

const NODE: &str = name!("/dev/scull_pipe");
const NOW: Option<Duration> = Some(Duration::ZERO);

fn load(parameters: &[&str]) -> Module {
    Module::load(name!("scull_pipe"), parameters).expect("the module loads")
}

fn open(flags: OFlags) -> File {
    rustix::fs::open(NODE, flags, Mode::empty())
        .map(File::from)
        .expect("open")
}

/// Starts a process, and waits until it sleeps in the kernel.
fn asleep(command: &mut Command) -> Child {
    let child = command.stdout(Stdio::piped()).spawn();
    let child = child.expect("a process");
    let stat = format!("/proc/{}/stat", child.id());
    let name = Path::new(command.get_program()).file_name();
    let state = format!("({}) S", name.expect("a name").to_string_lossy());
    wait_until("the process to sleep", || {
        fs::read_to_string(&stat)
            .expect("its state")
            .contains(&state)
    });
    child
}

fn sleeper() -> Child {
    asleep(Command::new("sleep").arg("1000"))
}

#[test]
fn what_goes_in_comes_out() {
    let _module = load(&["size=7"]);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut end = open(OFlags::WRONLY);
            for n in 0..1000 {
                writeln!(end, "{n}").expect("write");
            }
        });
        let expected: String = (0..1000).map(|n| format!("{n}\n")).collect();
        let mut seen = vec![0; expected.len()];
        open(OFlags::RDONLY).read_exact(&mut seen).expect("read");
        assert_eq!(String::from_utf8_lossy(&seen), expected);
    });
}

#[test]
fn it_holds_a_byte_or_a_mebibyte_and_nothing_beyond() {
    for refused in ["size=0", "size=1048577", "size=-1"] {
        let error = Module::load(name!("scull_pipe"), &[refused]).expect_err(refused);
        assert!(matches!(error, LoadError::Refused(Errno::INVAL)), "{error}");
    }
    for size in [1, 1 << 20] {
        let module = load(&[&format!("size={size}")]);
        let end = open(OFlags::RDWR | OFlags::NONBLOCK);
        let mut held = 0;
        while let Ok(written) = rustix::io::write(&end, &[7; 4096]) {
            held += written;
        }
        assert_eq!(held, size);
        let mut seen = [0];
        assert_eq!((rustix::io::read(&end, &mut seen), seen), (Ok(1), [7]));
        drop(end);
        module.unload().expect("unload");
    }
}

#[test]
fn a_handled_signal_ends_the_wait_of_both_ends() {
    let module = load(&["size=2"]);
    let read = || rustix::io::read(open(OFlags::RDONLY), &mut [0; 2]);
    let write = || rustix::io::write(open(OFlags::WRONLY), b"no");
    handled_signal_ends(read);
    assert_eq!(rustix::io::write(open(OFlags::WRONLY), b"in"), Ok(2));
    handled_signal_ends(write);
    let mut seen = [0; 2];
    assert_eq!(rustix::io::read(open(OFlags::RDONLY), &mut seen), Ok(2));
    assert_eq!(&seen, b"in");
    handled_signal_ends(read);
    module.unload().expect("unload");
}

#[test]
fn without_waiting_there_is_eagain() {
    let _module = load(&["size=10"]);
    let mut end = open(OFlags::RDWR | OFlags::NONBLOCK);
    assert_eq!(rustix::io::read(&end, &mut [0; 5]), Err(Errno::AGAIN));
    assert_eq!(rustix::io::read(&end, &mut [0; 0]), Ok(0));
    assert_eq!(rustix::io::write(&end, b""), Ok(0));
    assert_eq!(rustix::io::write(&end, b"12345678"), Ok(8));
    assert_eq!(rustix::io::write(&end, b"12345678"), Ok(2));
    assert_eq!(rustix::io::write(&end, b"x"), Err(Errno::AGAIN));
    let mut some = [0; 4];
    end.read_exact(&mut some).expect("read");
    // Around the end of the ring: it is told in two pieces.
    assert_eq!(rustix::io::write(&end, b"abcd"), Ok(4));
    let mut all = [0; 10];
    end.read_exact(&mut all).expect("read");
    assert_eq!((&some, &all), (b"1234", b"567812abcd"));
    assert_eq!(rustix::io::read(&end, &mut all), Err(Errno::AGAIN));
}

#[test]
fn a_reader_sleeps_until_there_is_something() {
    let module = load(&[]);
    let mut reader = asleep(Command::new("cat").arg(NODE));
    let module = module.unload().expect_err("somebody sleeps in it").busy();
    fs::write(NODE, "hello").expect("write");
    let mut seen = [0; 5];
    let output = reader.stdout.as_mut().expect("its output");
    output.read_exact(&mut seen).expect("read");
    assert_eq!(&seen, b"hello");
    kill_process(Pid::from_child(&reader), Signal::INT).expect("kill");
    let status = reader.wait().expect("its end");
    assert_eq!(status.signal(), Some(Signal::INT.as_raw()));
    module.unload().expect("unload");
}

#[test]
fn a_writer_sleeps_until_there_is_room_or_a_signal() {
    let module = load(&["size=10"]);
    let mut end = open(OFlags::RDWR | OFlags::NONBLOCK);
    let mut seen = [0; 10];
    let writer = || {
        let output = format!("of={NODE}");
        asleep(Command::new("dd").args(["if=/dev/zero", &output, "bs=5", "count=2"]))
    };
    end.write_all(b"0123456789").expect("write");
    let mut killed = writer();
    kill_process(Pid::from_child(&killed), Signal::INT).expect("kill");
    let status = killed.wait().expect("its end");
    assert_eq!(status.signal(), Some(Signal::INT.as_raw()));
    // Of the one that was killed there is nothing.
    end.read_exact(&mut seen).expect("read");
    assert_eq!(&seen, b"0123456789");
    assert_eq!(rustix::io::read(&end, &mut seen), Err(Errno::AGAIN));

    end.write_all(&seen).expect("write");
    let mut waiting = writer();
    end.read_exact(&mut seen).expect("read");
    assert!(waiting.wait().expect("its end").success());
    end.read_exact(&mut seen).expect("read");
    assert_eq!(seen, [0; 10]);
    drop(end);
    module.unload().expect("unload");
}

#[test]
fn poll_and_epoll_tell() {
    let _module = load(&["size=4"]);
    let mut end = open(OFlags::RDWR);
    let both = PollFlags::IN | PollFlags::OUT;
    assert_eq!(ready(&end, both, NOW), PollFlags::OUT);
    end.write_all(b"12").expect("write");
    assert_eq!(ready(&end, both, NOW), both);
    end.write_all(b"34").expect("write");
    assert_eq!(ready(&end, both, NOW), PollFlags::IN);

    // Those who sleep are woken.
    let mut seen = [0; 4];
    end.read_exact(&mut seen).expect("read");
    thread::scope(|scope| {
        let poller = scope.spawn(|| ready(&end, PollFlags::IN, None));
        fs::write(NODE, "x").expect("write");
        assert_eq!(poller.join().expect("the poller"), PollFlags::IN);
    });
    let events = epoll::create(epoll::CreateFlags::empty()).expect("epoll");
    let data = epoll::EventData::new_u64(7);
    epoll::add(&events, &end, data, epoll::EventFlags::IN).expect("add");
    let mut told = Vec::with_capacity(4);
    epoll::wait(&events, rustix::buffer::spare_capacity(&mut told), None).expect("wait");
    assert_eq!(told.len(), 1);

    // Those who only want to hear of what is new are told of each write.
    let events = epoll::create(epoll::CreateFlags::empty()).expect("epoll");
    epoll::add(
        &events,
        &end,
        data,
        epoll::EventFlags::IN | epoll::EventFlags::ET,
    )
    .expect("add");
    let mut tell = |limit: &Timespec| {
        told.clear();
        let room = rustix::buffer::spare_capacity(&mut told);
        epoll::wait(&events, room, Some(limit)).expect("wait")
    };
    let (now, long) = (
        Timespec::default(),
        Timespec {
            tv_sec: 60,
            tv_nsec: 0,
        },
    );
    assert_eq!(tell(&long), 1, "what was there");
    assert_eq!(tell(&now), 0, "nothing is new");
    end.write_all(b"y").expect("write");
    assert_eq!(tell(&long), 1, "there is more");
    assert_eq!(tell(&now), 0);
}

/// What a shell does with a FIFO. The device has no end, so readers count. `read -t 0` is select(2).
#[test]
fn habits_of_a_fifo() {
    let _module = load(&["size=100"]);
    let script = "seq 1 500 >/tmp/numbers
        cat /tmp/numbers >$0 &
        head -n 500 $0 | cmp - /tmp/numbers
        wait
        rm /tmp/numbers
        ! read -t 0 <$0
        (echo one; echo two) >$0
        read -t 0 <$0
        read first <$0
        test $first = one
        dd if=$0 bs=3 count=1 2>/dev/null | grep -qx two";
    let status = Command::new("bash").args(["-ec", script, NODE]).status();
    assert!(status.expect("a shell").success());
}

#[test]
fn a_signal_tells_who_asked_for_it() {
    let _module = load(&["size=4"]);
    // Before this process ignores the signal, which those that it starts do then, too.
    let [mut reader, mut writer, mut gone] = [(); 3].map(|()| sleeper());
    let tell = |end: &File, listener: &Child| {
        hostile::tell(end.as_fd(), Pid::from_child(listener).as_raw_pid()).expect("F_SETOWN");
        fcntl_setfl(end, OFlags::ASYNC).expect("F_SETFL");
    };
    let is_told = |listener: &mut Child| {
        wait_until("the signal", || {
            listener.try_wait().expect("its state").is_some()
        });
        let status = listener.wait().expect("its end");
        assert_eq!(status.signal(), Some(Signal::IO.as_raw()));
    };
    let (end, other) = (open(OFlags::RDONLY), open(OFlags::WRONLY));
    // Nobody asked yet.
    fs::write(NODE, "be").expect("write");
    tell(&end, &reader);
    fs::write(NODE, "en").expect("write");
    is_told(&mut reader);
    // And that there is room again.
    tell(&other, &writer);
    let mut seen = [0; 4];
    (&end).read_exact(&mut seen).expect("read");
    is_told(&mut writer);

    // Whoever does not want any more, or is gone, is told nothing.
    tell(&end, &gone);
    fcntl_setfl(&end, OFlags::empty()).expect("F_SETFL");
    fs::write(NODE, "th").expect("write");
    let again = open(OFlags::RDONLY);
    tell(&again, &gone);
    drop((again, other));
    fs::write(NODE, "en").expect("write");
    assert_eq!(gone.try_wait().expect("its state"), None);
    gone.kill().expect("kill");
    gone.wait().expect("its end");
}

#[test]
fn the_headers_program_is_told_by_a_signal() {
    if is_twin!() {
        return skip("the program opens the sample's node");
    }
    let _module = load(&[]);
    let program = Program::new("sigio", include_bytes!(env!("SCULL_PIPE")));
    let child = asleep(&mut program.command());
    fs::write(NODE, "hello\n").expect("write");
    let output = child.wait_with_output().expect("its end");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n");
}

/// Several readers and writers: each byte comes out once.
#[test]
fn nothing_is_lost_and_nothing_comes_twice() {
    let _module = load(&["size=100"]);
    const WRITERS: u64 = 4;
    let each = times("LKMPG_ROUNDS", 3000) as u64;
    let (sum, left) = (AtomicU64::new(0), AtomicU64::new(WRITERS * each));
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            scope.spawn(move || {
                let mut end = open(OFlags::WRONLY);
                for n in 0..each {
                    end.write_all(&[((n + writer) % 251) as u8]).expect("write");
                }
            });
        }
        for size in [1, 10, 64] {
            let (sum, left) = (&sum, &left);
            scope.spawn(move || {
                let end = open(OFlags::RDONLY | OFlags::NONBLOCK);
                let mut buffer = vec![0; size];
                while left.load(Relaxed) > 0 {
                    ready(&end, PollFlags::IN, Some(Duration::from_millis(10)));
                    match rustix::io::read(&end, &mut buffer) {
                        Ok(read) => {
                            let total = buffer[..read].iter().map(|it| u64::from(*it)).sum();
                            sum.fetch_add(total, Relaxed);
                            left.fetch_sub(read as u64, Relaxed);
                        }
                        Err(errno) => assert_eq!(errno, Errno::AGAIN),
                    }
                }
            });
        }
    });
    let expected: u64 = (0..WRITERS)
        .flat_map(|writer| (0..each).map(move |n| (n + writer) % 251))
        .sum();
    assert_eq!((sum.into_inner(), left.into_inner()), (expected, 0));
}

/// Who comes second waits for the first, and then reads what that one has left.
#[test]
fn readers_share_what_comes() {
    let _module = load(&[]);
    for _ in 0..times("LKMPG_ROUNDS", 300) {
        let read = || rustix::io::read(open(OFlags::RDONLY), &mut [0; 1000]);
        let readers = [(); 2].map(|()| thread::spawn(read));
        fs::write(NODE, [1; 2000]).expect("write");
        wait_until("both have read", || {
            readers.iter().all(thread::JoinHandle::is_finished)
        });
        for reader in readers {
            assert_eq!(reader.join().expect("it does not panic"), Ok(1000));
        }
    }
}

#[test]
fn bad_pointers_fault_and_change_nothing() {
    let _module = load(&[]);
    let mut end = open(OFlags::RDWR | OFlags::NONBLOCK);
    end.write_all(b"unchanged").expect("write");
    refuses_nonsense(&end);
    let mut seen = [0; 20];
    let read = rustix::io::read(&end, &mut seen).expect("read");
    assert_eq!(&seen[..read], b"unchanged");
}

#[test]
fn it_is_not_spliced() {
    let _module = load(&[]);
    let end = open(OFlags::RDWR | OFlags::NONBLOCK);
    rustix::io::write(&end, b"here").expect("write");
    let (reader, writer) = pipe().expect("a pipe");
    let flags = SpliceFlags::empty();
    let out = splice(&end, None, &writer, None, 4, flags);
    assert_eq!(out, Err(Errno::INVAL));
    rustix::io::write(&writer, b"here").expect("write");
    let into = splice(&reader, None, &end, None, 4, flags);
    assert_eq!(into, Err(Errno::INVAL));
}

#[test]
fn an_open_file_keeps_the_module() {
    let module = load(&[]);
    let end = open(OFlags::RDONLY);
    let error = rustix::fs::seek(&end, rustix::fs::SeekFrom::Start(0));
    assert_eq!(error, Err(Errno::SPIPE));
    let module = module.unload().expect_err("it is in use").busy();
    drop(end);
    module.unload().expect("unload");
    assert_eq!(File::open(NODE).map_err(errno_of).err(), Some(Errno::NOENT));
}
