// SPDX-License-Identifier: GPL-2.0-only

//! Machines for the tests of the scripts: a folder with a checkout, a home and the only programs
//! that there are. Most of these are stubs, so that nothing is built, fetched or installed.

use std::{
    env, fs,
    io::Write,
    os::unix::{
        fs::{PermissionsExt, chown, symlink},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
};
use tempfile::TempDir;

/// What the scripts expect of every machine, and the stubs do not replace.
const REAL: &str = "awk basename bash cat chmod cksum cmp comm cp cut date df diff dirname du env false find flock grep head id \
    install ldd ln ls make mkdir mktemp mv nproc od paste patch printf readlink rm rmdir sed sh sha256sum sleep sort stat sync tac \
    tail tar tee test timeout touch tr true uname uniq wc xargs";
/// What scripts/setup installs, where it is missing.
const INSTALLED: &str = "gcc flex bison bc xz kmod busybox genl shellcheck python3 \
    rust-analyzer gpioget fio iperf3 lspci lsusb evtest";
/// What rustc calls this machine.
pub fn target() -> String {
    let machine = match env::consts::ARCH {
        "riscv64" => "riscv64gc",
        machine => machine,
    };
    format!("{machine}-unknown-linux-gnu")
}

/// QEMU for this machine's processor, and Debian's package of it.
pub fn qemu() -> (String, &'static str) {
    let package = match env::consts::ARCH {
        "x86_64" => "qemu-system-x86",
        "aarch64" => "qemu-system-arm",
        _ => "qemu-system-misc",
    };
    (format!("qemu-system-{}", env::consts::ARCH), package)
}

/// What the stub of rustc says that it is.
pub const RUSTC: &str = "rustc 1.96.0 (ac68faa20 2026-05-25)";

/// A machine of stubs.
pub struct Machine {
    folder: TempDir,
    env: Vec<(String, String)>,
}

/// How a command on a machine ended.
#[derive(Debug)]
pub struct Ended {
    /// Whether it succeeded.
    pub ok: bool,
    /// What it wrote to its standard output.
    pub out: String,
    /// What it wrote to its standard error.
    pub err: String,
}

impl Ended {
    /// Asserts that it succeeded.
    #[track_caller]
    pub fn passes(self) -> Self {
        assert!(self.ok, "{self:#?}");
        self
    }

    /// Asserts that it failed, and that it said all of `words`.
    #[track_caller]
    pub fn fails(self, words: &[&str]) -> Self {
        assert!(!self.ok, "it did not fail: {self:#?}");
        self.says(words)
    }

    /// Asserts that it said all of `words`.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        for it in words {
            assert!(
                self.out.contains(it) || self.err.contains(it),
                "it does not say {it:?}: {self:#?}"
            );
        }
        self
    }
}

