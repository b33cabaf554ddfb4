// SPDX-License-Identifier: GPL-2.0-only

//! Breaks the project in many places, a few at a time, in a copy, and says what no test notices.

mod table;

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use rustix::{
    fs::{FlockOperation, flock, statvfs},
    io::Errno,
};
use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    env,
    fmt::Write as _,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
    time::Instant,
};
use table::{Mutant, mutants};

/// Break the project in many places, a few at a time, and say what no test notices.
///
/// Works on a copy in the cache, in lkmpg-rs/mutants, where it keeps what it has built. Takes hours
/// for all of them. Exits with 1 if one was not noticed.
#[derive(Parser)]
#[command(name = "make mutants")]
struct Arguments {
    /// Only those whose file, reason or test has this in it
    filter: Vec<String>,
    /// Say what there is, and that the table fits, and run nothing
    #[arg(long)]
    list: bool,
    /// Break another checkout instead, and leave out what is not there to be broken
    #[arg(long, value_name = "FOLDER")]
    of: Option<PathBuf>,
    /// Seconds that a build and its test may take
    #[arg(long, value_name = "S", default_value_t = 1800)]
    limit: u32,
}

/// How a test of the guest is run; its name follows.
const GUEST: &str = "make test T=";

/// What came of a command.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    /// A compiler refused it.
    NotBuilt,
    TimedOut,
    /// It failed before its test did.
    Astray,
}

/// Whether a test has failed: it says so itself, or the bench does of a guest.
fn has_failed(log: &str) -> bool {
    /// What the bench says in a run that is well.
    const NO_FAILURE: &[&str] = &[
        "booting a guest",
        "waiting for make",
        "trying KVM",
        "emulated",
        ", KVM,",
        "the runner does not build",
    ];
    let complains = |it: &str| !NO_FAILURE.iter().any(|no| it.contains(no));
    log.lines().any(|it| {
        it.starts_with("test binaries: ") && it.contains(" failed: ")
            || it.contains("test result: FAILED")
            || it.starts_with("error: test failed")
            || it.strip_prefix("vm: ").is_some_and(complains)
    })
}

/// How a command ended, by its status and by what it said.
fn outcome(status: Option<i32>, log: &str) -> Outcome {
    let not_built = [
        "could not compile",
        "error: aborting due to",
        "generated.\nmake",
    ];
    match status {
        Some(0) => Outcome::Passed,
        Some(124) => Outcome::TimedOut,
        _ if not_built.iter().any(|it| log.contains(it)) => Outcome::NotBuilt,
        _ if has_failed(log) => Outcome::Failed,
        _ => Outcome::Astray,
    }
}

/// Whether that was a disk of this machine's, and not one of a guest's.
fn found_no_space(log: &str, folders: &[&Path]) -> bool {
    /// Less is left by what is removed when it did not fit.
    const ROOM: u64 = 256 << 20;
    let is_full =
        |it: &&Path| statvfs(*it).is_ok_and(|it| it.f_bavail.saturating_mul(it.f_frsize) < ROOM);
    log.contains("No space left on device") && (!has_failed(log) || folders.iter().any(is_full))
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let source = arguments.of.clone().unwrap_or_else(|| PathBuf::from("."));
    let source =
        fs::canonicalize(&source).with_context(|| format!("cannot find {}", source.display()))?;
    let (fitting, others) = fit(&source)?;
    if arguments.of.is_none() && !others.is_empty() {
        bail!(
            "the table does not fit what is there any more:\n{}",
            others.join("\n")
        );
    }
    let wanted = |it: &&&Mutant| {
        let filters = &arguments.filter;
        let has = |f: &String| {
            [it.file, it.why, it.test]
                .iter()
                .any(|text| text.contains(f))
        };
        filters.is_empty() || filters.iter().any(has)
    };
    let chosen: Vec<_> = fitting.iter().filter(wanted).collect();
    ensure!(!chosen.is_empty(), "no mutant is called so");
    if arguments.list {
        for it in &chosen {
            println!("{}: {} ({})", it.file, it.why, it.test);
        }
        println!("{} mutants", chosen.len());
        return Ok(ExitCode::SUCCESS);
    }
    let mut copy = Copy::of(&source, &folder()?, arguments.limit)?;
    let mut tally = Tally::new(chosen.len());
    let mut rest: VecDeque<_> = chosen.iter().map(|it| **it).collect();
    copy.find_whole(&rest)?;
    while let Some(first) = rest.pop_front() {
        let round = copy.round(first, &mut rest)?;
        let start = Instant::now();
        let verdicts = copy.try_out_together(&round)?;
        for (n, mutant) in round.into_iter().enumerate() {
            let verdict = match &verdicts {
                Some(verdicts) => verdicts[n],
                None => copy.try_out(mutant)?,
            };
            tally.add(mutant, verdict);
        }
        println!("({} s)", start.elapsed().as_secs());
    }
    if !others.is_empty() {
        println!("{} mutants have nothing to break there", others.len());
    }
    print!("{}", tally.text());
    Ok(ExitCode::from(u8::from(!tally.is_clean())))
}

