// SPDX-License-Identifier: GPL-2.0-only

//! The sessions in the README, in `docs/`, in the book and in the samples' headers, word for word.
//!
//! A session is a block of code that is marked `console`. A line that begins with `# ` is typed by
//! root, one with `$ ` by a user; each of them has a shell and a terminal. What follows is what must be
//! seen then: first what the kernel logs, then what is on the terminal. `[..]` stands for anything in a
//! line, and a line `...` for any lines. `# now press KEY` behind a command that waits is done. If a
//! file is named behind `console`, the session is for kernels that have it: [`ASKED_FOR`] says which one does.
//! `LKMPG_CHAPTER=05` is about one chapter of the book.

use lkmpg_guest::CHATTER;
use lkmpg_tests::{
    Footprint, KernelLog, Keyboard, await_devices, is_built_in, module_file, pty::Pty, ready, skip,
    wait_until,
};
use rustix::{
    event::PollFlags,
    system::uname,
    termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr},
};
use snapbox::{Assert, IntoData as _, assert::Action};
use std::{
    env, fs,
    io::{self, Read as _, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::{Duration, Instant},
};

/// Where `sessions.add` puts the texts.
const TEXTS: &str = "/texts";
/// Root's prompt, and a user's.
const PROMPTS: [&str; 2] = ["# ", "$ "];
/// What the shell writes instead: nothing else does.
const PROMPT: &str = "\x1e";
/// How long a prompt may take, and what is to be seen before it.
const LIMIT: Duration = Duration::from_secs(60);
/// How long what a session shows may take to come after the prompt.
const PATIENCE: Duration = Duration::from_secs(5);
/// What the kernel says once after each boot, of the first module.
const ONCE: [&str; 2] = [
    "loading out-of-tree module taints kernel.",
    "module verification failed",
];

/// The files that are named behind `console`, each with one of our kernels that has it. A session for
/// kernels that nobody has would be skipped for ever.
const ASKED_FOR: [(&str, &str); 10] = [
    ("/dev/ram0", "dev"),
    ("/proc/sys/kernel/firmware_config", "dev"),
    ("/proc/sys/kernel/ftrace_enabled", "trace"),
    ("/sys/bus/pci/devices/0000:00:1f.0", "dev"),
    ("/sys/bus/platform/drivers/gpio-sim", "dev"),
    ("/sys/bus/serio", "dev"),
    ("/sys/bus/usb", "dev"),
    ("/sys/class/i2c-dev", "dev"),
    ("/sys/firmware/acpi", "dev"),
    ("/sys/kernel/tracing", "trace"),
];

/// A block of code in a text.
struct Block {
    file: PathBuf,
    line: usize,
    language: String,
    text: String,
}

impl Block {
    /// Those of a Markdown file, or of a Rust file's header.
    fn all_of(file: &Path) -> Vec<Self> {
        let text = read(file);
        let is_rust = file.extension().is_some_and(|it| it == "rs");
        let lines = text.lines().map(|line| match line.strip_prefix("//!") {
            Some(line) if is_rust => line.strip_prefix(' ').unwrap_or(line),
            None if is_rust => "",
            _ => line,
        });
        let mut blocks: Vec<Self> = Vec::new();
        let mut inside = false;
        for (number, line) in (1..).zip(lines) {
            if let Some(language) = line.strip_prefix("```") {
                inside = !inside;
                if inside {
                    blocks.push(Self {
                        file: file.to_owned(),
                        line: number,
                        language: language.to_owned(),
                        text: String::new(),
                    });
                }
            } else if let Some(block) = blocks.last_mut().filter(|_| inside) {
                block.text += line;
                block.text += "\n";
            }
        }
        blocks
    }

    fn is_session(&self) -> bool {
        self.language.split(' ').next() == Some("console")
    }

    /// Complains if it looks like a session, and is not marked as one.
    fn mark(&self) -> Option<String> {
        // In Rust's blocks of the book, such a line is not shown.
        let looks_so = PROMPTS.iter().any(|it| self.text.starts_with(it))
            && !self.language.starts_with("rust");
        let complaint = || format!("{}: a session is marked `console`", self.place());
        (looks_so && !self.is_session()).then(complaint)
    }

    fn place(&self) -> String {
        let file = self.file.strip_prefix(TEXTS).expect("one of the texts");
        format!("{}:{}", file.display(), self.line)
    }

    /// Whether this kernel has the file that the session asks for, if any. Complains if none is known to
    /// have it, or if this one should.
    fn has_what_it_asks_for(&self) -> Result<bool, String> {
        let Some((_, file)) = self.language.split_once(' ') else {
            return Ok(true);
        };
        let place = self.place();
        let Some((_, kernel)) = ASKED_FOR.iter().find(|it| it.0 == file) else {
            return Err(format!(
                "{place}: which kernel has {file}? ASKED_FOR in tests/sessions.rs has to say"
            ));
        };
        let has_it = Path::new(file).exists();
        let release = uname().release().to_string_lossy().into_owned();
        if !has_it && release.ends_with(&format!("-lkmpg-{kernel}")) {
            return Err(format!("{place}: KERNEL={kernel} is to have {file}"));
        }
        if !has_it {
            skip(&format!("this kernel has no {file}, for {place}"));
        }
        Ok(has_it)
    }

    /// Does what the session says, and complains if something else is seen.
    fn check(&self) -> Result<(), String> {
        // As in the shell of `make vm`.
        await_devices();
        if !self.has_what_it_asks_for()? {
            return Ok(());
        }
        let before = Footprint::now();
        let mut session = Session::new();
        let mut seen = String::new();
        for step in Step::all_of(&self.text) {
            let (shown, ended) = session.run(&step);
            seen += &format!("{}{}\n{shown}", step.prompt, step.command);
            if !ended {
                seen += "(no prompt)\n";
                break;
            }
        }
        drop(session);
        same(&self.place(), &seen, &self.text)?;
        before.check(&self.place());
        Ok(())
    }
}

/// What is typed, and what must be seen then.
struct Step {
    prompt: &'static str,
    command: String,
    expected: String,
}

impl Step {
    fn all_of(session: &str) -> Vec<Self> {
        let mut steps: Vec<Self> = Vec::new();
        for line in session.lines() {
            let typed = PROMPTS
                .iter()
                .find_map(|it| Some((*it, line.strip_prefix(it)?)));
            match (typed, steps.last_mut()) {
                (Some((prompt, command)), _) => steps.push(Self {
                    prompt,
                    command: command.to_owned(),
                    expected: String::new(),
                }),
                (None, Some(step)) => step.expected += &format!("{line}\n"),
                (None, None) => panic!("a session begins with a prompt, not with {line:?}"),
            }
        }
        assert!(!steps.is_empty(), "an empty session");
        steps
    }
}

/// Root's shell, a user's, and the log.
struct Session {
    root: Shell,
    user: Option<Shell>,
    log: KernelLog,
}

impl Session {
    fn new() -> Self {
        Self {
            root: Shell::new(0),
            user: None,
            log: KernelLog::now(),
        }
    }

    /// Types a command; returns what is seen, and whether the prompt came. What comes late is waited
    /// for.
    fn run(&mut self, step: &Step) -> (String, bool) {
        let shell = match step.prompt {
            "# " => &mut self.root,
            _ => self.user.get_or_insert_with(|| Shell::new(1000)),
        };
        shell.type_in(&step.command);
        let (mut log, mut screen) = (String::new(), shell.until_prompt());
        let prompt = Instant::now();
        loop {
            let lines = self.log.lines().into_iter();
            let lines = lines.filter(|line| !CHATTER.iter().any(|it| line.starts_with(it)));
            log.extend(lines.filter(|it| !is_said_once(it)).map(|it| it + "\n"));
            screen += &shell.more();
            let seen = log.clone() + &job_first(&screen);
            let done = shell.busy || same("", &seen, &step.expected).is_ok();
            if done || prompt.elapsed() > PATIENCE {
                return (seen, !shell.busy);
            }
        }
    }
}

/// The shell of `make vm`, on a terminal of its own.
struct Shell {
    bash: Child,
    terminal: Pty,
    /// The last command has not ended.
    busy: bool,
}

impl Shell {
    fn new(user: u32) -> Self {
        let terminal = Pty::new();
        let mut mode = tcgetattr(&terminal.terminal).expect("a terminal");
        mode.local_modes -= LocalModes::ECHO;
        tcsetattr(&terminal.terminal, OptionalActions::Now, &mode).expect("a terminal");
        let side = || terminal.terminal.try_clone().expect("dup");
        let bash = Command::new("setsid")
            .args(["-c", "bash", "--noprofile", "--norc", "--noediting", "-i"])
            .env("PS1", PROMPT)
            .env("HISTFILE", "")
            .current_dir("/modules")
            .uid(user)
            .gid(user)
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .expect("a shell");
        let mut shell = Self {
            bash,
            terminal,
            busy: true,
        };
        shell.until_prompt();
        shell
    }

    fn type_in(&mut self, command: &str) {
        self.busy = true;
        let line = format!("{command}\n");
        self.terminal
            .screen
            .write_all(line.as_bytes())
            .expect("write");
        if let Some((command, key)) = command.split_once("# now press ") {
            let file = command.split_whitespace().last().expect("a file");
            wait_until(&format!("somebody to open {file}"), || is_open(file));
            Keyboard::new().tap(&[&key.to_lowercase()]);
        }
    }

    /// What is on the screen up to the next prompt, if that comes in time.
    fn until_prompt(&mut self) -> String {
        let start = Instant::now();
        let mut seen = String::new();
        while start.elapsed() < LIMIT {
            if let Some((before, after)) = seen.split_once(PROMPT) {
                self.busy = false;
                return format!("{before}{after}");
            }
            seen += &self.more();
        }
        seen
    }

    /// What comes on the screen soon.
    fn more(&mut self) -> String {
        let soon = Some(Duration::from_millis(10));
        if !ready(&self.terminal.screen, PollFlags::IN, soon).contains(PollFlags::IN) {
            return String::new();
        }
        let mut bytes = [0; 4096];
        let length = self.terminal.screen.read(&mut bytes).expect("the screen");
        String::from_utf8_lossy(&bytes[..length]).replace("\r\n", "\n")
    }
}

impl Drop for Shell {
    /// The user leaves, and takes along what runs.
    fn drop(&mut self) {
        if !self.busy {
            self.type_in("kill -9 $(jobs -p)");
            self.until_prompt();
        }
        self.bash.kill().expect("kill");
        self.bash.wait().expect("wait");
    }
}

/// Puts the number of a job, and of its process, in front of what that job prints: which of the two comes first is
/// chance.
fn job_first(screen: &str) -> String {
    let is_job = |line: &str| {
        let is_part = |c: char| c.is_ascii_digit() || "[] ".contains(c);
        line.starts_with('[') && line.trim_end().chars().all(is_part)
    };
    let mut lines: Vec<_> = screen.split_inclusive('\n').collect();
    lines.sort_by_key(|it| !is_job(it));
    lines.concat()
}

/// Whether a process has a file open.
fn is_open(file: &str) -> bool {
    let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let processes = entries(Path::new("/proc"));
    let mut files = processes.flat_map(|it| entries(&it.path().join("fd")).collect::<Vec<_>>());
    files.any(|it| fs::read_link(it.path()).is_ok_and(|it| it == Path::new(file)))
}

fn is_said_once(line: &str) -> bool {
    ONCE.iter().any(|it| line.contains(it))
}

/// Compares, and says how they differ.
fn same(place: &str, seen: &str, expected: &str) -> Result<(), String> {
    let assert = Assert::new().action(Action::Verify);
    let expected: String = expected
        .lines()
        .filter(|it| !is_said_once(it))
        .map(|it| format!("{it}\n"))
        .collect();
    assert
        .try_eq(
            Some(&place),
            seen.to_owned().into_data(),
            expected.into_data(),
        )
        .map_err(|error| error.to_string())
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The files in a folder of the texts, with a kind of name.
fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries.map(|it| it.expect("an entry").path()).collect();
    files.retain(|it| it.extension().is_some_and(|it| it == extension));
    files.sort();
    files
}

/// The README, and what is in `docs/` and beside the samples.
fn pages() -> Vec<PathBuf> {
    let mut pages = vec![Path::new(TEXTS).join("README.md")];
    pages.extend(files(&Path::new(TEXTS).join("docs"), "md"));
    pages.extend(chapters().iter().flat_map(|it| files(it, "md")));
    pages
}

fn chapters() -> Vec<PathBuf> {
    let folder = Path::new(TEXTS).join("samples");
    let mut chapters: Vec<_> = fs::read_dir(folder)
        .expect("samples")
        .map(|it| it.expect("an entry").path())
        .collect();
    chapters.retain(|it| it.is_dir());
    chapters.sort();
    chapters
}

/// The samples: their files, and the modules' names.
fn samples() -> Vec<(PathBuf, String)> {
    let files = chapters().into_iter().flat_map(|it| files(&it, "rs"));
    let modules = files.filter_map(|file| {
        let text = read(&file);
        // A driver's module is upstream's `module_pci_driver!`, for one.
        let declares = |it: &&str| *it == "module! {" || it.starts_with("kernel::module_");
        let module = text.lines().skip_while(|it| !declares(it));
        let (_, name) = module.skip(1).find_map(|it| it.split_once("name: \""))?;
        let (name, _) = name.split_once('"')?;
        Some((file, name.to_owned()))
    });
    let only = env::var("LKMPG_SUBJECT").ok();
    modules
        .filter(|(_, name)| only.as_ref().is_none_or(|it| it == name))
        .collect()
}

/// Says how many there were, where libtest does not hide it; fails with all that was found, and if
/// nothing was looked at.
fn conclude(count: usize, complaints: &[String]) {
    assert!(count > 0, "there is no session: nothing was tested");
    let said = io::stdout().write_all(format!("{count} sessions ... ").as_bytes());
    said.expect("it is said");
    assert!(
        complaints.is_empty(),
        "{} complaints:\n{}",
        complaints.len(),
        complaints.join("\n")
    );
}

#[test]
fn of_the_samples() {
    let (mut count, mut complaints) = (0, Vec::new());
    for (file, module) in samples() {
        let blocks = Block::all_of(&file);
        let sessions: Vec<_> = blocks.iter().filter(|it| it.is_session()).collect();
        if sessions.is_empty() {
            complaints.push(format!(
                "{}: {module} has no session (```console)",
                file.display()
            ));
        }
        complaints.extend(blocks.iter().filter_map(Block::mark));
        if is_built_in(&module) || !module_file(&module).exists() {
            skip(&format!("this kernel cannot have {module}"));
            continue;
        }
        for session in sessions {
            count += 1;
            complaints.extend(session.check().err());
        }
    }
    conclude(count, &complaints);
}

#[test]
fn of_the_pages() {
    of(&pages());
}

#[test]
fn of_the_book() {
    let mut chapters = files(&Path::new(TEXTS).join("book"), "md");
    if let Ok(only) = env::var("LKMPG_CHAPTER") {
        chapters.retain(|it| {
            it.file_stem()
                .is_some_and(|it| it.to_string_lossy().starts_with(&only))
        });
    }
    of(&chapters);
}

fn of(pages: &[PathBuf]) {
    let (mut count, mut complaints) = (0, Vec::new());
    let mut host = Vec::new();
    for block in pages.iter().flat_map(|it| Block::all_of(it)) {
        complaints.extend(block.mark());
        if block.is_session() {
            count += 1;
            complaints.extend(block.check().err());
        } else if block.language == "sh" {
            host.push(block.place());
        }
    }
    skip(&format!(
        "{} blocks are for the host, not for the guest: {}",
        host.len(),
        host.join(" ")
    ));
    conclude(count, &complaints);
}
