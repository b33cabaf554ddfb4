// SPDX-License-Identifier: GPL-2.0-only

//! The book, the README and `docs/`: what they link to, include, show and name is there. How the book
//! is made of its chapters.

use lkmpg_tools_tests::{Machine, root};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use std::{
    collections::HashSet,
    env, fs,
    io::{self, Write as _},
    ops::Range,
    path::{Component, Path, PathBuf},
};

struct Page {
    file: PathBuf,
    text: String,
}

impl Page {
    fn read(file: &Path) -> Self {
        let text = fs::read_to_string(root().join(file));
        Self {
            file: file.to_owned(),
            text: text.unwrap_or_else(|e| panic!("{}: {e}", file.display())),
        }
    }

    fn events(&self) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES).into_offset_iter()
    }

    /// Where something is, and what is to be said of it.
    fn complaint(&self, at: usize, what: &str) -> String {
        let line = 1 + self.text[..at].matches('\n').count();
        format!("{}:{line}: {what}", self.file.display())
    }

    /// Its headings' names, as mdBook and GitHub make them.
    fn anchors(&self) -> HashSet<String> {
        let (mut anchors, mut heading) = (HashSet::new(), None);
        for (event, _) in self.events() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => anchors.extend(heading.take()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        let kept = text.chars().filter_map(|it| match it {
                            ' ' => Some('-'),
                            '-' | '_' => Some(it),
                            _ => it.is_alphanumeric().then(|| it.to_ascii_lowercase()),
                        });
                        heading.extend(kept);
                    }
                }
                _ => {}
            }
        }
        anchors
    }
}

/// The files in a folder with this extension.
fn files(folder: &str, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join(folder)).unwrap_or_else(|e| panic!("{folder}: {e}"));
    let names = entries.map(|it| Path::new(folder).join(it.expect("an entry").file_name()));
    let mut files: Vec<_> = names
        .filter(|it| it.extension().is_some_and(|it| it == extension))
        .collect();
    files.sort();
    files
}

fn chapters() -> Vec<Page> {
    let files = files("book/src", "md").into_iter();
    files.map(|it| Page::read(&it)).collect()
}

/// A path without `.` and `..`.
fn resolved(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut path, part| {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::CurDir => {}
            part => path.push(part),
        }
        path
    })
}

