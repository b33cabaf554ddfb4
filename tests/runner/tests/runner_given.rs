// SPDX-License-Identifier: GPL-2.0-only

//! The VM runner's promises: what a guest is given by options.

use lkmpg_runner_tests::{Fake, Ran, any_kernel, kernel_has, root, run, vm};
use lkmpg_tests::{skip, wait_until};
use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Stdio},
    thread,
};

/// A disk of 16 MiB with nothing on it.
fn disk(folder: &tempfile::TempDir) -> String {
    let disk = folder.path().join("disk,1");
    let file = File::create(&disk).expect("a file");
    file.set_len(16 << 20).expect("its size");
    disk.to_str().expect("UTF-8").to_owned()
}

#[test]
fn words_are_appended_to_the_kernels_command_line() {
    let both = ["--append", "one=1 two", "--append", "quiet"];
    let ran = run(&[&both[..], &["--", "cat", "/proc/cmdline"]].concat()).expect(0);
    assert!(ran.text().ends_with(" one=1 two quiet\n"), "{}", ran.text());
}

#[test]
fn qemu_is_handed_what_it_is_to_get() {
    let device = ["--qemu", "-device", "--qemu=i82801b11-bridge"];
    let count = [
        "--",
        "sh",
        "-c",
        "grep -c 0x8086:0x244e /dev/null; ls /sys/bus/pci/devices | wc -l",
    ];
    let number = |arguments: &[&str]| -> u32 {
        let ran = run(&[arguments, &count].concat()).expect(0);
        let text = ran.text();
        text.lines()
            .last()
            .and_then(|it| it.parse().ok())
            .expect("a number")
    };
    // A guest that boots has the modules' devices at once, too.
    assert_eq!(number(&device), number(&["--plug"]) + 1);
    run(&["--qemu", "-no-such-option", "--", "true"])
        .expect(125)
        .says("-no-such-option");
}

#[test]
fn the_modules_devices_come_with_the_first_that_drives_one() {
    if !kernel_has("HOTPLUG_PCI") || !kernel_has("USB_XHCI_HCD") {
        skip("the kernel cannot have these modules");
        return;
    }
    let look = "ls -d /sys/bus/pci/drivers/*/*:*:*.* | grep -c -e edu -e uart; cat /sys/bus/usb/devices/*/idVendor | grep -c 0403";
    let after = |load: &str, options: &[&str]| {
        let script = format!("{load} && {{ {look}; }}; true");
        run(&[options, &["--", "sh", "-c", &script]].concat())
            .expect(0)
            .text()
    };
    assert_eq!(after("true", &[]), "0\n0\n");
    assert_eq!(after("insmod /modules/hello_1.ko", &[]), "0\n0\n");
    assert_eq!(after("insmod /modules/edu.ko", &[]), "1\n1\n");
    assert_eq!(after("modprobe -a hello_1 uart ftdi", &[]), "1\n1\n");
    assert_eq!(
        after("insmod /modules/edu.ko; insmod /modules/uart.ko", &[]),
        "2\n1\n"
    );
    assert_eq!(after("true", &["--plug"]), "0\n1\n");
    assert_eq!(after("true", &["--cold"]), "0\n1\n");
}

#[test]
fn what_is_written_to_a_disk_stays_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = disk(&folder);
    let make = "mke2fs -q /dev/vda && mount /dev/vda /mnt && echo kept >/mnt/file";
    run(&["--disk", &disk, "--", "sh", "-c", make]).expect(0);
    let look = "mount -t ext4 /dev/vda /mnt && cat /mnt/file; dd if=/dev/zero of=/dev/vdb bs=512 count=1 2>&1";
    let other = folder.path().join("other");
    let image = [b"QFI\xfb".as_slice(), &[0; 1020]].concat();
    fs::write(&other, image).expect("a file");
    let other = other.to_str().expect("UTF-8");
    // QEMU itself says what is wrong with an image.
    run(&["--disk", &disk, "--disk", other, "--", "true"])
        .expect(125)
        .says("qcow");
    fs::write(other, [1; 4096]).expect("a file");
    let ran = run(&["--disk", &disk, "--disk", other, "--", "sh", "-c", look]).expect(0);
    assert!(ran.text().starts_with("kept\n"), "{}", ran.text());
    let other = fs::read(other).expect("the disk");
    assert!(other[..512].iter().all(|it| *it == 0) && other[512] == 1);
}

