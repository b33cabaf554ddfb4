// SPDX-License-Identifier: GPL-2.0-only

//! Channels: chan_firmware.

use lkmpg_tests::{KernelSetting, Module, errno_of, is_twin, name, scaled, skip, wait_until};
use rustix::io::Errno;
use std::{
    fs::{self, File, OpenOptions},
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

const MODULE: &str = name!("chan_firmware");
const FOLDER: &str = name!("/sys/kernel/chan_firmware");
const FIRMWARE: &str = "/lib/firmware";

fn load() -> Module {
    Module::load(MODULE, &[]).expect("the module loads")
}

fn status() -> String {
    let status = fs::read_to_string(format!("{FOLDER}/status")).expect("status");
    status.trim_end().to_owned()
}

fn image() -> Vec<u8> {
    fs::read(format!("{FOLDER}/image")).expect("image")
}

fn write(name: &str, text: &str) -> Result<(), Errno> {
    fs::write(format!("{FOLDER}/{name}"), text).map_err(errno_of)
}

/// Has the module ask for an image; returns where the kernel asks user space.
fn ask(name: &str) -> PathBuf {
    write("ask", name).expect("ask");
    question(name)
}

fn question(name: &str) -> PathBuf {
    let question = Path::new("/sys/class/firmware").join(name.replace('/', "!"));
    // The last of its files to come.
    wait_until("the kernel to ask", || question.join("data").exists());
    question
}

fn wait_until_settled() -> String {
    wait_until("the request to end", || !status().starts_with("pending"));
    status()
}

/// A file in /lib/firmware, or in a folder there, which goes when this is dropped.
struct Stored(PathBuf);

impl Stored {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = Path::new(FIRMWARE).join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("mkdir");
        fs::write(&path, bytes).expect("write");
        Self(path)
    }
}

impl Drop for Stored {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
        let folder = self.0.parent().filter(|it| *it != Path::new(FIRMWARE));
        folder.map(fs::remove_dir);
    }
}

const FALLBACK: &str = "/proc/sys/kernel/firmware_config/force_sysfs_fallback";

fn force_fallback() -> KernelSetting {
    KernelSetting::new(FALLBACK, "1")
}

/// Whether the kernel asks user space: Debian's for the cloud does not.
fn asks() -> bool {
    Path::new(FALLBACK).exists()
}

const NEVER_ASKS: &str =
    "the kernel does not ask user space for firmware (CONFIG_FW_LOADER_USER_HELPER)";

/// 10 MiB, and a bit, without a pattern that repeats with a page.
fn big() -> Vec<u8> {
    (0..scaled!(10 * 1024 * 1024_u32) + 13)
        .map(|it| (it.wrapping_mul(0x9e37_79b9) >> 24) as u8)
        .collect()
}

#[test]
fn an_image_is_loaded_from_a_file() {
    let _module = load();
    assert_eq!(status(), "none");
    let _small = Stored::new("lkmpg/small.bin", b"an image");
    assert_eq!(write("load", "lkmpg/small.bin\n"), Ok(()));
    assert_eq!(status(), "loaded lkmpg/small.bin 8");
    assert_eq!(image(), b"an image");

    let big = big();
    let _big = Stored::new("big.bin", &big);
    assert_eq!(write("load", "big.bin"), Ok(()));
    assert_eq!(status(), format!("loaded big.bin {}", big.len()));
    assert!(image() == big);
}

#[test]
fn images_that_cannot_be_are_refused() {
    let _module = load();
    let _empty = Stored::new("empty.bin", b"");
    let _folder = Stored::new("folder/image.bin", b"an image");
    for (name, errno) in [
        ("missing.bin", Errno::NOENT),
        ("../../etc/passwd", Errno::INVAL),
        ("empty.bin", Errno::INVAL),
        ("folder", Errno::INVAL),
        ("\n", Errno::INVAL),
        ("a\0b", Errno::INVAL),
        (&*"x".repeat(256), Errno::INVAL),
    ] {
        assert_eq!(write("load", name), Err(errno), "{name:?}");
        assert_eq!(image(), b"");
    }
    // Nobody could find, and answer or take back, a question of such a name.
    let long = &*"x".repeat(256);
    for name in [
        "\n", ".", "..", "/", "/a", "a/", "a//b", "./a", "a/..", "a/./b", long,
    ] {
        assert_eq!(write("ask", name), Err(Errno::INVAL), "{name:?}");
        assert_eq!(write("load", name), Err(Errno::INVAL), "{name:?}");
    }
    assert_eq!(write("cancel", "1"), Err(Errno::NOENT), "nothing to cancel");
    let _image = Stored::new("good.bin", b"good");
    assert_eq!(write("load", "good.bin"), Ok(()));
}

