// SPDX-License-Identifier: GPL-2.0-only

//! What a program says of itself: where it belongs, and what it needs to run elsewhere.

use crate::processor::Processor;
use anyhow::{Context, Result, bail};
use object::{
    Endianness, Object, ObjectSymbol, ReadCache,
    elf::{
        DT_NEEDED, DT_RUNPATH, Dyn64, DynamicTag, ELF_NOTE_GNU, FileHeader32, FileHeader64,
        NT_GNU_BUILD_ID, NoteType,
    },
    read::{
        ReadRef,
        elf::{Dyn, FileHeader, ProgramHeader},
    },
};
use serde::Deserialize;
use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    process::Command,
};

/// The kind of a note on a library that a program opens itself (`.note.dlopen`).
const DLOPEN: NoteType = NoteType(0x407c_0c0a);

/// The library that knows how to leave a function from outside.
const UNWINDER: &str = "libgcc_s.so.1";

/// A file that a program needs: where it must be, and where it is on the host.
pub type Needed = (PathBuf, PathBuf);

/// The loader and the libraries of a program; nothing if it is static, or no
/// program at all. They are this machine's, unless there is another root.
pub fn needs(program: &Path, on: &Processor, root: Option<&Path>) -> Result<Vec<Needed>> {
    let content =
        fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    if let Some(other) = processor(&content).filter(|it| *it != on) {
        bail!(
            "{} is a program for {}, and the guest is {}",
            program.display(),
            other.name,
            on.name
        );
    }
    let mut needed = match root {
        Some(root) => listed(&content, root),
        None => told(program, &content),
    }?;
    let root = root.unwrap_or(Path::new("/"));
    let mut more = opened(&content, root)?;
    let of_library = |(_, file): &Needed| fs::read(file).is_ok_and(|it| cancels(&it));
    if cancels(&content) || needed.iter().any(of_library) {
        if let Some(file) = library(Path::new(UNWINDER), root) {
            more.push((place(&file, root)?, file));
        }
    }
    for it in more {
        if needed.iter().all(|(target, _)| *target != it.0) {
            needed.push(it);
        }
    }
    Ok(needed)
}

/// Whether a program ends threads, for which the C library opens [`UNWINDER`].
fn cancels(program: &[u8]) -> bool {
    let names = [&b"pthread_cancel"[..], b"pthread_exit"];
    let Ok(file) = object::File::parse(program) else {
        return false;
    };
    let mut symbols = file.dynamic_symbols().filter(|it| it.is_undefined());
    symbols.any(|it| it.name_bytes().is_ok_and(|it| names.contains(&it)))
}

/// The processor that an ELF program is for, if it is one of those that are known.
pub fn processor(program: &[u8]) -> Option<&'static Processor> {
    let header = FileHeader64::<Endianness>::parse(program).ok()?;
    Processor::with(header.e_machine(header.endian().ok()?))
}

/// The same of a program that is not this machine's, by what it lists.
fn listed(program: &[u8], root: &Path) -> Result<Vec<Needed>> {
    let mut found = Vec::new();
    let mut left = vec![program.to_owned()];
    while let Some(content) = left.pop() {
        let loader = interpreter::<FileHeader64<Endianness>>(&content);
        let libraries = names(&content, DT_NEEDED).unwrap_or_default();
        let folders = names(&content, DT_RUNPATH).unwrap_or_default();
        for name in libraries.into_iter().chain(loader) {
            // Some are in a folder that only those know that need them.
            let own = folders.iter().map(|it| it.join(&name));
            let mut own = own.map(|it| (below(root, &it), it));
            let (file, target) = match own.find(|(file, _)| file.is_file()) {
                Some(found) => found,
                None => {
                    let file = library(&name, root).with_context(|| {
                        format!("there is no {} in {}", name.display(), root.display())
                    })?;
                    // It is where the program says, and the libraries where it looks.
                    let target = match name.is_absolute() {
                        true => name,
                        false => place(&file, root)?,
                    };
                    (file, target)
                }
            };
            if found.iter().all(|(it, _)| *it != target) {
                left.push(fs::read(&file)?);
                found.push((target, file));
            }
        }
    }
    Ok(found)
}

/// The same of what a program opens itself, as `kmod` of Debian 13 what unpacks modules. It does without what
/// is not there.
fn opened(program: &[u8], root: &Path) -> Result<Vec<Needed>> {
    let mut found = Vec::new();
    for name in names_opened(program) {
        let Some(file) = library(&name, root) else {
            continue;
        };
        found.extend(listed(&fs::read(&file)?, root)?);
        found.push((place(&file, root)?, file));
    }
    Ok(found)
}

/// What a program says in its notes of the libraries that it opens.
fn names_opened(program: &[u8]) -> Vec<PathBuf> {
    #[derive(Deserialize)]
    struct Opened {
        /// What will do, the best first.
        soname: Vec<PathBuf>,
    }
    let opened = |note: &[u8]| {
        let text = note.split(|it| *it == 0).next().unwrap_or_default();
        serde_json::from_slice::<Vec<Opened>>(text).unwrap_or_default()
    };
    let notes = notes(program, b"FDO", DLOPEN).unwrap_or_default();
    let opened = notes.into_iter().flat_map(opened);
    opened.flat_map(|it| it.soname).collect()
}