#[test]
fn a_disk_has_one_guest_at_a_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = disk(&folder);
    let mut first = vm(
        &any_kernel(),
        &["--disk", &disk, "--", "sh", "-c", "echo up; read end"],
    )
    .stdin(Stdio::piped())
    .spawn()
    .expect("scripts/vm starts");
    let mut up = [0; 3];
    let stdout = first.stdout.as_mut().expect("a pipe");
    stdout.read_exact(&mut up).expect("it is up");
    run(&["--disk", &disk, "--", "true"])
        .expect(125)
        .says("\"write\" lock");
    drop(first.stdin.take());
    first.wait().expect("it ends");
    run(&["--disk", &disk, "--", "test", "-b", "/dev/vda"]).expect(0);
}

#[test]
fn what_cannot_be_given_is_named() {
    run(&["--disk", "/no/such.img", "--", "true"])
        .expect(125)
        .says("--disk /no/such.img: cannot find it");
    run(&["--share", "/no/such", "--", "true"])
        .expect(125)
        .says("--share /no/such: there is no such folder");
    run(&["--core", "/no/such/core", "--", "true"])
        .expect(125)
        .says("--core /no/such/core: cannot write there");
}

#[test]
fn the_network_leads_to_this_host() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its number").port();
    let server = thread::spawn(move || {
        let (mut guest, _) = listener.accept().expect("a guest");
        guest
            .write_all(b"hello from the host\n")
            .expect("it is sent");
    });
    // What QEMU calls so is the host.
    let script =
        format!("nc 10.0.2.2 {port} </dev/null; cat /etc/resolv.conf; ping -c 1 127.0.0.1 >&2");
    let ran = run(&["--net", "--", "sh", "-c", &script]).expect(0);
    assert_eq!(ran.text(), "hello from the host\nnameserver 10.0.2.3\n");
    server.join().expect("a server");
}

#[test]
fn the_hosts_root_can_be_the_guests() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "here\n").expect("a file");
    let script = "cat file && echo there >file && cat file && rm -f /etc/passwd && \
                  insmod /modules/hello_1.ko && rmmod hello_1 && cat /proc/version && \
                  test -d /sys/kernel/debug && command -v added";
    let add = format!(
        "{}:/usr/local/bin/added",
        root().join("scripts/own").display()
    );
    let mut command = vm(
        &any_kernel(),
        &["--root", "--add", &add, "--", "sh", "-c", script],
    );
    let ran = command
        .current_dir(folder.path())
        .output()
        .expect("it runs");
    let ran = lkmpg_runner_tests::Ran::from(ran).expect(0);
    let text = ran.text();
    assert!(text.starts_with("here\nthere\nLinux version"), "{text}");
    assert!(
        text.ends_with("-lkmpg-dev\n") || text.contains("lkmpg"),
        "{text}"
    );
    assert!(text.ends_with("/usr/local/bin/added\n"), "{text}");
    // The host has its own.
    let file = fs::read_to_string(folder.path().join("file"));
    assert_eq!(file.expect("the file"), "here\n");
    assert!(Path::new("/etc/passwd").exists());
}

#[test]
fn a_folder_can_be_shared() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("file"), "here\n").expect("a file");
    let path = folder.path().to_str().expect("UTF-8");
    let ran = run(&[
        "--share",
        &format!("{path}:/shared"),
        "--",
        "sh",
        "-c",
        "cat /shared/file; ! echo there >/shared/file",
    ])
    .expect(0);
    assert_eq!(ran.text(), "here\n");
    let write = "echo there >/mnt/$NAME/file";
    let name = folder
        .path()
        .file_name()
        .and_then(|it| it.to_str())
        .expect("UTF-8");
    let name = format!("NAME={name}");
    run(&[
        "--share",
        &format!("{path}:rw"),
        "--env",
        &name,
        "--",
        "sh",
        "-c",
        write,
    ])
    .expect(0);
    let file = fs::read_to_string(folder.path().join("file"));
    assert_eq!(file.expect("the file"), "there\n");
}

#[test]
fn nobody_waits_for_a_gdb_that_cannot_come() {
    let user = Fake::new();
    let mut without = user.vm(&["--gdb", "--", "true"]);
    // What scripts/vm takes, and no gdb.
    for it in ["sh", "readlink", "find", "uname"] {
        let real = ["/usr/bin", "/bin"].map(|folder| Path::new(folder).join(it));
        let real = real.iter().find(|it| it.exists()).expect(it);
        symlink(real, user.path("bin").join(it)).expect("a link");
    }
    without.env("PATH", user.path("bin"));
    let ran: Ran = without.output().expect("scripts/vm starts").into();
    ran.expect(125)
        .says("there is no gdb here: apt install gdb");
    lkmpg_tools_tests::executable(&user.path("bin/gdb"), "");
    user.runs(&["--gdb", "--", "true"])
        .expect(125)
        .says("comes without symbols: take --kernel dev");
}

