// SPDX-License-Identifier: GPL-2.0-only

//! Where in the source the addresses of a splat are: `f+0x1/0x2 [chardev]`.

use crate::{kernel::Kernel, splat::message};
use addr2line::{
    Context,
    gimli::{self, DwarfSections, EndianSlice, LittleEndian, Relocate, RelocateReader},
};
use anyhow::Result;
use object::{
    File, Object, ObjectKind, ObjectSection, ObjectSymbol, RelocationKind, RelocationTarget,
    SectionIndex,
};
use std::{
    borrow::Cow,
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// More addresses than that are not shown.
const MOST: usize = 20;

/// An address as the kernel prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Address<'a> {
    function: &'a str,
    offset: u64,
    /// From the function's start to that of the next.
    size: u64,
    /// None for the kernel itself.
    module: Option<&'a str>,
    /// Not where a call returns to, which is behind it.
    is_exact: bool,
}

impl Address<'_> {
    /// Arm64's and riscv64's traces begin with the exact one, and do not say so.
    fn is_at(&self, other: &Address) -> bool {
        let is_exact = self.is_exact;
        *self
            == Address {
                is_exact,
                ..other.clone()
            }
    }
}

/// The lines of the source that a report's addresses are in, as far as there is debug information.
/// Those in `home` are preferred to those that were inlined there.
pub fn of(report: &[String], kernel: &Kernel, home: &Path) -> Vec<String> {
    let mut addresses: Vec<Address> = Vec::new();
    for address in report.iter().flat_map(|it| addresses_in(message(it))) {
        if !addresses.iter().any(|it| it.is_at(&address)) && addresses.len() < MOST {
            addresses.push(address);
        }
    }
    let mut files: HashMap<Option<&str>, Option<Vec<u8>>> = HashMap::new();
    let mut lines = Vec::new();
    for address in addresses {
        let content = files.entry(address.module).or_insert_with(|| {
            let file = file(kernel, address.module)?;
            fs::read(file).ok()
        });
        // What cannot be read has no lines.
        let place = content
            .as_ref()
            .and_then(|it| look_up(it, &address, home).ok().flatten());
        if let Some(place) = place {
            let Address {
                function, offset, ..
            } = address;
            let function = rustc_demangle::demangle(function);
            let module = address.module.map(|it| format!(" [{it}]"));
            let module = module.unwrap_or_default();
            lines.push(format!("{place}: {function:#}+{offset:#x}{module}"));
        }
    }
    lines
}

/// The file that the code is in.
fn file(kernel: &Kernel, module: Option<&str>) -> Option<PathBuf> {
    let Some(module) = module else {
        return kernel.symbols();
    };
    let is_it = |it: &PathBuf| {
        let name = it.file_stem().unwrap_or_default().to_string_lossy();
        name.replace('-', "_") == module
    };
    // The lines are where it was linked of.
    let module = kernel.modules().ok()?.into_iter().find(is_it)?;
    Some(module.with_extension("o"))
}

/// The addresses in a line of a report.
fn addresses_in(line: &str) -> Vec<Address<'_>> {
    // What only lies on the stack.
    if line.trim_start().starts_with("? ") {
        return Vec::new();
    }
    let is_exact = ["RIP: ", "pc : ", "epc : ", "WARNING: "]
        .iter()
        .any(|it| line.starts_with(it));
    let mut addresses = Vec::new();
    for (at, _) in line.match_indices("+0x") {
        let start = line[..at].rfind([' ', ':', '(']).map_or(0, |it| it + 1);
        let end = line[at..].find([' ', ')', ',']).map(|it| at + it);
        let end = end.unwrap_or(line.len());
        let numbers = line[at + 3..end].split_once("/0x");
        let Some((offset, size)) = numbers else {
            continue;
        };
        let hex = |it| u64::from_str_radix(it, 16);
        let (Ok(offset), Ok(size)) = (hex(offset), hex(size)) else {
            continue;
        };
        let module = line[end..].strip_prefix(" [");
        let module = module.and_then(|it| it.split([']', ' ']).next());
        addresses.push(Address {
            function: &line[start..at],
            offset,
            size,
            module,
            is_exact,
        });
    }
    addresses
}

