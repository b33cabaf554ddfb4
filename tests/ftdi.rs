// SPDX-License-Identifier: GPL-2.0-only

//! The USB driver: ftdi.

use lkm::{memory::Mapping, raw};
use lkmpg_tests::{
    Configfs, Footprint, KernelLog, KernelSetting, Module, Slot, await_devices, errno_of,
    faults::{self, Fault, Injector, Scope},
    handled_signal_ends, open_node, refuses_nonsense, skip, wait_until, while_asleep,
};
use rustix::{
    fs::OFlags,
    io::Errno,
    process::{Pid, Signal, kill_process},
};
use std::{
    cell::RefCell,
    ffi::OsStr,
    fs::{self, File},
    io::{Read as _, Write as _},
    os::{fd::AsFd as _, unix::process::ExitStatusExt as _},
    path::{Path, PathBuf},
    process,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

const NODE: &str = "/dev/ftdi";
const DRIVER: &str = "/sys/bus/usb/drivers/ftdi";
/// A question to the tablet at the far end of the line, and its answer.
const QUESTION: &[u8] = b"RE\n";
const ANSWER: &[u8] = b"96,N,8,0";

fn load() -> Module {
    Module::load("ftdi", &[]).expect("the module loads")
}

fn open_with(flags: OFlags) -> File {
    open_node(NODE, OFlags::RDWR | flags)
}

fn open() -> File {
    open_with(OFlags::empty())
}

fn read(mut file: &File, length: usize) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; length];
    let length = file.read(&mut bytes).map_err(errno_of)?;
    bytes.truncate(length);
    Ok(bytes)
}

fn write(mut file: &File, bytes: &[u8]) -> Result<usize, Errno> {
    file.write(bytes).map_err(errno_of)
}

/// The tablet takes one question of each piece that it gets.
fn ask(file: &File) {
    assert_eq!(write(file, QUESTION), Ok(QUESTION.len()));
}

fn answer(mut file: &File) -> Vec<u8> {
    let mut bytes = vec![0; ANSWER.len()];
    file.read_exact(&mut bytes).expect("an answer");
    bytes
}

/// How long the device may take, until this is dropped.
fn patience(ms: u32) -> KernelSetting {
    KernelSetting::new("/sys/module/ftdi/parameters/timeout_ms", &ms.to_string())
}

/// The adapter's interface, if it is there.
fn interface() -> Option<PathBuf> {
    await_devices();
    let devices = fs::read_dir("/sys/bus/usb/devices").expect("the devices");
    let mut paths = devices.map(|it| it.expect("a device").path());
    let alias = "usb:v0403p6001";
    paths.find(|it| {
        fs::read_to_string(it.join("modalias")).is_ok_and(|text| text.starts_with(alias))
    })
}

fn device() -> PathBuf {
    let interface = interface().expect("the interface");
    let path = fs::canonicalize(interface).expect("its folder");
    path.parent().expect("its device").to_owned()
}

#[test]
fn it_says_what_it_is() {
    let log = KernelLog::now();
    let _module = load();
    let said = log.lines_with("ftdi ");
    let line = ": A line at 9600 baud, packets of 64 bytes.";
    assert!(said.iter().any(|it| it.ends_with(line)), "{said:?}");
}

#[test]
fn what_is_asked_is_answered() {
    let _module = load();
    let file = open();
    ask(&file);
    assert_eq!(answer(&file), ANSWER);
    assert_eq!(read(&file, 0), Ok(Vec::new()));
    assert_eq!(write(&file, b""), Ok(0));
}

/// Who reads less than what has come finds the rest, and what fills many packets comes in order.
#[test]
fn nothing_is_lost() {
    let _module = load();
    let file = open();
    for _ in 0..30 {
        ask(&file);
    }
    for byte in &ANSWER[..3] {
        assert_eq!(read(&file, 1), Ok(vec![*byte]));
    }
    assert_eq!(&answer(&open())[..5], &ANSWER[3..]);
    let mut rest = vec![0; 28 * ANSWER.len() + 5];
    (&file).read_exact(&mut rest).expect("the rest");
    assert_eq!(rest, [&ANSWER[3..], &ANSWER.repeat(28)].concat());
    let hasty = open_with(OFlags::NONBLOCK);
    assert_eq!(read(&hasty, 1), Err(Errno::AGAIN));
}

