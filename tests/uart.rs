// SPDX-License-Identifier: GPL-2.0-only

//! The driver of a serial port: uart.

use lkm::{memory::BadMemory, raw};
use lkmpg_tests::{
    FarEnd, KernelLog, Module, PciDevice, PciDriver, Slot, errno_of, is_asleep, open_node, ready,
    refuses_nonsense, skip, wait_until, while_asleep,
};
use rustix::{
    buffer::spare_capacity,
    event::{PollFlags, epoll},
    fs::OFlags,
    io::Errno,
};
use std::{
    cell::RefCell,
    fs::{self, File},
    io::{IoSlice, IoSliceMut, Read as _, Write as _},
    os::{
        fd::AsFd as _,
        unix::{fs::FileExt as _, process::ExitStatusExt as _},
    },
    path::Path,
    process::Command,
    sync::mpsc,
    thread,
    time::Duration,
};

const NODE: &str = "/dev/uart";
const FOLDER: &str = "/sys/bus/pci/drivers/uart";
const DEVICE: PciDevice = PciDevice::new(0x1b36, 0x0002);
const DRIVER: PciDriver = PciDriver::new(FOLDER, DEVICE, NODE);
/// What is written at once, or not at all; and what the driver keeps in each direction.
const PIECE: usize = 256;
const KEPT: usize = 4096;

fn load() -> Module {
    Module::load("uart", &[]).expect("the module loads")
}

/// The bytes that end what somebody has left on the line.
const MARK: &[u8] = b"--- from here on ---";

/// The driver, and both ends of a line on which there is nothing.
fn connect() -> (Module, File, FarEnd) {
    let module = load();
    let (file, mut far_end) = (open(), FarEnd::of("uart"));
    (&file).write_all(MARK).expect("write");
    far_end.write(MARK);
    until_mark(|| far_end.read(1));
    until_mark(|| read_all(&file, 1));
    (module, file, far_end)
}

/// Returns what comes before them.
fn until_mark(mut next: impl FnMut() -> Vec<u8>) -> Vec<u8> {
    let mut seen = Vec::new();
    while !seen.ends_with(MARK) {
        seen.extend(next());
    }
    seen.truncate(seen.len() - MARK.len());
    seen
}

/// What is sent comes back.
fn load_alone() -> Module {
    Module::load("uart", &["loopback=1"]).expect("the module loads")
}

fn open() -> File {
    open_node(NODE, OFlags::RDWR)
}

fn hasty() -> File {
    open_node(NODE, OFlags::RDWR | OFlags::NONBLOCK)
}

fn read(mut file: &File, length: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; length];
    let length = file.read(&mut bytes).map_err(errno_of)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn read_all(mut file: &File, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    file.read_exact(&mut bytes).expect("so many bytes");
    bytes
}

fn write(mut file: &File, bytes: &[u8]) -> Result<usize, Errno> {
    file.write(bytes).map_err(errno_of)
}

/// Bytes of which none stands for another's place.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|it| (it * 31 + it / 251) as u8).collect()
}

/// A number that the driver shows in the device's folder.
fn count(name: &str) -> u64 {
    let file = DEVICE.folder().expect("the device").join(name);
    let text = fs::read_to_string(file).expect("an attribute");
    text.trim().parse().expect("a number")
}

/// Its registers, behind the driver's back.
fn ports() -> File {
    let file = DEVICE.folder().expect("the device").join("resource0");
    let ports = File::options().read(true).write(true).open(file);
    ports.expect("its ports")
}

/// Writes in pieces until none is taken.
fn fill(file: &File, piece: usize) -> Vec<u8> {
    let (all, mut taken) = (pattern(4 << 20), 0);
    loop {
        match write(file, &all[taken..][..piece]) {
            Ok(length) => taken += length,
            Err(errno) => {
                assert_eq!(errno, Errno::AGAIN);
                return all[..taken].to_vec();
            }
        }
    }
}

/// Writes until both directions are full, though for the chip's own bytes, of which it sends itself no more.
fn fill_alone() -> Vec<u8> {
    let file = hasty();
    let mut sent = fill(&file, PIECE);
    wait_until("a line that is full", || {
        sent.extend(fill(&file, 1));
        sent.len() > 2 * KEPT - 16
    });
    sent
}

