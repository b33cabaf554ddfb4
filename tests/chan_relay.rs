// SPDX-License-Identifier: GPL-2.0-only

//! Channels: chan_relay.

#![expect(
    clippy::single_range_in_vec_init,
    reason = "what was read is compared with the runs of events that it has"
)]

use lkm::{memory::Mapping, raw};
use lkmpg_tests::{
    BadMemory, Module, as_user, early, errno_of, is_twin, name, ready, skip, wait_until,
};
use rustix::{
    event::PollFlags,
    fs::{Mode, OFlags},
    io::Errno,
    thread::{CpuSet, sched_setaffinity},
};
use std::{
    fs::{self, File},
    io::Read as _,
    ops::Range,
    os::{
        fd::{AsFd as _, AsRawFd as _},
        unix::{fs::MetadataExt as _, process::ExitStatusExt as _},
    },
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

#[allow(dead_code, reason = "the module needs more of it")]
#[path = "../samples/18-channels/relay_protocol.rs"]
mod protocol;

use protocol::Event;

const MODULE: &str = name!("chan_relay");
const NOW: Option<Duration> = Some(Duration::ZERO);
const FOLDER: &str = name!("/sys/kernel/debug/chan_relay");
const SIZE: usize = 4096;
const COUNT: usize = 4;
/// How many events fit a sub-buffer.
const EVENTS: u64 = (SIZE / Event::SIZE) as u64;

/// Loads the module with small rings.
fn load(more: &[&str]) -> Module {
    let size = format!("subbuffer_size={SIZE}");
    let count = format!("subbuffers={COUNT}");
    let parameters = [&[&*size, &count], more].concat();
    Module::load(MODULE, &parameters).expect("the module loads")
}

fn control(command: &str) -> Result<(), Errno> {
    fs::write(format!("{FOLDER}/control"), command).map_err(errno_of)
}

/// The first CPU's line of `control`: produced, consumed, lost, overwritten, paddings.
fn state() -> Vec<String> {
    let text = fs::read_to_string(format!("{FOLDER}/control")).expect("control");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("cpu 0 "))
        .expect("a CPU");
    line.split(' ').map(str::to_owned).collect()
}

/// Writes events on the first CPU.
fn generate(source: u32, count: u64) -> Result<(), Errno> {
    thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut set = CpuSet::new();
            set.set(0);
            sched_setaffinity(None, &set).expect("sched_setaffinity");
            control(&format!("generate {source} {count}"))
        });
        writer.join().expect("no panic")
    })
}

fn ring() -> File {
    File::open(format!("{FOLDER}/cpu0")).expect("open")
}

fn events(bytes: &[u8]) -> Vec<u64> {
    assert_eq!(bytes.len() % Event::SIZE, 0);
    let events = bytes
        .chunks(Event::SIZE)
        .map(|it| Event::from_bytes(it.try_into().expect("whole")));
    events.map(|it| it.expect("an event").number).collect()
}

/// Reads what there is, as runs of consecutive numbers.
fn read_all(file: &mut File) -> Vec<Range<u64>> {
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).expect("read");
    runs(&bytes)
}

fn runs(bytes: &[u8]) -> Vec<Range<u64>> {
    let mut runs: Vec<Range<u64>> = Vec::new();
    for number in events(bytes) {
        match runs.last_mut() {
            Some(run) if run.end == number => run.end += 1,
            _ => runs.push(number..number + 1),
        }
    }
    runs
}

fn chan(arguments: &[&str]) -> String {
    let output = Command::new("chan")
        .arg("relay")
        .args(arguments)
        .output()
        .expect("chan");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn a_million_events_are_each_seen_or_counted_as_lost() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    for by in ["read", "poll", "mmap"] {
        let _module = Module::load(MODULE, &["subbuffers=64"]).expect("the module loads");
        // The client checks that each came once, and was in the right place.
        let text = chan(&["--events", "1000000", "--by", by]);
        let numbers: Vec<u64> = text.split(' ').filter_map(|it| it.parse().ok()).collect();
        assert_eq!(numbers[0] + numbers[1], 1_000_000, "{by}: {text}");
        assert!(numbers[0] > 0, "{by}: {text}");
    }
}

#[test]
fn slow_events_are_all_seen() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    for by in ["read", "poll", "mmap"] {
        let _module = Module::load(MODULE, &["subbuffers=64"]).expect("the module loads");
        let text = chan(&["--events", "2000", "--rate", "10000", "--by", by]);
        assert!(text.starts_with("2000 events seen, 0 lost"), "{by}: {text}");
    }
}

