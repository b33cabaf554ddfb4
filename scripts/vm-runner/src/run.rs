// SPDX-License-Identifier: GPL-2.0-only

//! One guest, from its boot to its outcome.

use crate::{
    accel::{self, Accel},
    devices::Devices,
    dump,
    gdb::Gdb,
    given,
    host::Host,
    initramfs,
    kernel::{Kernel, build_dir},
    options::{Add, Options},
    outcome::Outcome,
    qemu::{Machine, Qemu, Start},
    session::Session,
    share::Modules,
    snapshot::{Place, Snapshot},
    terminal,
    words::{Outputs, Words},
};
use anyhow::{Context, Result, bail};
use lkmpg_guest::{HOST_DIR, Job};
use std::{env, ffi::OsString, fs::File, os::fd::AsRawFd, rc::Rc};

/// Where the guest's own programs are, or the host's.
fn path(options: &Options) -> &'static str {
    match options.root {
        true => "/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin",
        false => "/sbin:/bin",
    }
}

/// What came of a command.
pub struct Finished {
    /// How it ended.
    pub outcome: Outcome,
    /// The last bytes of the command's standard output.
    pub stdout: Vec<u8>,
    /// What the modules went through: see [`lkmpg_guest::TALLY`].
    pub tally: String,
    /// In a suite: what is not as it was before.
    pub left: Vec<String>,
}

/// Runs the command of the options, or a shell.
pub fn run(options: &Options) -> Result<Outcome> {
    let interactive = options.command.is_empty();
    let on_terminal = interactive && terminal::is_terminal();
    let command: Vec<OsString> = if on_terminal && options.root {
        // What is set for those who log in is the host's.
        [initramfs::SHELL].map(OsString::from).into()
    } else if on_terminal {
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
        let path = format!(
            "/usr/local/bin:{HOST_DIR}/{}:{}",
            kernel.programs(),
            path(options)
        );
        env.push(("PATH".into(), path.into()));
    }
    let job = Job {
        command,
        env,
        directory: match interactive {
            // There, too, one is where one was.
            _ if options.root => env::current_dir().context("cannot find the current folder")?,
            // A shell is for the modules.
            true => "/modules".into(),
            false => HOME.into(),
        },
        terminal: on_terminal.then(terminal::size),
        share: interactive && kernel.shares,
        given: given::given(options),
    };
    let words = Words::new(options, Outputs::ours()?, true)?;
    if interactive && !kernel.shares {
        words.say("this kernel has no 9p: what is built from now on is seen in the next VM");
    }
    let bench = Bench::new(options, &kernel)?;
    let task = Task {
        devices_first: interactive || options.plug,
        ..Task::new(&kernel, job, &options.add)?
    };
    Ok(bench.run(task, &words)?.outcome)
}

/// A command, and what comes into the guest with it.
pub struct Task {
    /// The command.
    pub job: Job,
    /// The modules that there are at first.
    pub modules: Modules,
    /// Whether its devices are there before it begins, and not when the first module is loaded that drives one.
    pub devices_first: bool,
    files: File,
}

impl Task {
    /// Packs the files.
    pub fn new(kernel: &Kernel, job: Job, adds: &[Add]) -> Result<Self> {
        let modules = match job.share {
            true => Modules::now(kernel)?,
            false => Modules::default(),
        };
        let files = initramfs::files(kernel, &job, adds)?;
        Ok(Self {
            job,
            modules,
            devices_first: false,
            files,
        })
    }

    /// The files, from their start.
    pub fn files(&self) -> Result<File> {
        let path = format!("/proc/self/fd/{}", self.files.as_raw_fd());
        File::open(path).context("cannot read the guest's files")
    }

    fn size(&self) -> Result<u64> {
        Ok(self.files.metadata()?.len())
    }
}

/// A guest, and what came of its first command.
pub type Started<'a> = (Session<'a>, Finished);