fn ready_for(file: &File) -> PollFlags {
    ready(file, PollFlags::IN | PollFlags::OUT, Some(Duration::ZERO))
}

#[test]
fn it_says_what_it_is() {
    let log = KernelLog::now();
    let _module = load();
    let said = log.lines_with("uart 0000:");
    let line = ": A 16550A at 115200 baud.";
    assert!(said.iter().any(|it| it.ends_with(line)), "{said:?}");
    for (file, name) in [("/proc/ioports", " : uart"), ("/proc/interrupts", " uart")] {
        let text = fs::read_to_string(file).expect("a list");
        assert!(text.lines().any(|it| it.ends_with(name)), "{text}");
    }
}

#[test]
fn what_is_written_goes_out_and_what_comes_in_is_read() {
    let (_module, file, mut far_end) = connect();
    for length in [1, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097, 20_000] {
        let bytes = pattern(length);
        // More than the line holds is taken while it is read.
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(write(&file, &bytes), Ok(length)));
            assert_eq!(far_end.read(length), bytes, "{length} bytes out");
        });
        far_end.write(&bytes);
        assert_eq!(read_all(&file, length), bytes, "{length} bytes in");
    }
    assert_eq!(write(&file, b""), Ok(0));
    assert_eq!(read(&file, 0), Ok(Vec::new()));
    // Who reads less than there is finds the rest.
    far_end.write(b"in pieces");
    assert_eq!(read_all(&file, 3), b"in ");
    assert_eq!(read_all(&file, 6), b"pieces");
    assert_eq!((count("overruns"), count("errors")), (0, 0));
}

#[test]
fn nothing_is_lost_at_full_speed_in_both_directions() {
    const LENGTH: usize = 1 << 17;

    let (_module, file, mut far_end) = connect();
    let mut sender = far_end.another();
    let (there, back) = (pattern(LENGTH), pattern(LENGTH + 7)[7..].to_vec());
    thread::scope(|scope| {
        scope.spawn(|| (&file).write_all(&there).expect("write"));
        scope.spawn(|| sender.write(&back));
        let read = scope.spawn(|| read_all(&file, LENGTH));
        assert!(far_end.read(LENGTH) == there, "what went out");
        assert!(read.join().expect("a reader") == back, "what came in");
    });
    assert_eq!((count("overruns"), count("errors")), (0, 0));
}

#[test]
fn who_sends_too_much_waits_until_somebody_reads() {
    let (_module, file, mut far_end) = connect();
    // Out: until the line is full.
    let sent = fill(&hasty(), PIECE);
    assert!(sent.len() > KEPT);
    assert!(far_end.read(sent.len()) == sent, "what went out");
    assert_eq!(ready(&file, PollFlags::OUT, None), PollFlags::OUT);
    // In: more than the driver keeps, while nobody reads.
    let bytes = pattern(3 * KEPT);
    far_end.write(&bytes);
    assert_eq!(ready(&file, PollFlags::IN, None), PollFlags::IN);
    assert!(read_all(&file, bytes.len()) == bytes, "what came in");
    assert_eq!(count("overruns"), 0);
}

/// What is said to wait by one direction waits in the other: nothing runs over in between.
#[test]
fn alone_it_hears_itself() {
    let _module = load_alone();
    let file = hasty();
    let sent = fill_alone();
    assert_eq!(ready_for(&file), PollFlags::IN);
    assert!(read_all(&open(), sent.len()) == sent, "what came back");
    assert_eq!(read(&file, 1), Err(Errno::AGAIN));

    let all = pattern(3 * KEPT);
    let file = open();
    thread::scope(|scope| {
        scope.spawn(|| (&file).write_all(&all).expect("write"));
        assert!(read_all(&file, all.len()) == all, "what came back");
    });
    assert_eq!((count("overruns"), count("errors")), (0, 0));
}

