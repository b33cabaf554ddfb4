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
        let done = match request {
            Request::Keys(keys) => {
                let mut monitor = monitor.lock().unwrap_or_else(PoisonError::into_inner);
                monitor.type_keys(&keys)
            }
        };
        let reply: Reply = done.map_err(|it| format!("{it:#}"));
        send(&requests, &reply)?;
    }
    Ok(())
}
