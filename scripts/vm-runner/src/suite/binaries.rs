// SPDX-License-Identifier: GPL-2.0-only

//! What has tests in it, and how long it takes.

use crate::{cargo_test, kernel::Kernel};
use anyhow::{Context, Result};
use serde::Deserialize;
use std::{
    collections::BTreeMap,
    fs,
    io::BufRead,
    path::{Path, PathBuf},
};

/// A line of Cargo's, as far as it matters here.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact {
        package_id: String,
        target: Target,
        profile: Profile,
        executable: Option<PathBuf>,
    },
    BuildFinished {
        success: bool,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Profile {
    test: bool,
}

/// What has tests in it.
pub struct Binary {
    /// Its name.
    pub name: String,
    /// None for the examples in the documentation, which are Cargo's to build and to run.
    pub path: Option<PathBuf>,
}

impl Binary {
    /// Where it is, if it belongs into a guest.
    pub fn in_guest(&self) -> Option<&Path> {
        let path = self.path.as_deref()?;
        // What cannot be read says why when it runs.
        let is_guests = cargo_test::is_guests(path).unwrap_or(false);
        is_guests.then_some(path)
    }
}

/// The test binaries, or none if they did not build.
pub fn binaries(messages: impl BufRead) -> Result<Option<Vec<Binary>>> {
    let mut found = Vec::new();
    let mut built = false;
    for line in messages.lines() {
        let line = line.context("cannot read what Cargo says")?;
        // What is not JSON was printed by a build script.
        match serde_json::from_str(&line) {
            Ok(Message::CompilerArtifact {
                package_id,
                target,
                profile: Profile { test: true },
                executable: path @ Some(_),
            }) => found.push(Binary {
                name: name(&package_id, &target)?,
                path,
            }),
            Ok(Message::BuildFinished { success }) => built = success,
            _ => {}
        }
    }
    Ok(built.then_some(found))
}

/// A test has its own name, and what is in a library or a program that of its package.
fn name(package_id: &str, target: &Target) -> Result<String> {
    if target.kind.iter().any(|it| it == "test") {
        return Ok(target.name.clone());
    }
    // `path+file:///folder#name@version`, or `path+file:///folder/name#version`.
    let package = package_id.rsplit_once('#').map(|(folder, it)| {
        let last = folder.rsplit_once('/').map_or(folder, |it| it.1);
        it.split_once('@').map_or(last, |it| it.0)
    });
    let package = package.with_context(|| format!("Cargo names a package {package_id}"))?;
    Ok(format!("{package} ({})", target.kind.join(" ")))
}

/// How long each test binary took the last time, in seconds.
#[derive(Debug, Default)]
pub struct Durations {
    file: Option<PathBuf>,
    /// By name.
    pub known: BTreeMap<String, f64>,
}

impl Durations {
    /// Those of this kernel.
    pub fn of(kernel: &Kernel) -> Self {
        let file = kernel.build.as_ref().map(|it| it.join("durations.json"));
        let text = file.as_ref().and_then(|it| fs::read(it).ok());
        let known = text.and_then(|it| serde_json::from_slice(&it).ok());
        Self {
            file,
            known: known.unwrap_or_default(),
        }
    }

    /// One that is new may take long.
    pub fn took(&self, name: &str) -> f64 {
        self.known.get(name).copied().unwrap_or(f64::INFINITY)
    }

    /// Without a place to keep them, the next run just does not know.
    pub fn keep(&self) -> Option<()> {
        let file = self.file.as_ref()?;
        // Another run may be reading it.
        let new = file.with_extension(std::process::id().to_string());
        fs::write(&new, serde_json::to_vec(&self.known).ok()?).ok()?;
        fs::rename(new, file).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEST: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///a#lkmpg-tests@0.1.0","target":{"name":"NAME","kind":["test"]},"profile":{"test":true},"executable":"/b/NAME-01"}"#;
    const LIBRARY: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///a/unit#0.1.0","target":{"name":"x","kind":["lib"]},"profile":{"test":true},"executable":"/b/x-01"}"#;
    const PROGRAM: &str = r#"{"reason":"compiler-artifact","package_id":"path+file:///a#b@1","target":{"name":"b","kind":["bin"]},"profile":{"test":false},"executable":"/b"}"#;
    const DONE: &str = r#"{"reason":"build-finished","success":true}"#;

    fn names(lines: &[&str]) -> Result<Option<Vec<String>>> {
        let found = binaries(lines.join("\n").as_bytes())?;
        Ok(found.map(|it| it.into_iter().map(|it| it.name).collect()))
    }

    #[test]
    fn all_tests_are_found() {
        let [chardev, twins] = ["chardev", "twins"].map(|it| TEST.replace("NAME", it));
        let lines = [&chardev, PROGRAM, "hello", &twins, LIBRARY, DONE];
        let expected = ["chardev", "twins", "unit (lib)"];
        assert_eq!(names(&lines).unwrap().unwrap(), expected);
    }

    #[test]
    fn one_that_is_new_takes_longest() {
        let known = BTreeMap::from([("hello".to_owned(), 9.0)]);
        let durations = Durations { file: None, known };
        assert!(durations.took("new") > durations.took("hello"));
    }

    #[test]
    fn a_build_that_failed_runs_nothing() {
        assert!(
            names(&[TEST, &DONE.replace("true", "false")])
                .unwrap()
                .is_none()
        );
        assert!(names(&[TEST]).unwrap().is_none());
    }

    #[test]
    fn a_program_is_no_test() {
        assert_eq!(names(&[PROGRAM, DONE]).unwrap().unwrap(), [""; 0]);
    }
}
