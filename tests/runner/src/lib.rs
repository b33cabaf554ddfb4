// SPDX-License-Identifier: GPL-2.0-only

//! Starts `scripts/vm`, for the tests of it.

use std::{
    env,
    ffi::OsStr,
    fs,
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};
use tempfile::TempDir;

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The kernel that the tests are for.
pub fn kernel() -> String {
    env::var("KERNEL").unwrap_or_else(|_| "dev".into())
}

/// A kernel for tests to which it does not matter: the one that boots fastest.
pub fn any_kernel() -> String {
    let dev = root().join("build/dev/kernel/image");
    if dev.exists() { "dev".into() } else { kernel() }
}

/// Whether the kernel that the tests are for was configured with `symbol`.
pub fn kernel_has(symbol: &str) -> bool {
    let config = root().join("build").join(kernel()).join("kernel/config");
    let config = fs::read_to_string(&config).expect("its configuration");
    let values = ["y", "m"].map(|it| format!("CONFIG_{symbol}={it}"));
    config
        .lines()
        .any(|it| values.iter().any(|value| value == it))
}

/// `scripts/vm` with nothing of the caller's settings.
pub fn vm<S: AsRef<OsStr>>(kernel: &str, arguments: &[S]) -> Command {
    let mut command = Command::new(root().join("scripts/vm"));
    for (name, _) in env::vars_os() {
        if name.to_string_lossy().starts_with("LKMPG_") {
            command.env_remove(name);
        }
    }
    command.env("KERNEL", kernel).args(arguments);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What came of a run.
#[derive(Debug)]
pub struct Ran {
    /// Its exit status; none if a signal ended it.
    pub status: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to standard error.
    pub stderr: String,
}

impl Ran {
    /// Fails unless the run ended with `status`, and shows what it wrote.
    #[track_caller]
    pub fn expect(self, status: i32) -> Self {
        assert_eq!(
            self.status,
            Some(status),
            "stdout: {}\nstderr: {}",
            String::from_utf8_lossy(&self.stdout),
            self.stderr
        );
        self
    }

    /// Fails unless standard error mentions `text`.
    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(
            self.stderr.contains(text),
            "no {text:?} in: {}",
            self.stderr
        );
        self
    }

    /// Fails if standard error mentions `text`.
    #[track_caller]
    pub fn does_not_say(self, text: &str) -> Self {
        assert!(!self.stderr.contains(text), "{text:?} in: {}", self.stderr);
        self
    }

    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code(),
            stdout: output.stdout,
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs `scripts/vm` with any kernel.
pub fn run(arguments: &[&str]) -> Ran {
    vm(&any_kernel(), arguments)
        .output()
        .expect("scripts/vm starts")
        .into()
}

/// Runs `scripts/vm` with something on its standard input.
pub fn run_with_input(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .spawn()
        .expect("scripts/vm starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::thread::scope(|scope| {
        // It need not read all of it.
        scope.spawn(move || drop(stdin.write_all(input)));
        child.wait_with_output().expect("scripts/vm ends").into()
    })
}

/// A user with nothing in the cache, for whom `lkmpg-fake-qemu` is QEMU: what a test needs that is
/// not about what a kernel does.
#[derive(Debug)]
pub struct Fake {
    folder: TempDir,
}

impl Fake {
    /// One with a kernel that nobody has built.
    pub fn new() -> Self {
        let new = Self {
            folder: tempfile::tempdir().expect("a folder"),
        };
        for folder in ["bin", "cache", "kernel"] {
            fs::create_dir(new.path(folder)).expect("a folder");
        }
        for (file, text) in [("image", ""), ("release", "1.2.3\n")] {
            fs::write(new.path("kernel").join(file), text).expect("a kernel");
        }
        symlink(Self::qemu(), new.program()).expect("a link");
        new
    }

    /// What is QEMU for this user.
    pub fn program(&self) -> PathBuf {
        self.path(&format!("bin/qemu-system-{}", env::consts::ARCH))
    }

    /// The program, which Cargo puts beside the folder of the tests.
    pub fn qemu() -> PathBuf {
        let test = env::current_exe().expect("a program");
        let folder = test.parent().and_then(Path::parent);
        folder.expect("two folders").join("lkmpg-fake-qemu")
    }