impl Machine {
    /// A machine with the tools that are needed, and with a checkout.
    pub fn new() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("machine")
            .tempdir()
            .expect("a folder");
        let machine = Self {
            folder,
            env: Vec::new(),
        };
        fs::set_permissions(machine.folder.path(), fs::Permissions::from_mode(0o755))
            .expect("a folder for all");
        for it in ["bin", "home", "checkout"] {
            fs::create_dir(machine.path(it)).expect("a folder");
        }
        for it in REAL.split_whitespace() {
            machine.real(it);
        }
        for it in INSTALLED.split_whitespace().chain([qemu().0.as_str()]) {
            machine.program(it, "");
        }
        // A script has no libraries, and what the others are links to has.
        machine.program("busybox", ":");
        machine.compilers();
        machine.check_out();
        machine
    }

    /// Has it run that kernel, by what `uname -r` says.
    pub fn runs_linux(&self, release: &str) {
        let machine = env::consts::ARCH;
        let script = format!("case $1 in -m) echo {machine} ;; *) echo {release} ;; esac");
        self.program("uname", &script);
    }

    fn compilers(&self) {
        let sysroot = self.path("rust");
        let rustc = format!(
            "case $1 in --print) echo {} ;; *) echo '{RUSTC}' ;; esac",
            sysroot.display()
        );
        self.program("rustc", &rustc);
        self.script("rust/bin/rustc", &rustc);
        for it in ["rustdoc", "rustfmt", "clippy-driver"] {
            self.script(&format!("rust/bin/{it}"), "");
        }
        self.write("rust/lib/rustlib/src/rust/library/core/src/lib.rs", "");
        self.program("cargo", "echo cargo 1.96.0");
        self.program(
            "bindgen",
            "case $1 in --version) echo bindgen 0.72.1 ;; *) echo version 30.0.1 >&2 ;; esac",
        );
        for it in "clang ld.lld llvm-ar llvm-nm llvm-objcopy llvm-strip".split_whitespace() {
            self.program(&format!("{it}-30"), "echo clang version 30.0.1");
        }
    }

    /// What is not built: Kbuild's files and the scripts.
    fn check_out(&self) {
        let copy = "cp --parents Makefile Kbuild dkms.conf patches/* scripts/configs/* $(find scripts -maxdepth 1 -type f) $(find scripts/skeleton -type f) \
            $(find samples -name Kbuild) \"$1\"";
        let status = Command::new("sh")
            .args(["-c", copy, "sh"])
            .arg(self.checkout())
            .current_dir(root())
            .status();
        assert!(status.expect("sh runs").success(), "no checkout");
    }

    /// A path on this machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The checkout.
    pub fn checkout(&self) -> PathBuf {
        self.path("checkout")
    }

    /// The cache, unless the environment says otherwise.
    pub fn cache(&self) -> PathBuf {
        self.path("home/.cache/lkmpg-rs")
    }

    /// Writes a file, and the folders that it is in.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, text).expect("a file");
        path
    }

    /// What is in a file; nothing, if there is none.
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Writes a script.
    pub fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        // What it stands for may be a link.
        let _ = fs::remove_file(&path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        if text.is_empty() {
            symlink("/bin/true", &path).expect("a link");
        } else {
            executable(&path, text);
        }
        path
    }

    /// Puts a program on the PATH that does what a script says.
    pub fn program(&self, name: &str, text: &str) -> PathBuf {
        self.script(&format!("bin/{name}"), text)
    }

    /// Puts this machine's own program on the PATH.
    pub fn real(&self, name: &str) {
        let real = env::split_paths("/usr/bin:/bin:/usr/local/bin")
            .map(|folder| folder.join(name))
            .find(|path| path.exists())
            .unwrap_or_else(|| panic!("there is no {name} here"));
        symlink(real, self.path("bin").join(name)).expect("a link");
    }

    /// Takes a program away.
    pub fn without(&self, name: &str) {
        fs::remove_file(self.path("bin").join(name)).expect("a program");
    }

    /// Sets a variable in the environment of all that runs.
    pub fn set(&mut self, name: &str, value: impl AsRef<Path>) {
        let value = value.as_ref().display().to_string();
        self.env.push((name.into(), value));
    }

    /// Runs words in the checkout.
    pub fn run(&self, words: &[&str]) -> Ended {
        self.finish(&mut self.command(words))
    }

    /// Runs words in a folder.
    pub fn run_in(&self, folder: &Path, words: &[&str]) -> Ended {
        self.finish(self.command(words).current_dir(folder))
    }

    /// Runs words in the checkout, by somebody who is not root.
    pub fn run_as_user(&self, words: &[&str]) -> Ended {
        let mut command = self.command(words);
        if rustix::process::getuid().is_root() {
            const NOBODY: u32 = 65534;
            for it in ["home", "checkout", "bin"] {
                chown(self.path(it), Some(NOBODY), Some(NOBODY)).expect("another owner");
            }
            command.uid(NOBODY).gid(NOBODY);
        }
        self.finish(&mut command)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("/usr/bin/env");
        command
            .args(words)
            .current_dir(self.checkout())
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("LC_ALL", "C")
            .envs(self.env.iter().cloned())
            .stdin(Stdio::null());
        command
    }

    fn finish(&self, command: &mut Command) -> Ended {
        let output = command.output().expect("it starts");
        Ended {
            ok: output.status.success(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Default for Machine {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes a script that can be started at once.
///
/// Another process writes it: what a thread beside this one starts would have the file open for
/// writing until its own program runs, and nobody can start such a file (`ETXTBSY`).
pub fn executable(path: &Path, text: &str) {
    let mut install = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .expect("install starts");
    let mut stdin = install.stdin.take().expect("a pipe");
    write!(
        stdin,
        "#!/bin/sh\n# SPDX-License-Identifier: GPL-2.0-only\n{text}\n"
    )
    .expect("install reads");
    drop(stdin);
    assert!(install.wait().expect("its end").success(), "{path:?}");
}

/// Writes a file that is newer than another one: the clock of a file system ticks some hundred times
/// a second.
pub fn write_after(other: &Path, path: &Path, text: &str) {
    let modified = |it| {
        fs::metadata(it)
            .and_then(|it| it.modified())
            .expect("a time")
    };
    loop {
        fs::write(path, text).expect("a file");
        if modified(path) > modified(other) {
            return;
        }
    }
}

/// The folder of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .expect("the checkout is there")
}

/// What a prepared kernel tree must have for modules in Rust, by the configuration of
/// [`Machine::kernel_tree`].
pub const PIECES: &[&str] = &[
    "rust/libcore.rmeta",
    "rust/libcompiler_builtins.rmeta",
    "rust/libffi.rmeta",
    "rust/libbuild_error.rmeta",
    "rust/libbindings.rmeta",
    "rust/libuapi.rmeta",
    "rust/libmacros.so",
    "rust/libpin_init.rmeta",
    "rust/libpin_init_internal.so",
    "rust/libkernel.rmeta",
    "rust/libzerocopy.rmeta",
    "rust/libzerocopy_derive.so",
    "rust/helpers/helpers_module.bc",
    "include/generated/autoconf.h",
    "include/generated/rustc_cfg",
    "scripts/basic/fixdep",
    "scripts/mod/modpost",
    "scripts/module.lds",
    "scripts/target.json",
    "tools/objtool/objtool",
    "Module.symvers",
];

impl Machine {
    /// Makes a prepared kernel tree of that name, whose Makefile keeps its environment in
    /// `seen` where the modules would be.
    pub fn kernel_tree(&self, name: &str) -> PathBuf {
        for it in PIECES {
            let text = format!("rust\0\0\0\x0a\0\0\0\0\x41{RUSTC}\0\x07");
            self.write(&format!("{name}/{it}"), text);
        }
        self.write(
            &format!("{name}/include/config/auto.conf"),
            "CONFIG_RUST=y\nCONFIG_X86_64=y\nCONFIG_OBJTOOL=y\nCONFIG_RUST_INLINE_HELPERS=y\n\
             CONFIG_MODULE_UNLOAD=y\nCONFIG_PROC_FS=y\nCONFIG_SYSFS=y\n",
        );
        self.write(
            &format!("{name}/include/config/kernel.release"),
            "7.3.4-tree\n",
        );
        self.write(
            &format!("{name}/scripts/Makefile.build"),
            "--extern zerocopy --extern zerocopy_derive helpers$(if $(part-of-module),_module).bc",
        );
        self.write(
            &format!("{name}/arch/x86/Makefile"),
            "--target=$(objtree)/scripts/target.json",
        );
        self.write(
            &format!("{name}/Makefile"),
            "modules:\n\t@! flock --nonblock $(MO)/.lock true\n\
             \t@env >$(MO)/seen; echo 'M=$(M)' 'RUSTDOC=$(RUSTDOC)' 'CC=$(CC)' 'KRUSTFLAGS=$(KRUSTFLAGS)' >>$(MO)/seen\n\
             \t@echo samples/05-proc-files/procfs_1.o >$(MO)/modules.order\n",
        );
        self.path(name)
    }

    /// Has `make` take that tree for the kernel `dev`, with nothing to set up.
    pub fn dev_is(&self, tree: &str) {
        self.script("checkout/scripts/setup", "");
        self.script(
            "checkout/scripts/kernel",
            &format!(
                "kernel=${{LKMPG_M:-.}}/build/$1/kernel
                mkdir -p $kernel && echo 'KDIR := {}' >$kernel/toolchain.mk",
                self.path(tree).display()
            ),
        );
    }
}