/// What makes guests.
pub struct Bench<'a> {
    /// What the user wants.
    pub options: &'a Options,
    /// What they boot.
    pub kernel: &'a Kernel,
    machine: Machine<'a>,
    /// The drivers that not all guests have.
    drivers: Vec<&'static str>,
    gdb: Option<Gdb>,
}

impl<'a> Bench<'a> {
    /// Finds out what can be had.
    pub fn new(options: &'a Options, kernel: &'a Kernel) -> Result<Self> {
        kernel.takes(options.smp)?;
        let drivers = given::drivers(options, kernel)?;
        let Devices {
            arguments,
            plugged,
            drivers: drive,
            lines,
            firmware,
        } = Devices::of(kernel)?;
        let mut devices: Vec<_> = arguments.into_iter().map(OsString::from).collect();
        devices.extend(given::devices(options)?);
        if let Some(file) = &options.core {
            dump::check(file)?;
        }
        let gdb = options.gdb.then(|| Gdb::new(kernel)).transpose()?;
        devices.extend(gdb.iter().flat_map(Gdb::arguments));
        let accel = accel::choose(options, kernel)?;
        Ok(Self {
            options,
            kernel,
            machine: Machine {
                kernel,
                command_line: command_line(options, kernel, &accel),
                share: kernel.shares.then(build_dir).transpose()?,
                devices,
                plugged,
                drivers: drive,
                lines,
                firmware,
                accel,
            },
            drivers,
            gdb,
        })
    }

    /// Runs a task in a guest that ends with it.
    pub fn run(&self, task: Task, words: &Words) -> Result<Finished> {
        let (_, finished) = self.start(&Rc::new(task), words)?;
        if self.machine.accel == Accel::Kvm {
            accel::learn(self.kernel, &finished.outcome);
        }
        Ok(finished)
    }

