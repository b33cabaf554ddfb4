// SPDX-License-Identifier: GPL-2.0-only

//! The command line.

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum, builder::FalseyValueParser};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

/// Boot a kernel in QEMU and run a command in it, or an interactive shell.
///
/// The command's standard input, output and error are passed through; kernel
/// messages appear on standard error. The modules of the build are in
/// `/modules` and known to modprobe, the samples' clients are on the PATH.
#[derive(Debug, Parser)]
#[command(
    name = "scripts/vm",
    bin_name = "scripts/vm",
    override_usage = "scripts/vm [OPTIONS] [-- CMD...]",
    after_help = "\
Exit status: the command's own (128 plus the signal that ended it), or
  124  the command did not end within --timeout
  125  the bench failed: nothing can be said about the command
  126  the kernel splatted (oops, WARNING, KASAN, lockdep, leak...): the report
       is printed, whatever the command returned

Examples:
  scripts/vm                                      a shell; Ctrl-D leaves it
  scripts/vm -- insmod /modules/hello_1.ko        one command
  scripts/vm --add /usr/bin/strace -- strace ls   with a program of this host
  scripts/vm --root -- python3 -c 'print(1)'      with all programs of this host
  scripts/vm --disk x.img -- mount /dev/vda /mnt  with a disk"
)]
pub struct Options {
    /// Kernel: a name below build/, or the path of a folder with image and release
    #[arg(long, value_name = "K", env = "KERNEL", default_value = "dev")]
    pub kernel: String,

    /// Put a host file, with the libraries it needs, or a folder on the guest's PATH (or at PATH)
    #[arg(
        long,
        value_name = "FILE[:PATH]",
        env = "LKMPG_ADD",
        value_delimiter = '\n'
    )]
    pub add: Vec<Add>,

    /// Number of CPUs
    #[arg(long, value_name = "N", env = "LKMPG_SMP", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    pub smp: u8,

    /// Memory, in QEMU's notation
    #[arg(long, value_name = "M", env = "LKMPG_MEMORY", default_value = "512M")]
    pub memory: String,

    /// Seconds that the command may take, not counting the boot [default: 600; none for a shell]
    #[arg(long, value_name = "S", env = "LKMPG_TIMEOUT", value_parser = seconds)]
    pub timeout: Option<Duration>,

    /// Seconds for which a booting guest may be silent
    #[arg(long, value_name = "S", default_value = "120", value_parser = seconds, hide_short_help = true)]
    pub boot_timeout: Duration,

    /// Write kernel messages and the runner's words to FILE, instead of standard error
    #[arg(long, value_name = "FILE", env = "LKMPG_LOG")]
    pub log: Option<PathBuf>,

    /// Set a variable in the command's environment, or pass on this host's
    #[arg(long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,

    /// What runs the guest: kvm where it works, tcg (emulation) where not
    #[arg(long, value_name = "A", env = "LKMPG_ACCEL", value_enum, default_value_t = AccelChoice::Auto)]
    pub accel: AccelChoice,

    /// Emulate with a clock that counts instructions, one a nanosecond
    #[arg(long, env = "LKMPG_ICOUNT", value_parser = FalseyValueParser::new())]
    pub icount: bool,

    /// Boot a guest, instead of starting from one that has booted before and was saved
    #[arg(long, env = "LKMPG_COLD", value_parser = FalseyValueParser::new())]
    pub cold: bool,

    /// Plug the modules' devices in before the command begins, and not when the first module is loaded that
    /// drives one
    #[arg(long)]
    pub plug: bool,

    /// Let the guest use a folder of this host, in which it may write with :rw, at /mnt/NAME (or at PATH)
    #[arg(long, value_name = "DIR[:rw][:PATH]")]
    pub share: Vec<Share>,

    /// Give the guest this host's root, below a layer that can be written and is gone afterwards
    #[arg(long)]
    pub root: bool,

    /// Give the guest a network card, behind which QEMU passes on what goes to the outside
    #[arg(long)]
    pub net: bool,

    /// Give the guest a disk, which is the raw or qcow2 image FILE: /dev/vda is the first
    #[arg(long, value_name = "FILE")]
    pub disk: Vec<PathBuf>,

    /// Tell the kernel more on its command line
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    pub append: Vec<String>,

    /// Hand an argument to QEMU as it is
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    pub qemu: Vec<OsString>,

    /// Wait for gdb, and say what to type to start it
    #[arg(long)]
    pub gdb: bool,

    /// Write the memory of a guest that panicked to FILE, for gdb and crash
    #[arg(long, value_name = "FILE")]
    pub core: Option<PathBuf>,

    /// Print the kernel's messages from the first one, and QEMU's command line
    #[arg(long, short)]
    pub verbose: bool,

    /// Run the test binaries that Cargo names on standard input (`make test`)
    #[arg(long, hide = true)]
    pub suite: bool,

    /// With --suite: a script that is a test, too
    #[arg(long, value_name = "FILE", hide = true)]
    pub script: Vec<PathBuf>,

    /// With --suite: write the report as JUnit's XML, too
    #[arg(long, value_name = "FILE", env = "LKMPG_JUNIT", hide = true)]
    pub junit: Option<PathBuf>,

    /// With --suite: the examples in the documentation, too
    #[arg(long, hide = true)]
    pub doctests: bool,

    /// Keep what the modules went through in this file, with --suite in a folder with one for each test
    #[arg(long, value_name = "PATH", env = "LKMPG_TALLY", hide = true)]
    pub tally: Option<PathBuf>,

    /// How many guests `make test` runs at a time [default: processors divided by --smp]
    #[arg(long, value_name = "N", env = "LKMPG_JOBS", value_parser = clap::value_parser!(u8).range(1..), hide_short_help = true)]
    pub jobs: Option<u8>,

    /// Be cargo's runner: the command is a test binary (set in .cargo/config.toml)
    #[arg(long, value_name = "BINARY", hide = true)]
    pub test: Option<PathBuf>,

    /// Command to run in the guest; without it, an interactive shell
    #[arg(value_name = "CMD", trailing_var_arg = true)]
    pub command: Vec<OsString>,
}

