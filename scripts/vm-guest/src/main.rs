// SPDX-License-Identifier: GPL-2.0-only

//! The first process of the guest: mounts what a process expects, runs the command
//! of one [`Job`] after another between the runner's ports, and reports how each ended.

mod footprint;
mod given;
mod leaks;
mod loader;
mod modules;
mod ports;
mod slots;
mod start;
mod system;

use anyhow::{Context, Result};
use footprint::Footprint;
use lkmpg_guest::{
    FromGuest, HOST_DIR, HOST_TAG, Job, Port, TALLY, ToGuest,
    command::{self, Ports},
    receive, send,
    terminal::{self, Screen},
};
use std::{
    fs::{self, File},
    io::BufReader,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Sender, channel},
    },
    thread,
};

/// What the modules counted of their own code, as lines for the tally.
const COVERAGE: &str = "/sys/kernel/debug/coverage";

/// The way to the runner, for all who have something to say.
type Control = Arc<Mutex<File>>;
/// The terminal of the command that runs, if it has one.
type Screens = Arc<Mutex<Option<Screen>>>;

/// What the runner wants done.
enum Order {
    Run { job: Job, files: Vec<PathBuf> },
    Look,
    End,
}

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().collect();
    if let Some(error) = loader::become_kmod(&arguments) {
        eprintln!("{}: {error:#}", arguments[0].to_string_lossy());
        return ExitCode::FAILURE;
    }
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
    if let Err(error) = serve(&control, reader) {
        tell(&control, &FromGuest::Failed(format!("{error:#}")));
    }
    // The runner ends the VM, which is faster than a shutdown.
    loop {
        thread::park();
    }
}

/// Does what the runner wants, one thing after another.
fn serve(control: &Control, reader: BufReader<File>) -> Result<()> {
    system::mount_late()?;
    system::on_power_off({
        let control = control.clone();
        move || tell(&control, &FromGuest::PowerOff)
    })?;
    let ports = Ports::open(ports::open)?;
    ports::link()?;
    let (arrived, arrivals) = channel();
    slots::serve(control.clone(), arrivals)?;
    let before = Footprint::now();
    let screens = Screens::default();
    let (sender, orders) = channel();
    tell(control, &FromGuest::Ready);
    thread::spawn({
        let screens = screens.clone();
        move || listen(reader, &screens, &sender, &arrived)
    });
    for order in orders {
        match order? {
            Order::Run { job, files } => {
                run_job(control, &job, &ports, &screens)?;
                start::remove(&files);
                // With the host's root it is the host's, however much that is, and no job follows.
                if !job.given.root {
                    start::empty("/tmp");
                }
            }
            Order::Look => {
                tell(control, &FromGuest::Left(before.changes()));
                system::log(lkmpg_guest::END_OF_LOG);
            }
            Order::End => {
                leaks::report()?;
                system::log(lkmpg_guest::END_OF_LOG);
            }
        }
    }
    Ok(())
}

/// Runs a command to its end.
fn run_job(control: &Control, job: &Job, ports: &Ports, screens: &Screens) -> Result<()> {
    if job.share {
        given::mount_9p(HOST_TAG, Path::new(HOST_DIR), false, "none")
            .with_context(|| format!("cannot mount the host's build folder on {HOST_DIR}"))?;
    }
    modules::load_coverage()?;
    if job.terminal.is_some() {
        system::forgive()?;
    }
    let running = command::start(job, ports, |screen| {
        *lock(screens) = screen.map(Screen::try_clone).transpose()?;
        tell(control, &FromGuest::Started);
        Ok(())
    })?;
    let ended = running.wait()?;
    if job.given.disks {
        given::sync_disks()?;
    }
    let tally = [TALLY, COVERAGE].map(|it| fs::read_to_string(it).unwrap_or_default());
    // The next job has its own; often there was none.
    let _ = fs::remove_file(TALLY);
    tell(control, &FromGuest::Tally(tally.concat()));
    tell(control, &ended);
    Ok(())
}

/// Takes what the runner says. When the runner is gone, so is the guest.
fn listen(
    mut reader: BufReader<File>,
    screens: &Screens,
    orders: &Sender<Result<Order>>,
    arrived: &Sender<()>,
) {
    while let Ok(Some(message)) = receive(&mut reader) {
        let order = match message {
            ToGuest::Resize(size) => {
                if let Some(screen) = &*lock(screens) {
                    screen.resize(size);
                }
                continue;
            }
            ToGuest::Plugged { usb } => match slots::wait(usb) {
                Ok(()) => {
                    // If nobody asked for them, nobody waits.
                    let _ = arrived.send(());
                    continue;
                }
                Err(error) => Err(error),
            },
            ToGuest::Modules(paths) => {
                modules::link(&paths);
                continue;
            }
            ToGuest::Start(start) => start::start(&start, &mut reader).map(|files| Order::Run {
                job: start.job,
                files,
            }),
            ToGuest::Look => Ok(Order::Look),
            ToGuest::End => Ok(Order::End),
        };
        // If nobody takes it, the runner has been told why.
        let _ = orders.send(order);
    }
    system::power_off();
}

fn tell(control: &Control, message: &FromGuest) {
    // If the runner is gone, `listen` notices.
    let _ = send(&*lock(control), message);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