#[test]
fn who_will_not_wait_is_told_and_may_poll() {
    let (_module, _file, mut far_end) = connect();
    let file = hasty();
    assert_eq!(read(&file, 10), Err(Errno::AGAIN));
    assert_eq!(ready_for(&file), PollFlags::OUT);
    far_end.write(b"x");
    assert_eq!(ready(&file, PollFlags::IN, None), PollFlags::IN);
    assert_eq!(ready_for(&file), PollFlags::IN | PollFlags::OUT);
    assert_eq!(read(&file, 10).expect("a byte"), b"x");
    assert_eq!(read(&file, 10), Err(Errno::AGAIN));
}

#[test]
fn a_call_takes_memory_in_pieces_and_ends_where_there_is_none() {
    let _module = load_alone();
    let file = open();
    let bytes = pattern(306);
    let (first, rest) = bytes.split_at(1);
    let (second, last) = rest.split_at(300);
    let pieces = [first, &[], second, last].map(IoSlice::new);
    assert_eq!((&file).write_vectored(&pieces).expect("write"), 306);
    assert_eq!(read_all(&file, 306), bytes);
    // And in, where there is so much; and the next call ends at a page that is none.
    let sent = fill_alone();
    let (mut first, mut second, mut last) = ([0; 5], [0; 300], [0; 1]);
    let mut pieces = [&mut first[..], &mut [], &mut second, &mut last].map(IoSliceMut::new);
    assert_eq!((&file).read_vectored(&mut pieces).expect("read"), 306);
    assert_eq!([&first[..], &second, &last].concat(), sent[..306]);
    let memory = BadMemory::new();
    let (address, room) = memory.before_the_edge(PIECE + 44);
    // Not each processor copies up to the edge.
    let least = if cfg!(target_arch = "x86_64") {
        room
    } else {
        PIECE
    };
    let taken = raw::read(file.as_fd(), address, 2 * PIECE).expect("some can be written");
    assert!((least..=room).contains(&taken), "{taken} of {room}");
    let (bytes, left) = sent[306..].split_at(taken);
    let rest = thread::scope(|scope| {
        scope.spawn(|| (&file).write_all(MARK).expect("write"));
        until_mark(|| read(&file, PIECE).expect("bytes"))
    });
    assert!(rest == left, "what is left");
    let written = raw::write(file.as_fd(), address, 2 * PIECE).expect("some can be read");
    assert!((least..=room).contains(&written), "{written} of {room}");
    let known = written.min(taken);
    assert_eq!(read_all(&file, written)[..known], bytes[..known]);
    assert_eq!(read(&hasty(), 1), Err(Errno::AGAIN));
}

/// It gets more only when it has waited in vain.
#[test]
fn signals_cut_a_reader_short_and_lose_nothing() {
    const LENGTH: usize = 20_000;

    let (_module, file, mut far_end) = connect();
    let bytes = pattern(LENGTH);
    let (interrupted, interruptions) = mpsc::channel();
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let interrupted = interrupted;
            raw::interrupt_every(Duration::from_millis(10));
            let mut seen = Vec::new();
            while seen.len() < LENGTH {
                match read(&file, LENGTH) {
                    Ok(bytes) => seen.extend(bytes),
                    Err(errno) => {
                        assert_eq!(errno, Errno::INTR);
                        let _ = interrupted.send(());
                    }
                }
            }
            seen
        });
        for (piece, ()) in bytes.chunks(1000).zip(interruptions) {
            far_end.write(piece);
        }
        let seen = reader.join().expect("a reader");
        assert!(seen == bytes, "what came in");
    });
}

/// It gets more room only when it has waited in vain.
#[test]
fn signals_cut_a_writer_short_and_lose_nothing() {
    const LENGTH: usize = 20_000;

    let _module = load_alone();
    let file = open();
    let bytes = pattern(LENGTH);
    let (interrupted, interruptions) = mpsc::channel();
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let interrupted = interrupted;
            raw::interrupt_every(Duration::from_millis(10));
            let (mut rest, mut cut_short) = (&bytes[..], 0);
            while !rest.is_empty() {
                match write(&file, rest) {
                    Ok(length) if length == rest.len() => break,
                    Ok(length) => {
                        cut_short += 1;
                        rest = &rest[length..];
                    }
                    Err(errno) => assert_eq!(errno, Errno::INTR),
                }
                let _ = interrupted.send(());
            }
            cut_short
        });
        let mut seen = Vec::new();
        for () in interruptions {
            let piece = usize::min(1000, LENGTH - seen.len());
            seen.extend(read_all(&file, piece));
        }
        seen.extend(read_all(&file, LENGTH - seen.len()));
        assert!(seen == bytes, "what came back");
        assert!(writer.join().expect("a writer") > 0);
    });
}

