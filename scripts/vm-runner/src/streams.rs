// SPDX-License-Identifier: GPL-2.0-only

//! Threads that carry bytes between this process and the guest.

use crate::{monitor::Monitor, qemu::Qemu, requests, run::Task, session::Event, words::Outputs};
use anyhow::{Context, Result};
use lkmpg_guest::{Port, Start, ToGuest, receive, send};
use rustix::{
    io::{Errno, read},
    rand::{GetRandomFlags, getrandom},
    stdio::stdin,
};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH},
    iterator::Signals,
};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::Shutdown,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    process::ChildStderr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Sender, channel},
    },
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How much is carried at once.
const PIECE: usize = 64 << 10;
/// How much of the command's output is remembered.
const TAIL: usize = 4 << 10;
/// The key that ends the VM from the terminal: Ctrl-].
const ESCAPE: u8 = 0x1d;

/// One of the command's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Where the output of one command after another goes.
pub struct Outlet {
    to: Mutex<Arc<Outputs>>,
    tail: Mutex<Vec<u8>>,
}

impl Outlet {
    /// For a first command.
    pub fn new(to: Arc<Outputs>) -> Arc<Self> {
        Arc::new(Self {
            to: Mutex::new(to),
            tail: Mutex::default(),
        })
    }

    /// Another command follows.
    pub fn turn(&self, to: Arc<Outputs>) {
        *lock(&self.to) = to;
        lock(&self.tail).clear();
    }

    /// The last bytes of the command's standard output.
    pub fn tail(&self) -> Vec<u8> {
        lock(&self.tail).clone()
    }
}

/// Starts the threads that listen to the guest.
pub fn connect(qemu: &mut Qemu, events: &Sender<Event>, outlet: &Arc<Outlet>) -> Result<()> {
    console(qemu.console.try_clone()?, events.clone());
    for (which, port) in [
        (Output::Stdout, Port::Stdout),
        (Output::Stderr, Port::Stderr),
    ] {
        output(which, qemu.port(port)?, events.clone(), outlet.clone());
    }
    serial(qemu.serial.try_clone()?, qemu.port(Port::Serial)?)?;
    control(qemu.port(Port::Control)?, events.clone());
    if let Some(stderr) = qemu.process.stderr.take() {
        complaints(stderr, events.clone());
    }
    Ok(())
}

/// Passes on the signals that we get.
pub fn signals(events: &Sender<Event>) -> Result<()> {
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM, SIGWINCH]).context("cannot catch signals")?;
    let events = events.clone();
    thread::spawn(move || {
        signals
            .forever()
            .try_for_each(|it| events.send(Event::Signal(it)))
    });
    Ok(())
}

/// Answers what the tests ask. The test that asks is told what went wrong.
pub fn requests(port: UnixStream, monitor: Arc<Mutex<Monitor>>) {
    thread::spawn(move || requests::serve(port, &monitor));
}

/// Gives a guest a job, and what it cannot know if it was saved. `drivers` drive what is not plugged in yet.
pub fn start(port: UnixStream, task: &Task, drivers: Vec<String>) -> Result<()> {
    let mut files = task.files()?;
    let mut seed = [0; 64];
    getrandom(&mut seed, GetRandomFlags::empty()).context("cannot get random numbers")?;
    let start = Start {
        time: SystemTime::now().duration_since(UNIX_EPOCH)?,
        seed: seed.into(),
        job: task.job.clone(),
        drivers,
        files: files.metadata()?.len(),
    };
    send(&port, &ToGuest::Start(start))?;
    // If the guest is gone, its streams close.
    thread::spawn(move || io::copy(&mut files, &mut &port));
    Ok(())
}

