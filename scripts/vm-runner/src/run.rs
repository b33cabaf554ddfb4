// SPDX-License-Identifier: GPL-2.0-only

//! One guest, from its boot to its outcome.

use crate::{
    accel::{self, Accel},
    host::Host,
    initramfs,
    kernel::{Kernel, PROGRAMS, build_dir},
    options::{Add, Options},
    outcome::Outcome,
    qemu::{Machine, Qemu},
    requests,
    session::{Event, Session},
    share::Modules,
    streams::{self, Output, Tail},
    terminal,
    words::Words,
};
use anyhow::{Context, Result, bail};
use lkmpg_guest::{HOST_DIR, Job, Port};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM, SIGWINCH},
    iterator::Signals,
};
use std::{
    env,
    ffi::OsString,
    sync::mpsc::{Sender, channel},
    thread,
};

/// Where the guest's own programs are.
const PATH: &str = "/sbin:/bin";

/// What a run leaves behind.
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// The last bytes of the command's standard output.
    pub stdout: Vec<u8>,
    /// What the modules went through: see [`lkmpg_guest::TALLY`].
    pub tally: String,
}

/// Runs the command of the options, or a shell.
pub fn run(options: &Options) -> Result<Outcome> {
    let interactive = options.command.is_empty();
    let on_terminal = interactive && terminal::is_terminal();
    let command: Vec<OsString> = if on_terminal {
        [initramfs::SHELL, "-l"].map(OsString::from).into()
    } else if interactive {
        // It prompts, although nobody types.
        ["/bin/sh", "-l", "-i", "+m"].map(OsString::from).into()
    } else {
        options.command.clone()
    };
    let kernel = Kernel::find(options)?;
    let mut env = environment(options, &[])?;
    if interactive {
        // The clients as they are on the host now come before those that were
        // there at the boot.
        let path = format!("/usr/local/bin:{HOST_DIR}/{PROGRAMS}:{PATH}");
        env.push(("PATH".into(), path.into()));
    }
    let job = Job {
        command,
        env,
        // A shell is for the modules.
        directory: if interactive { "/modules" } else { HOME }.into(),
        terminal: on_terminal.then(terminal::size),
        share: interactive && kernel.shares,
    };
    let mut words = Words::new(options, true)?;
    if interactive && !kernel.shares {
        words.say("this kernel has no 9p: what is built from now on is seen in the next VM");
    }
    Ok(run_job(options, &kernel, &job, &options.add, &mut words)?.outcome)
}

/// Runs a job.
pub fn run_job(
    options: &Options,
    kernel: &Kernel,
    job: &Job,
    adds: &[Add],
    words: &mut Words,
) -> Result<Finished> {
    kernel.takes(options.smp)?;
    let accel = accel::choose(options)?;
    words.say(&introduction(options, kernel, &accel, job));
    let modules = match job.share {
        true => Modules::now(kernel)?,
        false => Modules::default(),
    };
    let initramfs = initramfs::pack(kernel, job, adds)?;
    check_memory(options, initramfs.metadata()?.len())?;
    let machine = Machine {
        kernel,
        initramfs,
        command_line: command_line(options, job, &accel),
        share: job.share.then(build_dir).transpose()?,
        accel,
    };
    let (sender, events) = channel();
    watch_signals(&sender)?;
    let mut qemu = Qemu::start(&machine, options)?;
    let raw = job.terminal.map(|_| terminal::Raw::new()).transpose()?;
    if raw.is_some() {
        words.terminal_is_raw();
    }
    let tail = Tail::default();
    connect(&mut qemu, &sender, &tail)?;
    let (outcome, tally) =
        Session::new(options, kernel, job, &qemu, modules, words, sender).run(&events);
    drop(raw);
    drop(qemu);
    if machine.accel == Accel::Kvm {
        accel::learn(kernel, &outcome);
    }
    let stdout = std::mem::take(&mut *tail.lock().unwrap_or_else(|it| it.into_inner()));
    Ok(Finished {
        outcome,
        stdout,
        tally,
    })
}

/// What the smallest kernel takes for itself.
const KERNEL_MEMORY: u64 = 16 << 20;

/// The guest's files are there twice while the kernel unpacks them, and may fill half of the
/// memory. A kernel that does not get so far cannot say so.
fn check_memory(options: &Options, files: u64) -> Result<()> {
    let least = (2 * files + KERNEL_MEMORY).next_multiple_of(16 << 20);
    if options.memory_bytes().is_some_and(|it| it < least) {
        bail!(
            "--memory {} is too little for the {} MiB of files in the guest: take {}M or more",
            options.memory,
            files >> 20,
            least >> 20
        );
    }
    Ok(())
}