#[test]
fn the_client_reads_first_what_others_left() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    let _module = load(&[]);
    for by in ["read", "poll", "mmap"] {
        // Read but for the last, in a sub-buffer that is begun.
        generate(1, 10).expect("generate");
        ring().read_exact(&mut [0; 9 * Event::SIZE]).expect("read");
        generate(0, 5).expect("generate");
        let text = chan(&["--events", "1000", "--by", by]);
        assert!(text.starts_with("1000 events seen, 0 lost"), "{by}: {text}");
    }
}

#[test]
fn stock_tools_read_it() {
    let _module = load(&[]);
    generate(1, 10).expect("generate");
    for tool in ["cat cpu0", "dd if=cpu0 bs=16 2>/dev/null"] {
        let output = Command::new("sh")
            .args(["-c", tool])
            .current_dir(FOLDER)
            .output()
            .expect("sh");
        assert_eq!(runs(&output.stdout), [0..10]);
        generate(1, 10).expect("generate");
    }
}

#[test]
fn what_does_not_fit_is_counted() {
    let _module = load(&[]);
    let room = EVENTS * COUNT as u64;
    generate(1, room + 100).expect("generate");
    assert_eq!(state()[..4], ["4", "0", "100", "0"]);
    let mut file = ring();
    assert_eq!(read_all(&mut file), [0..room]);
    // There is room again, and counting goes on.
    generate(2, 5).expect("generate");
    assert_eq!(control("flush"), Ok(()));
    assert_eq!(read_all(&mut file), [0..5]);
    assert_eq!(state()[2], "100");
}

#[test]
fn the_newest_are_kept_if_so_wanted() {
    let _module = load(&["overwrite=1"]);
    let room = EVENTS * COUNT as u64;
    let total = 3 * room + 7;
    generate(1, total).expect("generate");
    let seen = read_all(&mut ring());
    assert_eq!(seen, [total - 7 - (room - EVENTS)..total]);
    assert_eq!(
        state()[2..4],
        ["0".to_owned(), (3 * COUNT - COUNT + 1).to_string()]
    );
}

#[test]
fn it_wraps_around_many_times() {
    let _module = load(&[]);
    let mut file = ring();
    for round in 0..200_u32 {
        let count = u64::from(round) * 37 % 700 + 1;
        generate(round, count).expect("generate");
        if round % 3 == 0 {
            assert_eq!(control("flush"), Ok(()));
        }
        assert_eq!(read_all(&mut file), [0..count], "round {round}");
    }
    assert_eq!(state()[2], "0");
}

#[test]
fn a_ring_is_read_in_odd_pieces() {
    let _module = load(&[]);
    generate(1, 300).expect("generate");
    let mut file = ring();
    let (mut bytes, mut piece) = (Vec::new(), [0; 23]);
    loop {
        let length = file.read(&mut piece).expect("read");
        if length == 0 {
            break;
        }
        bytes.extend_from_slice(&piece[..length]);
    }
    assert_eq!(runs(&bytes), [0..300]);
    // There is no position in it.
    assert_eq!(rustix::io::pread(&file, &mut piece, 5), Err(Errno::SPIPE));
}

#[test]
fn poll_waits_for_a_whole_sub_buffer() {
    let _module = load(&[]);
    let file = ring();
    generate(1, EVENTS).expect("generate");
    assert_eq!(
        ready(&file, PollFlags::IN, NOW),
        PollFlags::empty(),
        "it is full, but not finished"
    );
    thread::scope(|scope| {
        let waiter = scope.spawn(|| ready(&file, PollFlags::IN, None));
        generate(2, 1).expect("generate");
        assert!(waiter.join().expect("no panic").contains(PollFlags::IN));
    });
}

#[test]
fn poll_is_not_ready_for_what_was_read() {
    let _module = load(&[]);
    let mut file = ring();
    generate(1, EVENTS).expect("generate");
    assert_eq!(control("flush"), Ok(()));
    file.read_exact(&mut [0; SIZE]).expect("read");
    assert_eq!(ready(&file, PollFlags::IN, NOW), PollFlags::empty());
    assert_eq!(state()[..2], ["1", "1"]);
}

