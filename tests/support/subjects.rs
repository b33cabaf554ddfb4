// SPDX-License-Identifier: GPL-2.0-only

//! The modules that the tests of reliability go through: all that the build made of the samples.
//!
//! What a user gets at is seen by what appears when a module loads, and what it must leave behind
//! is nothing: see [`Footprint`]. Only what cannot be seen is said, in `gates.toml` beside it.

use crate::{
    Footprint, Module, is_built_in,
    module::needs,
    nodes::Node,
    settings::{only, some},
};
use rustix::io::Errno;
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, OnceLock},
};

/// Where the runner puts `modules.order` of the build, and the samples' `Kbuild` and `gates.toml`.
const FOLDER: &str = "/gates";

/// Where modules may keep what they take.
pub const WORDS: &[&str] = &["hello\n", "", "0\n", "4294967296\n", "a line\nand more"];

/// A module under test.
#[derive(Debug)]
pub struct Subject {
    /// Its name.
    pub module: String,
    /// What nobody can see.
    pub said: Said,
    /// Where a user gets at it.
    pub nodes: Vec<Node>,
}

/// What `gates.toml` says of a module.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Said {
    /// Scripts for the shell, which make what the module needs, and what stays when it has gone. One
    /// may be run again in the same guest.
    pub before: Vec<String>,
    /// Parameters that have it do as much as it can without anybody's help. A `path=` is that of a
    /// file, which a test may replace by another.
    pub parameters: Vec<String>,
    /// What a write of is understood, by at least one of its nodes that can be written. An empty
    /// list says that none takes any.
    pub words: Option<Vec<String>>,
    /// For words that do something once: what else to write, so that they do it again.
    pub undo: BTreeMap<String, String>,
    /// That its nodes are not read, whatever their mode allows.
    pub unreadable: bool,
    /// The numbers of its ioctls, which do something with a page of memory.
    pub ioctls: Vec<u32>,
    /// The errno that a load without memory may fail with, as documented, besides `ENOMEM`.
    pub refusal: Option<i32>,
    /// Nodes to leave alone, and why.
    pub without: BTreeMap<String, String>,
    /// The devices that the runner plugs in for it.
    pub devices: Vec<String>,
    /// The lines that lead from these devices to `/dev/virtio-ports`.
    pub lines: Vec<String>,
    /// What else the runner tells QEMU for it.
    pub qemu: Vec<String>,
    /// Files that add to what the machine's firmware says.
    pub firmware: Vec<String>,
}

impl Said {
    /// Makes what a module needs.
    pub fn prepare(&self, module: &str) {
        for line in &self.before {
            let status = Command::new("sh").args(["-ec", line]).status();
            let status = status.expect("a shell");
            assert!(status.success(), "{module} needs `{line}`: {status}");
        }
    }
}

impl Subject {
    /// Finds out about a module, by loading it. All is as it was `before` when it is gone. What it needs
    /// is loaded first: the nodes of that are not its own.
    pub fn new(module: &str, said: Said, before: &Footprint) -> Self {
        let needs = Module::load_needs(module);
        let needs = needs.unwrap_or_else(|error| panic!("what {module} needs: {error}"));
        let with_needs = Footprint::now();
        let mut subject = Self {
            module: module.to_owned(),
            said,
            nodes: Vec::new(),
        };
        let loaded = subject.load();
        subject.nodes = Footprint::now().nodes_since(&with_needs);
        loaded.unload().expect("nobody has it open");
        drop(needs);
        before.check(module);
        for (path, why) in &subject.said.without {
            let all = subject.nodes.len();
            subject.nodes.retain(|it| it.path != *path);
            assert_ne!(all, subject.nodes.len(), "{module} has no {path}");
            leave_out(format!("{path}: {why}"));
        }
        for word in subject.said.undo.keys() {
            let words = subject.words();
            assert!(
                words.contains(&&**word),
                "{module}: undo: {word:?} is none of {words:?}"
            );
        }
        subject
    }

    /// What to write to its nodes.
    pub fn words(&self) -> Vec<&str> {
        let said = self.said.words.as_ref();
        said.map_or(WORDS.to_vec(), |it| it.iter().map(|it| &**it).collect())
    }

    /// What to write before a word, so that it does something again.
    pub fn undo(&self, word: &str) -> Option<&str> {
        self.said.undo.get(word).map(|it| &**it)
    }

    /// Loads the module.
    pub fn load(&self) -> Module {
        self.load_with(&self.said.parameters)
    }

    /// Loads the module, with `file` for the one that it reads or writes, if it does.
    pub fn load_on(&self, file: &str) -> Module {
        let parameters = self.said.parameters.iter();
        let parameters = parameters.map(|it| match it.starts_with("path=") {
            true => format!("path={file}"),
            false => it.clone(),
        });
        self.load_with(&parameters.collect::<Vec<_>>())
    }

    fn load_with(&self, parameters: &[String]) -> Module {
        let parameters: Vec<_> = parameters.iter().map(|it| &**it).collect();
        let loaded = Module::load(&self.module, &parameters);
        loaded.unwrap_or_else(|error| panic!("{}: {error}", self.module))
    }

