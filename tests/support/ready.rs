// SPDX-License-Identifier: GPL-2.0-only

//! poll(2) for one file.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::{os::fd::AsFd, time::Duration};

/// Waits until a file is ready for `what` or has failed, not longer than `limit`, and says which.
pub fn ready(file: &impl AsFd, what: PollFlags, limit: Option<Duration>) -> PollFlags {
    let limit = limit.map(|it| Timespec::try_from(it).expect("a short time"));
    let mut fds = [PollFd::new(file, what)];
    poll(&mut fds, limit.as_ref()).expect("poll");
    fds[0].revents()
}
