// SPDX-License-Identifier: GPL-2.0-only

//! The PCI driver: edu.

use lkm::ioctl::{self, Command, Read, ReadWrite};
use lkmpg_tests::{
    KernelLog, KernelSetting, Module, PciDevice, PciDriver, Slot, errno_of,
    faults::{self, Fault, Injector, Scope},
    handled_signal_ends, is_asleep, open_node, ready, refuses_nonsense, skip, times, wait_until,
    while_asleep,
};
use rustix::{event::PollFlags, fs::OFlags, io::Errno};
use std::{
    cell::RefCell,
    fs::{self, File},
    io::{Read as _, Seek as _, SeekFrom, Write as _},
    mem,
    os::unix::{fs::FileExt as _, process::ExitStatusExt as _},
    path::Path,
    process, thread,
    time::Duration,
};

const IDENTIFY: Command<Read<u32>> = Command::ior(b'e', 0);
const INVERT: Command<ReadWrite<u32>> = Command::iowr(b'e', 1);
const FACTORIAL: Command<ReadWrite<u32>> = Command::iowr(b'e', 2);

const NODE: &str = "/dev/edu";
const SIZE: usize = 4095;
const DEVICE: PciDevice = PciDevice::new(0x1234, 0x11e8);
const DRIVER: PciDriver = PciDriver::new("/sys/bus/pci/drivers/edu", DEVICE, NODE);

fn load() -> Module {
    Module::load("edu", &[]).expect("the module loads")
}

fn open_with(flags: OFlags) -> File {
    open_node(NODE, OFlags::RDWR | flags)
}

fn open() -> File {
    open_with(OFlags::empty())
}

fn invert(file: &File, number: u32) -> Result<u32, Errno> {
    let mut value = number;
    ioctl::read_write(file, INVERT, &mut value).map_err(errno_of)?;
    Ok(value)
}

fn factorial(file: &File, number: u32) -> Result<u32, Errno> {
    let mut value = number;
    ioctl::read_write(file, FACTORIAL, &mut value).map_err(errno_of)?;
    Ok(value)
}

/// Reads from the start.
fn read(file: &File, length: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; length];
    let length = file.read_at(&mut bytes, 0).map_err(errno_of)?;
    bytes.truncate(length);
    Ok(bytes)
}

/// How long the device may take, until this is dropped.
fn patience(ms: u32) -> KernelSetting {
    KernelSetting::new("/sys/module/edu/parameters/timeout_ms", &ms.to_string())
}

fn is_there() -> bool {
    DEVICE.folder().is_some()
}

/// The device without something that a driver takes for granted, until this is dropped.
fn without(bit: u16) -> impl Drop {
    DEVICE.change(bit, 0)
}

/// The device whose interrupt does not come, be it a message, which is a write to memory as DMA is, or its line.
fn mute() -> impl Drop {
    DEVICE.change(PciDevice::MASTER, PciDevice::NO_INTERRUPT)
}

/// The same with a device that may send messages, where PCI has any, and with one that has only its line.
fn by_message_and_by_line(test: impl Fn()) {
    for messages in ["1", "0"] {
        let folder = DEVICE.folder().expect("the device");
        let _messages = KernelSetting::new(folder.join("msi_bus"), messages);
        test();
    }
}

#[test]
fn it_says_what_it_is_and_is_alive() {
    let log = KernelLog::now();
    let _module = load();
    let said = log.lines_with("edu 0000:");
    assert!(
        said.iter().any(|it| it.ends_with(": This is edu 1.0.")),
        "{said:?}"
    );
    let file = open();
    assert_eq!(ioctl::read(&file, IDENTIFY).expect("IDENTIFY"), 0x0100_00ed);
    for number in [0, 1, 0x1234_5678, u32::MAX] {
        assert_eq!(invert(&file, number), Ok(!number));
    }
    let unknown: Command<Read<u32>> = Command::ior(b'e', 99);
    assert_eq!(
        ioctl::read(&file, unknown).map_err(errno_of),
        Err(Errno::NOTTY)
    );
}

