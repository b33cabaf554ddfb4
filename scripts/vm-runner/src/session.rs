// SPDX-License-Identifier: GPL-2.0-only

//! The life of a guest: what happens there, and what follows from it for one command after another.

mod end;

use crate::{
    console::Console,
    cost,
    outcome::Outcome,
    qemu::{Machine, Qemu},
    run::{Bench, Finished, Task},
    share::Modules,
    streams::{self, Outlet, Output},
    terminal::{self, Raw},
    words::Words,
};
use anyhow::{Context as _, Result, anyhow};
use lkmpg_guest::{FromGuest, Port, ToGuest, send};
use rustix::{io::Errno, process::Pid};
use signal_hook::consts::{SIGPIPE, SIGWINCH};
use std::{
    rc::Rc,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    time::{Duration, Instant},
};

/// How long a command may take.
const COMMAND_LIMIT: Duration = Duration::from_secs(600);
/// How long the guest may take from the command's end to the end of its log,
/// which includes the search for leaks.
const END_LIMIT: Duration = Duration::from_secs(120);
/// How long a panic may take to print.
const PANIC_LIMIT: Duration = Duration::from_secs(10);
/// How long a QEMU that failed may take to say why.
const COMPLAINT_LIMIT: Duration = Duration::from_secs(1);
/// How often a shell's guest learns what was built.
const REFRESH: Duration = Duration::from_millis(500);
/// The streams that close when QEMU ends: the console, its complaints, and the
/// command's two outputs.
const STREAMS: u8 = 4;

/// What happens while a guest runs.
#[derive(Debug)]
pub enum Event {
    /// The kernel said something.
    Console(Vec<u8>),
    /// The init said something.
    Guest(FromGuest),
    /// QEMU complained.
    Qemu(String),
    /// So many bytes of the command's output were passed on.
    Carried(Output, u64),
    /// Our standard output cannot be written any more.
    OutputLost(Errno),
    /// One of the [`STREAMS`] has ended.
    Closed,
    /// The user left the terminal.
    Left,
    /// A signal for us.
    Signal(i32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Booting,
    /// The guest waits for a job.
    Ready,
    Running,
    /// The command returned `status`, having written so much.
    Ending {
        status: u8,
        written: [u64; 2],
    },
}

/// A guest in its course.
pub struct Session<'a> {
    bench: &'a Bench<'a>,
    task: Rc<Task>,
    qemu: Qemu,
    words: Words,
    raw: Option<Raw>,
    sender: Sender<Event>,
    events: Receiver<Event>,
    outlet: Arc<Outlet>,
    console: Console,
    phase: Phase,
    deadline: Option<Instant>,
    carried: [u64; 2],
    closed: u8,
    complaints: Vec<String>,
    modules: Modules,
    splat_is_seen: bool,
    tally: String,
    /// Whether the tests' requests are answered.
    answers: bool,
    /// What the commands so far have changed, once the guest has looked.
    left: Option<Vec<String>>,
    /// What the kernel said before the first command.
    log: Vec<u8>,
    /// Devices that are not plugged in yet, and the modules that drive them.
    missing: Vec<String>,
    drivers: Vec<String>,
}

impl<'a> Session<'a> {
    /// A guest that has just begun, for this task.
    pub fn new(bench: &'a Bench, mut qemu: Qemu, task: &Rc<Task>, words: Words) -> Result<Self> {
        let (sender, events) = channel();
        // A suite just ends, and its guests with it.
        if !bench.options.suite {
            streams::signals(&sender)?;
        }
        let outlet = Outlet::new(words.outputs.clone());
        streams::connect(&mut qemu, &sender, &outlet)?;
        Ok(Self {
            bench,
            task: task.clone(),
            qemu,
            words,
            raw: None,
            sender,
            events,
            outlet,
            console: Console::default(),
            phase: Phase::Booting,
            deadline: Some(Instant::now() + bench.options.boot_timeout),
            carried: [0; 2],
            closed: 0,
            complaints: Vec::new(),
            modules: task.modules.clone(),
            splat_is_seen: false,
            tally: String::new(),
            answers: false,
            left: None,
            log: Vec::new(),
            missing: Vec::new(),
            drivers: Vec::new(),
        })
    }