/// A read for which there is no memory takes nothing from the device that it does not keep.
#[test]
fn nothing_is_lost_for_lack_of_memory() {
    if let Some(missing) = faults::missing() {
        return skip(missing);
    }
    let injector = Injector::new(Fault::Allocation, Scope::All);
    for n in 1.. {
        // What has had room once keeps it.
        let _module = load();
        let file = open();
        ask(&file);
        let mut came = vec![0; ANSWER.len()];
        let (result, failed) = injector.fail(n, || (&file).read(&mut came).map_err(errno_of));
        let length = result.unwrap_or_else(|errno| {
            assert_eq!(errno, Errno::NOMEM);
            0
        });
        (&file).read_exact(&mut came[length..]).expect("the rest");
        assert_eq!(came, ANSWER, "without the {n}th allocation");
        if !failed {
            break;
        }
    }
}

/// The tablet hears nothing at another speed, and the chip forgets what nobody has read.
#[test]
fn the_line_is_as_fast_as_was_said() {
    for (baud, hears) in [("300", false), ("9600", true)] {
        let _module = Module::load("ftdi", &["timeout_ms=300", &format!("baud={baud}")]);
        let file = open();
        ask(&file);
        let expected = match hears {
            true => Ok(ANSWER.to_vec()),
            false => Err(Errno::TIMEDOUT),
        };
        assert_eq!(read(&file, 100), expected, "{baud}");
    }
}

#[test]
fn a_speed_that_no_line_has_is_refused() {
    for baud in ["0", "183", "1000001", "4294967295"] {
        let log = KernelLog::now();
        let _module = Module::load("ftdi", &[&format!("baud={baud}")]).expect("the module loads");
        let said = log.lines_with("ftdi ");
        let refusal = format!(": No line has {baud} baud: 184 to 1000000.");
        assert!(said.iter().any(|it| it.ends_with(&refusal)), "{said:?}");
        assert!(!Path::new(NODE).exists(), "{baud}");
    }
    for baud in ["184", "1000000"] {
        let _module = Module::load("ftdi", &[&format!("baud={baud}")]).expect("the module loads");
        assert!(Path::new(NODE).exists(), "{baud}");
    }
}

#[test]
fn lsusb_finds_it_and_its_driver() {
    let _module = load();
    let run = |arguments: &[&str]| {
        let seen = process::Command::new("lsusb").args(arguments).output();
        let seen = seen.expect("lsusb");
        assert!(seen.status.success(), "{seen:?}");
        String::from_utf8_lossy(&seen.stdout).into_owned()
    };
    let text = run(&["-d", "0403:6001"]);
    assert!(text.contains(": ID 0403:6001 "), "{text}");
    let text = run(&["-t"]);
    assert!(text.contains(" Driver=ftdi, "), "{text}");
}

#[test]
fn silence_ends_a_read_and_no_other() {
    let _module = load();
    let file = open();
    {
        let _patience = patience(20);
        assert_eq!(read(&file, 1), Err(Errno::TIMEDOUT));
        let _none = patience(0);
        assert_eq!(read(&file, 1), Err(Errno::TIMEDOUT));
    }
    ask(&file);
    assert_eq!(answer(&file), ANSWER);
}

#[test]
fn one_writes_while_others_read() {
    let _module = load();
    let file = open();
    let first = while_asleep(|| answer(&file), || ask(&open()));
    assert_eq!(first, ANSWER);
    // Nobody is done by the limit.
    let _patience = patience(u32::MAX);
    thread::scope(|scope| {
        let readers = [(); 3].map(|()| scope.spawn(|| read(&open(), 1)));
        ask(&file);
        for reader in readers {
            let byte = reader.join().expect("it does not panic");
            assert_eq!(byte.map(|it| it.len()), Ok(1));
        }
    });
}

#[test]
fn a_reader_can_be_killed() {
    let _module = load();
    let _patience = patience(60_000);
    let mut reader = process::Command::new("cat").arg(NODE).spawn().expect("cat");
    let stack = format!("/proc/{}/wchan", reader.id());
    wait_until("cat that waits for the device", || {
        fs::read_to_string(&stack).is_ok_and(|it| it.contains("lkm"))
    });
    reader.kill().expect("kill");
    assert_eq!(reader.wait().expect("its end").signal(), Some(9));
    let file = open();
    ask(&file);
    assert_eq!(answer(&file), ANSWER);
}