/// Those who want to hear only of what is new are told of each byte.
#[test]
fn epoll_tells_of_what_is_new() {
    let (_module, file, mut far_end) = connect();
    let events = epoll::create(epoll::CreateFlags::empty()).expect("epoll");
    let data = epoll::EventData::new_u64(7);
    let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
    epoll::add(&events, &file, data, flags).expect("add");
    for _ in 0..3 {
        far_end.write(b"x");
        let mut told = Vec::with_capacity(4);
        epoll::wait(&events, spare_capacity(&mut told), None).expect("wait");
        let told: Vec<_> = told.iter().map(|it| (it.flags, it.data.u64())).collect();
        assert_eq!(told, [(epoll::EventFlags::IN, 7)]);
    }
    assert_eq!(read_all(&file, 3), b"xxx");
}

#[test]
fn a_reader_sleeps_until_a_byte_comes() {
    let (_module, file, mut far_end) = connect();
    let seen = while_asleep(|| read(&file, 10), || far_end.write(b"x"));
    assert_eq!(seen.expect("a byte"), b"x");
}

/// Each of these is one piece.
#[test]
fn what_two_write_is_not_mixed() {
    let (_module, _file, mut far_end) = connect();
    let writers = [b'a', b'b'];
    let each = 50;
    let out = thread::scope(|scope| {
        for byte in writers {
            scope.spawn(move || {
                let file = open();
                for _ in 0..each {
                    assert_eq!(write(&file, &[byte; PIECE]), Ok(PIECE));
                }
            });
        }
        far_end.read(2 * each * PIECE)
    });
    for piece in out.chunks(PIECE) {
        assert!(piece.iter().all(|it| *it == piece[0]));
    }
}

#[test]
fn two_readers_share_what_comes_in() {
    const LENGTH: usize = 20_000;

    let (_module, _file, mut far_end) = connect();
    let read_some = || {
        let (file, mut seen) = (open(), Vec::new());
        while !seen.contains(&0) {
            seen.extend(read(&file, 100).expect("bytes"));
        }
        seen.retain(|it| *it != 0);
        seen.len()
    };
    thread::scope(|scope| {
        let readers = [(); 2].map(|()| scope.spawn(read_some));
        far_end.write(&[1; LENGTH]);
        for finished in 1..=readers.len() {
            far_end.write(&[0]);
            wait_until("a reader that has found it", || {
                readers.iter().filter(|it| it.is_finished()).count() == finished
            });
        }
        let seen = readers.map(|it| it.join().expect("a reader"));
        assert_eq!(seen.iter().sum::<usize>(), LENGTH);
    });
}

#[test]
fn a_signal_ends_the_wait() {
    let (_module, file, mut far_end) = connect();
    let mut reader = Command::new("cat").arg(NODE).spawn().expect("cat");
    let id = reader.id();
    let opened = || {
        let files = fs::read_dir(format!("/proc/{id}/fd"));
        let mut files = files.into_iter().flatten().flatten();
        files.any(|it| fs::read_link(it.path()).is_ok_and(|it| it == Path::new(NODE)))
    };
    wait_until("cat that waits for a byte", || {
        opened() && is_asleep(id, id as i32)
    });
    reader.kill().expect("kill");
    assert_eq!(reader.wait().expect("its end").signal(), Some(9));
    far_end.write(b"x");
    assert_eq!(read(&file, 10).expect("a byte"), b"x");
}