#[test]
fn user_space_answers() {
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _module = load();
    let question = ask("asked.bin");
    assert_eq!(status(), "pending asked.bin");
    assert_eq!(write("ask", "other.bin"), Err(Errno::BUSY));
    assert_eq!(write("load", "other.bin"), Err(Errno::BUSY));
    fs::write(question.join("loading"), "1").expect("loading");
    assert_eq!(
        fs::read_to_string(question.join("loading")).expect("loading"),
        "1\n"
    );
    fs::write(question.join("data"), "an answer").expect("data");
    fs::write(question.join("loading"), "0").expect("loading");
    assert_eq!(wait_until_settled(), "loaded asked.bin 9");
    assert_eq!(image(), b"an answer");
    assert!(!question.exists());
}

#[test]
fn user_space_begins_anew() {
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _module = load();
    let question = ask("twice.bin");
    fs::write(question.join("loading"), "1").expect("loading");
    fs::write(question.join("data"), vec![b'x'; 100_000]).expect("data");
    fs::write(question.join("loading"), "1").expect("loading");
    fs::write(question.join("data"), "y").expect("data");
    fs::write(question.join("loading"), "0").expect("loading");
    assert_eq!(wait_until_settled(), "loaded twice.bin 1");
    assert_eq!(image(), b"y");
}

#[test]
fn the_client_feeds_10_mib() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _module = load();
    let big = big();
    fs::write("/tmp/big.bin", &big).expect("write");
    let output = Command::new("chan")
        .args(["firmware", "feed", "fed/big.bin", "/tmp/big.bin"])
        .output()
        .expect("chan");
    fs::remove_file("/tmp/big.bin").expect("rm");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(text, format!("loaded fed/big.bin {}\n", big.len()));
    let output = Command::new("chan")
        .args(["firmware", "image"])
        .output()
        .expect("chan");
    assert!(output.stdout == big);
}

#[test]
fn user_space_gives_up() {
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _module = load();
    let question = ask("none.bin");
    fs::write(question.join("loading"), "1").expect("loading");
    fs::write(question.join("data"), "half an ans").expect("data");
    fs::write(question.join("loading"), "-1").expect("loading");
    assert_eq!(wait_until_settled(), "failed none.bin");
    assert_eq!(image(), b"");
}

#[test]
fn the_client_gives_up() {
    if is_twin!() {
        return skip("the client is the sample's");
    }
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _module = load();
    let output = Command::new("chan")
        .args(["firmware", "refuse", "no.bin"])
        .output()
        .expect("chan");
    assert_eq!(output.stdout, b"failed no.bin\n");
}

#[test]
fn user_space_answers_nonsense() {
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _module = load();
    // Done before begun, done without data, and a value that there is none of.
    for steps in [&["0"][..], &["1", "0"], &["7"]] {
        let question = ask("nonsense.bin");
        for step in steps {
            fs::write(question.join("loading"), step).expect("loading");
        }
        assert_eq!(wait_until_settled(), "failed nonsense.bin", "{steps:?}");
        assert_eq!(write("cancel", "1"), Err(Errno::NOENT), "it was answered");
    }
    let question = ask("nonsense.bin");
    let error = fs::write(question.join("loading"), "x").expect_err("no number");
    assert_eq!(errno_of(error), Errno::INVAL);
    assert_eq!(write("cancel", "1"), Ok(()));
}

