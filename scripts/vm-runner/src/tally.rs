// SPDX-License-Identifier: GPL-2.0-only

//! What the tests put the modules through, for the table at the end of `make test`.

use anyhow::{Context, Result};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
};

/// The columns, as a tally names them.
const COLUMNS: [&str; 5] = ["loads", "faults", "operations", "splats", "leaks"];
/// Whom a report of the kernel is about that names no module.
const NOBODY: &str = "-";

/// Sums of what came from all guests: see [`lkmpg_guest::TALLY`].
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<String, [u64; COLUMNS.len()]>);

impl Tally {
    /// Adds lines of a module, a column and a number, between tabs. Columns that are not in the
    /// table are for somebody else.
    pub fn add(&mut self, lines: &str) -> Result<()> {
        for line in lines.lines() {
            let mut words = line.splitn(3, '\t');
            let (Some(module), Some(column), Some(number)) =
                (words.next(), words.next(), words.next())
            else {
                continue;
            };
            if let Some(column) = COLUMNS.iter().position(|it| *it == column) {
                let number: u64 = number
                    .parse()
                    .with_context(|| format!("a tally has the line {line:?}"))?;
                self.0.entry(module.to_owned()).or_default()[column] += number;
            }
        }
        Ok(())
    }

    /// The table, in Markdown: a row for each of the samples that was tested, and for what else
    /// was. Empty if nothing was.
    pub fn table(&self, samples: &BTreeSet<String>) -> String {
        let mut rows: Vec<(&str, [u64; COLUMNS.len()])> = Vec::new();
        let (mut twins, mut others, mut all) = ([0; 5], [0; 5], [0; 5]);
        for (module, counts) in &self.0 {
            if module == NOBODY || samples.contains(module) {
                rows.push((module, *counts));
            } else {
                sum(
                    if module.ends_with("_c") {
                        &mut twins
                    } else {
                        &mut others
                    },
                    counts,
                );
            }
            sum(&mut all, counts);
        }
        let common = [("twins in C", twins), ("of the tests", others)];
        rows.extend(common.iter().filter(|it| it.1 != [0; 5]));
        if rows.is_empty() {
            return String::new();
        }
        rows.push(("all", all));
        let mut table = row("module", &COLUMNS);
        table += "| -------------- |";
        table += &" ---------: |".repeat(COLUMNS.len());
        table.push('\n');
        rows.iter()
            .for_each(|(name, counts)| table += &row(name, counts));
        table
    }
}

fn row(name: &str, cells: &[impl Display]) -> String {
    let cells: String = cells.iter().map(|it| format!(" {it:>10} |")).collect();
    format!("| {name:14} |{cells}\n")
}

fn sum(to: &mut [u64], counts: &[u64]) {
    to.iter_mut().zip(counts).for_each(|(to, it)| *to += it);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_all_guests_is_added_up() {
        let mut tally = Tally::default();
        for lines in [
            "chardev\tloads\t2\nchardev\tloads\t1\nchardev_c\tloads\t4\n",
            "crash\tsplats\t1\nchardev\toperations\t10\nchardev\tcounters\t4 5 6\n",
        ] {
            tally.add(lines).unwrap();
        }
        let samples = BTreeSet::from(["chardev".to_owned(), "sleep".to_owned()]);
        let table = "\
| module         |      loads |     faults | operations |     splats |      leaks |
| -------------- | ---------: | ---------: | ---------: | ---------: | ---------: |
| chardev        |          3 |          0 |         10 |          0 |          0 |
| twins in C     |          4 |          0 |          0 |          0 |          0 |
| of the tests   |          0 |          0 |          0 |          1 |          0 |
| all            |          7 |          0 |         10 |          1 |          0 |
";
        assert_eq!(tally.table(&samples), table);
    }

    #[test]
    fn nothing_has_no_table() {
        assert_eq!(Tally::default().table(&BTreeSet::new()), "");
    }

    #[test]
    fn a_tally_that_cannot_be_read_is_an_error() {
        assert!(Tally::default().add("chardev\tloads\tmany\n").is_err());
    }
}