#[test]
fn an_interrupt_that_does_not_come_costs_time_only() {
    let (_module, file, mut far_end) = connect();
    let _mute = DEVICE.change(0, PciDevice::NO_INTERRUPT);
    let seen = while_asleep(|| read(&file, 10), || far_end.write(b"x"));
    assert_eq!(seen.expect("a byte"), b"x");
    let bytes = pattern(2 * KEPT);
    let seen = thread::scope(|scope| {
        scope.spawn(|| (&file).write_all(&bytes).expect("write"));
        // What is left when the last is written goes out when somebody looks.
        let mut seen = Vec::new();
        wait_until("what was written", || {
            seen.extend(far_end.read_for(Duration::from_millis(10), bytes.len() - seen.len()));
            let _ = ready_for(&file);
            seen.len() == bytes.len()
        });
        seen
    });
    assert!(seen == bytes, "what went out");
}

#[test]
fn a_device_that_does_not_answer_is_gone() {
    let (_module, file, mut far_end) = connect();
    {
        let _deaf = DEVICE.change(PciDevice::PORTS, 0);
        assert_eq!(read(&file, 3), Err(Errno::NODEV));
        assert_eq!(write(&file, b"x"), Err(Errno::NODEV));
        let events = ready_for(&file);
        assert!(
            events.contains(PollFlags::HUP | PollFlags::ERR),
            "{events:?}"
        );
    }
    assert_eq!(write(&file, b"again"), Ok(5));
    assert_eq!(far_end.read(5), b"again");
    assert_eq!((count("overruns"), count("errors")), (0, 0));
}

/// The driver is not told of what is done to its device, but finds it.
#[test]
fn bytes_that_found_no_room_are_counted() {
    let _module = load_alone();
    let ports = ports();
    {
        let _mute = DEVICE.change(0, PciDevice::NO_INTERRUPT);
        for byte in 0..20 {
            ports.write_all_at(&[byte], 0).expect("outb");
        }
    }
    let expected: Vec<_> = (0..16).collect();
    assert_eq!(read_all(&open(), 16), expected);
    assert_eq!(count("overruns"), 1);
}

/// Whoever has its file open keeps the module, but not the device.
fn goes_while_somebody_waits(go: impl Fn(), come: impl Fn()) {
    let back = || {
        come();
        wait_until("the device, with its driver", || Path::new(NODE).exists());
    };

    let (module, file, mut far_end) = connect();
    assert_eq!(while_asleep(|| read(&file, 4), &go), Err(Errno::NODEV));
    assert!(!Path::new(NODE).exists());
    assert_eq!(read(&file, 4), Err(Errno::NODEV));
    assert_eq!(write(&file, b"x"), Err(Errno::NODEV));
    let events = ready(&file, PollFlags::IN, None);
    assert!(
        events.contains(PollFlags::HUP | PollFlags::ERR),
        "{events:?}"
    );
    let module = module.unload().expect_err("it is in use").busy();
    back();
    assert_eq!(write(&open(), b"again"), Ok(5));
    assert_eq!(far_end.read(5), b"again");
    assert_eq!(write(&file, b"x"), Err(Errno::NODEV));
    drop(file);
    module.unload().expect("nobody has it open");

    let _module = load_alone();
    let file = open();
    fill_alone();
    let bytes = [0; PIECE];
    assert_eq!(
        while_asleep(|| write(&file, &bytes), &go),
        Err(Errno::NODEV)
    );
    back();
    let file = hasty();
    assert_eq!(read(&file, 1), Err(Errno::AGAIN));
    let events = while_asleep(|| ready(&file, PollFlags::IN, None), go);
    assert!(
        events.contains(PollFlags::HUP | PollFlags::ERR),
        "{events:?}"
    );
    back();
}

/// Where the kernel's own driver is built in, that gets what is plugged in.
fn take_from_kernel() {
    const OWN: &str = "/sys/bus/pci/drivers/serial";
    if !Path::new(OWN).exists() {
        return;
    }
    let name = DEVICE.name();
    let is_taken = || Path::new(OWN).join(&name).exists();
    wait_until("the kernel's own driver", is_taken);
    fs::write(format!("{OWN}/unbind"), &name).expect("unbind");
    if Path::new(FOLDER).exists() {
        DRIVER.bind(&name).expect("bind");
    }
}