/// The mutants that there is a place for, exactly one; and of the others why not.
fn fit(root: &Path) -> Result<(Vec<&'static Mutant>, Vec<String>)> {
    let (mut fitting, mut others) = (Vec::new(), Vec::new());
    for mutant in mutants() {
        let text = match fs::read_to_string(root.join(mutant.file)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", mutant.file));
            }
        };
        match text.matches(mutant.from).count() {
            1 => fitting.push(mutant),
            count => others.push(format!(
                "{}: {}: {:?} is there {count} times",
                mutant.file, mutant.why, mutant.from
            )),
        }
    }
    Ok((fitting, others))
}

/// Where to work: not in the checkout, since cargo reads the settings of all folders around.
fn folder() -> Result<PathBuf> {
    let cache = match env::var_os("XDG_CACHE_HOME") {
        Some(cache) => PathBuf::from(cache),
        None => PathBuf::from(env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    Ok(cache.join("lkmpg-rs/mutants"))
}

/// The tree that is broken.
struct Copy {
    tree: PathBuf,
    logs: PathBuf,
    limit: u32,
    /// How the tests end in a tree that is whole.
    whole: HashMap<&'static str, Outcome>,
    /// Two would break what the other one builds.
    _lock: File,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Noticed,
    Survived,
    /// It says nothing: the tree does not build with it.
    Stillborn,
    /// It says nothing: the test fails anyway.
    Sick,
    /// It says nothing: something else failed before.
    Astray,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Noticed => "noticed",
            Self::Survived => "NOT NOTICED",
            Self::Stillborn => "does not build",
            Self::Sick => "its test fails without it",
            Self::Astray => "did not come to its test",
        })
    }
}

impl Copy {
    /// Copies what is below `source` and is not built. What the copy has built before stays.
    fn of(source: &Path, folder: &Path, limit: u32) -> Result<Self> {
        let (tree, logs) = (folder.join("tree"), folder.join("logs"));
        fs::create_dir_all(&tree)?;
        fs::create_dir_all(&logs)?;
        let lock = lock(folder)?;
        bring_up_to_date(source, &tree)?;
        // Others' crates need not be built again.
        let (built, target) = (source.join("build/cargo"), tree.join("build"));
        if built.exists() && !target.exists() {
            fs::create_dir(&target)?;
            succeed(Command::new("cp").arg("--archive").args([built, target]))?;
        }
        // Some tests ask git which files there are.
        succeed(&mut git(&tree, "init --quiet"))?;
        succeed(&mut git(&tree, "add --all"))?;
        Ok(Self {
            tree,
            logs,
            limit,
            whole: HashMap::new(),
            _lock: lock,
        })
    }