#[test]
fn lspci_finds_it_and_its_driver() {
    let _module = load();
    let slot = DEVICE.name();
    let seen = process::Command::new("lspci")
        .args(["-nks", &slot])
        .output();
    let seen = seen.expect("lspci");
    assert!(seen.status.success(), "{seen:?}");
    let text = String::from_utf8_lossy(&seen.stdout);
    assert!(text.contains(" 1234:11e8 "), "{text}");
    assert!(text.contains("Kernel driver in use: edu\n"), "{text}");
}

/// Others may have its line.
#[test]
fn it_interrupts_nobody_when_its_driver_has_gone() {
    load().unload().expect("nobody has it open");
    let slot = DEVICE.name();
    let seen = process::Command::new("lspci")
        .args(["-vvs", &slot])
        .output();
    let text = String::from_utf8(seen.expect("lspci").stdout).expect("text");
    assert!(text.contains(" DisINTx+\n"), "{text}");
}

#[test]
fn it_computes_factorials() {
    let _module = load();
    let file = open();
    for number in 0..=12 {
        assert_eq!(
            factorial(&file, number),
            Ok((1..=number).product()),
            "{number}"
        );
    }
    for number in [13, u32::MAX] {
        assert_eq!(factorial(&file, number), Err(Errno::RANGE), "{number}");
    }
}

#[test]
fn bytes_go_there_and_back() {
    let _module = load();
    let mut file = open();
    let all: Vec<_> = (0..SIZE).map(|it| (it % 251) as u8).collect();
    file.write_all(&all).expect("write");
    assert_eq!(read(&file, 2 * SIZE).expect("read"), all);
    // Where the last one ended, there is no more.
    assert_eq!(file.stream_position().expect("the position"), SIZE as u64);
    assert_eq!(file.read(&mut [0; 10]).expect("read"), 0);
    assert_eq!(file.write(b"x").map_err(errno_of), Err(Errno::NOSPC));
    assert_eq!(file.write(b"").expect("nothing"), 0);
    assert_eq!(file.read_at(&mut [0; 10], 1 << 40).expect("read"), 0);
    // A piece in the midst, and one that reaches over the end.
    assert_eq!(file.write_at(b"piece", 100).expect("write"), 5);
    let end = file.seek(SeekFrom::End(-3)).expect("seek");
    assert_eq!(file.write(b"the end").expect("write"), 3);
    let mut expected = all;
    expected[100..105].copy_from_slice(b"piece");
    expected[end as usize..].copy_from_slice(b"the");
    assert_eq!(read(&file, SIZE).expect("read"), expected);
    // A read goes on where the last one ended.
    file.seek(SeekFrom::Start(99)).expect("seek");
    let mut bytes = [0; 7];
    for piece in bytes.chunks_mut(4) {
        file.read_exact(piece).expect("read");
    }
    assert_eq!(bytes, expected[99..106]);
}

#[test]
fn those_who_use_it_take_turns() {
    let _module = load();
    thread::scope(|scope| {
        for byte in 1..=3 {
            scope.spawn(move || {
                let file = open();
                for number in 0..5 {
                    file.write_all_at(&[byte; 300], 0).expect("write");
                    let seen = read(&file, 300).expect("read");
                    assert!(seen.iter().all(|it| *it == seen[0]), "{seen:?}");
                    let product = (1..=number).product();
                    assert_eq!(factorial(&file, number), Ok(product));
                }
            });
        }
    });
}

/// It shows with two processors.
#[test]
fn each_has_the_answer_to_its_own_number() {
    let _module = load();
    thread::scope(|scope| {
        for number in [1, 0x1234_5678] {
            scope.spawn(move || {
                let file = open();
                for _ in 0..times("LKMPG_ROUNDS", 30_000) {
                    assert_eq!(invert(&file, number), Ok(!number));
                }
            });
        }
    });
}