impl Options {
    /// Whether what runs is tests.
    pub fn is_for_tests(&self) -> bool {
        self.suite || self.test.is_some()
    }

    /// Whether the guest boots: what else than its own it is given, no guest has that was saved, and
    /// the clock that counts instructions starts with the boot.
    pub fn boots(&self) -> bool {
        let given = self.root || self.net || !self.disk.is_empty() || !self.share.is_empty();
        let said = !self.append.is_empty() || !self.qemu.is_empty();
        self.cold || self.icount || given || said || self.gdb
    }

    /// The memory in bytes, where it is said in the usual way.
    pub fn memory_bytes(&self) -> Option<u64> {
        let digits = self
            .memory
            .trim_end_matches(|it: char| it.is_ascii_alphabetic());
        let unit = match &self.memory[digits.len()..] {
            "k" | "K" => 1 << 10,
            "" | "m" | "M" => 1 << 20,
            "g" | "G" => 1 << 30,
            _ => return None,
        };
        digits.parse::<u64>().ok()?.checked_mul(unit)
    }
}

/// What to run the guest with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum AccelChoice {
    /// KVM where it works.
    Auto,
    /// The processor itself.
    Kvm,
    /// Emulation.
    Tcg,
}

/// A host file for the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// Where it is on the host.
    pub file: PathBuf,
    /// Where it goes in the guest.
    pub target: PathBuf,
}

impl FromStr for Add {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (file, target) = with_target(text, "/usr/local/bin")?;
        let file = file.into();
        Ok(Self { file, target })
    }
}

/// A folder of the host that the guest uses, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Where it is on the host.
    pub folder: PathBuf,
    /// Whether the guest may write there.
    pub writable: bool,
    /// Where it is in the guest.
    pub target: PathBuf,
}

impl FromStr for Share {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (path, target) = match text.rsplit_once(":/") {
            Some((path, _)) => (path, Some(text)),
            None => (text, None),
        };
        let writable = path.ends_with(":rw");
        let path = path.strip_suffix(":rw").unwrap_or(path);
        let (_, target) = with_target(target.unwrap_or(path), "/mnt")?;
        Ok(Self {
            folder: path.into(),
            writable,
            target,
        })
    }
}