#[test]
fn a_question_is_taken_back() {
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _module = load();
    let question = ask("dir/cancelled.bin");
    fs::write(question.join("loading"), "1").expect("loading");
    let mut data = OpenOptions::new()
        .write(true)
        .open(question.join("data"))
        .expect("data");
    data.write_all(b"too la").expect("write");
    assert_eq!(write("cancel", "1"), Ok(()));
    assert_eq!(status(), "failed dir/cancelled.bin");
    assert!(!question.exists());
    assert_eq!(
        errno_of(data.write_all(b"te").expect_err("gone")),
        Errno::NODEV
    );
    // The module is as good as before.
    let _image = Stored::new("after.bin", b"after");
    assert_eq!(write("load", "after.bin"), Ok(()));
}

#[test]
fn it_unloads_while_user_space_is_asked() {
    if !asks() {
        return skip(NEVER_ASKS);
    }
    for name in ["gone.bin", "some/where/gone.bin"] {
        let module = load();
        let question = ask(name);
        fs::write(question.join("loading"), "1").expect("loading");
        let data = OpenOptions::new()
            .write(true)
            .open(question.join("data"))
            .expect("data");
        module.unload().expect("it unloads");
        assert!(!question.exists());
        drop(data);
    }
    // Also when the kernel has not come to asking yet.
    for _ in 0..50 {
        let module = load();
        write("ask", "gone.bin").expect("ask");
        module.unload().expect("it unloads");
    }
    assert_eq!(
        fs::read_dir("/sys/class/firmware").expect("class").count(),
        1,
        "only the time-out is there"
    );
}

#[test]
fn it_unloads_while_a_process_waits() {
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _force = force_fallback();
    let module = load();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| write("load", "waited.bin"));
        let question = question("waited.bin");
        assert_eq!(status(), "pending waited.bin");
        module.unload().expect("it unloads");
        assert_eq!(waiter.join().expect("no panic"), Err(Errno::NOENT));
        assert!(!question.exists());
    });
}

#[test]
fn a_process_that_waits_gets_its_image() {
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _force = force_fallback();
    let _module = load();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| write("load", "waited.bin"));
        let question = question("waited.bin");
        fs::write(question.join("loading"), "1").expect("loading");
        fs::write(question.join("data"), "at last").expect("data");
        fs::write(question.join("loading"), "0").expect("loading");
        assert_eq!(waiter.join().expect("no panic"), Ok(()));
    });
    assert_eq!(image(), b"at last");
}

#[test]
fn waiting_has_a_limit() {
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _force = force_fallback();
    let _timeout = KernelSetting::new("/sys/class/firmware/timeout", "1");
    let _module = load();
    assert_eq!(write("load", "late.bin"), Err(Errno::TIMEDOUT));
    assert_eq!(
        status(),
        format!("failed late.bin {}", Errno::TIMEDOUT.raw_os_error())
    );
    assert!(!Path::new("/sys/class/firmware/late.bin").exists());
}

#[test]
fn a_process_that_waits_can_be_killed() {
    if !asks() {
        return skip(NEVER_ASKS);
    }
    let _force = force_fallback();
    let _module = load();
    let script = format!("echo killed.bin > {FOLDER}/load");
    let mut waiter = Command::new("sh")
        .args(["-c", &script])
        .stderr(Stdio::null())
        .spawn()
        .expect("sh");
    let question = question("killed.bin");
    waiter.kill().expect("kill");
    waiter.wait().expect("wait");
    assert!(!question.exists());
    assert_eq!(
        status(),
        format!("failed killed.bin {}", Errno::INTR.raw_os_error())
    );
}

#[test]
fn the_image_is_read_at_any_offset() {
    let _module = load();
    let bytes: Vec<_> = (0..9000_u32).map(|it| (it / 7) as u8).collect();
    let _image = Stored::new("odd.bin", &bytes);
    write("load", "odd.bin").expect("load");
    let file = File::open(format!("{FOLDER}/image")).expect("open");
    for (offset, length) in [
        (1, 1),
        (4095, 3),
        (8191, 100),
        (8999, 10),
        (9000, 1),
        (1 << 40, 1),
    ] {
        let mut out = vec![0; length];
        let got = rustix::io::pread(&file, &mut out, offset as u64).expect("pread");
        let from = offset.min(bytes.len());
        assert_eq!(
            out[..got],
            bytes[from..(from + length).min(bytes.len())],
            "{length} at {offset}"
        );
    }
}