    /// Runs tests of the guest, and says which of them failed. Whatever else went wrong is told by none.
    fn failed(&self, tests: &BTreeSet<&str>) -> Result<Option<Vec<String>>> {
        let names: Vec<_> = tests.iter().map(|it| &it[GUEST.len()..]).collect();
        self.run(&format!("{GUEST}'{}'", names.join(" ")))?;
        let text = fs::read(self.logs.join("last"))?;
        let text = String::from_utf8_lossy(&text);
        let outcome = text
            .lines()
            .find_map(|it| it.strip_prefix("test binaries: "));
        Ok(outcome.and_then(|it| match it.split_once(" failed: ") {
            Some((_, names)) => Some(names.split(' ').map(str::to_owned).collect()),
            None => it.ends_with(" passed").then(Vec::new),
        }))
    }

    /// Finds out how the guest's tests end in the tree that is whole.
    fn find_whole(&mut self, mutants: &VecDeque<&'static Mutant>) -> Result<()> {
        let tests = mutants.iter().map(|it| it.test);
        let tests: BTreeSet<_> = tests.filter(|it| it.starts_with(GUEST)).collect();
        if tests.len() > 1 {
            for failed in self.failed(&tests)?.iter() {
                let outcome = |test: &str| match failed.iter().any(|it| *it == test[GUEST.len()..])
                {
                    true => Outcome::Failed,
                    false => Outcome::Passed,
                };
                self.whole.extend(tests.iter().map(|it| (*it, outcome(it))));
            }
        }
        Ok(())
    }

    /// The folder of the samples whose tests alone see what a mutant does, and pass without: its
    /// own, or that of all who use what it breaks in the support crate.
    fn home(&self, mutant: &Mutant) -> Result<Option<String>> {
        if !mutant.test.starts_with(GUEST) || self.whole.get(mutant.test) != Some(&Outcome::Passed)
        {
            return Ok(None);
        }
        let mut parts = mutant.file.split('/');
        let name = match (parts.next(), parts.next()) {
            (Some("samples"), Some(folder)) => return Ok(Some(folder.to_owned())),
            (Some("rust"), Some(name)) => name.trim_end_matches(".rs"),
            _ => return Ok(None),
        };
        let (mut homes, using) = (BTreeSet::new(), format!("{name}::"));
        for file in files(&self.tree)? {
            let folder = file.strip_prefix("samples/");
            let folder = folder.and_then(|it| it.split_once('/'));
            let other = file.strip_prefix("rust/");
            let other =
                other.filter(|it| it.trim_end_matches(".rs").split('/').next() != Some(name));
            if !file.ends_with(".rs") || folder.is_none() && other.is_none() {
                continue;
            }
            let text = fs::read_to_string(self.tree.join(&file))?;
            let is_part = |it: char| it.is_alphanumeric() || it == '_';
            let uses = |it: (usize, &str)| !text[..it.0].ends_with(is_part);
            if text.match_indices(&using).any(uses) {
                homes.insert(folder.map(|it| it.0.to_owned()));
            }
        }
        Ok(homes.pop_first().flatten().filter(|_| homes.is_empty()))
    }

