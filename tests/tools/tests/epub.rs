// SPDX-License-Identifier: GPL-2.0-only

//! The book as an EPUB: each chapter and each picture is in it, and each link leads to something that is.
//!
//! It is made anew, where there is what `make book` takes: `scripts/setup --book` installs that.

use lkmpg_guest::skip;
use lkmpg_tools_tests::root;
use quick_xml::{Reader, events::Event};
use std::{
    collections::{BTreeMap, HashSet},
    fs::{self, File},
    io::Read as _,
    path::{Component, Path},
    process::Command,
};
use zip::ZipArchive;

/// The files in an EPUB, by their names.
type Files = BTreeMap<String, Vec<u8>>;

/// What a file of XML has that others lead to, and what it leads to.
#[derive(Default)]
struct Names {
    ids: HashSet<String>,
    links: Vec<String>,
}

impl Names {
    fn of(file: &str, xml: &[u8]) -> Self {
        let mut names = Self::default();
        let mut reader = Reader::from_reader(xml);
        loop {
            match reader
                .read_event()
                .unwrap_or_else(|e| panic!("{file}: {e}"))
            {
                Event::Start(tag) | Event::Empty(tag) => {
                    for attribute in tag.attributes() {
                        let attribute = attribute.unwrap_or_else(|e| panic!("{file}: {e}"));
                        let value = String::from_utf8_lossy(&attribute.value).into_owned();
                        match attribute.key.local_name().as_ref() {
                            b"id" => drop(names.ids.insert(value)),
                            b"href" | b"src" => names.links.push(value),
                            _ => {}
                        }
                    }
                }
                Event::Eof => return names,
                _ => {}
            }
        }
    }
}

fn unpacked(epub: &Path) -> Files {
    let file = File::open(epub).unwrap_or_else(|e| panic!("{}: {e}", epub.display()));
    let mut zip = ZipArchive::new(file).expect("an EPUB is a ZIP file");
    let mut files = Files::new();
    for index in 0..zip.len() {
        let mut file = zip.by_index(index).expect("a file");
        let mut content = Vec::new();
        file.read_to_end(&mut content).expect("its content");
        files.insert(file.name().to_owned(), content);
    }
    files
}

/// Where a link in a file leads: to a file, and to a name in it, or to none.
fn target<'a>(from: &str, link: &'a str) -> (String, &'a str) {
    let (file, id) = link.split_once('#').unwrap_or((link, ""));
    if file.is_empty() {
        return (from.to_owned(), id);
    }
    let mut to: Vec<_> = from.split('/').collect();
    to.pop();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => drop(to.pop()),
            part => to.push(part.as_os_str().to_str().expect("UTF-8")),
        }
    }
    (to.join("/"), id)
}

/// All that is wrong with it.
fn complaints(files: &Files, chapters: &[String], pictures: &[(String, Vec<u8>)]) -> Vec<String> {
    let is_xml = |it: &str| it.ends_with(".xhtml") || it.ends_with(".opf") || it.ends_with(".ncx");
    let xml = files.iter().filter(|(name, _)| is_xml(name));
    let names: BTreeMap<_, _> = xml
        .map(|(name, content)| (name.as_str(), Names::of(name, content)))
        .collect();
    let mut complaints = Vec::new();

    for (from, it) in &names {
        for link in it.links.iter().filter(|it| !it.contains(':')) {
            let (to, id) = target(from, link);
            let there = names.get(to.as_str()).is_some_and(|it| it.ids.contains(id));
            if !files.contains_key(&to) || !(id.is_empty() || there) {
                complaints.push(format!("{from}: {link} leads nowhere"));
            }
        }
    }

    // A reader shows what is listed.
    let listed: HashSet<_> = match names.iter().find(|(name, _)| name.ends_with(".opf")) {
        Some((list, it)) => it.links.iter().map(|link| target(list, link).0).collect(),
        None => panic!("it has no list of its files"),
    };
    let content = files
        .keys()
        .filter(|it| it.starts_with("EPUB/") && !it.ends_with(".opf"));
    let unlisted = content.filter(|it| !listed.contains(*it));
    complaints.extend(unlisted.map(|it| format!("{it} is not listed")));

    for chapter in chapters {
        // pandoc's third version has the ending in its name, too.
        let ids = [chapter.clone(), format!("{chapter}.md")];
        if !names
            .values()
            .any(|it| ids.iter().any(|id| it.ids.contains(id)))
        {
            complaints.push(format!("there is no chapter {chapter}"));
        }
    }
    let text = files
        .keys()
        .filter(|it| it.starts_with("EPUB/text/ch"))
        .count();
    if text != chapters.len() {
        complaints.push(format!("{} chapters are in {text} files", chapters.len()));
    }
    for (name, picture) in pictures {
        if !files.values().any(|it| it == picture) {
            complaints.push(format!("there is no picture {name}"));
        }
    }
    complaints
}

/// The files in a folder with this extension: their names without it, and what is in them.
fn all_in(folder: &str, extension: &str) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let paths = entries.map(|it| it.expect("an entry").path());
    let paths = paths.filter(|it| it.extension().is_some_and(|it| it == extension));
    let files: Vec<_> = paths
        .map(|it| {
            let name = it
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read(&it).expect("its content"))
        })
        .collect();
    assert!(!files.is_empty(), "{folder} has none");
    files
}

#[test]
fn chapters_pictures_and_links_are_there() {
    let book = Command::new(root().join("scripts/book"))
        .arg("--epub")
        .output();
    let book = book.expect("it starts");
    let said = String::from_utf8_lossy(&book.stderr);
    if said.contains("scripts/setup --book") {
        skip("what makes the book is not here: `scripts/setup --book` installs it");
        return;
    }
    assert!(book.status.success(), "{said}");

    let chapters = all_in("book/src", "md").into_iter().map(|it| it.0);
    let chapters: Vec<_> = chapters.filter(|it| it != "SUMMARY").collect();
    let pictures = all_in("book/src/pictures", "svg");
    let mut files = unpacked(&root().join("build/book/kernel-modules-in-rust.epub"));
    let wrong = complaints(&files, &chapters, &pictures);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));

    // What is lost is noticed.
    let last = files
        .keys()
        .rfind(|it| it.starts_with("EPUB/text/ch"))
        .expect("a chapter")
        .clone();
    files.remove(&last);
    files.retain(|name, _| !name.ends_with("/file0.svg"));
    let wrong = complaints(&files, &chapters, &pictures).join("\n");
    for words in [
        "there is no chapter",
        "there is no picture",
        "leads nowhere",
    ] {
        assert!(wrong.contains(words), "{wrong}");
    }
}
