// SPDX-License-Identifier: GPL-2.0-only

//! What the host does for the guest.

use lkmpg_guest::{Port, Reply, Request, receive, send};
use std::{fs::File, io::BufReader};

/// The way to the host, for one test at a time.
#[derive(Debug)]
pub struct Host {
    port: BufReader<File>,
}

impl Host {
    /// Takes it, as soon as nobody else has it.
    pub fn new() -> Self {
        Self {
            port: BufReader::new(super::open_port(&Port::Request.device())),
        }
    }

    /// Has it do something, and waits until that is done.
    pub(crate) fn ask(&mut self, request: &Request) {
        send(self.port.get_mut(), request).expect("a way to the host");
        let reply = receive::<Reply>(&mut self.port).expect("an answer of the host");
        reply
            .expect("an answer of the host")
            .expect("the host does it");
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}
