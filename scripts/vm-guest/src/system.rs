// SPDX-License-Identifier: GPL-2.0-only

//! What a system needs before and after its programs.

use anyhow::{Context, Result};
use lkmpg_guest::IN_GUEST;
use rustix::{
    mount::{MountFlags, mount},
    system::{RebootCommand, reboot},
};
use signal_hook::{
    consts::{SIGTERM, SIGUSR1, SIGUSR2},
    iterator::Signals,
};
use std::{ffi::CStr, fs, os::unix::fs::symlink, path::Path, thread};

/// The file systems without which there are no ports.
pub fn mount_early() -> Result<()> {
    attach("devtmpfs", "/dev", c"mode=0755")?;
    attach("proc", "/proc", c"")?;
    attach("sysfs", "/sys", c"")
}

/// The file systems that programs expect.
pub fn mount_late() -> Result<()> {
    for dir in ["/dev/pts", "/dev/shm"] {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {dir}"))?;
    }
    attach("devpts", "/dev/pts", c"gid=5,mode=0620,ptmxmode=0666")?;
    attach("tmpfs", "/dev/shm", c"mode=1777")?;
    attach("tmpfs", "/tmp", c"mode=1777")?;
    attach("tmpfs", "/run", c"mode=0755")?;
    fs::write(IN_GUEST, "").with_context(|| format!("cannot make {IN_GUEST}"))?;
    attach("debugfs", "/sys/kernel/debug", c"")?;
    for (target, link) in [
        ("/proc/self/fd", "fd"),
        ("fd/0", "stdin"),
        ("fd/1", "stdout"),
        ("fd/2", "stderr"),
    ] {
        let link = format!("/dev/{link}");
        symlink(target, &link).with_context(|| format!("cannot link {link}"))?;
    }
    std::os::unix::fs::chown("/home/user", Some(1000), Some(1000))
        .context("cannot give /home/user away")?;
    // A session of its own, for the programs to be in.
    let _ = rustix::process::setsid();
    Ok(())
}

fn attach(fs_type: &str, dir: &str, options: &CStr) -> Result<()> {
    mount(fs_type, dir, fs_type, MountFlags::empty(), options)
        .with_context(|| format!("cannot mount {fs_type} on {dir}"))
}

/// Somebody is there to look: what goes wrong need not end the guest, and a program may
/// choose what is shown on the console.
pub fn forgive() -> Result<()> {
    for (setting, value) in [
        ("/proc/sys/kernel/panic_on_oops", "0"),
        ("/proc/sys/kernel/hung_task_panic", "0"),
        ("/sys/module/printk/parameters/ignore_loglevel", "N"),
    ] {
        if Path::new(setting).exists() {
            fs::write(setting, value).with_context(|| format!("cannot set {setting}"))?;
        }
    }
    Ok(())
}

/// Adds to the kernel's log.
pub fn log(text: &str) {
    for line in text.lines() {
        // One write is one record, and printed only when its line is complete.
        // There is nobody to tell if this fails.
        let _ = fs::write("/dev/kmsg", format!("{line}\n"));
    }
}

/// Calls `then` when a program asks the init to end (busybox's `halt`,
/// `poweroff` and `reboot`).
pub fn on_power_off(then: impl Fn() + Send + 'static) -> Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGUSR1, SIGUSR2])?;
    thread::spawn(move || signals.forever().for_each(|_| then()));
    Ok(())
}

/// Ends the guest at once.
pub fn power_off() -> ! {
    loop {
        let _ = reboot(RebootCommand::PowerOff);
    }
}