    /// Takes those that can be tried together with the first one: nobody has the home of another.
    fn round(
        &self,
        first: &'static Mutant,
        rest: &mut VecDeque<&'static Mutant>,
    ) -> Result<Vec<&'static Mutant>> {
        let mut round = vec![first];
        let Some(home) = self.home(first)? else {
            return Ok(round);
        };
        let mut homes = BTreeSet::from([home]);
        for mutant in std::mem::take(rest) {
            match self.home(mutant)? {
                Some(home) if homes.insert(home.clone()) => round.push(mutant),
                _ => rest.push_back(mutant),
            }
        }
        Ok(round)
    }

    /// Breaks several places, and says what was noticed by the test of each, if that can be told.
    fn try_out_together(&mut self, round: &[&'static Mutant]) -> Result<Option<Vec<Verdict>>> {
        if round.len() == 1 {
            return Ok(None);
        }
        let mut before = Vec::new();
        for mutant in round {
            before.push((self.tree.join(mutant.file), self.break_it(mutant)?));
        }
        let failed = self.failed(&round.iter().map(|it| it.test).collect());
        for (file, text) in before {
            fs::write(file, text)?;
        }
        let verdict = |failed: &[String], it: &Mutant| match failed
            .contains(&it.test[GUEST.len()..].to_owned())
        {
            true => Verdict::Noticed,
            false => Verdict::Survived,
        };
        Ok(failed?.map(|failed| round.iter().map(|it| verdict(&failed, it)).collect()))
    }

    /// Returns what was there before.
    fn break_it(&self, mutant: &Mutant) -> Result<String> {
        let file = self.tree.join(mutant.file);
        let text = fs::read_to_string(&file)?;
        fs::write(&file, text.replacen(mutant.from, mutant.to, 1))?;
        Ok(text)
    }

    fn try_out(&mut self, mutant: &'static Mutant) -> Result<Verdict> {
        if !self.whole.contains_key(mutant.test) {
            let outcome = self.run(mutant.test)?;
            self.whole.insert(mutant.test, outcome);
        }
        match self.whole[mutant.test] {
            Outcome::Passed => {}
            Outcome::Astray => return Ok(Verdict::Astray),
            _ => return Ok(Verdict::Sick),
        }
        let text = self.break_it(mutant)?;
        let outcome = self.run(mutant.test);
        fs::write(self.tree.join(mutant.file), text)?;
        Ok(match outcome? {
            Outcome::Passed => Verdict::Survived,
            Outcome::Failed | Outcome::TimedOut => Verdict::Noticed,
            Outcome::NotBuilt => Verdict::Stillborn,
            Outcome::Astray => Verdict::Astray,
        })
    }

    fn run(&self, test: &str) -> Result<Outcome> {
        let log = self.logs.join("last");
        let output = File::create(&log)?;
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=10", &self.limit.to_string(), "sh", "-c", test])
            .current_dir(&self.tree)
            // As a user types it, who is not in the midst of make and cargo, and does not wait for long.
            .env_clear()
            .env("LKMPG_TIMEOUT", "300")
            .envs(
                ["PATH", "HOME", "USER", "XDG_CACHE_HOME"]
                    .iter()
                    .filter_map(|name| Some((name, env::var_os(name)?))),
            )
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output);
        let status = command.status().context("cannot run timeout")?;
        let text = fs::read(&log)?;
        let text = String::from_utf8_lossy(&text);
        let outcome = outcome(status.code(), &text);
        if outcome != Outcome::Passed {
            ensure!(
                !found_no_space(&text, &[&self.tree, &env::temp_dir()]),
                "there is no space left on a disk: {} says where",
                log.display()
            );
        }
        Ok(outcome)
    }
}

/// Takes the folder for this run.
fn lock(folder: &Path) -> Result<File> {
    let file = File::create(folder.join("lock"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK) => {
            bail!("another make mutants is at work in {}", folder.display())
        }
        result => result.context("cannot lock the folder")?,
    }
    Ok(file)
}

/// Copies what git knows, or could, and has changed; what is gone goes there, too.
fn bring_up_to_date(source: &Path, tree: &Path) -> Result<()> {
    let mut old = if tree.join(".git").exists() {
        files(tree)?
    } else {
        Vec::new()
    };
    for file in files(source)? {
        old.retain(|it| *it != file);
        let (from, to) = (source.join(&file), tree.join(&file));
        if fs::symlink_metadata(&from).is_err() || fs::read(&from).ok() == fs::read(&to).ok() {
            continue;
        }
        let folder = to.parent().context("a file without a folder")?;
        fs::create_dir_all(folder)?;
        fs::copy(&from, &to).with_context(|| format!("cannot copy {file}"))?;
    }
    for file in old {
        fs::remove_file(tree.join(&file)).with_context(|| format!("cannot remove {file}"))?;
    }
    Ok(())
}

