// SPDX-License-Identifier: GPL-2.0-only

//! QEMU as a child that cannot outlive its parent, and leaves nothing behind:
//! all that it is given is a file descriptor.

use crate::{
    accel::Accel,
    device_tree, given,
    kernel::Kernel,
    monitor::Monitor,
    options::Options,
    processor::{Firmware, PROCESSORS, Processor},
    timer,
};
use anyhow::{Context, Result, anyhow};
use lkmpg_guest::{HOST_TAG, Port};
use rustix::{
    io::{FdFlags, fcntl_setfd},
    pipe::{PipeFlags, fcntl_setpipe_size, pipe_with},
    process::{Pid, Signal, getppid, set_parent_process_death_signal},
};
use std::{
    env,
    ffi::OsString,
    fs::File,
    io,
    os::{
        fd::{AsFd, AsRawFd, OwnedFd},
        unix::{net::UnixStream, process::CommandExt},
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

/// The first version in which a thread may translate code that another changes.
/// Before, a processor can run into the `int3` of a kprobe that has been removed.
const PATCHES_CODE: (u32, u32) = (8, 1);
/// The name of the socket by which the timers are set.
const TIMERS: &str = "timers";
/// The argument with which this program is about to become another.
const AS_CHILD: &str = "--exec-as-child-of";

/// A running QEMU. Dropping it ends it.
pub struct Qemu {
    /// The process; its standard error is a pipe.
    pub process: Child,
    /// What the kernel writes to its console.
    pub console: File,
    /// The far end of the second serial port.
    pub serial: UnixStream,
    /// QEMU's monitor.
    pub monitor: Arc<Mutex<Monitor>>,
    ports: Vec<UnixStream>,
    /// QEMU's gdb server, of a guest whose timers have to be set again.
    timers: Option<UnixStream>,
    /// QEMU's name for where the state of a guest goes to that is saved, or comes from.
    state: String,
}

/// A machine.
pub struct Machine<'a> {
    /// The kernel.
    pub kernel: &'a Kernel,
    /// Its first words.
    pub command_line: String,
    /// A folder of the host to show to the guest.
    pub share: Option<PathBuf>,
    /// What the modules drive, and what else the options ask for.
    pub devices: Vec<OsString>,
    /// What is in its slots when it boots, or comes when it is needed.
    pub plugged: Vec<String>,
    /// The modules that need these.
    pub drivers: Vec<String>,
    /// The lines that lead from its devices back into it.
    pub lines: Vec<String>,
    /// Files that add to what its firmware says.
    pub firmware: Vec<PathBuf>,
    /// What runs it.
    pub accel: Accel,
}

/// How a machine comes to life.
pub enum Start {
    /// It boots.
    Boot {
        /// Its first files.
        initramfs: File,
    },
    /// It boots, too, and will be saved.
    ToSave {
        /// Its first files.
        initramfs: File,
        /// Its memory.
        memory: File,
        /// What will be the rest of it.
        state: File,
    },
    /// It was saved, and goes on.
    Saved {
        /// Its memory, of which it changes a copy.
        memory: File,
        /// The rest of it.
        state: File,
    },
}

impl Qemu {
    /// Starts a machine.
    pub fn start(machine: &Machine, start: Start, options: &Options) -> Result<Self> {
        let mut far_ends = Vec::new();
        let mut connect = |name: &str| -> Result<UnixStream> {
            let (near, far) = UnixStream::pair().context("cannot make a socket pair")?;
            far_ends.push((name.to_owned(), OwnedFd::from(far)));
            Ok(near)
        };
        let serial = connect("serial")?;
        let monitor = connect("monitor")?;
        let ports = Port::ALL
            .iter()
            .map(|it| connect(&port_name(*it)))
            .collect::<Result<_>>()?;
        let processor = machine.kernel.processor;
        let forgets = processor.forgets_timers && matches!(start, Start::Saved { .. });
        let timers = forgets.then(|| connect(TIMERS)).transpose()?;
        for line in &machine.lines {
            let ends = UnixStream::pair().context("cannot make a socket pair")?;
            far_ends.push((format!("{line}-line"), ends.0.into()));
            far_ends.push((format!("{line}-far"), ends.1.into()));
        }

        let program = processor.program;
        let (console, console_end) = console_pipe()?;
        let given = start.give(machine, options)?;

        let mut arguments = arguments(machine, options);
        arguments.extend(given.arguments);
        let path = inherited_path(&console_end);
        arguments.extend([
            "-chardev".into(),
            format!("file,id=console,path={path}").into(),
        ]);
        for (name, fd) in &far_ends {
            arguments.extend([
                "-chardev".into(),
                format!("socket,id={name},fd={}", fd.as_raw_fd()).into(),
            ]);
        }
        if options.verbose {
            let words: Vec<_> = arguments.iter().map(|it| it.to_string_lossy()).collect();
            eprintln!("vm: {program} {}", words.join(" "));
        }
        let inherited = far_ends
            .iter()
            .map(|it| it.1.as_fd())
            .chain(given.files.iter().map(AsFd::as_fd))
            .chain([console_end.as_fd()]);
        for fd in inherited {
            fcntl_setfd(fd, FdFlags::empty()).context("cannot pass a file descriptor on")?;
        }
        let process = child(program)
            .args(arguments)
            // The terminal's Ctrl-C is not for it.
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start QEMU")?;
        Ok(Self {
            process,
            console,
            serial,
            monitor: Arc::new(Mutex::new(Monitor::new(monitor))),
            ports,
            timers,
            state: given.state,
        })
    }

    /// Stops the guest, and saves what is not its memory.
    pub fn save(&self) -> Result<()> {
        self.monitor().save(&self.state)
    }

    /// Has a guest that was saved go on.
    pub fn restore(&self) -> Result<()> {
        let mut monitor = self.monitor();
        monitor.restore(&self.state)?;
        if let Some(gdb) = &self.timers {
            monitor.serve_gdb(&format!("chardev:{TIMERS}"))?;
            timer::set_again(gdb)?;
            monitor.serve_gdb("none")?;
        }
        monitor.go_on()
    }

    /// Its monitor, when nobody else speaks to it.
    pub fn monitor(&self) -> MutexGuard<'_, Monitor> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it. Nobody else waits for it, so it cannot be another process by now.
    pub fn end(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// The host's end of a port.
    pub fn port(&self, port: Port) -> Result<UnixStream> {
        self.ports[usize::from(port.number()) - 1]
            .try_clone()
            .context("cannot clone a socket")
    }
}

/// What QEMU is given to start with.
struct Given {
    files: Vec<OwnedFd>,
    arguments: Vec<OsString>,
    /// See [`Qemu`].
    state: String,
}

impl Start {
    fn give(self, machine: &Machine, options: &Options) -> Result<Given> {
        Ok(match self {
            Self::Boot { initramfs } => {
                let (mut arguments, files) = boot(machine, options, initramfs)?;
                arguments.extend(memory(machine, options, None));
                arguments.extend(plugged(machine));
                Given {
                    files,
                    arguments,
                    state: String::new(),
                }
            }
            Self::ToSave {
                initramfs,
                memory: file,
                state,
            } => {
                let (mut arguments, mut files) = boot(machine, options, initramfs)?;
                arguments.extend(memory(machine, options, Some((&file, "on"))));
                // QEMU writes to no file by itself.
                let to = format!("exec:cat >/proc/$PPID/fd/{}", state.as_raw_fd());
                files.extend([file.into(), state.into()]);
                Given {
                    files,
                    arguments,
                    state: to,
                }
            }
            Self::Saved {
                memory: file,
                mut state,
            } => {
                let (mut near, far) = UnixStream::pair().context("cannot make a socket pair")?;
                // If QEMU does not take it, it says why.
                thread::spawn(move || io::copy(&mut state, &mut near));
                let incoming = ["-S", "-incoming", "defer"].map(OsString::from);
                Given {
                    arguments: [
                        &memory(machine, options, Some((&file, "off")))[..],
                        &incoming,
                    ]
                    .concat(),
                    state: format!("fd:{}", far.as_raw_fd()),
                    files: vec![file.into(), far.into()],
                }
            }
        })
    }
}

fn boot(
    machine: &Machine,
    options: &Options,
    initramfs: File,
) -> Result<(Vec<OsString>, Vec<OwnedFd>)> {
    let mut line = vec![
        "-kernel".into(),
        machine.kernel.image.clone().into(),
        "-initrd".into(),
        inherited_path(&initramfs).into(),
        "-append".into(),
        machine.command_line.clone().into(),
    ];
    let mut files = vec![initramfs.into()];
    if is_overlaid(machine) {
        let tree = device_tree::with_overlays(machine, options)?;
        line.extend(["-dtb".into(), inherited_path(&tree).into()]);
        files.push(tree.into());
    }
    Ok((line, files))
}

/// Whether its device tree is not as QEMU makes it.
fn is_overlaid(machine: &Machine) -> bool {
    machine.kernel.processor.firmware == Firmware::DeviceTree && !machine.firmware.is_empty()
}

fn plugged(machine: &Machine) -> Vec<OsString> {
    let devices = machine.plugged.iter();
    let arguments = devices.flat_map(|it| ["-device".into(), it.into()]);
    arguments.collect()
}

/// The machine with its memory, which may be a file.
fn memory(machine: &Machine, options: &Options, file: Option<(&File, &str)>) -> Vec<OsString> {
    let machine = machine.kernel.processor.machine;
    let mut line = vec![
        "-m".to_owned(),
        options.memory.clone(),
        "-machine".to_owned(),
    ];
    if let Some((file, shared)) = file {
        let (size, path) = (memory_size(&options.memory), inherited_path(file));
        line.extend([
            format!("{machine},memory-backend=memory"),
            "-object".to_owned(),
            format!("memory-backend-file,id=memory,size={size},mem-path={path},share={shared}"),
        ]);
    } else {
        line.push(machine.to_owned());
    }
    line.into_iter().map(OsString::from).collect()
}

/// A size as `-m` takes it, in bytes or with its unit.
fn memory_size(text: &str) -> String {
    match text.bytes().all(|it| it.is_ascii_digit()) {
        true => format!("{text}M"),
        false => text.to_owned(),
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.end();
    }
}

/// A command for a program that the kernel kills when the thread that started it
/// ends.
pub fn child(program: &str) -> Command {
    // By this name it is there even if cargo has just built another one in its place.
    let mut command = Command::new("/proc/self/exe");
    command.args([AS_CHILD, &std::process::id().to_string(), program]);
    command
}

/// Becomes the [`child`], if that is what the arguments say, and returns only if
/// that failed.
pub fn exec_as_child() -> Option<anyhow::Error> {
    let mut arguments = env::args_os().skip(1);
    arguments.next().filter(|it| it == AS_CHILD)?;
    let parent = arguments
        .next()?
        .to_str()?
        .parse()
        .ok()
        .and_then(Pid::from_raw);
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return Some(anyhow!(error).context("cannot be tied to the parent"));
    }
    if getppid() != parent {
        return Some(anyhow!("the parent has gone"));
    }
    let program = arguments.next()?;
    let error = anyhow!(Command::new(&program).args(arguments).exec());
    let processor = PROCESSORS.iter().find(|it| it.program == program);
    let remedy = processor.map(|it| format!(": install the package {}", it.package));
    let remedy = remedy.unwrap_or_default();
    Some(error.context(format!("cannot run {}{remedy}", program.to_string_lossy())))
}

fn port_name(port: Port) -> String {
    format!("port{}", port.number())
}

/// QEMU's version, major and minor.
fn version(processor: &Processor) -> Option<(u32, u32)> {
    let output = Command::new(processor.program)
        .arg("--version")
        .output()
        .ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

fn parse_version(text: &str) -> Option<(u32, u32)> {
    let (_, version) = text.split_once("version ")?;
    let mut numbers = version.split(|it: char| !it.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// What the machine is, whatever it is connected to, and however it starts.
pub fn arguments(machine: &Machine, options: &Options) -> Vec<OsString> {
    let mut line: Vec<OsString> = Vec::new();
    let mut add = |words: &[&str]| line.extend(words.iter().map(OsString::from));
    add(&[
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-no-reboot",
    ]);
    line.extend(processors(machine, options));
    let mut add = |words: &[&str]| line.extend(words.iter().map(OsString::from));
    add(&[
        "-serial",
        "chardev:console",
        "-mon",
        "chardev=monitor,mode=control",
    ]);
    // Each port that is possible costs the guest time, used or not.
    let ports = Port::ALL.len() + machine.lines.len();
    add(&[
        "-device",
        &format!("virtio-serial-pci,max_ports={}", ports + 1),
    ]);
    for port in Port::ALL {
        let (number, name) = (port.number(), port_name(port));
        add(&[
            "-device",
            &format!("virtserialport,nr={number},chardev={name},name=lkmpg.{number}"),
        ]);
    }
    for line in &machine.lines {
        let far_end = format!("virtserialport,chardev={line}-far,name={line}");
        add(&["-device", &far_end]);
    }
    // A virtio device among them has a number after that of the ports.
    add(machine.kernel.processor.devices);
    if let Some(folder) = &machine.share {
        line.extend(given::folder(HOST_TAG, folder, false));
    }
    line.extend(machine.devices.iter().cloned());
    if machine.kernel.processor.firmware == Firmware::Acpi {
        for file in &machine.firmware {
            // In a list of options QEMU takes two commas for one.
            let file = file.to_string_lossy().replace(',', ",,");
            line.extend(["-acpitable".into(), format!("file={file}").into()]);
        }
    }
    line
}

/// Its processors, and what runs them.
pub fn processors(machine: &Machine, options: &Options) -> Vec<OsString> {
    let smp = options.smp.to_string();
    let mut line = vec!["-smp", &smp];
    let processor = machine.kernel.processor;
    match machine.accel {
        Accel::Kvm => line.extend(["-accel", "kvm", "-cpu", "host"]),
        // The processors then take turns.
        Accel::Tcg(_) if options.icount => {
            line.extend(["-accel", "tcg,thread=single", "-cpu", processor.cpu]);
            line.extend(["-icount", "shift=0"]);
        }
        Accel::Tcg(_) => {
            // One is emulated by one thread in any case.
            let single = options.smp > 1 && version(processor).is_some_and(|it| it < PATCHES_CODE);
            // Several are emulated at once, unless this machine's memory has a weaker order.
            let accel = match single {
                true => "tcg,thread=single",
                false => "tcg",
            };
            line.extend(["-accel", accel, "-cpu", processor.cpu]);
        }
    }
    line.into_iter().map(OsString::from).collect()
}

fn inherited_path(fd: &impl AsRawFd) -> String {
    format!("/proc/self/fd/{}", fd.as_raw_fd())
}

/// A pipe for what the kernel says, a large one: its console does not wait for
/// a slow reader, but drops what the reader does not take.
fn console_pipe() -> Result<(File, File)> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).context("cannot make a pipe")?;
    // With very many of them a user gets small ones only, which mostly do.
    let _ = fcntl_setpipe_size(&writer, 1 << 20);
    Ok((reader.into(), writer.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_without_a_unit_is_in_mebibytes() {
        for (text, size) in [("512", "512M"), ("1G", "1G"), ("x", "x")] {
            assert_eq!(memory_size(text), size);
        }
    }

    #[test]
    fn versions_are_compared_by_number() {
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright";
        assert_eq!(parse_version(debian), Some((7, 2)));
        let newer = parse_version("QEMU emulator version 10.0.8").expect("a version");
        assert!((7, 2) < PATCHES_CODE && newer > PATCHES_CODE);
        assert_eq!(parse_version("qemu"), None);
    }
}
