// SPDX-License-Identifier: GPL-2.0-only

//! Channels: chan_sysfs.

use lkmpg_tests::{Module, as_user, errno_of, is_loaded, is_twin, name, ready, skip, wait_until};
use rustix::{
    event::PollFlags,
    io::{Errno, pread, pwrite},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
    thread,
    time::Duration,
};

const MODULE: &str = name!("chan_sysfs");
const FOLDER: &str = name!("/sys/kernel/chan_sysfs");
const VALUE: &str = name!("/sys/kernel/chan_sysfs", "/value");
const STORES: &str = name!("/sys/kernel/chan_sysfs", "/stores");
const BYTES: &str = name!("/sys/kernel/chan_sysfs", "/raw/bytes");
const LENGTH: usize = 6000;

fn load() -> Module {
    Module::load(MODULE, &[]).expect("the module loads")
}

fn shown(path: &str) -> String {
    fs::read_to_string(path).expect(path)
}

/// Stores with a single write, as a process that knows what it does.
fn store(path: &str, bytes: &[u8]) -> Result<usize, Errno> {
    let file = OpenOptions::new().write(true).open(path).expect(path);
    rustix::io::write(file, bytes)
}

fn sh(script: &str) -> (bool, String) {
    let output = Command::new("sh")
        .args(["-c", script])
        .output()
        .expect("sh");
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8(text).expect("text"),
    )
}

#[test]
fn a_value_is_stored_and_shown() {
    let _module = load();
    assert_eq!(shown(VALUE), "0\n");
    assert_eq!(shown(STORES), "0\n");
    for (count, value) in ["7\n", "-1000", "+1000\n", "0"].into_iter().enumerate() {
        assert_eq!(store(VALUE, value.as_bytes()), Ok(value.len()));
        let value = value.trim().trim_start_matches('+');
        assert_eq!(shown(VALUE), format!("{value}\n"));
        assert_eq!(shown(STORES), format!("{}\n", count + 1));
    }
}

#[test]
fn the_shell_s_tools_will_do() {
    let _module = load();
    let script =
        format!("cd {FOLDER} && echo 42 > value && cat value && echo 43 | tee value && cat stores");
    assert_eq!(sh(&script), (true, "42\n43\n2\n".to_owned()));
    // How a shell words it is its own affair.
    for script in ["echo 1001 > value", "printf 1001 | tee value > /dev/null"] {
        let (ok, text) = sh(&format!("cd {FOLDER} && {script}"));
        assert!(!ok && text.contains("rror"), "{script}: {text}");
    }
    let script = format!(
        "cd {FOLDER} && printf 44 | dd of=value 2>/dev/null && dd if=value bs=1 2>/dev/null"
    );
    assert_eq!(sh(&script), (true, "44\n".to_owned()));
}

#[test]
fn the_client_gets_sets_and_watches() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    let _module = load();
    assert_eq!(sh("chan sysfs set -- -5"), (true, String::new()));
    let shown = "value: -5\nlimits/min: -1000\nlimits/max: 1000\nstores: 1\n";
    assert_eq!(sh("chan sysfs get"), (true, shown.to_owned()));
    let (ok, text) = sh("chan sysfs set 1001");
    assert!(
        !ok && text.contains("value") && text.contains("out of range"),
        "{text}"
    );
}

