// SPDX-License-Identifier: GPL-2.0-only

//! The command between the runner's ports.

use crate::{FromGuest, Job, Port, terminal::Screen};
use anyhow::{Context, Result, bail};
use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, eventfd, poll},
    process::{Pid, WaitOptions, wait},
};
use std::{
    fs::File,
    io::{self, Read, Write},
    os::fd::{AsFd, OwnedFd},
    process::{Child, Command, Stdio},
    sync::Arc,
    thread::{self, JoinHandle},
};

/// The command, and the threads that carry its output.
pub struct Running {
    child: Option<Pid>,
    ended: Arc<OwnedFd>,
    stdout: JoinHandle<u64>,
    stderr: JoinHandle<u64>,
}

/// The ports to the runner, for one command after another.
pub struct Ports {
    stdin: File,
    stdout: File,
    stderr: File,
}

impl Ports {
    /// Opens them.
    pub fn open(open: impl Fn(Port) -> Result<File>) -> Result<Self> {
        Ok(Self {
            stdin: open(Port::Stdin)?,
            stdout: open(Port::Stdout)?,
            stderr: open(Port::Stderr)?,
        })
    }
}

/// Starts the command. `announce` is called just before, since the command may
/// end the guest, with the command's terminal.
pub fn start(
    job: &Job,
    ports: &Ports,
    announce: impl FnOnce(Option<&Screen>) -> Result<()>,
) -> Result<Running> {
    let stdin = ports.stdin.try_clone()?;
    let stdout = ports.stdout.try_clone()?;
    let mut stderr = ports.stderr.try_clone()?;
    let screen = job.terminal.map(Screen::new).transpose()?;
    let mut command = match &screen {
        Some(screen) => screen.command(&job.command),
        None => {
            let [program, arguments @ ..] = job.command.as_slice() else {
                bail!("an empty command")
            };
            let mut command = Command::new(program);
            command
                .args(arguments)
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            command
        }
    };
    command
        .env_clear()
        .envs(job.env.iter().map(|(name, value)| (name, value)));
    command.current_dir(&job.directory);

    let ended = Arc::new(eventfd(0, EventfdFlags::CLOEXEC).context("cannot make an eventfd")?);
    announce(screen.as_ref())?;
    let (child, error_count) = match command.spawn() {
        Ok(child) => (Some(child), 0),
        Err(error) => {
            let text = format!(
                "scripts/vm: cannot run {}: {error}\n",
                job.command[0].to_string_lossy()
            );
            stderr.write_all(text.as_bytes())?;
            (None, text.len() as u64)
        }
    };
    let streams = Streams::of(child, screen.as_ref())?;
    // Its end is the command's, or the power's.
    thread::spawn(move || stdin_pump(stdin, streams.stdin));
    Ok(Running {
        child: streams.pid,
        stdout: output_pump(streams.stdout, stdout, &ended),
        stderr: match error_count {
            0 => output_pump(streams.stderr, stderr, &ended),
            count => thread::spawn(move || count),
        },
        ended,
    })
}

/// The near ends of what the command reads and writes.
#[derive(Default)]
struct Streams {
    pid: Option<Pid>,
    stdin: Option<File>,
    stdout: Option<File>,
    stderr: Option<File>,
}

impl Streams {
    fn of(child: Option<Child>, screen: Option<&Screen>) -> Result<Self> {
        let Some(child) = child else {
            return Ok(Self::default());
        };
        let pid = Some(Pid::from_child(&child));
        if let Some(screen) = screen {
            let (stdin, stdout) = (screen.file().try_clone()?, screen.file().try_clone()?);
            return Ok(Self {
                pid,
                stdin: Some(stdin),
                stdout: Some(stdout),
                stderr: None,
            });
        }
        Ok(Self {
            pid,
            stdin: child.stdin.map(|it| OwnedFd::from(it).into()),
            stdout: child.stdout.map(|it| OwnedFd::from(it).into()),
            stderr: child.stderr.map(|it| OwnedFd::from(it).into()),
        })
    }
}

impl Running {
    /// Waits for the command, reaping orphans meanwhile, and for its output to
    /// be on its way.
    pub fn wait(self) -> Result<FromGuest> {
        let status = match self.child {
            Some(pid) => reap(pid)?,
            None => 127,
        };
        rustix::io::write(&self.ended, &1u64.to_ne_bytes()).context("cannot signal the end")?;
        let [stdout, stderr] = [self.stdout, self.stderr].map(|it| it.join().unwrap_or(0));
        Ok(FromGuest::Ended {
            status,
            stdout,
            stderr,
        })
    }
}

/// Waits for `child`, and for every orphan that ends before it does.
fn reap(child: Pid) -> Result<u8> {
    loop {
        let Some((pid, status)) =
            wait(WaitOptions::empty()).context("cannot wait for the command")?
        else {
            continue;
        };
        if pid != child {
            continue;
        }
        let status = match (status.exit_status(), status.terminating_signal()) {
            (Some(status), _) => status,
            (None, Some(signal)) => 128 + signal,
            (None, None) => continue,
        };
        return Ok(u8::try_from(status)?);
    }
}

fn stdin_pump(mut port: File, stdin: Option<File>) {
    let Some(mut stdin) = stdin else { return };
    // Not by splice(2), which locks the pipe while it waits for a socket: a reader could not end.
    let port: &mut dyn Read = &mut port;
    // An error means that the command reads no more.
    let _ = io::copy(port, &mut stdin);
}

/// Carries the command's output to the port, until its end, or until the
/// command has ended and nothing is left: somebody in the background may hold
/// the other end for ever.
fn output_pump(from: Option<File>, to: File, ended: &Arc<OwnedFd>) -> JoinHandle<u64> {
    let ended = ended.clone();
    thread::spawn(move || match from {
        Some(from) => carry(from, to, &ended),
        None => 0,
    })
}

fn carry(mut from: File, mut to: File, ended: &impl AsFd) -> u64 {
    let mut buffer = vec![0; 64 << 10];
    let mut carried = 0;
    loop {
        let mut fds = [
            PollFd::new(&from, PollFlags::IN),
            PollFd::new(ended, PollFlags::IN),
        ];
        if poll(&mut fds, None).is_err() {
            continue;
        }
        let [readable, over] = fds.map(|it| !it.revents().is_empty());
        if !readable && over {
            return carried;
        }
        if !readable {
            continue;
        }
        // A terminal without programs reads as EIO: its end.
        let Ok(length @ 1..) = from.read(&mut buffer) else {
            return carried;
        };
        if to.write_all(&buffer[..length]).is_err() {
            return carried;
        }
        carried += length as u64;
    }
}
