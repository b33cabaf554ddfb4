// SPDX-License-Identifier: GPL-2.0-only

//! The kernel-mode HTML parser, and its twin in user space.

use lkm::raw;
use lkmpg_tests::{BadMemory, KernelLog, Module, Tmpfs, as_user, errno_of, wait_until};
use rustix::{
    fs::{CWD, FileType, Mode, OFlags, mknodat, open},
    io::Errno,
};
use std::{
    fs::{self, File},
    io::Read as _,
    os::{
        fd::AsFd as _,
        unix::{
            fs::{PermissionsExt as _, symlink},
            process::{CommandExt as _, ExitStatusExt as _},
        },
    },
    process::{Command, Stdio},
    thread,
    time::Duration,
};

const TEXT: &str = "/proc/html_parser";
const TIMING: &str = "/proc/html_parser_timing";
const LIMIT: &str = "/sys/module/html_parser/parameters/limit";
const MIB: usize = 1 << 20;

fn load(path: &str) -> Module {
    Module::load("html_parser", &[&format!("path={path}")]).expect("the module loads")
}

/// What the kernel makes of a file.
fn kernel(path: &str) -> Result<Vec<u8>, Errno> {
    let _module = load(path);
    fs::read(TEXT).map_err(errno_of)
}

/// Runs the twin in user space.
fn user(action: &str, path: &str) -> Vec<u8> {
    let output = Command::new("html_parser_user")
        .args([action, path])
        .output();
    let output = output.expect("html_parser_user");
    assert!(output.status.success(), "{output:?}");
    output.stdout
}