#[test]
fn who_will_not_wait_for_others_is_told_and_may_poll() {
    let _module = load();
    let (patient, hasty) = (open(), open_with(OFlags::NONBLOCK));
    let both = PollFlags::IN | PollFlags::OUT;
    assert_eq!(ready(&hasty, both, Some(Duration::ZERO)), both);
    let read_by_other = while_asleep(
        || read(&patient, 10),
        || {
            assert_eq!(read(&hasty, 10), Err(Errno::AGAIN));
            assert_eq!(factorial(&hasty, 1), Err(Errno::AGAIN));
            assert_eq!(
                ready(&hasty, both, Some(Duration::ZERO)),
                PollFlags::empty()
            );
            assert_eq!(ready(&hasty, both, None), both);
        },
    );
    assert_eq!(read_by_other.map(|it| it.len()), Ok(10));
    assert_eq!(factorial(&hasty, 4), Ok(24));
}

#[test]
fn an_order_that_takes_too_long_is_waited_for_by_the_next() {
    let _module = load();
    let file = open();
    file.write_all_at(b"before", 0).expect("write");
    {
        let _patience = patience(1);
        assert_eq!(
            file.write_at(b"after ", 0).map_err(errno_of),
            Err(Errno::TIMEDOUT)
        );
        assert_eq!(read(&file, 6), Err(Errno::TIMEDOUT));
        let hasty = open_with(OFlags::NONBLOCK);
        assert_eq!(read(&hasty, 6), Err(Errno::AGAIN));
    }
    assert_eq!(read(&file, 6).expect("read"), b"after ");
}

#[test]
fn an_interrupt_that_does_not_come_costs_time_only() {
    let _module = load();
    let file = open();
    file.write_all_at(b"kept", 0).expect("write");
    let _patience = patience(300);
    {
        let _mute = mute();
        assert!(read(&file, 4).is_ok());
    }
    assert_eq!(read(&file, 4).expect("read"), b"kept");
}

#[test]
fn a_device_that_does_not_answer_is_gone() {
    let _module = load();
    let file = open();
    {
        let _deaf = without(PciDevice::MEMORY);
        assert_eq!(factorial(&file, 3), Err(Errno::NODEV));
        assert_eq!(read(&file, 3), Err(Errno::NODEV));
        assert_eq!(file.write_at(b"x", 0).map_err(errno_of), Err(Errno::NODEV));
        let events = ready(&file, PollFlags::IN, Some(Duration::ZERO));
        assert!(
            events.contains(PollFlags::HUP | PollFlags::ERR),
            "{events:?}"
        );
    }
    assert_eq!(factorial(&file, 3), Ok(6));
}

#[test]
fn a_signal_ends_the_wait() {
    let _module = load();
    let _patience = patience(u32::MAX);
    let _mute = mute();
    let mut reader = process::Command::new("cat").arg(NODE).spawn().expect("cat");
    let id = reader.id();
    let opened = || {
        let files = fs::read_dir(format!("/proc/{id}/fd"))
            .into_iter()
            .flatten()
            .flatten();
        let mut files = files.filter_map(|it| fs::read_link(it.path()).ok());
        files.any(|it| it == Path::new(NODE))
    };
    wait_until("cat that waits for the device", || {
        opened() && is_asleep(id, id as i32)
    });
    reader.kill().expect("kill");
    assert_eq!(reader.wait().expect("its end").signal(), Some(9));
}

#[test]
fn a_handled_signal_is_eintr() {
    let _module = load();
    let file = open();
    {
        let _patience = patience(u32::MAX);
        let _mute = mute();
        let waiting = file.try_clone().expect("dup");
        handled_signal_ends(move || read(&waiting, 4));
    }
    assert_eq!(factorial(&file, 3), Ok(6));
}