    /// Starts a guest in the way that works, and runs its first task.
    pub fn start(&self, task: &Rc<Task>, words: &Words) -> Result<Started<'_>> {
        words.say(&introduction(self, &task.job));
        check_memory(self.options, task.size()?)?;
        // What it would have to notice.
        let notices = self.machine.plugged.is_empty() || self.kernel.has("HOTPLUG_PCI");
        if !self.options.boots() && notices {
            match self.restore_snapshot(task, words) {
                Ok(started) => return Ok(started),
                Err(error) => words.say(&format!(
                    "no guest can be started from memory, so this one boots: {error:#}"
                )),
            }
        }
        let initramfs = self.base(task)?;
        let mut session = self.session(Start::Boot { initramfs }, task, words)?;
        if let Some(gdb) = &self.gdb {
            gdb.introduce(words);
        }
        let outcome = match session.boot() {
            Outcome::Ended(_) if session.is_ready() => {
                session.await_devices(&self.machine.plugged);
                session.run()
            }
            outcome => outcome,
        };
        let finished = session.conclude(outcome);
        Ok((session, finished))
    }

    /// Starts from a saved guest, and makes it if it is not there. It is an error if that does
    /// not work, whatever the command would do.
    fn restore_snapshot(&self, task: &Rc<Task>, words: &Words) -> Result<Started<'_>> {
        let place = Place::of(&self.machine, self.options)?;
        let started = self.start_from(&place, task, words);
        started.inspect_err(|_| drop(place.clear()))
    }

    fn start_from(&self, place: &Place, task: &Rc<Task>, words: &Words) -> Result<Started<'_>> {
        let found = place.open().unwrap_or_else(|error| {
            words.say(&format!("the saved guest is of no use, since {error:#}"));
            None
        });
        let (snapshot, anew) = match found {
            Some(snapshot) => (snapshot, true),
            None => {
                let _lock = place.lock()?;
                // While we waited, somebody may have made it.
                match place.open() {
                    Ok(Some(snapshot)) => (snapshot, true),
                    _ => match self.save(place, task, words)? {
                        Ok(snapshot) => (snapshot, false),
                        Err(ended) => return Ok(*ended),
                    },
                }
            }
        };
        let Snapshot { memory, state, log } = snapshot;
        let mut session = self.session(Start::Saved { memory, state }, task, words)?;
        session.restore(&log, anew, &self.machine)?;
        match session.run() {
            Outcome::Failed(error) if !session.has_started() => Err(error),
            outcome => {
                let finished = session.conclude(outcome);
                Ok((session, finished))
            }
        }
    }

    /// Boots a guest, and saves it. If the kernel does not get there, that is how the run ends.
    fn save(
        &self,
        place: &Place,
        task: &Rc<Task>,
        words: &Words,
    ) -> Result<Result<Snapshot, Box<Started<'_>>>> {
        words.say("booting a guest, for this run and others to start from");
        let initramfs = self.base(task)?;
        let (memory, state) = place.begin()?;
        let start = Start::ToSave {
            initramfs,
            memory,
            state,
        };
        let mut session = self.session(start, task, words)?;
        let outcome = session.boot();
        if !session.is_ready() {
            return match outcome {
                Outcome::Failed(error) => Err(error),
                outcome => {
                    let finished = session.conclude(outcome);
                    Ok(Err(Box::new((session, finished))))
                }
            };
        }
        place.keep(&session.save()?)?;
        let snapshot = place
            .open()?
            .context("the guest that was just saved is gone")?;
        Ok(Ok(snapshot))
    }

    /// The files of a guest that boots.
    fn base(&self, task: &Task) -> Result<File> {
        let base = initramfs::base(self.kernel, &self.drivers)?;
        check_memory(self.options, base.metadata()?.len() + task.size()?)?;
        Ok(base)
    }

    fn session(&self, start: Start, task: &Rc<Task>, words: &Words) -> Result<Session<'_>> {
        let qemu = Qemu::start(&self.machine, start, self.options)?;
        Session::new(self, qemu, task, words.clone())
    }
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
        ("PATH", &format!("/usr/local/bin:{}", path(options))),
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
fn command_line(options: &Options, kernel: &Kernel, accel: &Accel) -> String {
    let words = [
        // One whose memory is wanted waits.
        if options.core.is_some() {
            "panic=0"
        } else {
            "panic=-1"
        },
        "printk.devkmsg=on",
        "hostname=lkmpg",
        "pty.legacy_count=0",
        "sysctl.kernel.dmesg_restrict=0",
        "sysctl.kernel.hung_task_timeout_secs=30",
        "rcupdate.rcu_cpu_stall_timeout=60",
        // What goes wrong ends the run, and is seen whatever a program does to the
        // console's log level. For a user at a terminal the guest's init undoes it.
        "ignore_loglevel",
        "oops=panic",
        "sysctl.kernel.hung_task_panic=1",
    ];
    let mut line = [kernel.processor.words, &words].concat().join(" ");
    // An emulated PC has this machine's counter, unless it counts
    // instructions. To be told is faster, and more exact, than to measure it.
    let khz = if options.icount {
        Some(1_000_000)
    } else {
        Host::known().tsc_khz
    };
    if let (Accel::Tcg(_), Some(khz), "x86-64") = (accel, khz, kernel.processor.name) {
        line += &format!(" tsc_early_khz={khz}");
    }
    if options.gdb {
        // gdb looks for the kernel where it was linked.
        line += " nokaslr";
    }
    // SLUB keeps the addresses of what it handed out last in arrays of each CPU, and kmemleak takes
    // them for pointers: up to some 26 lost objects of a size would not be found. With one of its
    // checks it keeps none.
    if kernel.finds_leaks {
        line += " slab_debug=F,kmalloc-*";
    }
    // The last word wins.
    for words in &options.append {
        line += &format!(" {words}");
    }
    line
}

fn introduction(bench: &Bench, job: &Job) -> String {
    let Bench {
        options,
        kernel,
        machine,
        ..
    } = bench;
    let accel = match &machine.accel {
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