/// Cuts `FILE:/path/in/guest`; without a path, the file has its own name in `folder`.
fn with_target<'a>(text: &'a str, folder: &str) -> Result<(&'a str, PathBuf)> {
    let Some((file, target)) = text.rsplit_once(":/") else {
        let Some(name) = Path::new(text).file_name() else {
            bail!("{text} has no name in the guest: say where it goes, as in {text}:/path")
        };
        return Ok((text, Path::new(folder).join(name)));
    };
    let target = Path::new("/").join(target);
    let kernels = ["/dev", "/proc", "/sys"];
    if kernels.iter().any(|it| target.starts_with(it)) {
        bail!(
            "{} is the guest's kernel's: take another folder",
            target.display()
        );
    }
    Ok((file, target))
}

fn seconds(text: &str) -> Result<Duration> {
    Ok(Duration::try_from_secs_f64(text.parse()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Options::command().debug_assert();
    }

    #[test]
    fn a_command_keeps_its_own_options() {
        let options = Options::parse_from(["vm", "--smp", "2", "--", "ls", "--smp", "--", "-l"]);
        assert_eq!(options.smp, 2);
        assert_eq!(options.command, ["ls", "--smp", "--", "-l"]);
    }

    #[test]
    fn cargo_may_append_arguments() {
        let options = Options::parse_from(["vm", "--test", "target/x", "name", "--exact"]);
        assert_eq!(options.command, ["name", "--exact"]);
    }

    #[test]
    fn wrong_values_are_refused() {
        for arguments in [
            ["--smp", "0"],
            ["--timeout", "-1"],
            ["--timeout", "x"],
            ["--add", "/"],
            ["--add", "file:/dev/file"],
            ["--add", "file:/proc/file"],
            ["--add", "file:/sys/file"],
            ["--share", "/"],
            ["--share", "/tmp:rw:/proc/tmp"],
            ["--bogus", "1"],
        ] {
            assert!(
                Options::try_parse_from([&["vm"], &arguments[..]].concat()).is_err(),
                "{arguments:?}"
            );
        }
    }

    #[test]
    fn memory_is_in_qemus_notation() {
        for (memory, bytes) in [
            ("512M", Some(512 << 20)),
            ("96", Some(96 << 20)),
            ("2g", Some(2 << 30)),
            ("nonsense", None),
            ("512M,slots=2", None),
        ] {
            let options = Options::parse_from(["vm", "--memory", memory]);
            assert_eq!(options.memory_bytes(), bytes, "{memory}");
        }
    }

    #[test]
    fn an_added_file_goes_to_the_path_or_where_it_is_told() {
        let add: Add = "/usr/bin/strace".parse().unwrap();
        assert_eq!(add.target, PathBuf::from("/usr/local/bin/strace"));
        let add: Add = "a:b:/etc/c".parse().unwrap();
        assert_eq!((add.file, add.target), ("a:b".into(), "/etc/c".into()));
    }

    #[test]
    fn a_share_says_where_and_whether_to_write() {
        for (text, folder, writable, target) in [
            ("/a/b", "/a/b", false, "/mnt/b"),
            ("/a/b:rw", "/a/b", true, "/mnt/b"),
            ("/a/b:/c", "/a/b", false, "/c"),
            ("a:b:rw:/c/d", "a:b", true, "/c/d"),
        ] {
            let share: Share = text.parse().unwrap();
            let expected = Share {
                folder: folder.into(),
                writable,
                target: target.into(),
            };
            assert_eq!(share, expected, "{text}");
        }
    }

    #[test]
    fn what_no_saved_guest_has_needs_a_boot() {
        for arguments in [
            &["--cold"][..],
            &["--icount"],
            &["--root"],
            &["--net"],
            &["--gdb"],
            &["--disk", "x"],
            &["--share", "x"],
            &["--append", "x"],
            &["--qemu", "-x"],
        ] {
            let options = Options::parse_from([&["vm"], arguments].concat());
            assert!(options.boots(), "{arguments:?}");
        }
        for arguments in [&["--smp", "2"][..], &["--add", "x"], &["--core", "x"]] {
            let options = Options::parse_from([&["vm"], arguments].concat());
            assert!(!options.boots(), "{arguments:?}");
        }
    }
}
