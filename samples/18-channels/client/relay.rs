// SPDX-License-Identifier: GPL-2.0-only

//! Much data to user space.

use crate::file;
use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use lkm::memory::Mapping;
use protocol::Event;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    thread::{CpuSet, sched_setaffinity},
};
use std::{
    fs::File,
    io::{self, Read as _},
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::{Duration, Instant},
};

#[path = "../relay_protocol.rs"]
mod protocol;

const MODULE: &str = "chan_relay";
const FOLDER: &str = "/sys/kernel/debug/chan_relay";

/// How long a reader waits before it looks whether all is over.
const PAUSE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 20_000_000,
};

/// Have each CPU write events, read them, and check that each came once or was counted as lost.
/// Events that are there before are read first, and not counted.
#[derive(Args)]
pub struct Arguments {
    /// How many events, on all CPUs together.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// How many a second on each CPU; 0 for as many as it can.
    #[arg(long, default_value_t = 0)]
    rate: u64,
    /// How to read them.
    #[arg(long, value_enum, default_value = "mmap")]
    by: By,
}

#[derive(Clone, Copy, ValueEnum)]
enum By {
    /// Read again and again.
    Read,
    /// Wait in poll(2), and read.
    Poll,
    /// Wait in poll(2), and look into the buffer itself.
    Mmap,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let waiting = read_waiting()?;
    if waiting > 0 {
        eprintln!("{waiting} events were there before");
    }
    let before = Report::read()?;
    let (writers, over) = (before.cpus.len() as u64, AtomicBool::new(false));
    if writers == 0 {
        bail!("{} names no CPU", path("control"));
    }
    let share =
        |index: u64| arguments.events / writers + u64::from(index < arguments.events % writers);

    let start = Instant::now();
    let seen = thread::scope(|scope| -> Result<Vec<Event>> {
        let readers: Vec<_> = before
            .cpus
            .iter()
            .map(|ring| scope.spawn(|| drain(arguments.by, &before, ring, &over)))
            .collect();
        let writers: Vec<_> = before
            .cpus
            .iter()
            .enumerate()
            .map(|(index, ring)| {
                let count = share(index as u64);
                scope.spawn(move || generate(ring.cpu, count, arguments.rate))
            })
            .collect();
        let written: Result<Vec<_>> = writers
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .collect();
        let flushed = file::write(MODULE, path("control"), b"flush");
        over.store(true, SeqCst);
        let seen: Result<Vec<_>> = readers
            .into_iter()
            .map(|it| it.join().expect("no panic"))
            .collect();
        written?;
        flushed?;
        Ok(seen?.concat())
    })?;
    let seconds = start.elapsed().as_secs_f64();

    let after = Report::read()?;
    let lost = after.lost() - before.lost();
    let counts: Vec<_> = before
        .cpus
        .iter()
        .enumerate()
        .map(|(index, it)| (it.cpu, share(index as u64)))
        .collect();
    check(&seen, &counts)?;
    let (events, rate) = (seen.len() as u64, seen.len() as f64 / seconds);
    println!("{events} events seen, {lost} lost, {rate:.0} a second");
    if before.mode == "overwrite" {
        println!(
            "{} sub-buffers overwritten",
            after.overwritten() - before.overwritten()
        );
    } else if events + lost != arguments.events {
        bail!(
            "of {} events, {events} were seen and {lost} counted as lost",
            arguments.events
        );
    }
    Ok(())
}

/// Takes the events that others have had written, and says how many.
fn read_waiting() -> Result<u64> {
    // What they have read so far of a sub-buffer that is begun is known to nobody but the module.
    file::write(MODULE, path("control"), b"flush")?;
    let mut events = 0;
    for ring in Report::read()?.cpus {
        let name = path(&format!("cpu{}", ring.cpu));
        let mut file = file::open(MODULE, &name, File::options().read(true))?;
        // Of an event they may have read a part.
        let bytes =
            io::copy(&mut file, &mut io::sink()).with_context(|| format!("cannot read {name}"))?;
        events += bytes.div_ceil(Event::SIZE as u64);
    }
    Ok(events)
}

/// Makes sure that no event came that should not, or twice.
fn check(seen: &[Event], counts: &[(u32, u64)]) -> Result<()> {
    for (source, count) in counts {
        let mut there = vec![false; usize::try_from(*count)?];
        for event in seen.iter().filter(|it| it.source == *source) {
            let slot = usize::try_from(event.number)
                .ok()
                .and_then(|it| there.get_mut(it));
            let slot = slot.with_context(|| format!("{event:?} was never written"))?;
            if std::mem::replace(slot, true) {
                bail!("{event:?} came twice");
            }
        }
    }
    if let Some(event) = seen
        .iter()
        .find(|it| counts.iter().all(|(source, _)| it.source != *source))
    {
        bail!("{event:?} is from nobody");
    }
    Ok(())
}

/// Has a CPU write events, which are marked with its number.
fn generate(cpu: u32, count: u64, rate: u64) -> Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu as usize);
    sched_setaffinity(None, &set).with_context(|| format!("cannot move to CPU {cpu}"))?;
    file::write(
        MODULE,
        path("control"),
        format!("generate {cpu} {count} {rate}").as_bytes(),
    )
}