    /// Follows it until it waits for a job, or to its end.
    pub fn boot(&mut self) -> Outcome {
        self.follow()
    }

    /// Runs the command.
    pub fn run(&mut self) -> Outcome {
        match self.start() {
            Ok(()) => self.follow(),
            Err(error) => Outcome::Failed(error),
        }
    }

    fn start(&mut self) -> Result<()> {
        if self.task.devices_first {
            self.plug()?;
        }
        let port = self.qemu.port(Port::Control)?;
        streams::start(port, &self.task, self.drivers.clone())
    }

    /// Plugs in what is missing.
    fn plug(&mut self) -> Result<()> {
        self.drivers.clear();
        let missing = std::mem::take(&mut self.missing);
        for device in &missing {
            self.qemu.monitor().plug(device)?;
        }
        self.await_devices(&missing);
        Ok(())
    }

    /// Runs another command, after one that has left nothing behind.
    pub fn run_another(&mut self, task: &Rc<Task>, words: Words) -> Finished {
        self.turn(task, words);
        self.phase = Phase::Ready;
        self.deadline = Some(Instant::now() + self.bench.options.boot_timeout);
        let outcome = self.run();
        self.conclude(outcome)
    }

    /// What it has cost so far.
    pub fn cost(&self) -> Duration {
        cost::of(Pid::from_child(&self.qemu.process))
    }

    /// Has a guest that has run its last command search for what has leaked.
    pub fn search(&mut self, words: Words) -> Finished {
        self.turn(&self.task.clone(), words);
        self.console.begin();
        self.left = Some(Vec::new());
        self.phase = Phase::Ending {
            status: 0,
            written: [0; 2],
        };
        self.end_with(&ToGuest::End);
        let outcome = self.follow();
        self.conclude(outcome)
    }

    fn turn(&mut self, task: &Rc<Task>, words: Words) {
        self.outlet.turn(words.outputs.clone());
        self.task = task.clone();
        self.words = words;
        self.carried = [0; 2];
        self.tally.clear();
    }

    fn follow(&mut self) -> Outcome {
        loop {
            let step = match self.next() {
                Some(event) => self.handle(event),
                None => Ok(Some(self.out_of_time())),
            };
            match step {
                Ok(None) => {}
                Ok(Some(outcome)) => return outcome,
                Err(error) => return Outcome::Failed(error),
            }
        }
    }

    /// Whether the guest waits for a job, and nothing is wrong with it.
    pub fn is_ready(&self) -> bool {
        self.phase == Phase::Ready && self.console.splat().is_none()
    }

    /// Whether the command has been started.
    pub fn has_started(&self) -> bool {
        matches!(self.phase, Phase::Running | Phase::Ending { .. })
    }

    /// Saves the guest, and ends it. Returns all that its kernel has said.
    pub fn save(mut self) -> Result<Vec<u8>> {
        self.qemu.save()?;
        self.qemu.end();
        let mut open = usize::from(STREAMS - self.closed);
        // Its streams end with it, and with what it had started to write its state.
        while open > 0 {
            match self.events.recv_timeout(PANIC_LIMIT)? {
                Event::Console(bytes) => self.listen(&bytes),
                Event::Closed => open -= 1,
                _ => {}
            }
        }
        Ok(self.log)
    }