#[test]
fn what_was_read_before_it_was_finished_is_given_back() {
    if is_twin!() {
        return skip("in C poll is ready, and there is nothing to read");
    }
    let _module = load(&[]);
    let mut file = ring();
    generate(1, 5).expect("generate");
    assert_eq!(read_all(&mut file), [0..5]);
    assert_eq!(control("flush"), Ok(()));
    assert_eq!(ready(&file, PollFlags::IN, NOW), PollFlags::empty());
    assert_eq!(state()[..2], ["1", "1"]);
    assert_eq!(control("consume 0 1"), Err(Errno::INVAL));
}

#[test]
fn a_mapped_ring_is_read_and_given_back() {
    let _module = load(&[]);
    let file = ring();
    let mapping = Mapping::new(&file, SIZE * COUNT).expect("mmap");
    let mut seen = Vec::new();
    let mut bytes = vec![0; SIZE];
    for source in 0..10 {
        generate(source, 100).expect("generate");
        assert_eq!(control("flush"), Ok(()));
        let state = state();
        let produced: usize = state[0].parse().expect("a number");
        let padding: usize = state[4].parse().expect("a number");
        let bytes = &mut bytes[..SIZE - padding];
        mapping.read((produced - 1) % COUNT * SIZE, bytes);
        seen.extend(runs(bytes));
        assert_eq!(
            control("consume 0 2"),
            Err(Errno::INVAL),
            "there is one only"
        );
        assert_eq!(control("consume 0 1"), Ok(()));
        assert_eq!(ready(&file, PollFlags::IN, NOW), PollFlags::empty());
    }
    assert_eq!(seen, vec![0..100; 10]);
}

#[test]
fn only_the_whole_ring_can_be_mapped() {
    let _module = load(&[]);
    let file = ring();
    for length in [SIZE, SIZE * (COUNT - 1), SIZE * (COUNT + 1)] {
        let error = Mapping::new(&file, length).expect_err("not the whole");
        assert_eq!(errno_of(error), Errno::INVAL, "{length}");
    }
}

#[test]
fn a_ring_is_mapped_from_its_start() {
    if is_twin!() {
        return skip("C's own looks at the length alone: docs/upstream.md");
    }
    let _module = load(&[]);
    let file = ring();
    for page in (1..64).chain([1 << 20, 1 << 40]) {
        let error = Mapping::from_offset(&file, page * 4096, SIZE * COUNT).expect_err("behind it");
        assert_eq!(errno_of(error), Errno::INVAL, "page {page}");
    }
}

#[test]
fn a_mapped_ring_is_not_written() {
    if is_twin!() {
        return skip("in C it may be");
    }
    let _module = load(&[]);
    let file = File::options()
        .read(true)
        .write(true)
        .open(format!("{FOLDER}/cpu0"))
        .expect("root opens it");
    let error = Mapping::writable(&file, SIZE * COUNT).expect_err("to be read only");
    assert_eq!(errno_of(error), Errno::PERM);
}

#[test]
fn a_ring_that_is_overwritten_is_not_mapped() {
    if is_twin!() {
        return skip("in C it is");
    }
    let _module = load(&["overwrite=1"]);
    let error = Mapping::new(ring(), SIZE * COUNT).expect_err("it changes meanwhile");
    assert_eq!(errno_of(error), Errno::NODEV);
}

#[test]
fn readers_of_a_ring_that_is_overwritten_see_whole_events() {
    if is_twin!() {
        return skip("a reader of C's may see two rounds mixed");
    }
    let _module = load(&["overwrite=1"]);
    let read = |writing: &AtomicBool| {
        let (mut file, mut last) = (ring(), None);
        while writing.load(SeqCst) {
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).expect("read");
            for number in events(&bytes) {
                assert!(last < Some(number), "{last:?}, {number}");
                last = Some(number);
            }
        }
    };
    let writing = &AtomicBool::new(true);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(move || read(writing));
        }
        generate(1, 200_000).expect("generate");
        writing.store(false, SeqCst);
    });
}

#[test]
fn very_many_sub_buffers_are_reported() {
    let _module = Module::load(MODULE, &["subbuffer_size=16", "subbuffers=524287"])
        .expect("the module loads");
    generate(1, 524_287 + 1).expect("generate");
    let state = state();
    assert_eq!(state[..4], ["524287", "0", "1", "0"]);
    assert_eq!(state.len(), 4 + 524_287);
}