#[test]
fn gdb_knows_a_module_from_its_init_on() {
    if Command::new("gdb").arg("--version").output().is_err() {
        skip("there is no gdb here");
        return;
    }
    let script = "insmod /modules/chardev.ko && cat /dev/chardev";
    let mut guest = vm(&any_kernel(), &["--gdb", "--", "sh", "-c", script])
        .spawn()
        .expect("scripts/vm starts");
    let mut said = BufReader::new(guest.stderr.take().expect("a pipe"));
    let mut line = String::new();
    while !line.contains("gdb -x ") {
        line.clear();
        assert_ne!(said.read_line(&mut line).expect("text"), 0, "no gdb");
    }
    let start = line.rsplit(' ').next().expect("a path").trim().to_owned();
    let socket = Path::new(&start).with_file_name("socket");
    wait_until("QEMU's end of gdb's line", || socket.exists());
    let rest = thread::spawn(move || {
        let mut text = String::new();
        said.read_to_string(&mut text).map(|_| text)
    });
    let source = root().join("samples/04-character-devices/chardev.rs");
    let line_of = |what: &str| {
        let text = fs::read_to_string(&source).expect("chardev.rs");
        let line = text.lines().position(|it| it.contains(what));
        format!("break chardev.rs:{}", line.expect("the line") + 1)
    };
    let commands = [
        "break init_module",
        &line_of("visits.count.fetch_add"),
        "continue",
        "backtrace",
        // On a busy machine the step away from it may be none, and it stops there once more.
        "delete 1",
        "continue",
        "backtrace 1",
        "delete",
        "detach",
    ];
    let gdb = Command::new("gdb")
        .args(["--batch", "-x", &start])
        .args(commands.iter().flat_map(|it| ["-ex", it]))
        .output()
        .expect("gdb");
    let text = String::from_utf8_lossy(&gdb.stdout);
    println!("{text}\n{}", String::from_utf8_lossy(&gdb.stderr));
    assert!(text.contains("chardev: its symbols are known"), "{text}");
    // Both stop where they were told to: in the init, and in a callback.
    assert!(text.contains("Breakpoint 1, "), "{text}");
    assert!(text.contains("::init_module ()"), "{text}");
    let place = line_of("visits.count.fetch_add").replace("break ", "");
    assert!(text.contains(&format!("/{place}\n")), "{text}");
    let ran = guest.wait_with_output().expect("it ends");
    println!("{}", rest.join().expect("a thread").expect("text"));
    assert!(ran.status.success());
    assert!(String::from_utf8_lossy(&ran.stdout).starts_with("I already told you"));
    assert!(!Path::new(&start).exists(), "{start} is left");
}

#[test]
fn the_memory_of_a_guest_that_panicked_is_kept() {
    let folder = tempfile::tempdir().expect("a folder");
    let core = folder.path().join("core");
    let core = core.to_str().expect("UTF-8");
    let small = ["--memory", "256M", "--core", core, "--"];
    run(&[&small[..], &["true"]].concat())
        .expect(0)
        .says("the guest did not panic");
    assert!(
        fs::read_dir(folder.path())
            .expect("the folder")
            .next()
            .is_none()
    );
    let crash = ["sh", "-c", "echo c >/proc/sysrq-trigger; sleep 1000"];
    let ran = run(&[&small[..], &crash].concat()).expect(126);
    let image = root().join("build").join(any_kernel()).join("kernel/image");
    let image = image.canonicalize().expect("an image");
    let gdb = format!("gdb {} {core}", image.display());
    let ran = ran.says(&gdb);
    if !kernel_has("RUST") || Command::new("gdb").arg("--version").output().is_err() {
        skip("there is no gdb here");
        return;
    }
    let gdb = Command::new("gdb")
        .args([
            "--batch",
            "-ex",
            "backtrace",
            "-ex",
            "x/s (char *)&linux_banner",
        ])
        .args([image.as_os_str(), core.as_ref()])
        .output()
        .expect("gdb");
    let text = String::from_utf8_lossy(&gdb.stdout);
    assert!(text.contains("Linux version"), "{text}{}", ran.stderr);
    assert!(text.contains("panic"), "{text}");
}
