// SPDX-License-Identifier: GPL-2.0-only

//! Makes what the modules counted of their own code into LLVM's raw profiles.
//!
//! A raw profile is what a program's own run-time library would write: a header and three of its
//! sections, the counters among them.

use anyhow::{Context, Result, bail, ensure};
use object::{File, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget};
use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
};

/// What says that a file is a raw profile, of a machine with 64 bits.
const MAGIC: u64 = u64::from_be_bytes(*b"\xfflprofr\x81");
/// The version of the format, since LLVM 19. The bits above are flags.
const VERSION: u64 = 10;
/// The bytes of a function's record.
const RECORD: usize = 64;
/// Where a record has the distance from itself to the function's counters.
const COUNTERS: usize = 16;

/// Makes a profile of each module whose counters are in a tally.
pub fn write_all(tally: &Path, out: &Path, modules: &[PathBuf]) -> Result<()> {
    let tally = read_tally(tally)?;
    for file in modules {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let Some(counts) = tally.get(&*name) else {
            continue;
        };
        let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let profile = File::parse(&*bytes).map_err(Into::into);
        let profile = profile.and_then(|it| raw_profile(&it, counts));
        let profile = profile.with_context(|| format!("in {}", file.display()))?;
        let target = out.join(&*name).with_extension("profraw");
        fs::write(&target, profile)
            .with_context(|| format!("cannot write {}", target.display()))?;
    }
    Ok(())
}

/// The counters of a module, by their place.
type Counts = HashMap<usize, u64>;

/// Adds up the tallies of all test binaries.
fn read_tally(folder: &Path) -> Result<HashMap<String, Counts>> {
    let mut all: HashMap<String, Counts> = HashMap::new();
    let cannot = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(cannot)? {
        for line in fs::read_to_string(entry?.path())
            .with_context(cannot)?
            .lines()
        {
            let mut words = line.split('\t');
            let [Some(module), Some(column), Some(count)] = [(); 3].map(|()| words.next()) else {
                bail!("{line:?} is not a line of a tally")
            };
            let Some(place) = column.strip_prefix("counter ") else {
                continue;
            };
            let counts = all.entry(module.to_owned()).or_default();
            let sum = counts.entry(place.parse()?).or_default();
            *sum = sum.saturating_add(count.parse()?);
        }
    }
    Ok(all)
}

/// The profile of a module whose counters came to this.
fn raw_profile(module: &File<'_>, counts: &Counts) -> Result<Vec<u8>> {
    let section = |name: &str| {
        let section = module.section_by_name(name);
        section.with_context(|| format!("there is no section {name}"))
    };
    let data = section("__llvm_prf_data")?;
    let names = section("__llvm_prf_names")?.data()?;
    let counters = section("__llvm_prf_cnts")?;

    let mut records = data.data()?.to_vec();
    ensure!(
        records.len() % RECORD == 0,
        "the records are of another LLVM"
    );
    // Only the distances matter: as if the counters were right behind the records.
    let distance = records.len() as u64;
    for (place, relocation) in data.relocations() {
        let place = place as usize;
        let RelocationTarget::Symbol(symbol) = relocation.target() else {
            continue;
        };
        let symbol = module.symbol_by_index(symbol)?;
        if place % RECORD == COUNTERS && symbol.section_index() == Some(counters.index()) {
            let address = distance + symbol.address();
            let value = address.wrapping_add_signed(relocation.addend()) - place as u64;
            records[place..place + 8].copy_from_slice(&value.to_le_bytes());
        }
    }
    let count = counters.size() as usize / 8;
    ensure!(
        counts.keys().all(|it| *it < count),
        "there are only {count} counters: the tests had other modules"
    );
    let padding = names.len().next_multiple_of(8) - names.len();
    let header = [
        MAGIC,
        VERSION,
        0, // binary IDs
        (records.len() / RECORD) as u64,
        0, // padding
        count as u64,
        0, // padding
        0, // bitmaps
        0, // padding
        names.len() as u64,
        distance,
        0, // bitmaps
        0, // where the names were
        0, // virtual tables
        0, // their names
        2, // the last kind of values
    ];
    let counters = (0..count).map(|it| counts.get(&it).copied().unwrap_or(0));
    let mut profile: Vec<u8> = header.iter().flat_map(|it| it.to_le_bytes()).collect();
    profile.extend(records);
    profile.extend(counters.flat_map(u64::to_le_bytes));
    profile.extend(names);
    profile.resize(profile.len() + padding, 0);
    Ok(profile)
}