#[test]
fn a_signal_that_is_handled_ends_the_wait() {
    let _module = load();
    let _patience = patience(60_000);
    let script = format!("trap 'echo handled' USR1; read -r line <{NODE}");
    let mut reader = process::Command::new("sh")
        .args(["-c", &script])
        .stdout(process::Stdio::piped())
        .spawn()
        .expect("a shell");
    let stack = format!("/proc/{}/wchan", reader.id());
    wait_until("a shell that waits for the device", || {
        fs::read_to_string(&stack).is_ok_and(|it| it.contains("lkm"))
    });
    let id = Pid::from_child(&reader);
    kill_process(id, Signal::USR1).expect("kill");
    wait_until("the end of the wait", || {
        reader.try_wait().expect("wait").is_some()
    });
    let mut words = String::new();
    let mut output = reader.stdout.take().expect("a pipe");
    output.read_to_string(&mut words).expect("read");
    assert_eq!(words, "handled\n");
    // The one who waits for a packet, and the one who waits for that one.
    let file = open();
    let waiting = file.try_clone().expect("dup");
    handled_signal_ends(move || read(&waiting, 1));
    let others = [(); 2].map(|()| file.try_clone().expect("dup"));
    let waits = others.map(|it| thread::spawn(|| handled_signal_ends(move || read(&it, 1))));
    for wait in waits {
        wait.join().expect("a signal ends it");
    }
    ask(&file);
    assert_eq!(answer(&file), ANSWER);
}

#[test]
fn nobody_waits_for_anothers_memory() {
    let _module = load();
    let late = Module::load("late", &[]).expect("the module loads");
    let file = open();
    ask(&file);
    let device = open_node("/dev/late", OFlags::RDWR);
    let memory = Mapping::writable(&device, 4096).expect("mmap");
    let begin = Barrier::new(2);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            begin.wait();
            raw::read(file.as_fd(), memory.address(0), ANSWER.len())
        });
        begin.wait();
        wait_until("the page to be missed", || {
            read(&device, 1).is_ok_and(|it| it != [0])
        });
        let hasty = open_with(OFlags::NONBLOCK);
        assert_eq!(read(&hasty, 1), Err(Errno::AGAIN));
        assert_eq!(write(&device, b"come"), Ok(4));
        assert_eq!(reader.join().expect("a reader"), Ok(ANSWER.len()));
    });
    drop((memory, device));
    late.unload().expect("nobody uses it");
}

/// Whoever has its file open keeps the module, but not the device.
fn goes_while_somebody_waits(go: impl FnOnce(), come: impl FnOnce()) {
    let module = load();
    let file = open();
    {
        let _patience = patience(60_000);
        assert_eq!(while_asleep(|| read(&file, 4), go), Err(Errno::NODEV));
    }
    wait_until("the end of the node", || !Path::new(NODE).exists());
    assert_eq!(read(&file, 4), Err(Errno::NODEV));
    assert_eq!(write(&file, QUESTION), Err(Errno::NODEV));

    let module = module.unload().expect_err("it is in use").busy();
    come();
    wait_until("the device, with its driver", || Path::new(NODE).exists());
    let other = open();
    ask(&other);
    assert_eq!(answer(&other), ANSWER);
    assert_eq!(read(&file, 4), Err(Errno::NODEV));
    drop((file, other));
    module.unload().expect("nobody has it open");
}

const PLUG: &str = "usb-serial,id=ftdi,chardev=ftdi-line,bus=ftdi-slot.0";

#[test]
fn it_is_unplugged_while_somebody_waits() {
    let slot = RefCell::new(Slot::new());
    goes_while_somebody_waits(
        || slot.borrow_mut().unplug("ftdi"),
        || slot.borrow_mut().plug(PLUG),
    );
}

#[test]
fn it_is_unbound_while_somebody_waits() {
    let interface = interface().expect("the interface");
    let name = interface
        .file_name()
        .expect("a name")
        .to_str()
        .expect("text");
    goes_while_somebody_waits(
        || fs::write(format!("{DRIVER}/unbind"), name).expect("unbind"),
        || fs::write(format!("{DRIVER}/bind"), name).expect("bind"),
    );
}

#[test]
fn it_is_forbidden_while_somebody_waits() {
    let authorized = device().join("authorized");
    goes_while_somebody_waits(
        || fs::write(&authorized, "0").expect("forbid"),
        || fs::write(&authorized, "1").expect("allow"),
    );
}

/// It goes at any point of a transfer.
#[test]
fn it_is_unplugged_while_many_write() {
    let module = load();
    let mut slot = Slot::new();
    for _ in 0..3 {
        wait_until("the device, with its driver", || Path::new(NODE).exists());
        thread::scope(|scope| {
            let writers = [(); 3].map(|()| {
                let file = open();
                scope.spawn(move || {
                    loop {
                        if let Err(error) = write(&file, &[b'\n'; 1000]) {
                            return error;
                        }
                    }
                })
            });
            slot.unplug("ftdi");
            for writer in writers {
                let error = writer.join().expect("it does not panic");
                assert!([Errno::NODEV, Errno::PROTO].contains(&error), "{error}");
            }
        });
        // It is pulled: the kernel hears of it afterwards.
        wait_until("the end of the node", || !Path::new(NODE).exists());
        slot.plug(PLUG);
    }
    wait_until("the device, with its driver", || Path::new(NODE).exists());
    module.unload().expect("nobody has it open");
}