/// What a user gets to see of the times.
fn user_as(uid: u32, path: &str) -> String {
    let output = Command::new("html_parser_user")
        .args(["time", path])
        .uid(uid)
        .output();
    let output = output.expect("html_parser_user");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// What HTML calls the characters of Latin 1 from U+00A0 on.
const LATIN_1: &str = "nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr
    deg plusmn sup2 sup3 acute micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest
    Agrave Aacute Acirc Atilde Auml Aring AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml
    ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig
    agrave aacute acirc atilde auml aring aelig ccedil egrave eacute ecirc euml igrave iacute icirc iuml
    eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc uuml yacute thorn yuml";

/// What Windows has from 0x80 on, and a dot where it has nothing.
const WINDOWS: &str = "€.‚ƒ„…†‡ˆ‰Š‹Œ.Ž..‘’“”•–—˜™š›œ.žŸ";

/// Puts a document into a file, and has it parsed on both sides.
fn both(document: &[u8]) -> Vec<u8> {
    let disk = Tmpfs::new("html_parser", 64 * MIB);
    let path = disk.file("page.html");
    fs::write(&path, document).expect("write");
    let text = kernel(&path).expect("the kernel reads it");
    assert!(
        text == user("show", &path),
        "the kernel and user space differ"
    );
    text
}

#[test]
fn characters_have_the_names_and_numbers_of_the_standard() {
    let named = LATIN_1.split_whitespace().map(|it| format!("&{it};"));
    let latin_1: String = ('\u{a0}'..='\u{ff}').collect();
    assert_eq!(
        String::from_utf8(both(named.collect::<String>().as_bytes())),
        Ok(latin_1)
    );
    let numbered: String = (0x80..=0x9f).map(|it| format!("&#{it};")).collect();
    let own = |(code, it)| if it == '.' { code } else { it };
    let windows: String = ('\u{80}'..='\u{9f}')
        .zip(WINDOWS.chars())
        .map(own)
        .collect();
    assert_eq!(String::from_utf8(both(numbered.as_bytes())), Ok(windows));
}

#[test]
fn a_bad_buffer_is_told() {
    let disk = Tmpfs::new("html_parser", MIB);
    let path = disk.file("page.html");
    fs::write(&path, "<p>text").expect("write");
    let _module = load(&path);
    let file = File::open(TEXT).expect("open");
    for (what, address) in BadMemory::new().unwritable() {
        let read = raw::read(file.as_fd(), address, 64);
        assert_eq!(read, Err(Errno::FAULT), "{what}");
    }
}

#[test]
fn it_shows_the_text_without_the_markup() {
    let page = "<!DOCTYPE html><title>T &amp; U</title><style>b { color: red }</style>\n\
        <p class='a>b'>Hello, <b>w&ouml;rld</b> &#8364;&#x20ac; a < b &unknown; AT&T<!-- no -->\n\
        <script>if (a < b) document.write('</p>')</script>done";
    let text = "T & U\nHello, wörld €€ a < b &unknown; AT&T\ndone";
    assert_eq!(String::from_utf8_lossy(&both(page.as_bytes())), text);
}

#[test]
fn an_empty_file_has_no_text() {
    assert_eq!(both(b""), b"");
    let disk = Tmpfs::new("html_parser", MIB);
    fs::write(disk.file("empty"), "").expect("write");
    let _module = load(&disk.file("empty"));
    assert_eq!(
        fs::read_to_string(TIMING)
            .expect("the table")
            .lines()
            .count(),
        7
    );
}

#[test]
fn odd_pages_come_out_alike_on_both_sides() {
    let cases = [
        ("<a b c=d e = f g='h'i j/k l/ = \"m\">1", "1"),
        ("<!-->2<!--->3<!--a--!>4<!--a--!-->5<!--a--!b-->6", "23456"),
        ("<!->7<!-a>8<!>9<?xml version='1.0'?>0", "7890"),
        ("</>a</ b>b</b/c d=e>c", "abc"),
        ("&#128;&#x80;&#x99;&#xE000;", "€€™\u{E000}"),
        ("a&#65", "aA"),
        ("a&#x41", "aA"),
        ("a</", "a</"),
    ];
    for (page, text) in cases {
        let shown = both(page.as_bytes());
        assert_eq!(String::from_utf8_lossy(&shown), text, "of {page:?}");
    }
}

#[test]
fn broken_pages_come_out_alike_on_both_sides() {
    let pages: [&[u8]; 8] = [
        b"<<<a<b <c='\"><script></scrip><",
        b"\xFF\xE2\x82<b>\xAC \xF0\x9F\xA6\x80 \xF0\x9F",
        b"&#xD800;&#0;&#99999999999;&#x1F980;&#x",
        b"<!-- never closed <p>text",
        b"<a href=\"never closed <p>text",
        b"text<script>never closed</p>",
        b"\0\x01\x7F\x1B[0m",
        b"&",
    ];
    for page in pages {
        let text = both(page);
        assert!(std::str::from_utf8(&text).is_ok(), "{text:x?}");
    }
}

#[test]
fn pages_of_millions_of_bytes_come_out_alike() {
    assert!(both(&b"<".repeat(MIB)).iter().eq(&b"<".repeat(MIB)));
    assert_eq!(both(&b"<a b='\"'>".repeat(MIB / 9)), b"");
    assert_eq!(both(&b"<a".repeat(MIB)), b"");
    // What grows.
    assert_eq!(both(&[0xFF; MIB]).len(), 3 * MIB);
    assert_eq!(both(&b"<p>text</p>".repeat(MIB / 4)).len(), MIB);
}

#[test]
fn a_reader_with_a_small_buffer_gets_all_of_it() {
    let disk = Tmpfs::new("html_parser", MIB);
    let path = disk.file("page.html");
    fs::write(&path, "<p>Hello, <b>world</b>").expect("write");
    let _module = load(&path);
    let mut file = File::open(TEXT).expect("open");
    // What is open shows what there was then.
    fs::write(&path, "<p>Goodbye").expect("write");
    let mut text = Vec::new();
    let mut buffer = [0; 5];
    loop {
        match file.read(&mut buffer).expect("read") {
            0 => break,
            length => text.extend_from_slice(&buffer[..length]),
        }
    }
    assert_eq!(text, b"Hello, world");
    assert_eq!(fs::read_to_string(TEXT).expect("read"), "Goodbye");
}

#[test]
fn a_file_longer_than_the_limit_is_refused() {
    let disk = Tmpfs::new("html_parser", 80 * MIB);
    let path = disk.file("page.html");
    let file = File::create(&path).expect("create");
    file.set_len(64 * MIB as u64).expect("truncate");
    let module = load(&path);
    for name in [TEXT, TIMING] {
        assert_eq!(
            File::open(name).map_err(errno_of).err(),
            Some(Errno::FBIG),
            "{name}"
        );
    }
    // To the byte.
    file.set_len(16 * MIB as u64 + 1).expect("truncate");
    assert_eq!(File::open(TEXT).map_err(errno_of).err(), Some(Errno::FBIG));
    file.set_len(16 * MIB as u64).expect("truncate");
    assert_eq!(fs::read(TEXT).expect("it fits").len(), 16 * MIB);
    // The limit can be changed.
    fs::write(LIMIT, "100").expect(LIMIT);
    assert_eq!(File::open(TEXT).map_err(errno_of).err(), Some(Errno::FBIG));
    file.set_len(100).expect("truncate");
    assert_eq!(fs::read(TEXT).expect("it fits").len(), 100);
    fs::write(LIMIT, "0").expect(LIMIT);
    file.set_len(0).expect("truncate");
    assert_eq!(fs::read(TEXT).expect("it fits"), b"");
    module.unload().expect("not in use");
}

#[test]
fn only_regular_files_are_read_and_nobody_is_waited_for() {
    let disk = Tmpfs::new("html_parser", MIB);
    let fifo = disk.file("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RWXU, 0).expect("mkfifo");
    let cases = [
        (fifo, Errno::INVAL),
        (disk.path().display().to_string(), Errno::ISDIR),
        ("/dev/zero".to_owned(), Errno::INVAL),
        ("/dev/ttyS1".to_owned(), Errno::INVAL),
        (disk.file("missing"), Errno::NOENT),
        (String::new(), Errno::NOENT),
    ];
    for (path, errno) in cases {
        let module = load(&path);
        for name in [TEXT, TIMING] {
            assert_eq!(
                File::open(name).map_err(errno_of).err(),
                Some(errno),
                "{path}"
            );
        }
        module.unload().expect("not in use");
    }
}

#[test]
fn a_file_that_does_not_know_its_size_is_read_to_its_end() {
    let text = kernel("/proc/version").expect("it is a regular file");
    assert_eq!(text, fs::read("/proc/version").expect("read"));
}

#[test]
fn a_file_that_is_made_of_itself_is_refused() {
    let disk = Tmpfs::new("html_parser", MIB);
    let link = disk.file("link.html");
    symlink(TEXT, &link).expect("symlink");
    for path in [TEXT, TIMING, &link] {
        let _module = load(path);
        for name in [TEXT, TIMING] {
            let error = File::open(name).map(drop).map_err(errno_of);
            assert_eq!(error, Err(Errno::LOOP), "{name} of {path}");
        }
    }
}

#[test]
fn who_is_killed_does_not_parse_to_the_end() {
    let disk = Tmpfs::new("html_parser", 20 * MIB);
    let path = disk.file("page.html");
    fs::write(&path, b"<".repeat(6 * MIB)).expect("write");
    let module = load(&path);
    let first = thread::spawn(|| File::open(TEXT).map(drop));
    let mut second = Command::new("cat")
        .arg(TEXT)
        .stdout(Stdio::null())
        .spawn()
        .expect("cat");
    // It is parsing, which takes a hundred times as long.
    wait_until("time in the kernel", || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", second.id())).expect("stat");
        let ticks = stat.split(' ').nth(14).expect("stime");
        ticks.parse::<u64>().expect("a number") > 2
    });
    second.kill().expect("kill");
    assert_eq!(second.wait().expect("wait").signal(), Some(9));
    // The one that began earlier is still at it.
    assert!(!first.is_finished());
    first.join().expect("no panic").expect("open");
    module.unload().expect("not in use");
}

#[test]
fn only_root_opens_it() {
    let disk = Tmpfs::new("html_parser", MIB);
    fs::write(disk.file("page.html"), "text").expect("write");
    let _module = load(&disk.file("page.html"));
    for name in [TEXT, TIMING] {
        let mode = fs::metadata(name).expect("stat").permissions().mode();
        assert_eq!(mode & 0o7777, 0o400, "{name}");
        as_user(1000, || {
            assert_eq!(
                File::open(name).map_err(errno_of).err(),
                Some(Errno::ACCESS),
                "{name}"
            );
        });
    }
}

/// The numbers in a table of five runs.
fn numbers(table: &str) -> Vec<u64> {
    let lines = table.lines().filter(|line| {
        line.trim_start()
            .starts_with(|first: char| first.is_ascii_digit())
    });
    lines
        .flat_map(str::split_whitespace)
        .map(|it| it.parse().expect("a number"))
        .collect()
}

#[test]
fn the_tables_have_five_runs_each() {
    let disk = Tmpfs::new("html_parser", MIB);
    let path = disk.file("page.html");
    fs::write(&path, "<p>Hello, <b>world</b>\n".repeat(4)).expect("write");
    let alone = String::from_utf8(user("time", &path)).expect("UTF-8");
    assert!(alone.starts_with("Cycles, best of 1000,"), "{alone}");

    let _module = load(&path);
    let table = fs::read_to_string(TIMING).expect("the table");
    assert!(table.starts_with("Cycles, best of 1000,"), "{table}");
    // Both tables, one below the other.
    let both = String::from_utf8(user("time", &path)).expect("UTF-8");
    let (kernel, user) = both.split_once("User space\n").expect("both");
    assert!(kernel.starts_with("Kernel\n"), "{both}");
    let (user, ratio) = user
        .split_once("\nKernel / user space\n")
        .expect("the ratio");
    let lines: Vec<Vec<f64>> = ratio
        .lines()
        .skip(1)
        .map(|line| {
            line.split_whitespace()
                .map(|it| it.parse().expect("a number"))
                .collect()
        })
        .collect();
    assert!(
        lines.len() == 5 && lines.iter().all(|it| it.len() == 4),
        "{ratio}"
    );
    // Under another name it is the same file; who is not root gets what is not root's.
    let link = disk.file("link.html");
    symlink(&path, &link).expect("symlink");
    assert!(user_as(0, &link).starts_with("Kernel\n"));
    assert!(user_as(1000, &path).starts_with("Cycles, best of 1000,"));
    for table in [&alone, &table, kernel, user] {
        let numbers = numbers(table);
        assert_eq!(numbers.len(), 5 * 4, "{table}");
        let runs: Vec<u64> = numbers.iter().copied().step_by(4).collect();
        assert_eq!(runs, [1, 2, 3, 4, 5], "{table}");
        assert!(numbers.iter().all(|it| *it > 0), "{table}");
    }
}

#[test]
fn measuring_can_be_interrupted() {
    let disk = Tmpfs::new("html_parser", 20 * MIB);
    let path = disk.file("page.html");
    fs::write(&path, b"<".repeat(16 * MIB)).expect("write");
    let module = load(&path);
    let opened = thread::spawn(|| {
        raw::interrupt_every(Duration::from_millis(100));
        open(TIMING, OFlags::RDONLY, Mode::empty()).map(drop)
    });
    assert_eq!(opened.join().expect("the thread"), Err(Errno::INTR));
    module.unload().expect("not in use");
}

/// The limit allows more than the kernel's allocators do.
#[test]
fn what_is_too_large_is_refused() {
    let disk = Tmpfs::new("html_parser", MIB);
    let path = disk.file("page.html");
    let file = File::create(&path).expect("a file");
    let limit = format!("limit={}", u32::MAX);
    let _module = Module::load("html_parser", &[&format!("path={path}"), &limit]);
    for size in [1 << 32, (1 << 31) + 1] {
        file.set_len(size).expect("a size");
        for node in [TEXT, TIMING] {
            let opened = open(node, OFlags::RDONLY, Mode::empty()).map(drop);
            assert_eq!(opened, Err(Errno::FBIG), "{node}: {size}");
        }
    }
}

#[test]
fn it_stays_while_it_is_open_and_says_nothing() {
    let log = KernelLog::now();
    let disk = Tmpfs::new("html_parser", MIB);
    fs::write(disk.file("page.html"), "text").expect("write");
    let module = load(&disk.file("page.html"));
    let mut file = File::open(TEXT).expect("open");
    let module = module
        .unload()
        .expect_err("it is in use")
        .into_module(Errno::AGAIN);
    let mut text = String::new();
    file.read_to_string(&mut text).expect("read");
    assert_eq!(text, "text");
    drop(file);
    // It is not in use: the page is not kept open.
    assert_eq!(disk.unmount(), Ok(()));
    module.unload().expect("not in use");
    assert!(fs::metadata(TEXT).is_err());
    assert_eq!(log.lines_with("html_parser: "), [""; 0]);
}