#[test]
fn a_low_rate_is_kept_to() {
    let _module = load(&[]);
    let start = Instant::now();
    assert_eq!(control("generate 1 3 5"), Ok(()));
    // Never less: it sleeps until the last is due, but for a millisecond.
    assert!(start.elapsed() >= Duration::from_millis(598));
}

#[test]
fn bad_commands_are_refused() {
    let _module = load(&[]);
    let long = format!("flush{}", " ".repeat(80));
    for (command, errno) in [
        ("", Errno::INVAL),
        ("\n", Errno::INVAL),
        ("drain", Errno::INVAL),
        ("flush 1", Errno::INVAL),
        ("generate", Errno::INVAL),
        ("generate 1", Errno::INVAL),
        ("generate 1 x", Errno::INVAL),
        ("generate 1 -5", Errno::INVAL),
        ("generate 4294967296 1", Errno::INVAL),
        ("generate 1 2 3 4", Errno::INVAL),
        ("consume 0", Errno::INVAL),
        ("consume 0 1", Errno::INVAL),
        ("consume 0 18446744073709551615", Errno::INVAL),
        ("consume 4096 0", Errno::NODEV),
        ("consume 99999999999 0", Errno::NODEV),
        (&long, Errno::INVAL),
    ] {
        let file = File::options()
            .write(true)
            .open(format!("{FOLDER}/control"))
            .expect("open");
        assert_eq!(
            rustix::io::write(file, command.as_bytes()),
            Err(errno),
            "{command:?}"
        );
    }
    assert_eq!(control("consume 0 0"), Ok(()));
}

#[test]
fn bad_shapes_are_refused() {
    for parameters in [
        &["subbuffer_size=0"][..],
        &["subbuffers=0"],
        &["subbuffers=1"],
        &["subbuffer_size=16", "subbuffers=524289"],
        &["subbuffer_size=4294967296"],
        &["subbuffer_size=65536", "subbuffers=32768"],
        &["subbuffer_size=18446744073709551615"],
        // Smaller than an event.
        &["subbuffer_size=15"],
    ] {
        let error = Module::load(MODULE, parameters).expect_err("a bad shape");
        assert_eq!(
            error.to_string(),
            format!("the kernel refused it: {}", Errno::INVAL),
            "{parameters:?}"
        );
        assert!(!fs::exists(FOLDER).expect("stat"));
    }
}

#[test]
fn only_root_reads_it() {
    let _module = load(&[]);
    let ring = fs::metadata(format!("{FOLDER}/cpu0")).expect("cpu0");
    assert_eq!(ring.mode(), 0o100_400);
    as_user(1000, || {
        let error = File::open(format!("{FOLDER}/cpu0")).expect_err("root's");
        assert_eq!(errno_of(error), Errno::ACCESS);
    });
}

#[test]
fn a_signal_ends_a_long_generation() {
    let _module = load(&[]);
    let script = format!("echo generate 1 1000000000 1000 > {FOLDER}/control");
    let mut writer = Command::new("sh")
        .args(["-c", &script])
        .spawn()
        .expect("sh");
    wait_until("the first event", || {
        (0..)
            .map_while(|cpu| File::open(format!("{FOLDER}/cpu{cpu}")).ok())
            .any(|mut it| it.read(&mut [0; 16]).expect("read") > 0)
    });
    writer.kill().expect("kill");
    assert_eq!(writer.wait().expect("wait").signal(), Some(9));
}

#[test]
fn a_reader_that_dies_leaves_the_rest_to_the_next() {
    let _module = load(&[]);
    generate(1, 500).expect("generate");
    // The reader has the ring open, and has told how far it came, when it is killed.
    let script =
        format!("exec 3<{FOLDER}/cpu0; dd bs=16 count=100 <&3 2>/dev/null; echo; read line");
    let mut reader = Command::new("sh")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("sh");
    let mut bytes = [0; 1601];
    let stdout = reader.stdout.as_mut().expect("a pipe");
    stdout.read_exact(&mut bytes).expect("read");
    reader.kill().expect("kill");
    reader.wait().expect("wait");
    assert_eq!(runs(&bytes[..1600]), [0..100]);
    assert_eq!(read_all(&mut ring()), [100..500]);
}

