// SPDX-License-Identifier: GPL-2.0-only

//! The client of the channels: a subcommand for each.

mod debugfs;
mod file;
mod firmware;
mod netlink;
mod relay;
mod sysfs;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Talk to the chan_* modules, each through a channel of its own.
#[derive(Parser)]
#[command(name = "chan")]
struct Arguments {
    #[command(subcommand)]
    channel: Channel,
}

#[derive(Subcommand)]
enum Channel {
    /// Values in files: chan_sysfs.
    #[command(subcommand)]
    Sysfs(sysfs::Action),
    /// Messages both ways: chan_netlink.
    Netlink(netlink::Arguments),
    /// Much data to user space: chan_relay.
    Relay(relay::Arguments),
    /// A number, a blob and a mailbox: chan_debugfs.
    #[command(subcommand)]
    Debugfs(debugfs::Action),
    /// Images for the kernel: chan_firmware.
    #[command(subcommand)]
    Firmware(firmware::Action),
}

fn main() -> Result<()> {
    lkm::restore_sigpipe();
    match Arguments::parse().channel {
        Channel::Sysfs(action) => sysfs::run(action),
        Channel::Netlink(arguments) => netlink::run(arguments),
        Channel::Relay(arguments) => relay::run(arguments),
        Channel::Debugfs(action) => debugfs::run(action),
        Channel::Firmware(action) => firmware::run(action),
    }
}
