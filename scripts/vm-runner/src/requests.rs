// SPDX-License-Identifier: GPL-2.0-only

//! What a test may ask for that the guest cannot do itself.

use crate::monitor::Monitor;
use anyhow::Result;
use lkmpg_guest::{Reply, Request, receive, send};
use std::{
    io::BufReader,
    os::unix::net::UnixStream,
    sync::{Mutex, PoisonError},
};

/// Answers requests until the guest is gone.
pub fn serve(requests: UnixStream, monitor: &Mutex<Monitor>) -> Result<()> {
    let mut reader = BufReader::new(requests.try_clone()?);
    while let Some(request) = receive(&mut reader)? {
        let done = {
            let mut monitor = monitor.lock().unwrap_or_else(PoisonError::into_inner);
            match request {
                Request::Keys(keys) => monitor.type_keys(&keys),
                Request::Plug(device) => monitor.plug(&device),
                Request::Unplug(id) => monitor.unplug(&id),
            }
        };
        let reply: Reply = done.map_err(|it| format!("{it:#}"));
        send(&requests, &reply)?;
    }
    Ok(())
}