/// Where what is below a root is for its programs.
fn place(file: &Path, root: &Path) -> Result<PathBuf> {
    Ok(Path::new("/").join(file.strip_prefix(root.join("usr"))?))
}

/// What a program names: the libraries that it needs, or the folders with some of them.
fn names(program: &[u8], tag: DynamicTag) -> Option<Vec<PathBuf>> {
    let header = FileHeader64::<Endianness>::parse(program).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, program).ok()?;
    let (entries, link) = sections.dynamic(endian, program).ok()??;
    let names = sections.strings(endian, program, link).ok()?;
    let entries = entries.iter().filter(|it| it.tag(endian) == tag);
    let name = |it: &Dyn64<Endianness>| it.string(endian, names).ok();
    // A folder may be one of a list.
    let names = entries
        .filter_map(name)
        .flat_map(|it| it.split(|it| *it == b':'));
    Some(names.map(|it| OsStr::from_bytes(it).into()).collect())
}

/// An absolute path, of that root.
fn below(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Where it is below a root of Debian's.
fn library(name: &Path, root: &Path) -> Option<PathBuf> {
    let folder = root.join("usr/lib");
    let folders = fs::read_dir(&folder).ok()?.flatten().map(|it| it.path());
    let folders = folders.filter(|it| it.to_string_lossy().ends_with("-linux-gnu"));
    let mut files = folders
        .chain([folder])
        .map(|it| it.join(name.file_name().unwrap_or_default()));
    files.find(|it| it.is_file())
}

/// The same of one of this machine's: its loader knows best.
fn told(program: &Path, content: &[u8]) -> Result<Vec<Needed>> {
    let loader = interpreter::<FileHeader64<Endianness>>(content)
        .or_else(|| interpreter::<FileHeader32<Endianness>>(content));
    let Some(loader) = loader else {
        return Ok(Vec::new());
    };
    // The loader itself knows best what it would load: this is what ldd does.
    let output = Command::new(&loader)
        .arg("--list")
        .arg(fs::canonicalize(program)?)
        .output();
    let output = output.with_context(|| {
        format!(
            "cannot run {}, which {} needs",
            loader.display(),
            program.display()
        )
    })?;
    let list = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let error = String::from_utf8_lossy(&output.stderr);
        bail!(
            "cannot find the libraries of {}: {}",
            program.display(),
            error.trim()
        );
    }
    let mut needed =
        libraries(&list).with_context(|| format!("cannot take {} along", program.display()))?;
    needed.push((loader.clone(), loader));
    Ok(needed)
}

/// Whether a file is an ELF program with a section of this name.
pub fn has_section(program: &Path, name: &str) -> Result<bool> {
    let content =
        fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    Ok(section::<FileHeader64<Endianness>>(&content, name)
        .or_else(|| section::<FileHeader32<Endianness>>(&content, name))
        .is_some())
}

fn section<H: FileHeader>(content: &[u8], name: &str) -> Option<usize> {
    let header = H::parse(content).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, content).ok()?;
    Some(sections.section_by_name(endian, name.as_bytes())?.0.0)
}

/// What the linker calls a program by: it is the same as long as the program is.
pub fn build_id(program: &Path) -> Option<Vec<u8>> {
    let content = ReadCache::new(File::open(program).ok()?);
    let notes = notes(&content, ELF_NOTE_GNU, NT_GNU_BUILD_ID)?;
    Some(notes.first()?.to_vec())
}

/// What an ELF program has in its notes of that owner and kind.
fn notes<'a, R: ReadRef<'a>>(content: R, owner: &[u8], kind: NoteType) -> Option<Vec<&'a [u8]>> {
    let header = FileHeader64::<Endianness>::parse(content).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, content).ok()?;
    let mut found = Vec::new();
    for segment in segments {
        let Ok(Some(mut notes)) = segment.notes(endian, content) else {
            continue;
        };
        while let Ok(Some(note)) = notes.next() {
            if note.name() == owner && note.n_type(endian) == kind {
                found.push(note.desc());
            }
        }
    }
    Some(found)
}

/// The loader that an ELF program asks for.
fn interpreter<H: FileHeader>(content: &[u8]) -> Option<PathBuf> {
    let header = H::parse(content).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, content).ok()?;
    let name = segments
        .iter()
        .find_map(|it| it.interpreter(endian, content).ok().flatten())?;
    Some(PathBuf::from(OsStr::from_bytes(name)))
}

