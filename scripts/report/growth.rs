// SPDX-License-Identifier: GPL-2.0-only

//! How costs grow.

use crate::picture::{self, C, Line, RUST};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{fs, path::Path};

/// A line of what the bench prints.
#[derive(Debug, Deserialize, Serialize)]
pub struct Point {
    plot: String,
    series: String,
    x: f64,
    cost: f64,
}

/// Reads what the bench printed.
pub fn read(file: &Path) -> Result<Vec<Point>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let points = text.lines().map(serde_json::from_str);
    let points: Result<Vec<_>, _> = points.collect();
    points.with_context(|| format!("{} has a line that is no point", file.display()))
}

/// Draws a plot beside the other, each from zero.
pub fn picture(points: &[Point]) -> Result<String> {
    let mut plots: Vec<&str> = points.iter().map(|it| &*it.plot).collect();
    plots.dedup();
    picture::draw((330 * plots.len() as u32, 290), |area| {
        for (area, plot) in area.split_evenly((1, plots.len())).iter().zip(&plots) {
            let points = || points.iter().filter(|it| it.plot == *plot);
            let lines = [("Rust", RUST), ("C", C)].map(|(name, colour)| Line {
                name: name.to_owned(),
                colour,
                points: points()
                    .filter(|it| it.series == name)
                    .map(|it| (it.x, it.cost))
                    .collect(),
            });
            let (what, over) = plot.split_once(", over ").unwrap_or((plot, ""));
            let most = picture::range(points().map(|it| it.cost)).end;
            let over_range = picture::range(points().map(|it| it.x));
            picture::lines(area, what, over, over_range, 0.0..most * 1.3, &lines)?;
        }
        Ok(())
    })
}