#[test]
fn clients_that_are_killed_leave_nothing_behind() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    for by in ["read", "poll", "mmap"] {
        let module = load(&[]);
        let mut client = Command::new("chan")
            .args(["relay", "--events", "1000000000", "--by", by])
            .spawn()
            .expect("chan");
        wait_until("the client to write and read", || {
            state()[1].parse::<u64>().expect("a number") > 10
        });
        client.kill().expect("kill");
        assert_eq!(client.wait().expect("wait").signal(), Some(9));
        // What it did not take is there, and nothing of it twice.
        control("flush").expect("flush");
        let seen = read_all(&mut ring());
        assert!(
            seen.windows(2).all(|it| it[0].end < it[1].start),
            "{seen:?}"
        );
        module.unload().expect("it unloads");
    }
}

#[test]
fn an_open_ring_and_its_mapping_keep_the_module() {
    let module = load(&[]);
    generate(1, EVENTS + 5).expect("generate");
    let mut file = ring();
    let module = module
        .unload()
        .expect_err("it is open")
        .into_module(Errno::AGAIN);
    let mapping = Mapping::new(&file, SIZE * COUNT).expect("mmap");
    assert_eq!(read_all(&mut file), [0..EVENTS + 5]);
    drop(file);
    let module = module
        .unload()
        .expect_err("it is mapped")
        .into_module(Errno::AGAIN);
    let mut bytes = vec![0; SIZE];
    mapping.read(0, &mut bytes);
    assert_eq!(runs(&bytes), [0..EVENTS]);
    drop(mapping);
    module.unload().expect("it unloads");
    assert!(!fs::exists(FOLDER).expect("stat"));
}

#[test]
fn a_ring_that_nobody_has_opened_is_not_there_after_the_module() {
    if is_twin!() {
        return skip("in C the module that has gone is looked at: debugfs_reopen");
    }
    let module = load(&[]);
    let ring = format!("{FOLDER}/cpu0");
    let place = rustix::fs::open(ring, OFlags::PATH, Mode::empty()).expect("open");
    module.unload().expect("it unloads");
    let error = File::open(format!("/proc/self/fd/{}", place.as_raw_fd())).expect_err("gone");
    assert_eq!(errno_of(error), Errno::NOENT);
}

#[test]
fn a_bad_buffer_loses_nothing() {
    let _module = load(&[]);
    generate(1, 300).expect("generate");
    let mut file = ring();
    let bad = BadMemory::new();
    for (what, address) in bad.unwritable() {
        assert_eq!(
            raw::read(file.as_fd(), address, 64),
            Err(Errno::FAULT),
            "{what}"
        );
    }
    // What fits is what the reader gets; the rest is for the next.
    let (address, room) = bad.edge();
    assert_eq!(raw::read(file.as_fd(), address, 64), Ok(room));
    assert_eq!(read_all(&mut file), [(room / Event::SIZE) as u64..300]);
}

#[test]
fn a_bad_buffer_is_told_by_the_control_file() {
    let _module = load(&[]);
    let file = File::open(format!("{FOLDER}/control")).expect("open");
    for (what, address) in BadMemory::new().unwritable() {
        let read = raw::read(file.as_fd(), address, 64);
        assert_eq!(read, Err(Errno::FAULT), "{what}");
    }
}

#[test]
fn the_control_file_keeps_the_module() {
    let module = load(&[]);
    let file = File::open(format!("{FOLDER}/control")).expect("open");
    let module = module
        .unload()
        .expect_err("in use")
        .into_module(Errno::AGAIN);
    drop(file);
    module.unload().expect("it unloads");
}

#[test]
fn many_write_and_flush_at_once() {
    let _module = load(&[]);
    thread::scope(|scope| {
        for source in 0..8_u32 {
            scope.spawn(move || control(&format!("generate {source} 20000")).expect("generate"));
        }
        for _ in 0..200 {
            let _ = control("flush");
            let _ = fs::read(format!("{FOLDER}/cpu0"));
            state();
        }
    });
    let report = fs::read_to_string(format!("{FOLDER}/control")).expect("control");
    assert!(report.starts_with("rings 4096 4 keep\n"), "{report}");
}

#[test]
fn a_file_can_be_opened_when_its_ring_is_complete() {
    if is_twin!() {
        return skip("in C it can be opened before, and the ring is freed while it is open");
    }
    let opener = early::opener("chan_relay", "/sys/kernel/debug/chan_relay/cpu0");
    let module = load(&[]);
    let early = opener.join().expect("no panic").file;
    // Its ring is complete when it comes, but the module may not be.
    assert!(matches!(early, Ok(_) | Err(Errno::NXIO)), "{early:?}");
    drop(early);
    drop(ring());
    module.unload().expect("nobody has it open");
}
