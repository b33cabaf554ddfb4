// SPDX-License-Identifier: GPL-2.0-only

//! The virtio-serial ports to the runner.

use anyhow::{Context, Result, bail};
use lkmpg_guest::Port;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{
    fs::File,
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

fn wait(start: Instant, mut done: impl FnMut() -> bool) -> Result<()> {
    while !done() {
        if start.elapsed() > LIMIT {
            bail!("waited {} s", LIMIT.as_secs());
        }
        sleep(STEP);
    }
    Ok(())
}
