// SPDX-License-Identifier: GPL-2.0-only

//! Channels: relay, much data in one direction.
//!
//! ```console
//! # insmod chan_relay.ko
//! chan_relay: Talk to /sys/kernel/debug/chan_relay
//! # cd /sys/kernel/debug/chan_relay
//! # echo generate 1 1000 > control; cat control
//! rings 16384 8 keep
//! cpu 0 [..]
//! ...
//! # chan relay --events 100000 --by mmap    # reads, and checks that none came twice
//! 1000 events were there before
//! [..] events seen, [..] lost, [..] a second
//! # cd /; rmmod chan_relay
//! ```
//!
//! Each CPU has a ring of memory, which the kernel writes and a process reads. Writing never sleeps, nor
//! waits for room, and other CPUs write to rings of their own. It spins for as long as a reader of this one
//! copies a page. If nobody reads, the oldest or the newest events are lost,
//! and counted. A ring is cut into sub-buffers. A reader waits in poll(2) until one is full. Then it
//! gets the sub-buffer by read(2), or maps the ring and looks at it in place.
//!
//! `new_channel!` makes the rings, and `generate` writes to them. `relay_control.rs` has the file
//! `control`, by which a user starts that and sees how full the rings are.
//!
//! Changed from the survey: relay is no file system any more; its files are in debugfs. The rings are
//! those of `lkm`. C's let a program map the memory behind them. A reader on another CPU misses
//! nothing without being told, and gets nothing twice. The survey's module gets a pointer into the ring
//! and fills it in (`relay_reserve`); here a write is a copy, since a pointer would still be there when
//! the event is taken.
//!
//! Where to look: `kernel/relay.c`, and `kernel/trace/blktrace.c`, which uses it.

use kernel::time::{
    Instant,
    Monotonic, //
};
use lkm::{
    debugfs::{
        Directory,
        Node, //
    },
    prelude::*,
    relay::{
        new_channel,
        Channel,
        Mode, //
    },
};

#[path = "relay_control.rs"]
mod control;
#[path = "relay_protocol.rs"]
mod protocol;

use control::Session;
use protocol::Event;

module! {
    type: ChanRelay,
    name: "chan_relay",
    authors: ["lkmpg-rs developers"],
    description: "Talks to user space by relay buffers",
    license: "GPL",
}

module_params! {
    subbuffer_size: usize {
        default: 16384,
        description: "Bytes in a sub-buffer",
        permissions: 0o444,
    },
    subbuffers: usize {
        default: 8,
        description: "Sub-buffers for each CPU",
        permissions: 0o444,
    },
    overwrite: bool {
        default: false,
        description: "Keep the newest events rather than the oldest when a buffer is full",
        permissions: 0o444,
    },
}

struct ChanRelay {
    _control: Node<Session>,
}

impl kernel::Module for ChanRelay {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let options = relay::Options {
            subbuffer_size: subbuffer_size.value(),
            subbuffers: subbuffers.value(),
            mode: if overwrite.value() {
                Mode::Overwrite
            } else {
                Mode::Keep
            },
        };
        if options.subbuffer_size < Event::SIZE {
            pr_err!("subbuffer_size: an event has {} bytes.\n", Event::SIZE);
            return Err(EINVAL);
        }
        // ANCHOR: init
        let directory = Directory::new(c"chan_relay")?;
        let channel = new_channel!(directory.clone(), c"cpu", options).inspect_err(|e| {
            pr_err!(
                "No rings of {} sub-buffers, {} bytes each: {e:?}\n",
                options.subbuffers,
                options.subbuffer_size
            )
        })?;
        let channel = Arc::new(channel, GFP_KERNEL)?;
        let control = Node::new(directory, c"control", 0o600, channel)?;
        // ANCHOR_END: init
        pr_info!("Talk to /sys/kernel/debug/chan_relay\n");
        Ok(ChanRelay { _control: control })
    }
}

// ANCHOR: generate
/// Writes `count` events, `rate` a second if that is not 0.
fn generate(channel: &Channel, source: u32, count: u64, rate: u64) -> Result {
    let start = Instant::now();
    for number in 0..count {
        // If there is no room, that is counted.
        let _ = channel.write(&Event { source, number }.to_bytes());
        if rate != 0 || number % 256 == 255 {
            keep_pace(start, number + 1, rate)?;
        }
    }
    Ok(())
}
// ANCHOR_END: generate

/// Sleeps as long as more was written than the rate allows. A signal ends that.
fn keep_pace(start: Instant<Monotonic>, written: u64, rate: u64) -> Result {
    let due = written.saturating_mul(1_000_000).checked_div(rate);
    let due = i64::try_from(due.unwrap_or(0)).unwrap_or(i64::MAX);
    loop {
        if current!().signal_pending() {
            return Err(EINTR);
        }
        let ahead = due.saturating_sub(start.elapsed().as_micros_ceil());
        // Less than a millisecond is not worth a sleep.
        if ahead <= 1000 {
            return Ok(());
        }
        // In pieces, so that a signal does not have to wait.
        fsleep(Delta::from_micros(ahead.min(100_000)));
    }
}
