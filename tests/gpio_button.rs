// SPDX-License-Identifier: GPL-2.0-only

//! GPIO: gpio_button.

use lkm::raw;
use lkmpg_tests::{
    BadMemory, GpioChip, KernelLog, LoadError, Module, errno_of, handled_signal_ends, ready,
    wait_until,
};
use rustix::{event::PollFlags, io::Errno};
use std::{
    fs::{self, File},
    io::Read as _,
    os::{fd::AsFd as _, unix::fs::OpenOptionsExt as _},
    thread,
    time::{Duration, Instant},
};

const NODE: &str = "/dev/button";
const O_NONBLOCK: i32 = 0o4000;

/// A chip, and a module with a button on its second line.
fn load(debounce_ms: u32) -> (GpioChip, Module) {
    let chip = GpioChip::new("board", 2);
    let debounce = format!("debounce_ms={debounce_ms}");
    let module = Module::load("gpio_button", &[&debounce]).expect("the module loads");
    (chip, module)
}

fn open(flags: i32) -> File {
    let mut options = File::options();
    options
        .read(true)
        .custom_flags(flags)
        .open(NODE)
        .expect("open")
}

fn read(mut file: &File) -> Result<String, Errno> {
    let mut record = [0; 64];
    let length = file.read(&mut record).map_err(errno_of)?;
    Ok(String::from_utf8_lossy(&record[..length]).into_owned())
}

/// Presses, waits until that was seen, and releases.
fn press(chip: &GpioChip, log: &KernelLog) {
    chip.pull(1, true);
    log.wait_for("gpio_button: Press ");
    chip.pull(1, false);
    settle();
}

/// Waits until the thread has done what it was woken for: of that nobody else is told.
fn settle() {
    wait_until("the thread of the interrupt", || {
        let threads = fs::read_dir("/proc").expect("/proc").flatten();
        let stats = threads.filter_map(|it| fs::read_to_string(it.path().join("stat")).ok());
        // On PREEMPT_RT the first half has a thread, too.
        let irqs: Vec<_> = stats.filter(|it| it.contains("-button)")).collect();
        // While it waits for the next interrupt, it can be interrupted; while it lets the button bounce,
        // it cannot.
        !irqs.is_empty() && irqs.iter().all(|it| it.contains("-button) S "))
    });
}

#[test]
fn each_press_is_a_record() {
    let (chip, module) = load(2);
    let (log, early, file) = (KernelLog::now(), open(O_NONBLOCK), open(0));
    assert_eq!(read(&early), Err(Errno::AGAIN));
    press(&chip, &log);
    let late = open(O_NONBLOCK);
    press(&chip, &log);
    press(&chip, &log);
    for number in ["1\n", "2\n", "3\n"] {
        assert_eq!(read(&file).as_deref(), Ok(number));
        assert_eq!(read(&early).as_deref(), Ok(number));
    }
    assert_eq!(read(&early), Err(Errno::AGAIN));
    // Who opens it later sees those since.
    assert_eq!(read(&late).as_deref(), Ok("2\n"));
    assert_eq!(read(&late).as_deref(), Ok("3\n"));
    drop((early, file, late));
    module.unload().expect("unload");
}

#[test]
fn a_reader_sleeps_until_a_press() {
    let (chip, module) = load(2);
    let (log, file) = (KernelLog::now(), open(0));
    let now = Some(Duration::ZERO);
    assert_eq!(ready(&file, PollFlags::IN, now), PollFlags::empty());
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(&open(0)));
        let poller = scope.spawn(|| ready(&file, PollFlags::IN, None));
        // The reader must have opened it.
        while !reader.is_finished() {
            press(&chip, &log);
        }
        assert!(reader.join().expect("the reader").is_ok());
        assert_eq!(poller.join().expect("the poller"), PollFlags::IN);
    });
    let module = module.unload().expect_err("it is in use").busy();
    drop(file);
    module.unload().expect("unload");
}