/// The place in the source, if the file says.
fn look_up(content: &[u8], address: &Address, home: &Path) -> Result<Option<String>> {
    let elf = File::parse(content)?;
    let symbols = elf.symbols().filter(|it| it.name() == Ok(address.function));
    // Several files may each have a function of this name.
    let Some(symbol) = symbols.min_by_key(|it| it.size().abs_diff(address.size)) else {
        return Ok(None);
    };
    let start = base(&elf, symbol.section_index()) + symbol.address();
    let behind = u64::from(!address.is_exact && address.offset > 0);
    let sections = DwarfSections::load(|id| -> Result<Section> {
        let Some(section) = elf.section_by_name(id.name()) else {
            return Ok(Section::default());
        };
        let relocations = Relocations::of(&elf, &section);
        Ok((Cow::Borrowed(section.data()?), relocations))
    })?;
    let dwarf = sections.borrow(|(data, relocations)| {
        RelocateReader::new(EndianSlice::new(data, LittleEndian), relocations)
    });
    let context = Context::from_dwarf(dwarf)?;
    let mut frames = context
        .find_frames(start + address.offset - behind)
        .skip_all_loads()?;
    let mut places = Vec::new();
    while let Some(frame) = frames.next()? {
        let location = frame.location;
        if let Some((file, line)) = location.and_then(|it| Some((it.file?, it.line?))) {
            places.push((PathBuf::from(file), line));
        }
    }
    let ours = places.iter().filter(|it| it.0.starts_with(home));
    let mut ours: Vec<_> = ours.collect();
    if ours.is_empty() {
        ours.extend(places.first());
    }
    let ours: Vec<_> = ours
        .into_iter()
        .map(|(file, line)| {
            format!(
                "{}:{line}",
                file.strip_prefix(home).unwrap_or(file).display()
            )
        })
        .collect();
    Ok((!ours.is_empty()).then(|| ours.join(", called from ")))
}

type Section<'a> = (Cow<'a, [u8]>, Relocations);

/// Where a section is taken to be: a module's have no addresses yet.
fn base(elf: &File, section: Option<SectionIndex>) -> u64 {
    let Some(section) = section.filter(|_| elf.kind() == ObjectKind::Relocatable) else {
        return 0;
    };
    // Debug information counts from its own beginning.
    let is_code = elf.section_by_index(section).is_ok_and(|it| !is_debug(&it));
    if is_code { (section.0 as u64) << 32 } else { 0 }
}

fn is_debug<'a>(section: &impl ObjectSection<'a>) -> bool {
    section.name().is_ok_and(|it| it.starts_with(".debug_"))
}

/// What takes the place of the numbers in a section.
#[derive(Debug, Default)]
struct Relocations(HashMap<usize, u64>);

impl Relocations {
    fn of<'a>(elf: &File<'a>, section: &impl ObjectSection<'a>) -> Self {
        let mut numbers = HashMap::new();
        for (at, relocation) in section.relocations() {
            let RelocationTarget::Symbol(symbol) = relocation.target() else {
                continue;
            };
            let Ok(symbol) = elf.symbol_by_index(symbol) else {
                continue;
            };
            if relocation.kind() == RelocationKind::Absolute {
                let number = base(elf, symbol.section_index()) + symbol.address();
                let number = number.wrapping_add_signed(relocation.addend());
                numbers.insert(at as usize, number);
            }
        }
        Self(numbers)
    }
}

impl Relocate for &Relocations {
    fn relocate_address(&self, offset: usize, value: u64) -> gimli::Result<u64> {
        Ok(self.0.get(&offset).copied().unwrap_or(value))
    }