/// The home of root in the guest.
pub const HOME: &str = "/root";

/// Everything that the command finds in its environment: nothing of ours, save
/// what the user wants there.
pub fn environment(options: &Options, passed: &[&str]) -> Result<Vec<(OsString, OsString)>> {
    let mut variables: Vec<(OsString, OsString)> = [
        ("HOME", HOME),
        ("LOGNAME", "root"),
        ("PATH", &format!("/usr/local/bin:{PATH}")),
        ("SHELL", "/bin/sh"),
        ("USER", "root"),
    ]
    .map(|(name, value)| (name.into(), value.into()))
    .into();
    variables.push((
        "TERM".into(),
        env::var_os("TERM").unwrap_or_else(|| "dumb".into()),
    ));
    for (name, value) in env::vars_os() {
        if passed
            .iter()
            .any(|it| name.to_string_lossy().starts_with(it))
        {
            variables.push((name, value));
        }
    }
    for variable in &options.env {
        let (name, value) = match variable.split_once('=') {
            Some((name, value)) => (name, value.into()),
            None => (
                variable.as_str(),
                env::var_os(variable).with_context(|| format!("{variable} is not set here"))?,
            ),
        };
        variables.push((name.into(), value));
    }
    Ok(variables)
}

/// What the kernel is told.
fn command_line(options: &Options, job: &Job, accel: &Accel) -> String {
    let mut words = vec![
        "console=ttyS0",
        "earlyprintk=ttyS0",
        "panic=-1",
        "printk.devkmsg=on",
        "hostname=lkmpg",
        // There is no mouse, and looking for it takes a third of a second.
        "i8042.noaux",
        "pty.legacy_count=0",
        "no_timer_check",
        "sysctl.kernel.dmesg_restrict=0",
        "sysctl.kernel.hung_task_timeout_secs=30",
        "rcupdate.rcu_cpu_stall_timeout=60",
    ];
    if job.terminal.is_none() {
        // Nobody is there to look: what goes wrong ends the run, and is seen
        // whatever a program does to the console's log level.
        words.extend([
            "ignore_loglevel",
            "oops=panic",
            "sysctl.kernel.hung_task_panic=1",
        ]);
    }
    let mut line = words.join(" ");
    // An emulated guest has this machine's counter, unless it counts
    // instructions. To be told is faster, and more exact, than to measure it.
    let khz = if options.icount {
        Some(1_000_000)
    } else {
        Host::known().tsc_khz
    };
    if let (Accel::Tcg(_), Some(khz)) = (accel, khz) {
        line += &format!(" tsc_early_khz={khz}");
    }
    line
}

fn introduction(options: &Options, kernel: &Kernel, accel: &Accel, job: &Job) -> String {
    let accel = match accel {
        Accel::Kvm => "KVM".to_owned(),
        Accel::Tcg(why) => format!("emulated ({why})"),
    };
    let smp = options.smp;
    let cpus = if smp == 1 { "CPU" } else { "CPUs" };
    let mut text = format!(
        "{} {}, {accel}, {smp} {cpus}, {}",
        kernel.name, kernel.release, options.memory
    );
    if job.terminal.is_some() {
        text += "; Ctrl-D leaves, Ctrl-] ends it at once";
    }
    text
}

fn watch_signals(sender: &Sender<Event>) -> Result<()> {
    let mut signals =
        Signals::new([SIGHUP, SIGINT, SIGTERM, SIGWINCH]).context("cannot catch signals")?;
    let sender = sender.clone();
    thread::spawn(move || {
        signals
            .forever()
            .try_for_each(|it| sender.send(Event::Signal(it)))
    });
    Ok(())
}

/// Starts the threads that listen to the guest.
fn connect(qemu: &mut Qemu, sender: &Sender<Event>, tail: &Tail) -> Result<()> {
    streams::console(qemu.console.try_clone()?, sender.clone());
    streams::output(
        Output::Stdout,
        qemu.port(Port::Stdout)?,
        sender.clone(),
        Some(tail.clone()),
    );
    streams::output(
        Output::Stderr,
        qemu.port(Port::Stderr)?,
        sender.clone(),
        None,
    );
    streams::serial(qemu.serial.try_clone()?, qemu.port(Port::Serial)?)?;
    let (requests, monitor) = (qemu.port(Port::Request)?, qemu.monitor.try_clone()?);
    // The test that asks is told what went wrong.
    thread::spawn(move || requests::serve(requests, monitor));
    streams::control(qemu.port(Port::Control)?, sender.clone());
    if let Some(stderr) = qemu.process.stderr.take() {
        streams::complaints(stderr, sender.clone());
    }
    Ok(())
}
