// SPDX-License-Identifier: GPL-2.0-only

//! What the bench `chan` measured: the channels beside each other.

use crate::picture::{self, Bar};
use anyhow::{Context, Result};
use plotters::prelude::{IntoLogRange, RGBColor};
use serde::Deserialize;
use std::{fmt::Write as _, fs, path::Path};

/// A line of what the bench prints: a channel in one of its directions.
#[derive(Deserialize)]
pub struct Row {
    channel: String,
    direction: Direction,
    /// What a message of 64 bytes takes: in each round, in nanoseconds.
    message: Vec<f64>,
    /// The best length for throughput, and what a message of it takes.
    size: f64,
    most: Vec<f64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Direction {
    ToKernel,
    FromKernel,
    /// An answer of the same length is waited for.
    Both,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::ToKernel => "to the kernel",
            Self::FromKernel => "from the kernel",
            Self::Both => "there and back",
        }
    }

    fn colour(self) -> RGBColor {
        match self {
            Self::ToKernel => RGBColor(200, 90, 40),
            Self::FromKernel => RGBColor(40, 100, 180),
            Self::Both => RGBColor(110, 70, 150),
        }
    }
}

impl Row {
    /// Microseconds: the median of the rounds.
    fn micros(&self) -> f64 {
        crate::median(&self.message) / 1e3
    }

    /// In megabytes a second.
    fn throughput(&self) -> f64 {
        self.size / crate::median(&self.most) * 1e3
    }
}

/// Reads what the bench printed.
pub fn read(file: &Path) -> Result<Vec<Row>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let rows: Result<Vec<_>, _> = text.lines().map(serde_json::from_str).collect();
    rows.with_context(|| format!("{} has a line that is no channel", file.display()))
}

/// A table in Markdown.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "A message of 64 bytes, microseconds: median of the rounds (least, most); and the bytes a\n\
         second with messages of the given length\n\n\
         | channel | direction | one message, µs | length | MB/s |\n\
         | --- | --- | ---: | ---: | ---: |\n",
    );
    for row in rows {
        let rounds = picture::range(row.message.iter().map(|it| it / 1e3));
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} ({:.2}, {:.2}) | {} | {:.2} |",
            row.channel,
            row.direction.name(),
            row.micros(),
            rounds.start,
            rounds.end,
            row.size,
            row.throughput(),
        );
    }
    text
}

/// Draws both columns beside each other, on logarithmic scales.
pub fn picture(rows: &[Row]) -> Result<String> {
    let bars = |value: fn(&Row) -> f64| -> Vec<_> {
        let bar = |row: &Row| Bar {
            name: format!("{}, {}", row.channel, row.direction.name()),
            value: value(row),
            colour: row.direction.colour(),
        };
        rows.iter().map(bar).collect()
    };
    picture::draw((1000, 90 + 26 * rows.len() as u32), |area| {
        let (left, right) = area.split_horizontally(560);
        for (area, title, names, bars) in [
            (left, "One message of 64 bytes, µs", 220, bars(Row::micros)),
            (right, "Throughput, MB/s", 16, bars(Row::throughput)),
        ] {
            let range = picture::range(bars.iter().map(|it| it.value));
            let (least, most) = (range.start / 3.0, range.end * 8.0);
            picture::bars(&area, title, names, (least..most).log_scale(), least, &bars)?;
        }
        Ok(())
    })
}
