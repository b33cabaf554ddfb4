// SPDX-License-Identifier: GPL-2.0-only

//! What operations cost.

use crate::{
    median,
    picture::{self, Bar},
};
use anyhow::{Context, Result};
use plotters::style::RGBColor;
use serde::{Deserialize, Serialize};
use std::{fmt::Write as _, fs, path::Path};

/// A line of what the bench prints: the rounds of one operation.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    /// Something to compare all with.
    Reference {
        operation: String,
        reference: Vec<f64>,
    },
    /// An operation of a module and of its twin.
    Compared {
        module: String,
        operation: String,
        rust: Vec<f64>,
        c: Vec<f64>,
    },
    /// What a module and its twin take in memory, which `size` reads.
    Memory {
        #[serde(rename = "memory")]
        _memory: [u64; 2],
    },
}

/// The median of the rounds, and the quartiles around it.
#[derive(Clone, Copy, Debug, Serialize)]
struct Spread {
    median: f64,
    low: f64,
    high: f64,
}

impl Spread {
    fn of(rounds: &[f64]) -> Self {
        let mut sorted = rounds.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| sorted[(sorted.len() - 1) * quarter / 4];
        Self {
            median: median(rounds),
            low: at(1),
            high: at(3),
        }
    }
}

/// An operation; nanoseconds and instructions, Rust and C.
#[derive(Debug, Serialize)]
struct Row {
    name: String,
    time: (Spread, Option<Spread>),
    instructions: (Spread, Option<Spread>),
}

impl Row {
    /// Rust to C.
    fn ratio(pair: (Spread, Option<Spread>)) -> Option<f64> {
        Some(pair.0.median / pair.1?.median)
    }
}

/// All operations.
#[derive(Debug, Serialize)]
pub struct Rows(Vec<Row>);

impl Rows {
    /// Reads what the bench printed in its two runs.
    pub fn read(time: &Path, instructions: &Path) -> Result<Self> {
        let (time, instructions) = (lines(time)?, lines(instructions)?);
        let rows = time.into_iter().filter_map(|(name, time)| {
            let instructions = instructions.iter().find(|it| it.0 == name)?.1;
            Some(Row {
                name,
                time,
                instructions,
            })
        });
        Ok(Self(rows.collect()))
    }

    /// A table in Markdown.
    pub fn table(&self) -> String {
        let mut text = String::from(
            "| operation | ns, Rust | ns, C | Rust/C | instructions, Rust | C | Rust/C |\n\
             | --- | ---: | ---: | ---: | ---: | ---: | ---: |\n",
        );
        let ratio = |it: Option<f64>| it.map_or(String::new(), |it| format!("{it:.2}"));
        for row in &self.0 {
            let c = |it: Option<Spread>| it.map_or(String::new(), |it| format!("{:.0}", it.median));
            let spread = |it: Spread| format!("{:.0} ({:.0}–{:.0})", it.median, it.low, it.high);
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {:.0} | {} | {} |",
                row.name,
                spread(row.time.0),
                row.time.1.map_or(String::new(), spread),
                ratio(Row::ratio(row.time)),
                row.instructions.0.median,
                c(row.instructions.1),
                ratio(Row::ratio(row.instructions)),
            );
        }
        let all =
            |f: fn(&Row) -> Option<f64>| median(&self.0.iter().filter_map(f).collect::<Vec<_>>());
        let _ = writeln!(
            text,
            "| median of the ratios | | | {:.2} | | | {:.2} |",
            all(|it| Row::ratio(it.time)),
            all(|it| Row::ratio(it.instructions)),
        );
        text
    }

    /// The instructions alone, as a table in Markdown.
    pub fn instructions(&self) -> String {
        let mut text =
            String::from("| operation | Rust | C | Rust/C |\n| --- | ---: | ---: | ---: |\n");
        for row in &self.0 {
            let (rust, c) = row.instructions;
            let (c, ratio) = c.map_or_else(Default::default, |it| {
                let ratio = rust.median / it.median;
                (format!("{:.0}", it.median), format!("{ratio:.2}"))
            });
            let _ = writeln!(
                text,
                "| {} | {:.0} | {c} | {ratio} |",
                row.name, rust.median
            );
        }
        let ratios: Vec<_> = self.ratios().map(|it| it.1).collect();
        let _ = writeln!(
            text,
            "| median of the ratios | | | {:.2} |",
            median(&ratios)
        );
        text
    }

    fn ratios(&self) -> impl Iterator<Item = (&str, f64)> {
        let rows = self.0.iter();
        rows.filter_map(|it| Some((&*it.name, Row::ratio(it.instructions)?)))
    }

    /// The ratios of the instructions, as bars.
    pub fn picture(&self) -> Result<String> {
        let bars: Vec<_> = self
            .ratios()
            .map(|(name, value)| Bar {
                name: name.to_owned(),
                value,
                colour: if value <= 1.05 { GOOD } else { picture::RUST },
            })
            .collect();
        let most = picture::range(bars.iter().map(|it| it.value)).end;
        picture::draw((800, 80 + 20 * bars.len() as u32), |area| {
            let title = "Instructions per operation, Rust/C";
            picture::bars(area, title, 230, 0.0..most * 1.15, 0.0, &bars)
        })
    }
}

const GOOD: RGBColor = RGBColor(68, 170, 119);

/// By how much two runs may differ.
const SPREAD: f64 = 0.01;

/// Says which operations came to something else when they were counted again, each sample's in a
/// guest of its own.
pub fn differences(first: &Path, again: &Path) -> Result<Vec<String>> {
    let (first, again) = (lines(first)?, lines(again)?);
    let mut found = Vec::new();
    for (name, (rust, c)) in &first {
        let counts = |it: &(Spread, Option<Spread>)| [Some(it.0.median), it.1.map(|it| it.median)];
        let counted = again.iter().filter(|it| it.0 == *name);
        let mut times = 0;
        for (_, other) in counted {
            times += 1;
            for (side, (one, other)) in ["Rust", "C"]
                .iter()
                .zip(counts(&(*rust, *c)).into_iter().zip(counts(other)))
            {
                let (Some(one), Some(other)) = (one, other) else {
                    continue;
                };
                let spread = (other / one - 1.0).abs();
                if spread > SPREAD {
                    found.push(format!(
                        "{name}, {side}: {one:.0} and {other:.0}, which is {:.1} % apart",
                        spread * 100.0
                    ));
                }
            }
        }
        if times == 0 {
            found.push(format!("{name}: not counted again"));
        }
    }
    Ok(found)
}

type Named = (String, (Spread, Option<Spread>));

fn lines(file: &Path) -> Result<Vec<Named>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    text.lines()
        .map(|line| {
            let line = serde_json::from_str(line)
                .with_context(|| format!("{} has a line {line:?}", file.display()))?;
            Ok(Some(match line {
                Line::Memory { .. } => return Ok(None),
                Line::Reference {
                    operation,
                    reference,
                } => (operation, (Spread::of(&reference), None)),
                Line::Compared {
                    module,
                    operation,
                    rust,
                    c,
                } => (
                    format!("{module}: {operation}"),
                    (Spread::of(&rust), Some(Spread::of(&c))),
                ),
            }))
        })
        .filter_map(Result::transpose)
        .collect()
}