/// Releases it at once: within the time that it may bounce.
#[test]
fn a_button_that_bounces_is_pressed_once() {
    let (chip, module) = load(200);
    let (log, file) = (KernelLog::now(), open(O_NONBLOCK));
    for up in [true, false].iter().cycle().take(9) {
        chip.pull(1, *up);
    }
    log.wait_for("gpio_button: Press 1");
    settle();
    for up in [false, true].iter().cycle().take(8) {
        chip.pull(1, *up);
    }
    // It is still down.
    settle();
    for up in [false, true].iter().cycle().take(9) {
        chip.pull(1, *up);
    }
    settle();
    assert_eq!(log.lines_with("gpio_button: Press"), [""; 0]);
    press(&chip, &log);
    assert_eq!(read(&file).as_deref(), Ok("1\n"));
    assert_eq!(read(&file).as_deref(), Ok("2\n"));
    assert_eq!(read(&file), Err(Errno::AGAIN));
    drop(file);
    module.unload().expect("unload");
}

#[test]
fn one_that_is_down_already_is_not_pressed_by_a_bounce() {
    let chip = GpioChip::new("board", 2);
    chip.pull(1, true);
    let module = Module::load("gpio_button", &["debounce_ms=200"]).expect("the module loads");
    let (log, file) = (KernelLog::now(), open(O_NONBLOCK));
    for up in [false, true].iter().cycle().take(8) {
        chip.pull(1, *up);
    }
    settle();
    chip.pull(1, false);
    settle();
    assert_eq!(log.lines_with("gpio_button: Press"), [""; 0]);
    press(&chip, &log);
    assert_eq!(read(&file).as_deref(), Ok("1\n"));
    assert_eq!(read(&file), Err(Errno::AGAIN));
    drop(file);
    module.unload().expect("unload");
}

/// It is down most of the time, and never for long. If it was, since this process had to wait, that was no
/// bouncing.
#[test]
fn as_long_as_it_bounces_it_is_not_pressed() {
    const DEBOUNCE: Duration = Duration::from_millis(400);

    let (chip, module) = load(400);
    loop {
        let log = KernelLog::now();
        let (start, mut longest) = (Instant::now(), Duration::ZERO);
        while start.elapsed() < 2 * DEBOUNCE {
            let down = Instant::now();
            chip.pull(1, true);
            thread::sleep(Duration::from_millis(2));
            chip.pull(1, false);
            longest = longest.max(down.elapsed());
        }
        settle();
        if longest < DEBOUNCE {
            assert_eq!(log.lines_with("gpio_button: Press"), [""; 0]);
            break;
        }
    }
    module.unload().expect("unload");
}

