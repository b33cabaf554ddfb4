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
//! A ring of memory for each CPU, which the kernel writes and a process reads. Writing takes no lock
//! that another CPU wants, and never waits: if nobody reads, the oldest or the newest events are lost,
//! and counted. A ring is cut into sub-buffers. A reader waits in poll(2) until one is full, and gets
//! it by read(2), or looks at it in place, where it mapped the ring.
//!
//! `generate` below is the writer, and `new_channel!` makes the rings. Everything else here is
//! `control`, a file that relay itself lacks. What is written to it:
//!
//! - `generate SOURCE COUNT [RATE]`: write as many events, on the CPU that this runs on, as fast as
//!   it goes or RATE a second;
//! - `flush`: finish the sub-buffers that are begun;
//! - `consume CPU COUNT`: a reader that mapped the ring has taken sub-buffers.
//!
//! It shows the shape of the rings, and for each CPU what was produced, consumed, lost and
//! overwritten, and how many bytes at the end of each waiting sub-buffer are no data.
//!
//! Changed from the survey: relay is no file system any more; its files are in debugfs. The rings are
//! those of `lkm`, not C's, whose mapping shows what is behind them. A reader on another CPU misses
//! nothing without being told, and gets nothing twice. The survey's module gets a pointer into the ring
//! and fills it in (`relay_reserve`); here a write is a copy, since a pointer would still be there when
//! the event is taken.
//!
//! Where to look: `kernel/relay.c`, and `kernel/trace/blktrace.c`, which uses it.

use kernel::{
    cpu::nr_cpu_ids,
    time::{
        Instant,
        Monotonic, //
    },
};
use lkm::{
    debugfs::{
        Directory,
        Node, //
    },
    prelude::*,
    relay::{
        new_channel, //
        Channel,
        Mode,
    },
};

#[path = "relay_protocol.rs"]
mod protocol;

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

/// An open `control`, and what it is being shown.
#[pin_data]
struct Session {
    channel: Arc<Channel>,
    #[pin]
    shown: Mutex<Report>,
}

#[vtable]
impl FileOperations for Session {
    type Data = Channel;

    fn open(channel: ArcBorrow<'_, Channel>, _file: &OpenFile) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            channel: channel.into(),
            shown <- new_mutex!(Report(KVVec::new())),
        })
    }

    fn read(&self, _file: &OpenFile, pos: &mut Offset, out: &mut IovIterDest<'_>) -> Result<usize> {
        let mut shown = self.shown.lock();
        if *pos == 0 || shown.0.is_empty() {
            *shown = self.report()?;
        }
        read_from_buffer(out, pos, &shown.0)
    }

    fn write(
        &self,
        _file: &OpenFile,
        _pos: &mut Offset,
        data: &mut IovIterSource<'_>,
    ) -> Result<usize> {
        let length = data.len();
        let line = Message::<80>::copy_from(data)?;
        if line.len() < length {
            return Err(EINVAL);
        }
        self.run(core::str::from_utf8(line.as_bytes()).map_err(|_| EINVAL)?)?;
        Ok(length)
    }

    fn size(&self) -> Offset {
        let mut shown = self.shown.lock();
        if shown.0.is_empty() {
            // Without memory there is nothing to see.
            *shown = self.report().unwrap_or(Report(KVVec::new()));
        }
        shown.0.len() as Offset
    }
}

impl Session {
    /// Writes `count` events, `rate` a second if that is not 0.
    fn generate(&self, source: u32, count: u64, rate: u64) -> Result {
        let (channel, start) = (&*self.channel, Instant::<Monotonic>::now());
        for number in 0..count {
            // That there is no room is counted.
            let _ = channel.write(&Event { source, number }.to_bytes());
            if number % 256 != 255 && rate == 0 {
                continue;
            }
            if kernel::current!().signal_pending() {
                return Err(EINTR);
            }
            let Some(due) = (number + 1).saturating_mul(1_000_000).checked_div(rate) else {
                continue;
            };
            // Sleep when a millisecond ahead, but not for so long that a signal has to wait.
            loop {
                let ahead = (due as i64).saturating_sub(start.elapsed().as_micros_ceil());
                if ahead <= 1000 {
                    break;
                }
                fsleep(Delta::from_micros(ahead.min(100_000)));
                if kernel::current!().signal_pending() {
                    return Err(EINTR);
                }
            }
        }
        Ok(())
    }

    fn run(&self, line: &str) -> Result {
        let mut words = line.split_ascii_whitespace();
        let command = words.next().ok_or(EINVAL)?;
        let mut number = || {
            words
                .next()
                .map(|it| it.parse::<u64>())
                .transpose()
                .map_err(|_| EINVAL)
        };
        let (a, b, c, d) = (number()?, number()?, number()?, number()?);
        match (command, a, b, c, d) {
            ("flush", None, None, None, None) => self.channel.flush(),
            ("consume", Some(cpu), Some(count), None, None) => {
                let cpu = cpu.try_into().map_err(|_| ENODEV)?;
                self.channel.consume(cpu, count as usize)?;
            }
            ("generate", Some(source), Some(count), rate, None) => {
                let source = source.try_into().map_err(|_| EINVAL)?;
                self.generate(source, count, rate.unwrap_or(0))?;
            }
            _ => return Err(EINVAL),
        }
        Ok(())
    }

    fn report(&self) -> Result<Report> {
        // Nothing else can go wrong with a text.
        self.try_report().map_err(|_| ENOMEM)
    }

    fn try_report(&self) -> Result<Report, core::fmt::Error> {
        use core::fmt::Write as _;

        let mut out = Report(KVVec::new());
        let options = self.channel.options();
        let mode = match options.mode {
            Mode::Keep => "keep",
            Mode::Overwrite => "overwrite",
        };
        let (size, count) = (options.subbuffer_size, options.subbuffers);
        writeln!(out, "rings {size} {count} {mode}")?;
        for cpu in 0..nr_cpu_ids() {
            let Some(state) = self.channel.state(cpu) else {
                continue;
            };
            let (produced, consumed) = (state.produced, state.consumed);
            let (lost, overwritten) = (state.lost, state.overwritten);
            write!(out, "cpu {cpu} {produced} {consumed} {lost} {overwritten}")?;
            let first = consumed.max(produced.saturating_sub(count));
            for subbuffer in first..produced {
                match self.channel.padding(cpu, subbuffer) {
                    Some(padding) => write!(out, " {padding}")?,
                    None => write!(out, " -")?,
                }
            }
            writeln!(out)?;
        }
        Ok(out)
    }
}

/// Text of any length: with many sub-buffers it is more than `kmalloc` can give.
struct Report(KVVec<u8>);

impl core::fmt::Write for Report {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        self.0
            .extend_from_slice(text.as_bytes(), GFP_KERNEL)
            .map_err(|_| core::fmt::Error)
    }
}