    fn relocate_offset(&self, offset: usize, value: usize) -> gimli::Result<usize> {
        Ok(self.0.get(&offset).map_or(value, |it| *it as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        let address = |function, offset, size, module, is_exact| Address {
            function,
            offset,
            size,
            module,
            is_exact,
        };
        for (line, expected) in [
            (
                "  do_one_initcall+0x46/0x170",
                Some(address("do_one_initcall", 0x46, 0x170, None, false)),
            ),
            (" ? f+0x1/0x2", None),
            (
                "RIP: 0010:_RNv1a+0x12/0x34 [crash]",
                Some(address("_RNv1a", 0x12, 0x34, Some("crash"), true)),
            ),
            (
                "BUG: KASAN: slab-out-of-bounds in seeded_write+0xc1/0x170 [seeded]",
                Some(address("seeded_write", 0xc1, 0x170, Some("seeded"), false)),
            ),
            (
                "WARNING: x.rs:1 at f+0x1/0x2 [crash], CPU#0: insmod/12",
                Some(address("f", 1, 2, Some("crash"), true)),
            ),
            (
                "CFI failure at f+0x1/0x2 [bar] (target: 0x12; expected type: 0x1)",
                Some(address("f", 1, 2, Some("bar"), false)),
            ),
            ("Code: 00 +0x12 and no more", None),
        ] {
            assert_eq!(addresses_in(line).first(), expected.as_ref(), "{line}");
        }
    }

    #[test]
    fn a_trace_that_begins_with_the_exact_address_repeats_it() {
        let [pc, first, next] = [
            "pc : f+0x10/0x20 [crash]",
            " f+0x10/0x20 [crash] (P)",
            " f+0x14/0x20 [crash]",
        ]
        .map(|line| addresses_in(line).remove(0));
        assert!(pc.is_exact && !first.is_exact);
        assert!(pc.is_at(&first) && !pc.is_at(&next));
    }

    #[test]
    fn a_place_is_that_of_the_caller_at_home() {
        let home = tempfile::tempdir().unwrap();
        let [source, header, object] =
            ["f.c", "elsewhere/f.h", "f.o"].map(|it| home.path().join(it));
        fs::create_dir(header.parent().unwrap()).unwrap();
        fs::write(
            &header,
            "static inline __attribute__((always_inline)) void g(int *it)\n{\n*it = 1;\n}\n",
        )
        .unwrap();
        let text = "#include \"elsewhere/f.h\"\nint x;\n\
                    __attribute__((section(\".init.text\"))) void other(void)\n{\nx = 2;\n}\n\
                    void f(int *it)\n{\ng(it);\n}\n";
        fs::write(&source, text).unwrap();
        let status = Command::new("cc")
            .args(["-g", "-O1", "-c", "-o"])
            .args([&object, &source])
            .status();
        assert!(status.unwrap().success());
        let content = fs::read(&object).unwrap();
        let at = |function, home: &Path| {
            let address = Address {
                function,
                offset: 0,
                size: 8,
                module: None,
                is_exact: true,
            };
            let mut address = address;
            // Behind what marks where a jump may lead to.
            if content.windows(4).any(|it| it == [0xf3, 0x0f, 0x1e, 0xfa]) {
                address.offset = 4;
            }
            look_up(&content, &address, home).unwrap()
        };
        // Both functions begin at the same offset, but not of the same section.
        assert_eq!(at("other", home.path()).unwrap(), "f.c:5");
        let both = at("f", home.path()).unwrap();
        assert_eq!(both, "elsewhere/f.h:3, called from f.c:9");
        let elsewhere = header.parent().unwrap();
        assert_eq!(at("f", elsewhere).unwrap(), "f.h:3");
        let nowhere = at("f", Path::new("/no/such")).unwrap();
        assert_eq!(nowhere, format!("{}:3", header.display()));
        assert_eq!(at("no_such", home.path()), None);
    }
}
