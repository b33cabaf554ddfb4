// SPDX-License-Identifier: GPL-2.0-only

//! How large the modules are.

use anyhow::{Context, Result};
use object::{Object as _, ObjectSection as _, SectionFlags, elf};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

/// The parts of a module, in bytes.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Size {
    text: u64,
    rodata: u64,
    data: u64,
    /// The file without what only debuggers use.
    file: u64,
    /// What is taken in memory while it is loaded.
    memory: u64,
}

/// A sample and its twin.
#[derive(Debug, Serialize)]
pub struct Pair {
    name: String,
    rust: Size,
    c: Size,
}

/// A line of what the bench prints: the memory of a module and of its twin.
#[derive(Deserialize)]
struct Loaded {
    module: String,
    memory: [u64; 2],
}

/// Measures all samples that have a twin in C, and were loaded by the bench that printed `lines`.
pub fn measure(folder: &Path, lines: &Path) -> Result<Vec<Pair>> {
    let text =
        fs::read_to_string(lines).with_context(|| format!("cannot read {}", lines.display()))?;
    let loaded = text.lines().filter_map(|it| serde_json::from_str(it).ok());
    let memory: BTreeMap<_, _> = loaded.map(|it: Loaded| (it.module, it.memory)).collect();
    let mut modules = BTreeMap::new();
    for part in ["samples", "tests"] {
        collect(&folder.join(part), &mut modules)?;
    }
    let twins = modules.iter().filter_map(|(name, file)| {
        let sample = name.strip_suffix("_c")?;
        Some((sample, modules.get(sample)?, file))
    });
    twins
        .filter_map(|(name, rust, c)| Some((name, rust, c, memory.get(name)?)))
        .map(|(name, rust, c, memory)| {
            Ok(Pair {
                name: name.to_owned(),
                rust: size(rust, memory[0])?,
                c: size(c, memory[1])?,
            })
        })
        .collect()
}

fn collect(folder: &Path, modules: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?
    {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, modules)?;
        } else if path.extension().is_some_and(|it| it == "ko") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy();
            modules.insert(name.into_owned(), path);
        }
    }
    Ok(())
}

fn size(file: &Path, memory: u64) -> Result<Size> {
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let object = object::File::parse(&*bytes)
        .with_context(|| format!("{} is not a module", file.display()))?;
    let mut size = Size {
        file: bytes.len() as u64,
        memory,
        ..Size::default()
    };
    for section in object.sections() {
        let SectionFlags::Elf { sh_flags, .. } = section.flags() else {
            continue;
        };
        let has = |flag: elf::SectionFlags| sh_flags.0 & flag.0 != 0;
        if section.name().is_ok_and(|it| it.contains(".debug_")) {
            size.file -= section.size();
        }
        // What every module has, and is the kernel's.
        if !has(elf::SHF_ALLOC) || section.name() == Ok(".gnu.linkonce.this_module") {
            continue;
        }
        if has(elf::SHF_EXECINSTR) {
            size.text += section.size();
        } else if has(elf::SHF_WRITE) {
            size.data += section.size();
        } else {
            size.rodata += section.size();
        }
    }
    Ok(size)
}

/// A table in Markdown.
pub fn table(pairs: &[Pair]) -> String {
    let mut text = String::from(
        "| module, bytes | text, Rust | C | rodata, Rust | C | data, Rust | C | memory, Rust | C | file, Rust | C | Rust/C |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    let mut row = |name: &str, rust: Size, c: Size| {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {:.2} |",
            rust.text,
            c.text,
            rust.rodata,
            c.rodata,
            rust.data,
            c.data,
            rust.memory,
            c.memory,
            rust.file,
            c.file,
            rust.file as f64 / c.file as f64
        );
    };
    for pair in pairs {
        row(&pair.name, pair.rust, pair.c);
    }
    let sum = |of: fn(&Pair) -> Size| {
        pairs.iter().map(of).fold(Size::default(), |a, b| Size {
            text: a.text + b.text,
            rodata: a.rodata + b.rodata,
            data: a.data + b.data,
            file: a.file + b.file,
            memory: a.memory + b.memory,
        })
    };
    row("sum", sum(|it| it.rust), sum(|it| it.c));
    text
}