/// Carries the command's output to where it goes now.
fn output(which: Output, mut port: UnixStream, events: Sender<Event>, outlet: Arc<Outlet>) {
    thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        while let Ok(length @ 1..) = port.read(&mut buffer) {
            let piece = &buffer[..length];
            // It is not locked while somebody is waited for who reads it.
            let outputs = lock(&outlet.to).clone();
            let to = match which {
                Output::Stdout => {
                    remember(&mut lock(&outlet.tail), piece);
                    &outputs.stdout
                }
                Output::Stderr => &outputs.stderr,
            };
            let event = match (write_all(to.as_fd(), piece), which) {
                (Err(error), Output::Stdout) => Event::OutputLost(error),
                // The command goes on without anybody who reads its complaints.
                _ => Event::Carried(which, length as u64),
            };
            if events.send(event).is_err() {
                return;
            }
        }
        let _ = events.send(Event::Closed);
    });
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember(tail: &mut Vec<u8>, piece: &[u8]) {
    tail.extend_from_slice(&piece[piece.len().saturating_sub(TAIL)..]);
    tail.drain(..tail.len().saturating_sub(TAIL));
}

/// Our standard input and outputs may be non-blocking, as the shell left them.
fn write_all(to: BorrowedFd<'_>, mut bytes: &[u8]) -> rustix::io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(to, bytes) {
            Ok(length) => bytes = &bytes[length..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => thread::sleep(Duration::from_millis(1)),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Carries our standard input to the command.
pub fn input(mut port: UnixStream, terminal: bool, events: Sender<Event>) {
    thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        loop {
            let length = match read(stdin(), &mut buffer[..]) {
                Ok(0) => break,
                Ok(length) => length,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => {
                    thread::sleep(Duration::from_millis(10));
                    continue;
                }
                // A closed or broken input is an empty one.
                Err(_) => break,
            };
            if terminal && buffer[..length].contains(&ESCAPE) {
                let _ = events.send(Event::Left);
                return;
            }
            if port.write_all(&buffer[..length]).is_err() {
                return;
            }
        }
        close(&port);
        if terminal {
            let _ = events.send(Event::Left);
        }
    });
}

/// Lets the guest read the end of its input, after all that was sent.
pub fn close(port: &UnixStream) {
    // It can only be closed already.
    let _ = port.shutdown(Shutdown::Write);
}

/// Reads the kernel's log.
fn console(mut console: impl Read + Send + 'static, events: Sender<Event>) {
    thread::spawn(move || {
        let mut buffer = vec![0; PIECE];
        while let Ok(length @ 1..) = console.read(&mut buffer) {
            if events
                .send(Event::Console(buffer[..length].to_vec()))
                .is_err()
            {
                return;
            }
        }
        let _ = events.send(Event::Closed);
    });
}

/// Reads what the init says.
fn control(control: UnixStream, events: Sender<Event>) {
    thread::spawn(move || {
        let mut control = BufReader::new(control);
        while let Ok(Some(message)) = receive(&mut control) {
            if events.send(Event::Guest(message)).is_err() {
                return;
            }
        }
    });
}

/// Reads QEMU's complaints.
fn complaints(stderr: ChildStderr, events: Sender<Event>) {
    thread::spawn(move || {
        for line in BufReader::new(stderr).lines().map_while(Result::ok) {
            if events.send(Event::Qemu(line)).is_err() {
                return;
            }
        }
        let _ = events.send(Event::Closed);
    });
}

/// Connects the far end of the second serial port with the guest's own handle
/// to it. What nobody reads yet is kept here: a serial line never waits.
fn serial(line: UnixStream, port: UnixStream) -> io::Result<()> {
    for (mut from, mut to) in [(line.try_clone()?, port.try_clone()?), (port, line)] {
        let (sender, receiver) = channel::<Vec<u8>>();
        thread::spawn(move || {
            let mut buffer = vec![0; PIECE];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                if sender.send(buffer[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        thread::spawn(move || receiver.iter().try_for_each(|it| to.write_all(&it)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_is_the_end_of_all_pieces() {
        let mut tail = Vec::new();
        let all: Vec<u8> = (0..3 * TAIL).map(|it| it as u8).collect();
        for size in [1, 7, TAIL - 1, TAIL, TAIL + 1, 3 * TAIL] {
            tail.clear();
            all.chunks(size).for_each(|it| remember(&mut tail, it));
            assert_eq!(tail, all[2 * TAIL..], "in pieces of {size}");
        }
    }
}