    /// Has a saved guest go on. `log` is what the kernel said before; `anew`: nobody has seen it.
    pub fn restore(&mut self, log: &[u8], anew: bool, machine: &Machine) -> Result<()> {
        let lines = self.console.take(log);
        if anew {
            self.words.kernel(&lines);
        }
        if let Err(error) = self.qemu.restore() {
            // It has complained if it has ended.
            self.deadline = Some(Instant::now() + COMPLAINT_LIMIT);
            return match self.follow() {
                Outcome::Failed(why) if !self.complaints.is_empty() => Err(why),
                _ => Err(error),
            };
        }
        self.missing.clone_from(&machine.plugged);
        self.drivers.clone_from(&machine.drivers);
        self.phase = Phase::Ready;
        Ok(())
    }

    /// Has the guest wait for these before its next job, or before the load of a module.
    pub fn await_devices(&mut self, devices: &[String]) {
        if !devices.is_empty() {
            let usb = devices.iter().filter(|it| it.starts_with("usb-")).count();
            self.tell(&ToGuest::Plugged { usb });
        }
    }

    /// The next event, or none by the deadline.
    fn next(&mut self) -> Option<Event> {
        loop {
            self.show_modules();
            // Who is at gdb has time.
            let deadline = self.deadline.filter(|_| !self.bench.options.gdb);
            let left = deadline.map_or(Duration::MAX, |it| {
                it.saturating_duration_since(Instant::now())
            });
            match self.events.recv_timeout(left.min(REFRESH)) {
                Ok(event) => return Some(event),
                Err(RecvTimeoutError::Timeout) if left > REFRESH => {}
                // We hold a sender ourselves, so nothing else than time can run out.
                Err(_) => return None,
            }
        }
    }

    /// Tells a guest that lives on what was built meanwhile.
    fn show_modules(&mut self) {
        if !self.task.job.share || self.phase != Phase::Running {
            return;
        }
        // In the midst of a build there may be nothing to see.
        if let Ok(now) = Modules::now(self.bench.kernel) {
            if now != self.modules {
                self.tell(&ToGuest::Modules(now.paths()));
                self.modules = now;
            }
        }
    }

    /// Takes an event; returns the outcome, if that is it.
    fn handle(&mut self, event: Event) -> Result<Option<Outcome>> {
        match event {
            Event::Console(bytes) => {
                self.listen(&bytes);
                // It waits there, with its memory.
                if self.console.halted() && self.bench.options.core.is_some() {
                    return Ok(Some(Outcome::Splatted));
                }
            }
            Event::Guest(message) => {
                if let Some(outcome) = self.hear(message)? {
                    return Ok(Some(outcome));
                }
            }
            Event::Qemu(line) => {
                self.words.say(&format!("QEMU says: {line}"));
                let broken = line.contains("KVM internal error");
                self.complaints.push(line);
                if broken {
                    return Err(anyhow!("KVM does not work here: use --accel tcg"));
                }
            }
            Event::Carried(output, length) => self.carried[output as usize] += length,
            Event::OutputLost(Errno::PIPE) => return Ok(Some(by_signal(SIGPIPE))),
            Event::OutputLost(error) => {
                return Err(error).context("cannot write what the command says");
            }
            Event::Closed => {
                self.closed += 1;
                if self.closed == STREAMS {
                    return self.gone().map(Some);
                }
            }
            Event::Left => return Ok(Some(Outcome::Ended(0))),
            Event::Signal(SIGWINCH) => {
                if self.task.job.terminal.is_some() && self.has_started() {
                    self.tell(&ToGuest::Resize(terminal::size()));
                }
            }
            Event::Signal(signal) => return Ok(Some(by_signal(signal))),
        }
        Ok(self.ended())
    }

    fn listen(&mut self, bytes: &[u8]) {
        if !self.has_started() {
            self.log.extend_from_slice(bytes);
            if !self.console.panicked() {
                // With sanitizers, on a busy machine, a boot takes minutes, but is not silent.
                self.deadline = Some(Instant::now() + self.bench.options.boot_timeout);
            }
        }
        let before = (self.console.panicked(), self.console.splat().is_some());
        let lines = self.console.take(bytes);
        self.words.kernel(&lines);
        let (panicked, splatted) = (self.console.panicked(), self.console.splat().is_some());
        if panicked && !before.0 {
            self.deadline = Some(Instant::now() + PANIC_LIMIT);
        }
        if splatted && !before.1 {
            self.splat_is_seen = self.words.kernel_is_seen();
        }
    }

