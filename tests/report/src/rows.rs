// SPDX-License-Identifier: GPL-2.0-only

//! What operations cost.

use crate::median;
use anyhow::{Context, Result};
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

    /// The ratios of the instructions, as bars around 1.
    pub fn picture(&self) -> String {
        const LEFT: f64 = 190.0;
        const ROW: f64 = 18.0;
        const SCALE: f64 = 400.0;
        let bars: Vec<_> = self
            .0
            .iter()
            .filter_map(|it| Some((&it.name, Row::ratio(it.instructions)?)))
            .collect();
        let height = ROW * (bars.len() as f64 + 2.0);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"800\" height=\"{height}\" \
             font-family=\"sans-serif\" font-size=\"12\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n\
             <text x=\"{LEFT}\" y=\"14\">instructions per operation, Rust/C</text>\n"
        );
        for (n, (name, ratio)) in bars.iter().enumerate() {
            let y = ROW * (n as f64 + 1.5);
            let color = if *ratio <= 1.05 { "#4a7" } else { "#c73" };
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>\
                 <rect x=\"{LEFT}\" y=\"{y}\" width=\"{:.0}\" height=\"12\" fill=\"{color}\"/>\
                 <text x=\"{:.0}\" y=\"{}\">{ratio:.2}</text>",
                LEFT - 8.0,
                y + 10.0,
                SCALE * ratio,
                LEFT + SCALE * ratio + 6.0,
                y + 10.0,
            );
        }
        let one = LEFT + SCALE;
        let _ = write!(
            svg,
            "<line x1=\"{one}\" y1=\"20\" x2=\"{one}\" y2=\"{height}\" stroke=\"black\"/>\n</svg>\n"
        );
        svg
    }
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