#[test]
fn the_client_watches() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    let _module = load();
    let mut watcher = Command::new("chan")
        .args(["sysfs", "watch", "--count", "2"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("chan");
    let stat = format!("/proc/{}/stat", watcher.id());
    let stdout = watcher.stdout.as_mut().expect("a pipe");
    for value in ["5\n", "6\n"] {
        wait_until("the client to sleep", || {
            fs::read_to_string(&stat).is_ok_and(|it| it.contains(") S "))
        });
        store(VALUE, value.as_bytes()).expect("store");
        let mut text = [0; 2];
        stdout.read_exact(&mut text).expect("read");
        assert_eq!(text, value.as_bytes());
    }
    assert!(watcher.wait().expect("wait").success());
}

#[test]
fn bad_values_are_refused() {
    let _module = load();
    store(VALUE, b"5").expect("a good value");
    let digits = "9".repeat(4096);
    for (input, errno) in [
        (&b"\n"[..], Errno::INVAL),
        (b" ", Errno::INVAL),
        (b"abc", Errno::INVAL),
        (b"5x", Errno::INVAL),
        (b"5 6", Errno::INVAL),
        (b"5\n\n", Errno::INVAL),
        (b"5\0", Errno::INVAL),
        (b"5\0\n", Errno::INVAL),
        (b"\x005", Errno::INVAL),
        (b"0x5", Errno::INVAL),
        (b"5.0", Errno::INVAL),
        (b"-", Errno::INVAL),
        (b"\xff\xfe", Errno::INVAL),
        (b"1001", Errno::RANGE),
        (b"-1001", Errno::RANGE),
        (b"2147483648", Errno::RANGE),
        (b"-99999999999999999999", Errno::RANGE),
        (digits.as_bytes(), Errno::RANGE),
    ] {
        let what = String::from_utf8_lossy(&input[..input.len().min(24)]).into_owned();
        assert_eq!(store(VALUE, input), Err(errno), "{what:?}");
    }
    assert_eq!(shown(VALUE), "5\n");
    assert_eq!(shown(STORES), "1\n");
}

#[test]
fn an_empty_write_stores_nothing() {
    let _module = load();
    assert_eq!(store(VALUE, b""), Ok(0));
    assert_eq!(shown(STORES), "0\n");
}

#[test]
fn a_write_beyond_a_page_does_not_pass_for_a_value() {
    let _module = load();
    // sysfs hands over a page at a time: neither may the first be taken, nor the rest be added.
    let mut input = "7".repeat(4096);
    input.push_str("8\n");
    let mut file = OpenOptions::new().write(true).open(VALUE).expect("open");
    let error = file.write_all(input.as_bytes()).expect_err("too long");
    assert_eq!(errno_of(error), Errno::RANGE);
    assert_eq!(shown(VALUE), "0\n");
}

#[test]
fn a_value_is_read_in_pieces_and_at_any_offset() {
    let _module = load();
    store(VALUE, b"-789").expect("store");
    let file = File::open(VALUE).expect("open");
    let mut text = String::new();
    for offset in 0..7 {
        let mut byte = [0];
        let length = pread(&file, &mut byte, offset).expect("pread");
        text.push_str(std::str::from_utf8(&byte[..length]).expect("text"));
    }
    assert_eq!(text, "-789\n");
    assert_eq!(pread(&file, &mut [0; 8], 1 << 40), Ok(0));
}

#[test]
fn limits_hold_the_value() {
    let _module = load();
    store(VALUE, b"100").expect("store");
    let (min, max) = (
        format!("{FOLDER}/limits/min"),
        format!("{FOLDER}/limits/max"),
    );
    assert_eq!(store(&max, b"99"), Err(Errno::INVAL));
    assert_eq!(store(&min, b"101"), Err(Errno::INVAL));
    assert_eq!(store(&max, b"100"), Ok(3));
    assert_eq!(store(VALUE, b"101"), Err(Errno::RANGE));
    assert_eq!(
        (shown(&min), shown(&max)),
        ("-1000\n".to_owned(), "100\n".to_owned())
    );
    assert_eq!(store(&min, b"100"), Ok(3));
    assert_eq!(store(VALUE, b"99"), Err(Errno::RANGE));
    assert_eq!(store(VALUE, b"100"), Ok(3));
    assert_eq!(shown(&min), "100\n");
}

#[test]
fn bytes_are_read_and_written_anywhere() {
    let _module = load();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open(BYTES)
        .expect("open");
    assert_eq!(file.metadata().expect("stat").len(), LENGTH as u64);
    let mut expected = vec![0; LENGTH];
    // Odd offsets, across a page, up to the end, and beyond it.
    for (offset, length) in [
        (0, 1),
        (1, 2),
        (4095, 2),
        (4097, 1902),
        (3, 4096),
        (5999, 1),
        (5990, 100),
    ] {
        let bytes: Vec<_> = (0..length).map(|it| (it * 7 + offset) as u8 | 1).collect();
        let taken = pwrite(&file, &bytes, offset as u64).expect("pwrite");
        assert_eq!(
            taken,
            length.min(LENGTH - offset).min(4096),
            "{length} at {offset}"
        );
        expected[offset..offset + taken].copy_from_slice(&bytes[..taken]);
    }
    assert_eq!(pwrite(&file, b"x", LENGTH as u64), Err(Errno::FBIG));
    assert_eq!(pread(&file, &mut [0; 10], LENGTH as u64), Ok(0));
    assert_eq!(fs::read(BYTES).expect("read"), expected);
    for (offset, length) in [(4095, 2), (1, 4096), (5998, 10)] {
        let mut bytes = vec![0; length];
        let got = pread(&file, &mut bytes, offset as u64).expect("pread");
        assert_eq!(bytes[..got], expected[offset..offset + got]);
        assert!(got > 0);
    }
}

#[test]
fn permissions_are_as_shown() {
    let _module = load();
    for (path, mode) in [(VALUE, 0o644), (STORES, 0o444), (BYTES, 0o644)] {
        assert_eq!(
            fs::metadata(path).expect(path).permissions().mode() & 0o7777,
            mode,
            "{path}"
        );
    }
    // Not even root writes what cannot be written.
    let error = OpenOptions::new()
        .write(true)
        .open(STORES)
        .expect_err("read-only");
    assert_eq!(errno_of(error), Errno::ACCESS);
    as_user(1000, || {
        assert_eq!(shown(VALUE), "0\n");
        let error = OpenOptions::new()
            .write(true)
            .open(VALUE)
            .expect_err("root's");
        assert_eq!(errno_of(error), Errno::ACCESS);
    });
}

#[test]
fn a_store_wakes_those_who_poll() {
    let _module = load();
    let mut file = File::open(VALUE).expect("open");
    let mut text = String::new();
    file.read_to_string(&mut text).expect("read");
    let ready = |limit| ready(&file, PollFlags::PRI, limit).contains(PollFlags::PRI);
    let now = Some(Duration::ZERO);
    assert!(!ready(now), "nothing was stored");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| ready(None));
        store(VALUE, b"1001").expect_err("what is refused wakes nobody");
        assert!(!ready(now));
        store(VALUE, b"8").expect("store");
        assert!(waiter.join().expect("no panic"));
    });
    file.rewind().expect("rewind");
    text.clear();
    file.read_to_string(&mut text).expect("read");
    assert_eq!(text, "8\n");
}

#[test]
fn an_open_file_does_not_keep_the_module() {
    let module = load();
    let file = File::open(VALUE).expect("open");
    let bytes = File::open(BYTES).expect("open");
    module.unload().expect("it unloads");
    assert!(!Path::new(FOLDER).exists());
    assert_eq!(pread(&file, &mut [0; 8], 0), Err(Errno::NODEV));
    assert_eq!(pread(&bytes, &mut [0; 8], 0), Err(Errno::NODEV));
}

#[test]
fn it_unloads_while_many_read_and_write() {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for index in 0..6 {
            let over = &over;
            scope.spawn(move || {
                while !over.load(Relaxed) {
                    // The files come and go.
                    let _ = match index % 3 {
                        0 => fs::read(VALUE).map(drop),
                        1 => fs::write(VALUE, "3"),
                        _ => fs::read(BYTES).map(drop),
                    };
                }
            });
        }
        for _ in 0..20 {
            let module = load();
            wait_until("a store", || shown(STORES) != "0\n");
            module.unload().expect("it unloads");
            assert!(!is_loaded(MODULE));
        }
        over.store(true, Relaxed);
    });
}