    fn hear(&mut self, message: FromGuest) -> Result<Option<Outcome>> {
        match message {
            FromGuest::Ready => {
                self.phase = Phase::Ready;
                Ok(Some(Outcome::Ended(0)))
            }
            FromGuest::WantsDevices => {
                self.plug()?;
                Ok(None)
            }
            FromGuest::Started => {
                self.phase = Phase::Running;
                if self.task.job.terminal.is_some() {
                    self.raw = Some(Raw::new()?);
                    self.words.terminal_is_raw();
                    // It may have changed meanwhile.
                    self.tell(&ToGuest::Resize(terminal::size()));
                }
                self.words.command_runs();
                self.console.begin();
                let limit = if self.task.job.share {
                    None
                } else {
                    Some(COMMAND_LIMIT)
                };
                self.deadline = self
                    .bench
                    .options
                    .timeout
                    .or(limit)
                    .map(|it| Instant::now() + it);
                if !self.answers {
                    self.answers = true;
                    let monitor = self.qemu.monitor.clone();
                    streams::requests(self.qemu.port(Port::Request)?, monitor);
                }
                let port = self.qemu.port(Port::Stdin)?;
                if self.bench.options.suite || terminal::is_in_background() {
                    streams::close(&port);
                } else {
                    streams::input(port, self.task.job.terminal.is_some(), self.sender.clone());
                }
                Ok(None)
            }
            FromGuest::Ended {
                status,
                stdout,
                stderr,
            } => {
                self.phase = Phase::Ending {
                    status,
                    written: [stdout, stderr],
                };
                self.end_with(match self.bench.options.suite {
                    true => &ToGuest::Look,
                    false => &ToGuest::End,
                });
                Ok(None)
            }
            FromGuest::Tally(tally) => {
                self.tally = tally;
                Ok(None)
            }
            FromGuest::Left(left) => {
                self.left = Some(left);
                Ok(None)
            }
            FromGuest::PowerOff if self.task.job.share => Ok(Some(Outcome::Ended(0))),
            FromGuest::PowerOff => Err(anyhow!(
                "the guest was turned off before {} ended",
                self.command()
            )),
            FromGuest::Failed(error) => Err(anyhow!("the guest's init failed: {error}")),
        }
    }

    fn end_with(&mut self, message: &ToGuest) {
        self.deadline = Some(Instant::now() + END_LIMIT);
        self.tell(message);
    }

    fn tell(&self, message: &ToGuest) {
        // If the guest is gone, its streams close.
        let _ = self.qemu.port(Port::Control).map(|it| send(it, message));
    }

    /// The end is reached when the log is complete and all output is passed on.
    fn ended(&mut self) -> Option<Outcome> {
        let Phase::Ending { status, written } = self.phase else {
            return None;
        };
        let has_looked = !self.bench.options.suite || self.left.is_some();
        if !self.console.ended() || !has_looked {
            return None;
        }
        // Only our own reader can keep us waiting now.
        self.deadline = None;
        let complete = self
            .carried
            .iter()
            .zip(written)
            .all(|(carried, written)| *carried >= written);
        // Leaving a shell is no failure, whatever its last command did.
        let status = if self.task.job.terminal.is_some() {
            0
        } else {
            status
        };
        complete.then_some(Outcome::Ended(status))
    }

    fn command(&self) -> String {
        let words: Vec<_> = self
            .task
            .job
            .command
            .iter()
            .map(|it| it.to_string_lossy())
            .collect();
        format!("`{}`", words.join(" "))
    }
}

fn by_signal(signal: i32) -> Outcome {
    Outcome::Ended(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}