#[test]
fn it_is_unplugged_while_somebody_waits() {
    let slot = RefCell::new(Slot::new());
    let plug = || {
        let mut slot = slot.borrow_mut();
        slot.plug("pci-serial,id=uart,chardev=uart-line,bus=uart-slot");
        wait_until("the device", || DEVICE.folder().is_some());
        take_from_kernel();
    };
    goes_while_somebody_waits(|| slot.borrow_mut().unplug("uart"), plug);
}

#[test]
fn it_is_unbound_while_somebody_waits() {
    let name = DEVICE.name();
    goes_while_somebody_waits(
        || DRIVER.unbind(&name),
        || DRIVER.bind(&name).expect("bind"),
    );
}

/// Those who try do not wake the chip up when it was told to be silent.
#[test]
fn it_is_unbound_while_many_try_again() {
    /// What it interrupts for, and what it tells the other end.
    const INTERRUPTS_AND_LINES: [u64; 2] = [1, 4];

    let (module, file, _far_end) = connect();
    drop(file);
    DRIVER.unbind_while_used(
        &[
            |file| read(file, 10).map(|it| it.len()),
            |file| write(file, &[b'x'; PIECE]),
        ],
        || {
            let ports = ports();
            for register in INTERRUPTS_AND_LINES {
                let mut byte = [0xff];
                ports.read_exact_at(&mut byte, register).expect("inb");
                assert_eq!(byte, [0], "register {register}");
            }
        },
    );
    module.unload().expect("nobody has it open");
}

#[test]
fn it_is_lost_while_it_is_probed() {
    let _module = load_alone();
    DRIVER.lose_while_probed(PciDevice::PORTS);
    let sent = fill_alone();
    assert!(read_all(&open(), sent.len()) == sent, "what came back");
}

#[test]
fn it_is_removed_while_somebody_waits() {
    let path = DEVICE.folder().expect("the device").join("remove");
    goes_while_somebody_waits(
        || fs::write(&path, "1").expect("remove"),
        || {
            fs::write("/sys/bus/pci/rescan", "1").expect("rescan");
            take_from_kernel();
        },
    );
}

#[test]
fn a_speed_that_no_line_has_is_refused() {
    for speed in ["0", "49", "100000", "115201", "4294967295"] {
        let log = KernelLog::now();
        let _module = Module::load("uart", &[&format!("baud={speed}")]).expect("it loads");
        let line = format!(": No line has {speed} baud: 115200 / 1 to 2304.");
        let said = log.lines_with("uart 0000:");
        assert!(said.iter().any(|it| it.ends_with(&line)), "{said:?}");
        assert!(!Path::new(NODE).exists());
    }
    let _module = Module::load("uart", &["baud=50", "loopback=1"]).expect("it loads");
    assert_eq!(write(&open(), b"slow"), Ok(4));
    assert_eq!(read_all(&open(), 4), b"slow");
}

/// edu answers to no access of a byte.
#[test]
fn a_device_that_is_none_is_refused() {
    if cfg!(not(target_arch = "x86_64")) {
        return skip("what nobody answers is an error of the bus here, and an oops");
    }
    let edu = PciDevice::new(0x1234, 0x11e8);
    let _module = load();
    let wanted = edu.folder().expect("edu").join("driver_override");
    fs::write(&wanted, "uart").expect("driver_override");
    let log = KernelLog::now();
    let bound = DRIVER.bind(&edu.name());
    fs::write(&wanted, "\n").expect("driver_override");
    assert_eq!(bound, Err(Errno::NODEV));
    let said = log.lines_with(&format!("uart {}", edu.name()));
    let line = ": It does not answer as a UART does.";
    assert!(said.iter().any(|it| it.ends_with(line)), "{said:?}");
}

#[test]
fn it_is_as_it_was_when_its_driver_has_gone() {
    for _ in 0..3 {
        let module = load();
        assert!(DEVICE.is_enabled());
        module.unload().expect("nobody has it open");
        assert!(!DEVICE.is_enabled());
    }
}

#[test]
fn bad_pointers_fault_and_lose_nothing() {
    let _module = load_alone();
    let file = open();
    assert_eq!(write(&file, b"unchanged"), Ok(9));
    refuses_nonsense(&file);
    assert_eq!(read_all(&file, 9), b"unchanged");
    assert_eq!(read(&hasty(), 1), Err(Errno::AGAIN));
}
