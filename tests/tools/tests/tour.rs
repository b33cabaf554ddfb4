// SPDX-License-Identifier: GPL-2.0-only

//! `docs/tour.md`, typed as it stands there, for the kernel that the tests are for: its blocks of
//! `sh` are run, those of `diff` are patches, and what `text` shows must be seen after the last command.

use lkmpg_tools_tests::root;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};
use snapbox::{Assert, IntoData as _, assert::Action};
use std::{
    fs,
    io::Write as _,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The blocks of code, each with its language.
fn blocks(page: &str) -> Vec<(String, String)> {
    let mut blocks = Vec::new();
    let mut inside = false;
    for event in Parser::new(page) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                inside = true;
                blocks.push((language.into_string(), String::new()));
            }
            Event::End(_) => inside = false,
            Event::Text(text) if inside => blocks.last_mut().expect("a block").1 += &text,
            _ => {}
        }
    }
    blocks
}

/// A terminal: what is typed there begins in the folder where the last command ended.
struct Terminal {
    folder: PathBuf,
}

impl Terminal {
    /// Returns what is seen.
    fn types(&mut self, lines: &str) -> String {
        let script = format!("exec 2>&1\n{lines}\nprintf '\\0%s' \"$PWD\"");
        let mut shell = Command::new("bash");
        // What the make that runs this was told is not for its own.
        for variable in [
            "MAKEFLAGS",
            "MAKELEVEL",
            "T",
            "EXCEPT",
            "LKMPG_JUNIT",
            "LKMPG_ONLY",
            "LKMPG_SUBJECT",
        ] {
            shell.env_remove(variable);
        }
        let shell = shell.args(["-c", &script]).current_dir(&self.folder);
        let output = shell.output().expect("bash runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (seen, folder) = text.rsplit_once('\0').expect("the shell's last words");
        self.folder = folder.into();
        seen.to_owned()
    }

    fn patch(&self, diff: &str) {
        let mut patch = Command::new("git")
            .arg("apply")
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .spawn()
            .expect("git starts");
        let mut stdin = patch.stdin.take().expect("a pipe");
        stdin.write_all(diff.as_bytes()).expect("git reads");
        drop(stdin);
        assert!(patch.wait().expect("its end").success(), "{diff}");
    }
}

#[test]
fn the_tour_is_as_it_says() {
    let empty = tempfile::tempdir().expect("a folder");
    let mut terminal = Terminal {
        folder: empty.path().to_owned(),
    };
    let page = fs::read_to_string(root().join("docs/tour.md")).expect("the tour");
    let page = page.replace(".../lkmpg-rs/", &format!("{}/", root().display()));
    let (mut typed, mut seen, mut shown) = (String::new(), String::new(), 0);
    for (language, block) in blocks(&page) {
        match &*language {
            "sh" => {
                seen = terminal.types(&block);
                typed = block;
            }
            "diff" => terminal.patch(&block),
            "text" => {
                let same = Assert::new().action(Action::Verify).try_eq(
                    Some(&typed),
                    seen.clone().into_data(),
                    block.into_data(),
                );
                same.unwrap_or_else(|error| panic!("{error}"));
                shown += 1;
            }
            other => panic!("a block of {other}"),
        }
    }
    assert!(shown > 5, "the tour shows {shown}");
}