#[test]
fn a_short_read_continues() {
    let (chip, module) = load(0);
    let (log, mut file) = (KernelLog::now(), open(O_NONBLOCK));
    for _ in 0..10 {
        press(&chip, &log);
    }
    let mut text = Vec::new();
    let mut byte = [0];
    loop {
        match file.read(&mut byte) {
            Ok(1) => text.push(byte[0]),
            result => {
                assert_eq!(result.map_err(errno_of), Err(Errno::AGAIN));
                break;
            }
        }
    }
    assert_eq!(text, b"1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
    assert_eq!(file.read(&mut []).ok(), Some(0));
    drop(file);
    module.unload().expect("unload");
}

/// And not one that waits for ever, or is told of no press.
#[test]
fn a_line_that_did_not_arrive_is_read_again() {
    let (chip, module) = load(0);
    let (log, file) = (KernelLog::now(), open(0));
    press(&chip, &log);
    let into_nothing = file.try_clone().expect("dup");
    let reader = thread::spawn(move || {
        let memory = BadMemory::new();
        let read = |(_, address)| raw::read(into_nothing.as_fd(), address, 64);
        memory
            .unwritable()
            .into_iter()
            .map(read)
            .collect::<Vec<_>>()
    });
    wait_until("the reads", || reader.is_finished());
    let reads = reader.join().expect("it does not panic");
    assert!(reads.iter().all(|it| *it == Err(Errno::FAULT)), "{reads:?}");
    assert_eq!(read(&file).as_deref(), Ok("1\n"));
    drop(file);
    module.unload().expect("unload");
}

#[test]
fn a_handled_signal_ends_the_wait() {
    let (chip, module) = load(0);
    let (log, file) = (KernelLog::now(), open(0));
    let waiting = file.try_clone().expect("dup");
    handled_signal_ends(move || read(&waiting));
    press(&chip, &log);
    assert_eq!(read(&file).as_deref(), Ok("1\n"));
    drop(file);
    module.unload().expect("unload");
}

#[test]
fn a_button_may_be_pressed_when_it_is_low() {
    let chip = GpioChip::new("board", 2);
    chip.pull(1, true);
    let parameters = ["active_low=1", "debounce_ms=1"];
    let module = Module::load("gpio_button", &parameters).expect("the module loads");
    let log = KernelLog::now();
    chip.pull(1, false);
    log.wait_for("gpio_button: Press 1");
    module.unload().expect("unload");
}

#[test]
fn a_load_says_what_is_wrong() {
    let chip = GpioChip::new("board", 2);
    let log = KernelLog::now();
    for (parameter, errno, line) in [
        ("chip=nothing", Errno::NODEV, "no line 1 of nothing: "),
        ("line=2", Errno::INVAL, "no line 2 of board: "),
        (
            "debounce_ms=1001",
            Errno::INVAL,
            "debounce_ms must be at most 1000",
        ),
    ] {
        let error = Module::load("gpio_button", &[parameter]).expect_err("it is refused");
        assert!(
            matches!(error, LoadError::Refused(it) if it == errno),
            "{error}"
        );
        log.wait_for(&format!("faux_driver button: {line}"));
    }
    drop(Module::load("gpio_button", &["debounce_ms=1000"]).expect("it is not too long"));
    drop(chip);
}

/// Levels, what is shared, and what has no edge.
#[test]
fn interrupts_that_a_line_cannot_have_are_refused() {
    let _chip = GpioChip::new("board", 2);
    let log = KernelLog::now();
    let loaded = Module::load("gpio_odd", &[]);
    let module = loaded.unwrap_or_else(|error| panic!("{error}: {:?}", log.lines()));
    module.unload().expect("unload");
}

/// Who waits is told, and nothing is freed twice.
#[test]
fn the_chip_goes_while_readers_wait() {
    let (chip, module) = load(2);
    let (log, file) = (KernelLog::now(), open(0));
    press(&chip, &log);
    let waiting = open(0);
    thread::scope(|scope| {
        let reader = scope.spawn(|| read(&waiting));
        let poller = scope.spawn(|| ready(&waiting, PollFlags::IN, None));
        chip.plug(false);
        assert_eq!(reader.join().expect("the reader"), Err(Errno::NODEV));
        let events = poller.join().expect("the poller");
        assert_eq!(events, PollFlags::ERR | PollFlags::HUP);
    });
    // What came before is not lost.
    assert_eq!(read(&file).as_deref(), Ok("1\n"));
    assert_eq!(read(&file), Err(Errno::NODEV));
    assert_eq!(read(&open(0)), Err(Errno::NODEV));
    // The next chip may get the number of the interrupt.
    chip.plug(true);
    let other = Module::load("gpio_button", &[]).expect_err("it is loaded");
    assert!(matches!(other, LoadError::Refused(Errno::EXIST)), "{other}");
    drop((file, waiting));
    module.unload().expect("unload");
}

#[test]
fn the_chip_goes_while_it_is_pressed() {
    for _ in 0..10 {
        let (chip, module) = load(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for up in [true, false].iter().cycle().take(100) {
                    if !chip.try_pull(1, *up) {
                        break;
                    }
                }
            });
            chip.plug(false);
        });
        module.unload().expect("unload");
    }
}

#[test]
fn the_module_goes_while_it_is_pressed() {
    let chip = GpioChip::new("board", 2);
    for debounce in ["debounce_ms=0", "debounce_ms=50"].iter().cycle().take(10) {
        let module = Module::load("gpio_button", &[debounce]).expect("the module loads");
        thread::scope(|scope| {
            scope.spawn(|| {
                for up in [true, false].iter().cycle().take(100) {
                    chip.pull(1, *up);
                }
            });
            module.unload().expect("unload");
        });
    }
}