/// C takes the endpoints away, gives them back, and only then lets the driver's data go: whoever tries
/// again and again begins a transfer in between.
#[test]
fn it_is_unbound_while_many_try_again() {
    let module = load();
    let _patience = patience(60_000);
    let interface = interface().expect("the interface");
    let name = interface.file_name().expect("a name");
    let name = name.to_str().expect("text");
    for _ in 0..10 {
        thread::scope(|scope| {
            for _ in 0..3 {
                let file = open();
                scope.spawn(move || {
                    // At least once.
                    loop {
                        assert_eq!(read(&file, 1), Err(Errno::NODEV));
                        if !Path::new(NODE).exists() {
                            return;
                        }
                    }
                });
            }
            fs::write(format!("{DRIVER}/unbind"), name).expect("unbind");
        });
        fs::write(format!("{DRIVER}/bind"), name).expect("bind");
    }
    module.unload().expect("nobody has it open");
}

/// A driver of the same device, in safe Rust, that does what no driver should.
#[test]
fn a_driver_that_uses_it_badly_does_no_harm() {
    let driver = interface().expect("the interface").join("driver");
    let log = KernelLog::now();
    let module = Module::load("usb_odd", &[]).expect("the module loads");
    assert!(driver.exists(), "{:?}", log.lines());
    // Its data is a thread that reads again and again, and waits for that.
    let name = interface().expect("the interface");
    let name = name.file_name().and_then(OsStr::to_str).expect("text");
    for _ in 0..10 {
        fs::write("/sys/bus/usb/drivers/usb_odd/unbind", name).expect("unbind");
        fs::write("/sys/bus/usb/drivers/usb_odd/bind", name).expect("bind");
    }
    module.unload().expect("not in use");
    assert_eq!(log.lines_with("usb_odd: nobody"), [""; 0]);
}

/// The data of a driver is a folder, in which a process has made a directory. When the machine is suspended, a USB
/// device is unbound by who cannot wait for processes.
#[test]
fn a_driver_goes_before_what_was_made_in_its_folder() {
    let before = Footprint::now();
    let configfs = Configfs::mount();
    let name = interface().expect("the interface");
    let name = name.file_name().and_then(OsStr::to_str).expect("text");
    let driver = Path::new("/sys/bus/usb/drivers/usb_configs");
    let bind = || fs::write(driver.join("bind"), name).map_err(errno_of);
    let module = Module::load("usb_configs", &[]).expect("the module loads");
    let folder = Path::new("/sys/kernel/config/usb_configs");
    fs::create_dir(folder.join("one")).expect("mkdir");
    let device = name.to_owned();
    let unbind = thread::spawn(move || fs::write(driver.join("unbind"), device));
    let started = Instant::now();
    while !unbind.is_finished() && started.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(10));
    }
    if !unbind.is_finished() {
        fs::remove_dir(folder.join("one")).expect("rmdir");
        unbind.join().expect("no panic").expect("unbind");
        panic!("the driver has waited for a process");
    }
    unbind.join().expect("no panic").expect("unbind");
    let is_there = fs::read_to_string(folder.join("one/is_there"));
    let late = fs::create_dir(folder.join("two")).map_err(errno_of);
    // The name is still taken.
    let again = bind();
    fs::remove_dir(folder.join("one")).expect("rmdir");
    assert_eq!(is_there.expect("the directory stays"), "yes\n");
    assert_eq!(late, Err(Errno::NODEV));
    assert_eq!(again, Err(Errno::EXIST));
    wait_until("the folder to go", || !folder.exists());
    let users = || fs::read_to_string("/sys/module/usb_configs/refcnt").expect("its users");
    wait_until("nobody to use it", || users() == "0\n");
    bind().expect("bind");
    assert!(folder.exists());
    module.unload().expect("not in use");
    drop(configfs);
    before.check("usb_configs");
}

#[test]
fn bad_pointers_fault_and_lose_nothing() {
    let _module = load();
    let file = open();
    ask(&file);
    assert_eq!(read(&file, 1), Ok(vec![ANSWER[0]]));
    refuses_nonsense(&file);
    assert_eq!(read(&file, 100), Ok(ANSWER[1..].to_vec()));
}
