// SPDX-License-Identifier: GPL-2.0-only

//! The first process of the guest: mounts what a process expects, runs the
//! [`Job`]'s command between the runner's ports, and reports how it ended.

mod command;
mod leaks;
mod modules;
mod ports;
mod start;
mod system;
mod terminal;

use anyhow::{Context, Result};
use lkmpg_guest::{FromGuest, HOST_DIR, HOST_TAG, JOB, Job, Port, TALLY, ToGuest, receive, send};
use std::{
    fs::{self, File},
    io::BufReader,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
    thread,
};

/// What the modules counted of their own code, as lines for the tally.
const COVERAGE: &str = "/sys/kernel/debug/coverage";

/// The way to the runner, for whoever has something to say.
type Control = Arc<Mutex<File>>;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if arguments.get(1).is_some_and(|it| it == terminal::SESSION) {
        let error = terminal::become_session(&arguments[2], &arguments[3..]);
        eprintln!("{}: {error}", arguments[3].to_string_lossy());
        return ExitCode::from(127);
    }
    if let Err(error) = run() {
        // Without ports the kernel's log is the only way out.
        let _ = fs::write("/dev/kmsg", format!("lkmpg: init failed: {error:#}\n"));
        system::power_off();
    }
    ExitCode::FAILURE
}

fn run() -> Result<()> {
    system::mount_early()?;
    modules::load_boot_modules()?;
    let control = ports::open(Port::Control)?;
    let reader = BufReader::new(control.try_clone()?);
    let control = Arc::new(Mutex::new(control));
    match serve(&control, reader) {
        Ok(()) => system::log(lkmpg_guest::END_OF_LOG),
        Err(error) => tell(&control, &FromGuest::Failed(format!("{error:#}"))),
    }
    // The runner ends the VM, which is faster than a shutdown.
    loop {
        thread::park();
    }
}

/// Runs the job to its end.
fn serve(control: &Control, mut reader: BufReader<File>) -> Result<()> {
    system::mount_late()?;
    if !Path::new(JOB).exists() {
        tell(control, &FromGuest::Ready);
        start::wait(&mut reader)?;
    }
    let job =
        fs::read(JOB).with_context(|| format!("cannot read {JOB}: does all fit into --memory?"))?;
    let job: Job = serde_json::from_slice(&job).with_context(|| format!("cannot parse {JOB}"))?;
    if job.share {
        system::mount_share(HOST_TAG, HOST_DIR)?;
    }
    modules::load_coverage()?;
    system::on_power_off({
        let control = control.clone();
        move || tell(&control, &FromGuest::PowerOff)
    })?;
    if job.terminal.is_some() {
        system::forgive()?;
    }
    let running = command::start(&job, || tell(control, &FromGuest::Started))?;
    let screen = running.screen()?;
    thread::spawn(move || listen(reader, screen));
    let ended = running.wait()?;
    let tally = [TALLY, COVERAGE].map(|it| fs::read_to_string(it).unwrap_or_default());
    tell(control, &FromGuest::Tally(tally.concat()));
    tell(control, &ended);
    leaks::report()
}

/// Does what the runner says. When the runner is gone, so is the guest.
fn listen(mut reader: BufReader<File>, screen: Option<terminal::Screen>) {
    while let Ok(Some(message)) = receive(&mut reader) {
        match message {
            ToGuest::Resize(size) => {
                if let Some(screen) = &screen {
                    screen.resize(size);
                }
            }
            ToGuest::Modules(paths) => modules::link(&paths),
            // It has started.
            ToGuest::Start(_) => {}
        }
    }
    system::power_off();
}

fn tell(control: &Control, message: &FromGuest) {
    // If the runner is gone, `listen` notices.
    let _ = send(
        &*control.lock().unwrap_or_else(|it| it.into_inner()),
        message,
    );
}