/// Reads what the loader lists: `\tlibz.so.1 => /lib/libz.so.1 (0x00007f…)`.
///
/// All of them go where the C library is, because that is a folder in which the
/// loader looks without being told.
fn libraries(list: &str) -> Result<Vec<Needed>> {
    let mut found = Vec::new();
    for line in list.lines() {
        let Some((name, path)) = line.trim().split_once(" => ") else {
            continue;
        };
        if path == "not found" {
            bail!("its library {name} is not on this machine");
        }
        let path = path.rsplit_once(" (0x").map_or(path, |it| it.0);
        found.push((name, Path::new(path)));
    }
    let libc = found
        .iter()
        .find(|(name, _)| name.starts_with("libc.so") || name.starts_with("libc.musl"));
    let folder = libc.and_then(|(_, path)| path.parent()).map(Path::to_owned);
    let place = |(name, path): (&str, &Path)| {
        let target = match &folder {
            Some(folder) if !name.contains('/') => folder.join(name),
            _ => path.to_owned(),
        };
        (target, path.to_owned())
    };
    Ok(found.into_iter().map(place).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::processor::PROCESSORS;
    use std::collections::BTreeSet;

    #[test]
    fn libraries_go_where_the_loader_looks() {
        let list = "\tlinux-vdso.so.1 (0x00007ffd)\n\
                    \tlibfoo.so => /opt/foo (1)/libfoo.so.1.2 (0x00007f01)\n\
                    \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f02)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007f03)\n";
        let expected: [Needed; 2] = [
            (
                "/lib/x86_64-linux-gnu/libfoo.so".into(),
                "/opt/foo (1)/libfoo.so.1.2".into(),
            ),
            (
                "/lib/x86_64-linux-gnu/libc.so.6".into(),
                "/lib/x86_64-linux-gnu/libc.so.6".into(),
            ),
        ];
        assert_eq!(libraries(list).unwrap(), expected);
    }

    #[test]
    fn a_missing_library_is_named() {
        let error = libraries("\tlibgone.so.1 => not found\n").unwrap_err();
        assert!(error.to_string().contains("libgone.so.1"));
    }

    #[test]
    fn scripts_and_static_programs_need_nothing() {
        for content in [b"#!/bin/sh\n".as_slice(), b""] {
            assert_eq!(interpreter::<FileHeader64<Endianness>>(content), None);
        }
        assert!(
            needs(&std::env::current_exe().unwrap(), Processor::host(), None)
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_program_of_another_root_tells_itself_what_it_needs() {
        let name = |(target, _): Needed| target.file_name().unwrap().to_owned();
        // The second has libraries in a folder of their own.
        for program in ["/bin/bash", "/usr/bin/fio"] {
            let names = |root| {
                let needed = needs(Path::new(program), Processor::host(), root).unwrap();
                needed.into_iter().map(name).collect::<BTreeSet<_>>()
            };
            assert_eq!(names(Some(Path::new("/"))), names(None));
            assert!(!names(None).is_empty());
        }
    }

    #[test]
    fn what_a_program_opens_itself_is_taken_along_if_it_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let [source, program] = ["opens.c", "opens"].map(|it| folder.path().join(it));
        let note = r#"[{"soname":["libresolv.so.2","libnosuch.so.1"]}]"#;
        // In a string of the assembler's, which is in one of C's.
        let note = note.replace('"', r#"\\\""#);
        let text = format!(
            r#"asm(".pushsection .note.dlopen,\"a\",%note\n"
                ".long 4, 2f - 1f, 0x407c0c0a\n"
                ".asciz \"FDO\"\n"
                "1: .asciz \"{note}\"\n"
                "2: .balign 4\n"
                ".popsection");
            extern void pthread_exit(void *);
            int main(void) {{ pthread_exit(0); }}"#
        );
        fs::write(&source, text).unwrap();
        let cc = Command::new("cc")
            .arg("-o")
            .args([&program, &source])
            .status();
        assert!(cc.unwrap().success());
        for root in [None, Some(Path::new("/"))] {
            let needed = needs(&program, Processor::host(), root).unwrap();
            let has = |name| needed.iter().filter(|(it, _)| it.ends_with(name)).count();
            assert_eq!(has("libresolv.so.2"), 1, "{needed:?}");
            assert_eq!(has("libc.so.6"), 1, "{needed:?}");
            assert_eq!(has("libnosuch.so.1"), 0, "{needed:?}");
            // What it takes to end a thread.
            assert_eq!(has("libgcc_s.so.1"), 1, "{needed:?}");
        }
    }

    #[test]
    fn a_program_for_another_processor_is_refused() {
        let others = PROCESSORS.iter().filter(|it| it.is_foreign());
        for other in others {
            let error = needs(Path::new("/bin/bash"), other, None).unwrap_err();
            assert!(error.to_string().contains(other.name), "{error}");
        }
    }

    #[test]
    fn a_program_has_its_build_id_wherever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        let program = std::env::current_exe().unwrap();
        fs::copy(&program, &copy).unwrap();
        assert!(build_id(&program).is_some());
        assert_eq!(build_id(&copy), build_id(&program));
        assert_ne!(build_id(Path::new("/bin/sh")), build_id(&program));
        assert_eq!(build_id(Path::new("/etc/passwd")), None);
    }
}
