// SPDX-License-Identifier: GPL-2.0-only

//! What operations cost.

use crate::{
    median,
    picture::{self, Bar},
};
use anyhow::{Context, Result};
use plotters::style::RGBColor;
use serde::{Deserialize, Serialize};
use std::{collections::HashMap, fmt::Write as _, fs, path::Path};

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

/// Says which operations came to something else when they were counted again.
pub fn differences(first: &Path, again: &Path) -> Result<Vec<String>> {
    Ok(compare(lines(first)?, lines(again)?))
}

fn compare(first: Vec<Named>, again: Vec<Named>) -> Vec<String> {
    let again: HashMap<_, _> = again.into_iter().collect();
    let mut found = Vec::new();
    for (name, (rust, c)) in first {
        let Some(other) = again.get(&name) else {
            found.push(format!("{name}: not counted again"));
            continue;
        };
        for (side, one, other) in [("Rust", Some(rust), Some(other.0)), ("C", c, other.1)] {
            let (Some(one), Some(other)) = (one, other) else {
                continue;
            };
            let spread = (other.median / one.median - 1.0).abs();
            if spread > SPREAD {
                found.push(format!(
                    "{name}, {side}: {:.0} and {:.0}, which is {:.1} % apart",
                    one.median,
                    other.median,
                    spread * 100.0
                ));
            }
        }
    }
    found
}

type Named = (String, (Spread, Option<Spread>));

fn lines(file: &Path) -> Result<Vec<Named>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&text).with_context(|| format!("{} is not what the bench prints", file.display()))
}

fn parse(text: &str) -> Result<Vec<Named>> {
    text.lines()
        .map(|line| {
            let line = serde_json::from_str(line).with_context(|| format!("a line {line:?}"))?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rust: u32, c: u32) -> Vec<Named> {
        let line = format!(
            "{{\"module\":\"chardev\",\"operation\":\"read\",\"rust\":[{rust}],\"c\":[{c}]}}"
        );
        parse(&line).unwrap()
    }

    #[test]
    fn what_comes_to_something_else_is_told() {
        assert_eq!(compare(run(1000, 1000), run(1009, 991)), [""; 0]);
        assert_eq!(
            compare(run(1000, 1000), run(1000, 1011)),
            ["chardev: read, C: 1000 and 1011, which is 1.1 % apart"]
        );
        assert_eq!(compare(run(1000, 1000), run(980, 1000)).len(), 1);
    }

    #[test]
    fn what_is_not_counted_again_is_told() {
        let found = compare(run(1, 1), Vec::new());
        assert_eq!(found, ["chardev: read: not counted again"]);
    }
}