/// Reads a ring until all is over and nothing is left.
fn drain(by: By, report: &Report, ring: &Ring, over: &AtomicBool) -> Result<Vec<Event>> {
    let name = path(&format!("cpu{}", ring.cpu));
    let mut file = file::open(MODULE, &name, File::options().read(true))?;
    let mut events = Vec::new();
    let mapping = match by {
        By::Mmap => {
            Some(Mapping::new(&file, report.size()).with_context(|| format!("cannot map {name}"))?)
        }
        _ => None,
    };
    loop {
        // What was written before all was over is found after that.
        let last = over.load(SeqCst);
        if report.mode == "overwrite" && !last {
            // A read now may find new events in the place of old ones.
            thread::sleep(Duration::from_millis(1));
            continue;
        }
        match by {
            By::Read => thread::sleep(Duration::from_millis(1)),
            By::Poll | By::Mmap => {
                let mut fds = [PollFd::new(&file, PollFlags::IN)];
                poll(&mut fds, Some(&PAUSE)).context("cannot poll")?;
                if fds[0].revents().contains(PollFlags::ERR) {
                    bail!("the channel was closed");
                }
            }
        }
        match &mapping {
            Some(mapping) => take(mapping, ring.cpu, &mut events)?,
            None => read(&mut file, &mut events).with_context(|| format!("cannot read {name}"))?,
        }
        if last {
            return Ok(events);
        }
    }
}

/// Reads what there is.
fn read(file: &mut File, events: &mut Vec<Event>) -> Result<()> {
    let mut bytes = vec![0; 4096 * Event::SIZE];
    let mut filled = 0;
    loop {
        let length = file.read(&mut bytes[filled..])?;
        if length == 0 && filled > 0 {
            bail!("half an event");
        }
        if length == 0 {
            return Ok(());
        }
        filled += length;
        let whole = filled - filled % Event::SIZE;
        parse(&bytes[..whole], events)?;
        bytes.copy_within(whole..filled, 0);
        filled -= whole;
    }
}

/// Takes the sub-buffers that are finished, and gives them back.
fn take(mapping: &Mapping, cpu: u32, events: &mut Vec<Event>) -> Result<()> {
    let report = Report::read()?;
    let ring = report
        .cpus
        .iter()
        .find(|it| it.cpu == cpu)
        .context("the CPU is gone")?;
    let mut bytes = vec![0; report.subbuffer_size];
    for (subbuffer, padding) in (ring.produced - ring.padding.len() as u64..).zip(&ring.padding) {
        // A sub-buffer of which this is not known is being overwritten.
        let Some(padding) = padding else { continue };
        let index = subbuffer as usize % report.subbuffers;
        let bytes = &mut bytes[..report.subbuffer_size - padding];
        mapping.read(index * report.subbuffer_size, bytes);
        parse(bytes, events)?;
    }
    let count = ring.produced - ring.consumed;
    if count > 0 {
        file::write(
            MODULE,
            path("control"),
            format!("consume {cpu} {count}").as_bytes(),
        )?;
    }
    Ok(())
}

fn parse(bytes: &[u8], events: &mut Vec<Event>) -> Result<()> {
    for bytes in bytes.chunks(Event::SIZE) {
        let event = bytes.try_into().ok().and_then(Event::from_bytes);
        events.push(event.with_context(|| format!("{bytes:x?} is no event"))?);
    }
    Ok(())
}

/// What `control` shows.
struct Report {
    subbuffer_size: usize,
    subbuffers: usize,
    mode: String,
    cpus: Vec<Ring>,
}

/// How far a ring is.
struct Ring {
    cpu: u32,
    produced: u64,
    consumed: u64,
    lost: u64,
    overwritten: u64,
    /// Of the sub-buffers that wait.
    padding: Vec<Option<usize>>,
}

impl Report {
    fn read() -> Result<Self> {
        let text = file::line(MODULE, path("control"))?;
        Self::parse(&text).with_context(|| format!("cannot understand {}", path("control")))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines().map(|line| line.split(' '));
        let mut first = lines.next().context("it is empty")?.skip(1);
        let mut number = || {
            first
                .next()
                .context("a number is missing")?
                .parse()
                .context("a number is none")
        };
        let (subbuffer_size, subbuffers) = (number()?, number()?);
        let mode = first.next().context("the mode is missing")?.to_owned();
        let cpus = lines
            .map(|line| Ring::parse(line.skip(1)))
            .collect::<Result<_>>()?;
        Ok(Self {
            subbuffer_size,
            subbuffers,
            mode,
            cpus,
        })
    }

    /// How much there is to map.
    fn size(&self) -> usize {
        (self.subbuffer_size * self.subbuffers).next_multiple_of(4096)
    }

    fn lost(&self) -> u64 {
        self.cpus.iter().map(|it| it.lost).sum()
    }

    fn overwritten(&self) -> u64 {
        self.cpus.iter().map(|it| it.overwritten).sum()
    }
}

impl Ring {
    fn parse<'a>(mut words: impl Iterator<Item = &'a str>) -> Result<Self> {
        let mut number = || {
            words
                .next()
                .context("a number is missing")?
                .parse::<u64>()
                .context("a number is none")
        };
        Ok(Self {
            cpu: number()?.try_into()?,
            produced: number()?,
            consumed: number()?,
            lost: number()?,
            overwritten: number()?,
            padding: words.map(|it| it.parse().ok()).collect(),
        })
    }
}

fn path(name: &str) -> String {
    format!("{FOLDER}/{name}")
}