/// Whoever has its file open keeps the module, but not the device.
fn goes_while_somebody_waits(go: impl FnOnce(), come: impl FnOnce()) {
    let module = load();
    let file = open();
    file.write_all_at(b"kept", 0).expect("write");
    {
        let _patience = patience(u32::MAX);
        // For ever: a line that nobody handles any more would be the others' trouble. The next driver sets it up.
        mem::forget(mute());
        assert_eq!(while_asleep(|| read(&file, 4), go), Err(Errno::NODEV));
    }
    assert!(!Path::new(NODE).exists());
    assert_eq!(factorial(&file, 3), Err(Errno::NODEV));
    assert_eq!(invert(&file, 3), Err(Errno::NODEV));
    assert_eq!(
        ioctl::read(&file, IDENTIFY).map_err(errno_of),
        Err(Errno::NODEV)
    );
    assert_eq!(read(&file, 4), Err(Errno::NODEV));
    assert_eq!(file.write_at(b"x", 0).map_err(errno_of), Err(Errno::NODEV));
    let events = ready(&file, PollFlags::IN, None);
    assert!(
        events.contains(PollFlags::HUP | PollFlags::ERR),
        "{events:?}"
    );

    let module = module.unload().expect_err("it is in use").busy();
    come();
    wait_until("the device, with its driver", || Path::new(NODE).exists());
    assert_eq!(factorial(&open(), 3), Ok(6));
    assert_eq!(factorial(&file, 3), Err(Errno::NODEV));
    drop(file);
    module.unload().expect("nobody has it open");
}

#[test]
fn it_is_unplugged_while_somebody_waits() {
    let slot = RefCell::new(Slot::new());
    let plug = || {
        slot.borrow_mut().plug("edu,id=edu,bus=edu-slot");
        wait_until("the device", is_there);
    };
    let unplug = || {
        // It answers nothing any more: the slot may share its line, and then has its handler called, too.
        mem::forget(DEVICE.change(PciDevice::MEMORY, 0));
        slot.borrow_mut().unplug("edu");
    };
    goes_while_somebody_waits(unplug, plug);
}

#[test]
fn it_is_unbound_while_somebody_waits() {
    let name = DEVICE.name();
    goes_while_somebody_waits(
        || DRIVER.unbind(&name),
        || DRIVER.bind(&name).expect("bind"),
    );
}

#[test]
fn it_is_unbound_while_many_try_again() {
    let module = load();
    DRIVER.unbind_while_used(
        &[
            |file| read(file, 10).map(|it| it.len()),
            |file| factorial(file, 3).map(|_| 0),
            |file| invert(file, 3).map(|_| 0),
        ],
        || {},
    );
    module.unload().expect("nobody has it open");
}

/// One that is suspended when it is unbound has the settings again that it had then.
#[test]
fn a_device_without_a_driver_reaches_no_memory() {
    let _module = load();
    let name = DEVICE.name();
    let control = DEVICE.folder().expect("the device").join("power/control");
    if !control.exists() {
        return skip("the kernel suspends nothing (CONFIG_PM)");
    }
    assert!(DEVICE.has(PciDevice::MASTER));
    fs::write(&control, "auto").expect("auto");
    DRIVER.unbind(&name);
    assert!(!DEVICE.has(PciDevice::MASTER));
    fs::write(&control, "on").expect("on");
    assert!(!DEVICE.has(PciDevice::MASTER));
    DRIVER.bind(&name).expect("bind");
    assert_eq!(factorial(&open(), 3), Ok(6));
}

#[test]
fn it_is_lost_while_it_is_probed() {
    let _module = load();
    DRIVER.lose_while_probed(PciDevice::MEMORY);
    assert_eq!(factorial(&open(), 3), Ok(6));
}