    /// A path of this user's: `bin`, `cache`, `kernel`, and below.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `scripts/vm`, for this user.
    pub fn vm(&self, arguments: &[&str]) -> Command {
        let path = env::var("PATH").expect("a PATH");
        let mut command = vm(self.path("kernel").to_str().expect("UTF-8"), arguments);
        command
            .env("PATH", format!("{}:{path}", self.path("bin").display()))
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("LKMPG_ACCEL", "tcg");
        command
    }

    /// Starts it.
    pub fn starts(&self, arguments: &[&str]) -> Child {
        self.vm(arguments).spawn().expect("scripts/vm starts")
    }

    /// Runs it.
    pub fn runs(&self, arguments: &[&str]) -> Ran {
        ended(self.starts(arguments))
    }
}

impl Default for Fake {
    fn default() -> Self {
        Self::new()
    }
}

/// What came of a run that has begun.
pub fn ended(child: Child) -> Ran {
    child.wait_with_output().expect("it ends").into()
}

const INCLUDES: &str = "#include <stdio.h>\n#include <stdlib.h>\n";

/// A script that gives the guest a kmemleak that finds something, once it has looked through the memory twice.
pub const KMEMLEAK: &str = "mount -t tmpfs none /sys/kernel/debug; cd /sys/kernel/debug; mkfifo kmemleak; \
    { cat kmemleak; cat kmemleak; \
    echo 'unreferenced object 0xffff888003a1b2c0 (size 64):' >kmemleak; } >/dev/null 2>&1 &";

/// A program in C that does `main`, and belongs into the guest.
pub fn guest_program(main: &str) -> (TempDir, PathBuf) {
    program(main, &[root().join("tests/support/guest_only.c")])
}

/// A program in C that does `main`, on this machine.
pub fn host_program(main: &str) -> (TempDir, PathBuf) {
    program(main, &[])
}

fn program(main: &str, more: &[PathBuf]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let [source, program] = ["main.c", "program"].map(|it| folder.path().join(it));
    fs::write(&source, format!("{INCLUDES}int main(void) {{ {main} }}")).expect("a source");
    let status = Command::new("cc")
        .args(["-static", "-DHAS_LIBTEST=1", "-o"])
        .args([&program, &source])
        .args(more)
        .status();
    assert!(status.expect("cc").success());
    (folder, program)
}

/// A build of its own, which nobody else looks into while its modules come and go.
#[derive(Debug)]
pub struct Build {
    folder: TempDir,
    kernel: PathBuf,
}

impl Build {
    /// One for a kernel, without any module.
    pub fn new(kernel: &str) -> Self {
        let build = root().join("build");
        let folder = tempfile::Builder::new().prefix("test-").tempdir_in(&build);
        let folder = folder.expect("a folder");
        let kernel = build.join(kernel);
        symlink(kernel.join("kernel"), folder.path().join("kernel")).expect("a kernel");
        let new = Self { folder, kernel };
        new.lists("");
        new
    }

    /// What `--kernel` takes.
    pub fn name(&self) -> &str {
        let name = self.folder.path().file_name().and_then(OsStr::to_str);
        name.expect("UTF-8")
    }

    /// Has these modules, by their object files.
    pub fn lists(&self, modules: &str) {
        fs::write(self.folder.path().join("modules.order"), modules).expect("a list");
    }

    /// Has a module that is the build's `like`.
    pub fn makes(&self, name: &str, like: &str) {
        fs::copy(self.kernel.join(like), self.folder.path().join(name)).expect("a module");
    }
}

/// The process of QEMU that `runner` has started, once it has.
pub fn qemu_of(runner: &Child) -> u32 {
    let mut found = None;
    lkmpg_tests::wait_until("QEMU to start", || {
        found = children(runner.id())
            .into_iter()
            .find(|it| name(*it).starts_with("qemu"));
        found.is_some()
    });
    found.expect("it was found")
}

/// Whether a process is there, and is not just waiting to be forgotten.
pub fn is_running(process: u32) -> bool {
    stat(process).is_some_and(|it| !it.starts_with(['Z', 'X']))
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let processes = processes.filter_map(|it| it.file_name().to_str()?.parse().ok());
    let is_child = |it: &u32| {
        let stat = stat(*it).unwrap_or_default();
        stat.split(' ').nth(1) == Some(parent.to_string().as_str())
    };
    processes.filter(is_child).collect()
}

/// The line of `/proc/PID/stat` behind the name: the state, the parent…
fn stat(process: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    Some(stat.rsplit_once(") ")?.1.to_owned())
}

fn name(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default()
}