fn files(tree: &Path) -> Result<Vec<String>> {
    let output = git(tree, "ls-files --cached --others --exclude-standard -z")
        .output()
        .context("cannot run git")?;
    ensure!(
        output.status.success(),
        "git: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let list = String::from_utf8(output.stdout)?;
    let files = list.split_terminator('\0').map(str::to_owned);
    Ok(files.filter(|it| tree.join(it).is_file()).collect())
}

fn git(tree: &Path, line: &str) -> Command {
    let mut git = Command::new("git");
    git.arg("-C").arg(tree).args(line.split(' '));
    git
}

fn succeed(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot run {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}

struct Tally {
    verdicts: Vec<(&'static Mutant, Verdict)>,
    all: usize,
}

impl Tally {
    fn new(all: usize) -> Self {
        Self {
            verdicts: Vec::new(),
            all,
        }
    }

    fn add(&mut self, mutant: &'static Mutant, verdict: Verdict) {
        self.verdicts.push((mutant, verdict));
        let (number, all) = (self.verdicts.len(), self.all);
        let Mutant {
            file, why, test, ..
        } = mutant;
        println!("{number}/{all} {file}: {why}: {verdict} ({test})");
    }

    fn text(&self) -> String {
        let of = |verdict| self.verdicts.iter().filter(move |it| it.1 == verdict);
        let mut text = String::new();
        for verdict in [
            Verdict::Survived,
            Verdict::Stillborn,
            Verdict::Sick,
            Verdict::Astray,
        ] {
            for (mutant, _) in of(verdict) {
                let why = mutant
                    .unseen
                    .map_or(String::new(), |it| format!(", since {it}"));
                let _ = writeln!(text, "{verdict}: {}: {}{why}", mutant.file, mutant.why);
            }
        }
        let (noticed, survived) = (of(Verdict::Noticed).count(), of(Verdict::Survived).count());
        let _ = writeln!(
            text,
            "{noticed} of {} mutants were noticed",
            noticed + survived
        );
        text
    }

    fn is_clean(&self) -> bool {
        let is_fine = |(mutant, verdict): &(&Mutant, Verdict)| match verdict {
            Verdict::Noticed => true,
            Verdict::Survived => mutant.unseen.is_some(),
            _ => false,
        };
        self.verdicts.iter().all(is_fine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_fits_what_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let (fitting, others) = fit(&root).expect("the files can be read");
        assert!(others.is_empty(), "{}", others.join("\n"));
        assert!(fitting.len() >= 40, "{} mutants are few", fitting.len());
    }

    #[test]
    fn who_did_not_come_to_the_test_noticed_nothing() {
        let failed = |log: &str| outcome(Some(2), log) == Outcome::Failed;
        assert!(failed("test binaries: 1 of 2 failed: chardev\n"));
        assert!(failed("test result: FAILED. 0 passed; 1 failed\n"));
        assert!(failed("error: test failed, to rerun pass `-p x`\n"));
        assert!(failed("vm: the kernel splatted\n"));
        for log in [
            "",
            "E: Unable to fetch some archives\n",
            "ERROR: modpost: \"x\" undefined!\nmake: *** Error 1\n",
            "test binaries: all 3 passed\nmake: *** Error 1\n",
            "vm: dev 7.3.4-lkmpg-dev, emulated, 1 CPU\nvm: booting a guest, for this run and others\n",
        ] {
            assert!(outcome(Some(2), log) == Outcome::Astray, "{log}");
        }
        let not_built = "error: could not compile `x`\nvm: the runner does not build\n";
        assert!(outcome(Some(125), not_built) == Outcome::NotBuilt);
        assert!(outcome(Some(124), "") == Outcome::TimedOut);
        assert!(outcome(Some(0), "vm: 3 passed\n") == Outcome::Passed);
    }

    #[test]
    fn a_full_disk_ends_the_run() {
        let log = "ld: cannot write: No space left on device\n";
        let here = [Path::new("/proc")];
        assert!(found_no_space(log, &[]));
        assert!(!found_no_space("ld: cannot write\n", &here));
        // A guest's is no reason, as long as there is room here.
        let failed = format!("{log}test result: FAILED\n");
        assert!(!found_no_space(&failed, &[]));
        assert!(found_no_space(&failed, &here), "/proc has no space");
    }

    #[test]
    fn one_at_a_time_is_at_work() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = lock(folder.path()).expect("nobody is there");
        let second = lock(folder.path()).expect_err("it is taken");
        let said = format!(
            "another make mutants is at work in {}",
            folder.path().display()
        );
        assert_eq!(second.to_string(), said);
        drop(first);
        lock(folder.path()).expect("it is free");
    }
}