#[test]
fn it_is_removed_while_somebody_waits() {
    let path = DEVICE.folder().expect("the device").join("remove");
    goes_while_somebody_waits(
        || fs::write(path, "1").expect("remove"),
        || fs::write("/sys/bus/pci/rescan", "1").expect("rescan"),
    );
}

/// The device is still to move bytes when its driver goes: not to memory that was freed.
#[test]
fn an_order_of_the_last_driver_does_no_harm() {
    by_message_and_by_line(|| {
        let module = load();
        let file = open();
        file.write_all_at(b"kept", 0).expect("write");
        {
            let _patience = patience(1);
            assert_eq!(read(&file, SIZE), Err(Errno::TIMEDOUT));
        }
        drop(file);
        module.unload().expect("nobody has it open");
        let _module = load();
        // The interrupt of that order, which nobody saw, does not keep the next one's from coming.
        let _patience = patience(u32::MAX);
        assert_eq!(read(&open(), 4).expect("read"), b"kept");
    });
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
fn bad_pointers_fault_and_change_nothing() {
    let _module = load();
    let file = open();
    file.write_all_at(b"unchanged", 0).expect("write");
    refuses_nonsense(&file);
    assert_eq!(read(&file, 9).expect("read"), b"unchanged");
}

/// A second handler and a second buffer, for which there is no memory, take nothing from the first.
#[test]
fn what_fails_leaves_the_rest_as_it_is() {
    if let Some(missing) = faults::missing() {
        return skip(missing);
    }
    let name = DEVICE.name();
    drop(load());
    let module = Module::load("pci_odd", &[]).expect("the module loads");
    let tell = |what: &str| fs::write(format!("/sys/bus/pci/drivers/pci_odd/{what}"), &name);
    tell("unbind").expect("unbind");
    // Not all of what the probe does: ACPI uses what it has freed when there is no memory for it.
    let symbols = fs::read_to_string("/proc/kallsyms").expect("the symbols");
    let names = || {
        symbols
            .lines()
            .filter_map(|it| it.split_whitespace().nth(2))
    };
    let odd = RefCell::new(Vec::new());
    for case in ["second_handler", "second_buffer"] {
        let function = names().find(|it| it.ends_with(case)).expect(case);
        let injector = Injector::new(Fault::Allocation, Scope::Below(faults::function(function)));
        by_message_and_by_line(|| {
            let log = KernelLog::now();
            for n in 1.. {
                let (bound, failed) = injector.fail(n, || tell("bind"));
                if bound.is_ok() {
                    tell("unbind").expect("unbind");
                }
                if !failed {
                    bound.expect("bind");
                    break;
                }
            }
            let said = log.lines();
            if said.iter().any(|it| it.contains("not as it should be")) {
                odd.borrow_mut().push(case);
            }
        });
    }
    assert_eq!(*odd.borrow(), [""; 0]);
    module.unload().expect("not in use");
}

/// A driver of the same device, in safe Rust, that does what no driver should.
#[test]
fn a_driver_that_uses_it_badly_does_no_harm() {
    let name = DEVICE.name();
    let bound = format!("/sys/bus/pci/drivers/pci_odd/{name}");
    // A PC finds out which line it has when it is enabled for the first time.
    drop(load());
    by_message_and_by_line(|| {
        let log = KernelLog::now();
        let module = Module::load("pci_odd", &[]).expect("the module loads");
        assert!(Path::new(&bound).exists(), "{:?}", log.lines());
        module.unload().expect("not in use");
    });
    // It has no line before it has a handler, whoever has enabled it.
    let _enabled = KernelSetting::new(DEVICE.folder().expect("the device").join("enable"), "1");
    mem::forget(DEVICE.change(PciDevice::NO_INTERRUPT, 0));
    let log = KernelLog::now();
    let module = Module::load("pci_odd", &[]).expect("the module loads");
    assert!(Path::new(&bound).exists(), "{:?}", log.lines());
    module.unload().expect("not in use");
}
