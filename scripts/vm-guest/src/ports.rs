// SPDX-License-Identifier: GPL-2.0-only

//! The virtio-serial ports to the runner.

use anyhow::{Context, Result, bail};
use lkmpg_guest::Port;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

/// How long the kernel may take to find its ports.
const LIMIT: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(1);

/// Opens a port as soon as the kernel has found it and the host is connected.
/// Before that it would read as ended.
pub fn open(port: Port) -> Result<File> {
    let device = port.device();
    let start = Instant::now();
    wait(start, || Path::new(&device).exists()).with_context(|| format!("no {device}"))?;
    let file = File::options().read(true).write(true).open(&device);
    let file = file.with_context(|| format!("cannot open {device}"))?;
    wait(start, || {
        let mut fds = [PollFd::new(&file, PollFlags::empty())];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        poll(&mut fds, Some(&now)).is_ok() && !fds[0].revents().contains(PollFlags::HUP)
    })
    .with_context(|| format!("nobody at the host's end of {device}"))?;
    Ok(file)
}

/// Gives the other ports the names that udev would, when the kernel knows all of them. Each has one.
pub fn link() -> Result<()> {
    const DIR: &str = "/dev/virtio-ports";

    let start = Instant::now();
    let ports = fs::read_dir("/sys/class/virtio-ports").context("cannot list the ports")?;
    for port in ports {
        let port = port?;
        let file = port.path().join("name");
        wait(start, || file.exists()).with_context(|| format!("no {}", file.display()))?;
        let name = fs::read_to_string(&file)?;
        let name = name.trim_end();
        if name.starts_with("lkmpg.") {
            continue;
        }
        fs::create_dir_all(DIR).with_context(|| format!("cannot make {DIR}"))?;
        let link = Path::new(DIR).join(name);
        symlink(Path::new("..").join(port.file_name()), &link)
            .with_context(|| format!("cannot link {}", link.display()))?;
    }
    Ok(())
}

fn wait(start: Instant, mut done: impl FnMut() -> bool) -> Result<()> {
    while !done() {
        if start.elapsed() > LIMIT {
            bail!("waited {} s", LIMIT.as_secs());
        }
        sleep(STEP);
    }
    Ok(())
}