/// Says how many there were, where libtest does not hide it, and fails with all that was found.
fn conclude(count: usize, what: &str, complaints: &[String]) {
    assert!(count > 0, "there are no {what}: nothing was tested");
    let said = io::stderr().write_all(format!("book: {count} {what}\n").as_bytes());
    said.expect("it is said");
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_link_leads_somewhere() {
    let mut pages = vec![Page::read(Path::new("README.md"))];
    pages.extend(files("docs", "md").iter().map(|it| Page::read(it)));
    pages.extend(chapters());
    let (mut count, mut complaints) = (0, Vec::new());
    for page in &pages {
        let in_book = page.file.starts_with("book");
        for (event, range) in page.events() {
            let Event::Start(Tag::Link { dest_url: to, .. } | Tag::Image { dest_url: to, .. }) =
                event
            else {
                continue;
            };
            count += 1;
            // A draft has no file. What is elsewhere is not asked for: the tests need no network.
            if to.is_empty() || to.starts_with("https://") {
                continue;
            }
            let mut complain =
                |why: &str| complaints.push(page.complaint(range.start, &format!("{to}: {why}")));
            let (file, anchor) = to.split_once('#').unwrap_or((&to, ""));
            let file = match file {
                "" => page.file.clone(),
                file => resolved(&page.file.with_file_name(file)),
            };
            if !root().join(&file).exists() {
                complain("there is no such file");
            } else if in_book && !file.starts_with("book/src") {
                complain("this file is not in the book: name it, in backticks");
            } else if !anchor.is_empty() && !Page::read(&file).anchors().contains(anchor) {
                complain("there is no such heading");
            }
        }
    }
    conclude(count, "links", &complaints);
}

#[test]
fn every_piece_of_code_that_is_included_is_there() {
    let (mut count, mut complaints) = (0, Vec::new());
    for page in chapters() {
        for (at, _) in page.text.match_indices("{{#") {
            count += 1;
            let directive = page.text[at..].split("}}").next().unwrap_or_default();
            let complaint = |why: &str| page.complaint(at, &format!("{directive}}}}}: {why}"));
            let Some((file, anchor)) = directive
                .strip_prefix("{{#include ")
                .and_then(|it| it.split_once(':'))
            else {
                complaints.push(complaint("it is {{#include FILE:ANCHOR}}"));
                continue;
            };
            match fs::read_to_string(root().join("book/src").join(file)) {
                Err(error) => complaints.push(complaint(&error.to_string())),
                Ok(text) if piece(&text, anchor).trim().is_empty() => {
                    complaints.push(complaint("there is no such anchor, or nothing in it"));
                }
                Ok(_) => {}
            }
        }
    }
    conclude(count, "pieces of code", &complaints);
}

#[test]
fn every_sample_is_listed() {
    let list = Page::read(Path::new("docs/samples.md")).text;
    let folders = fs::read_dir(root().join("samples")).expect("samples");
    let folders = folders.map(|it| it.expect("an entry").path());
    let sources = folders.filter(|it| it.is_dir()).flat_map(|folder| {
        let folder = folder.strip_prefix(root()).expect("below").to_owned();
        files(folder.to_str().expect("a name"), "rs")
    });
    // `module!`, or `module_platform_driver!` and its like.
    let is_module = |line: &str| {
        let line = line.strip_prefix("kernel::").unwrap_or(line);
        line.starts_with("module") && line.ends_with("! {")
    };
    let modules: Vec<_> = sources
        .filter(|it| Page::read(it).text.lines().any(is_module))
        .collect();
    let lost = modules
        .iter()
        .filter(|it| !list.contains(&format!("](../{})", it.display())));
    let complaints: Vec<_> = lost
        .map(|it| format!("docs/samples.md does not lead to {}", it.display()))
        .collect();
    conclude(modules.len(), "samples", &complaints);
}

#[test]
fn what_is_typed_in_a_bare_debian_is_in_the_texts() {
    let script = Page::read(Path::new("scripts/test-debian"));
    let (mut count, mut complaints) = (0, Vec::new());
    for (at, call) in script.text.match_indices("$(session ") {
        count += 1;
        let call = &script.text[at + call.len()..];
        let (file, words) = call.split_once(" '").expect("a file and words");
        let words = words.split('\'').next().expect("an end");
        let text = Page::read(Path::new(file)).text;
        let after = text.split_once(words).map(|it| it.1);
        if !after.is_some_and(|it| it.contains("\n```sh\n")) {
            complaints.push(script.complaint(at, &format!("{file} has no session after: {words}")));
        }
    }
    conclude(count, "sessions of a bare Debian", &complaints);
}

/// What is between the two marks of an anchor.
fn piece(text: &str, anchor: &str) -> String {
    let is = |line: &str, mark: &str| {
        let name = line.split_once(mark).map(|(_, it)| it.split(' ').next());
        name == Some(Some(anchor))
    };
    let lines = text.lines().skip_while(|it| !is(it, "ANCHOR: ")).skip(1);
    let piece: Vec<_> = lines.take_while(|it| !is(it, "ANCHOR_END: ")).collect();
    piece.join("\n")
}

/// The source of the kernel that was built for.
fn kernel_source() -> PathBuf {
    let kernel = env::var("KERNEL").unwrap_or_else(|_| "dev".to_owned());
    let build = root().join("build").join(kernel).join("kernel/build");
    let source = build.join("source");
    let source = if source.exists() { source } else { build };
    assert!(
        source.join("kernel/module/main.c").exists(),
        "there is no source in {}",
        source.display()
    );
    source
}

#[test]
fn every_file_that_the_book_names_is_there() {
    let source = kernel_source();
    let kernels = |path: &str| source.join(path).exists();
    let (mut count, mut complaints) = (0, Vec::new());
    for page in chapters() {
        for (event, range) in page.events() {
            let Event::Code(name) = event else { continue };
            let plain = |it: char| it.is_ascii_alphanumeric() || "_-./".contains(it);
            let Some((folder, _)) = name.split_once('/').filter(|_| name.chars().all(plain)) else {
                continue;
            };
            // Not what is built, and not the empty name before what is in the guest.
            if ["", ".", "..", "build"].contains(&folder)
                || !(kernels(folder) || root().join(folder).exists())
            {
                continue;
            }
            count += 1;
            if !kernels(&name) && !root().join(&*name).exists() {
                complaints.push(page.complaint(
                    range.start,
                    &format!("{name} is neither in the kernel's source nor here"),
                ));
            }
        }
    }
    conclude(count, "names of files", &complaints);
}

/// As gdb has it: a place at the end of a line, and then the number and the text of that line.
#[test]
fn lines_that_a_debugger_shows_are_in_the_samples() {
    let (mut count, mut complaints) = (0, Vec::new());
    for file in files("docs", "md") {
        let page = Page::read(&file);
        let lines: Vec<_> = page.text.lines().collect();
        for pair in lines.windows(2) {
            let Some((number, shown)) = pair[1].split_once('\t') else {
                continue;
            };
            let place = pair[0].rsplit(' ').next().expect("a word");
            let Some((file, number)) = place.split_once(':').filter(|it| it.1 == number) else {
                continue;
            };
            count += 1;
            let number: usize = number.parse().expect("a number");
            let there = Page::read(Path::new(file)).text;
            let there = there.lines().nth(number - 1);
            if there != Some(shown) {
                complaints.push(format!(
                    "{}: {place} is {there:?}, and not {shown:?}",
                    page.file.display()
                ));
            }
        }
    }
    conclude(count, "lines in a debugger", &complaints);
}

/// As `vfs_read` in `fs/read_write.c`.
#[test]
fn what_the_book_finds_in_a_file_is_there() {
    let source = kernel_source();
    let (mut count, mut complaints) = (0, Vec::new());
    for page in chapters() {
        let (mut name, mut between) = (String::new(), String::new());
        for (event, range) in page.events() {
            match event {
                Event::Text(text) => between += &text,
                Event::SoftBreak => between += " ",
                Event::Code(code) => {
                    let file = [source.join(&*code), root().join(&*code)];
                    let file = file.iter().find(|it| code.contains('/') && it.is_file());
                    if let Some(file) = file.filter(|_| between == " in ") {
                        count += 1;
                        let text = fs::read_to_string(file).expect("a file of the source");
                        let last = name.trim_end_matches("()").rsplit("::").next();
                        if !last.is_some_and(|it| text.contains(it)) {
                            let lost = format!("there is no {name} in {code}");
                            complaints.push(page.complaint(range.start, &lost));
                        }
                    }
                    name = code.into_string();
                    between.clear();
                }
                _ => between += "|",
            }
        }
    }
    conclude(count, "names in files", &complaints);
}

#[test]
fn every_chapter_and_every_picture_is_in_the_book() {
    let summary = Page::read(Path::new("book/src/SUMMARY.md"));
    let chapters = chapters();
    let (mut there, mut complaints) = (HashSet::new(), Vec::new());
    for page in chapters.iter().chain([&summary]) {
        for (event, range) in page.events() {
            match event {
                Event::Start(Tag::Link { dest_url: to, .. }) if page.file == summary.file => {
                    there.insert(Path::new("book/src").join(&*to));
                }
                Event::Start(Tag::Image { dest_url: to, .. }) => {
                    there.insert(Path::new("book/src").join(&*to));
                    if page.text[range.clone()].starts_with("![]") {
                        complaints.push(page.complaint(
                            range.start,
                            "the picture has no text for who does not see it",
                        ));
                    }
                }
                _ => {}
            }
        }
    }
    let chapters = chapters
        .into_iter()
        .map(|it| it.file)
        .filter(|it| *it != summary.file);
    let all: Vec<_> = chapters.chain(files("book/src/pictures", "svg")).collect();
    let lost = all.iter().filter(|it| !there.contains(*it));
    complaints.extend(lost.map(|it| format!("{}: nothing leads there", it.display())));
    conclude(all.len(), "chapters and pictures", &complaints);
}

/// A machine with tools that keep what they are asked for, and a book of two chapters and a draft.
fn printer() -> Machine {
    let machine = Machine::new();
    let home = machine.path("home").display().to_string();
    machine.program(
        "mdbook",
        "case $1 in --version) echo mdbook v0.4.52 ;; *) mkdir -p $4/html $4/markdown ;; esac",
    );
    machine.program("pandoc", &format!("printf '%s|' \"$@\" >>{home}/pandoc"));
    machine.write("checkout/book/book.toml", "[book]\ntitle = \"Two words\"\n");
    machine.write(
        "checkout/book/src/SUMMARY.md",
        "[A](00-a.md)\n\n- [B]()\n\n- [C](02-c.md)\n",
    );
    machine
}

#[test]
fn the_chapters_follow_one_another_in_epub_and_pdf() {
    let machine = printer();
    machine.run(&["scripts/book"]).passes().says(&[
        "2 chapters",
        "html/index.html",
        ".epub",
        ".pdf",
    ]);
    let asked = machine.read("home/pandoc");
    assert_eq!(asked.matches("|00-a.md|02-c.md|").count(), 2, "{asked}");
    assert_eq!(asked.matches("title=Two words|").count(), 2, "{asked}");
}

#[test]
fn a_chapter_that_is_not_in_the_pdf_is_missed() {
    let machine = printer();
    machine
        .run(&["scripts/book"])
        .passes()
        .says(&["nobody has read the PDF"]);
    machine.program(
        "mdbook",
        "case $1 in --version) echo mdbook v0.4.52 ;; *)
            mkdir -p $4/html $4/markdown; cd $4/markdown
            printf '# A\\n```console\\n# rm\\n```\\n' >00-a.md; echo '# Two long words' >02-c.md ;;
        esac",
    );
    machine.program("pdftotext", "printf 'A\\nTwo\\nlong words\\n' >$2");
    machine
        .run(&["scripts/book"])
        .passes()
        .says(&["2 chapters"]);
    machine.program("pdftotext", "printf 'A\\n' >$2");
    machine
        .run(&["scripts/book"])
        .fails(&["the PDF has no chapter \"Two long words\""]);
    machine.run(&["scripts/book", "--epub"]).passes();
}

#[test]
fn what_the_book_lacks_is_told() {
    let machine = printer();
    machine.program("pandoc", "echo 'no such picture' >&2; exit 1");
    machine
        .run(&["scripts/book"])
        .fails(&["no such picture", "make an EPUB failed"]);
    machine
        .run(&["scripts/book", "--look"])
        .fails(&["no Chromium", "apt install chromium"]);
    machine.write("checkout/book/src/SUMMARY.md", "- [B]()\n");
    machine
        .run(&["scripts/book"])
        .fails(&["the book has no chapter"]);
    machine.without("pandoc");
    machine
        .run(&["scripts/book"])
        .fails(&["there is no pandoc", "scripts/setup --book"]);
    machine.without("mdbook");
    machine
        .run(&["scripts/book"])
        .fails(&["there is no mdBook", "scripts/setup --book"]);
}
