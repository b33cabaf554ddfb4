// SPDX-License-Identifier: GPL-2.0-only

//! What `scripts/vm` takes for QEMU, where a test is not about what a kernel does: its guest has
//! booted at once, and runs commands as the guest's init does, but here.

use anyhow::{Context, Result, ensure};
use lkmpg_guest::{
    END_OF_LOG, FromGuest, Port, Start, ToGuest,
    command::{self, Ports},
    receive, send,
};
use rustix::process::{PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    env,
    fs::{self, File},
    io::{self, BufReader, Read, Write},
    os::fd::OwnedFd,
    process::Command,
    sync::mpsc::{Sender, channel},
    thread,
};

/// What is saved of a guest beside its memory.
const STATE: &str = "the state of a guest";
/// What keeps commands from outliving the guest.
const TIED: [&str; 4] = ["setpriv", "--pdeathsig", "KILL", "--"];

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().collect();
    let chardevs = Chardevs::of(&arguments);
    let console = chardevs.value("console", "path")?.to_owned();
    let kernel = console.clone();
    let monitor = chardevs.open("monitor")?;
    let (resume, resumed) = channel();
    let is_saved = arguments.iter().any(|it| it == "-incoming");
    thread::spawn(move || {
        if let Err(error) = obey(&monitor, &kernel, &resume) {
            eprintln!("{error:#}");
            std::process::exit(1);
        }
    });
    let control = chardevs.open(&name(Port::Control))?;
    let ports = Ports::open(|it| chardevs.open(&name(it)))?;
    if is_saved {
        resumed.recv().context("nobody resumes the guest")?;
    } else {
        log(
            &console,
            "Linux version 1.2.3\n[    0.000001] Run /init as init process",
        )?;
        send(&control, &FromGuest::Ready)?;
    }
    let mut reader = BufReader::new(&control);
    while let Some(message) = receive(&mut reader)? {
        match message {
            ToGuest::Start(start) => run(start, &mut reader, &control, &ports, &console)?,
            ToGuest::Look => send(&control, &FromGuest::Left(Vec::new()))?,
            ToGuest::End => log(&console, END_OF_LOG)?,
            ToGuest::Plugged { .. } | ToGuest::Resize(_) | ToGuest::Modules(_) => {}
        }
    }
    Ok(())
}

/// Runs a command. It may write to the kernel's log, `$KMSG`.
fn run(start: Start, files: impl Read, control: &File, ports: &Ports, console: &str) -> Result<()> {
    io::copy(&mut files.take(start.files), &mut io::sink())?;
    let mut job = start.job;
    job.command.splice(..0, TIED.map(Into::into));
    job.directory = "/".into();
    job.env.push(("KMSG".into(), console.into()));
    let running = command::start(&job, ports, |_| Ok(send(control, &FromGuest::Started)?))?;
    Ok(send(control, &running.wait()?)?)
}

/// Does what the runner wants of QEMU.
fn obey(monitor: &File, console: &str, resume: &Sender<()>) -> Result<()> {
    let mut reader = BufReader::new(monitor);
    while let Some(call) = receive::<Value>(&mut reader)? {
        let uri = call["arguments"]["uri"].as_str().unwrap_or_default();
        let event = match call["execute"].as_str() {
            Some("migrate") => {
                log(console, "the last words before it was saved")?;
                let command = uri.strip_prefix("exec:").context("no command")?;
                let save = format!("echo '{STATE}' | {command}");
                let status = Command::new("sh").args(["-c", &save]).status()?;
                ensure!(status.success(), "the state cannot be saved");
                Some(json!({"event": "MIGRATION", "data": {"status": "completed"}}))
            }
            Some("migrate-incoming") => {
                let fd = uri.strip_prefix("fd:").context("no file descriptor")?;
                let mut state = String::new();
                take(fd)?.read_to_string(&mut state)?;
                ensure!(state.trim_end() == STATE, "no guest has such a state");
                Some(json!({"event": "MIGRATION", "data": {"status": "completed"}}))
            }
            Some("cont") => {
                resume.send(())?;
                None
            }
            _ => None,
        };
        send(monitor, &json!({"return": {}}))?;
        event.map_or(Ok(()), |it| send(monitor, &it))?;
    }
    Ok(())
}

/// Writes to the kernel's log.
fn log(console: &str, text: &str) -> Result<()> {
    let mut console = fs::OpenOptions::new().append(true).open(console)?;
    Ok(writeln!(console, "[    0.000000] {text}")?)
}

fn name(port: Port) -> String {
    format!("port{}", port.number())
}

/// What the machine is connected to: `-chardev KIND,id=NAME,KEY=VALUE` for each.
struct Chardevs<'a>(HashMap<&'a str, &'a str>);

impl<'a> Chardevs<'a> {
    fn of(arguments: &'a [String]) -> Self {
        let pairs = arguments.windows(2).filter(|it| it[0] == "-chardev");
        let words = pairs.filter_map(|it| {
            let (_, rest) = it[1].split_once(",id=")?;
            rest.split_once(',')
        });
        Self(words.collect())
    }

    fn value(&self, name: &str, key: &str) -> Result<&'a str> {
        let value = self.0.get(name).and_then(|it| it.strip_prefix(key));
        let value = value.and_then(|it| it.strip_prefix('='));
        value.with_context(|| format!("there is no {key} of {name}"))
    }

    fn open(&self, name: &str) -> Result<File> {
        take(self.value(name, "fd")?)
    }
}

/// Another handle to what was inherited as this file descriptor.
fn take(fd: &str) -> Result<File> {
    let us = pidfd_open(getpid(), PidfdFlags::empty())?;
    let file: OwnedFd = pidfd_getfd(us, fd.parse()?, PidfdGetfdFlags::empty())
        .with_context(|| format!("cannot take the file descriptor {fd}"))?;
    Ok(file.into())
}