    /// Whether all its nodes are there, now that it is loaded.
    pub fn is_whole(&self) -> bool {
        self.nodes.iter().all(Node::is_there)
    }

    /// Whether a load without memory may fail with an errno.
    pub fn may_refuse(&self, errno: Errno) -> bool {
        errno == Errno::NOMEM || Some(errno.raw_os_error()) == self.said.refusal
    }
}

/// The modules of the build, or the one that `LKMPG_SUBJECT` names. There are some.
pub fn subjects() -> &'static [Subject] {
    static SUBJECTS: OnceLock<Vec<Subject>> = OnceLock::new();
    SUBJECTS.get_or_init(|| {
        let mut samples = samples();
        if let Some(only) = only() {
            let all: Vec<_> = samples.iter().map(|it| it.module.clone()).collect();
            samples.retain(|it| it.module == only);
            let there = !samples.is_empty();
            assert!(there, "LKMPG_SUBJECT={only} is none of {all:?}");
        }
        let order = read(format!("{FOLDER}/modules.order"));
        samples.retain(|it| it.is_built(&order));
        samples.iter().for_each(|it| it.said().prepare(&it.module));
        let before = Footprint::now();
        let subjects = samples.iter();
        let subjects = subjects.map(|it| Subject::new(&it.module, it.said(), &before));
        some("module", subjects)
    })
}

/// The modules that can be loaded and unloaded in any order: those that others of them need are there
/// while these are.
pub fn apart() -> impl Iterator<Item = &'static Subject> {
    let needed: Vec<_> = subjects().iter().flat_map(|it| needs(&it.module)).collect();
    let is_needed = move |it: &Subject| needed.iter().any(|(name, _)| *name == it.module);
    subjects().iter().filter(move |it| !is_needed(it))
}

/// Loads what any of them needs.
pub fn needs_of_all() -> Vec<Module> {
    let needs = |it: &Subject| Module::load_needs(&it.module).expect(&it.module);
    subjects().iter().filter_map(needs).collect()
}

static LEFT_OUT: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// What is not tested, and why.
pub fn left_out() -> Vec<String> {
    subjects();
    LEFT_OUT.lock().expect("nobody failed here").clone()
}

fn leave_out(why: String) {
    LEFT_OUT.lock().expect("nobody failed here").push(why);
}

/// What a line of a `Kbuild` asks for.
#[derive(Debug, PartialEq)]
struct Sample {
    module: String,
    folder: PathBuf,
    line: String,
}

impl Sample {
    /// What a `Kbuild` asks for, whether the kernel can have it or not.
    fn all_of(folder: &Path, kbuild: &str) -> Vec<Self> {
        let lines = kbuild.lines().filter(|it| it.starts_with("obj-"));
        let samples = lines.flat_map(|line| {
            let names = line.split_whitespace();
            let names = names.filter_map(|it| it.strip_suffix(".o"));
            names.map(move |name| Self {
                module: name.replace('-', "_"),
                folder: folder.to_owned(),
                line: line.replace('\t', " "),
            })
        });
        samples.collect()
    }

    /// Whether there is such a module, by `modules.order`. If not, the kernel lacks something.
    fn is_built(&self, order: &str) -> bool {
        let names = order.lines().filter_map(|it| Path::new(it).file_stem());
        let mut names = names.map(|it| it.to_string_lossy().replace('-', "_"));
        if !names.any(|it| it == self.module) {
            leave_out(format!("this kernel cannot have it: {}", self.line));
            return false;
        }
        if is_built_in(&self.module) {
            leave_out(format!("the kernel has a part called {}", self.module));
            return false;
        }
        true
    }

    /// What is said of it.
    fn said(&self) -> Said {
        let file = self.folder.join("gates.toml");
        let text = match file.exists() {
            true => read(&file),
            false => return Said::default(),
        };
        let said = toml::from_str::<BTreeMap<String, Said>>(&text);
        let mut said = said.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        said.remove(&self.module).unwrap_or_default()
    }
}

/// Whether the modules are somebody else's: of make's `M=`.
pub fn are_somebodys() -> bool {
    !Path::new(FOLDER).join("samples").exists()
}

/// All samples, in the order of the chapters; or all modules of somebody else's.
fn samples() -> Vec<Sample> {
    if are_somebodys() {
        return Sample::all_of(Path::new(FOLDER), &built());
    }
    let folders = fs::read_dir(format!("{FOLDER}/samples")).expect("the samples");
    let mut folders: Vec<_> = folders.map(|it| it.expect("a folder").path()).collect();
    folders.sort();
    let samples = folders.iter().flat_map(|folder| {
        let samples = Sample::all_of(folder, &read(folder.join("Kbuild")));
        assert_ne!(samples, [], "no module in {}", folder.display());
        samples
    });
    samples.collect()
}

/// The modules of the build, as a line of a `Kbuild`.
fn built() -> String {
    let order = read(format!("{FOLDER}/modules.order"));
    let names = order.lines().filter_map(|it| Path::new(it).file_name());
    let names = names.map(|it| it.to_string_lossy().into_owned());
    format!("obj-m {}", names.collect::<Vec<_>>().join(" "))
}

fn read(file: impl AsRef<Path>) -> String {
    let file = file.as_ref();
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
