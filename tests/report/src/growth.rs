// SPDX-License-Identifier: GPL-2.0-only

//! How costs grow.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::{fmt::Write as _, fs, path::Path};

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

const WIDTH: f64 = 300.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 34.0;

/// Draws a plot beside the other, each from zero.
pub fn picture(points: &[Point]) -> String {
    let mut plots: Vec<&str> = points.iter().map(|it| &*it.plot).collect();
    plots.dedup();
    let (width, height) = (WIDTH * plots.len() as f64, HEIGHT + 40.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (n, plot) in plots.iter().enumerate() {
        let points: Vec<_> = points.iter().filter(|it| it.plot == *plot).collect();
        let _ = writeln!(svg, "<g transform=\"translate({} 0)\">", WIDTH * n as f64);
        draw(&mut svg, plot, &points);
        svg.push_str("</g>\n");
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw(svg: &mut String, title: &str, points: &[&Point]) {
    let most = points.iter().map(|it| it.cost).fold(0.0, f64::max) * 1.15;
    let mut xs: Vec<_> = points.iter().map(|it| it.x).collect();
    xs.sort_by(f64::total_cmp);
    xs.dedup();
    // Each value of x has the same room: they are powers of ten, or all that there are.
    let step = (WIDTH - LEFT - 24.0) / (xs.len().max(2) - 1) as f64;
    let x_at = |x: f64| LEFT + step * xs.iter().filter(|it| **it < x).count() as f64;
    let y_at = |cost: f64| TOP + (HEIGHT - TOP) * (1.0 - cost / most);
    let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"18\">{title}</text>");
    for part in [0.0, 0.25, 0.5, 0.75, 1.0] {
        let (y, cost) = (y_at(most * part), most * part);
        let _ = writeln!(
            svg,
            "<line x1=\"{LEFT}\" y1=\"{y:.0}\" x2=\"{}\" y2=\"{y:.0}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.0}\" text-anchor=\"end\">{cost:.0}</text>",
            WIDTH - 24.0,
            LEFT - 6.0,
            y + 4.0,
        );
    }
    for x in &xs {
        let _ = writeln!(
            svg,
            "<text x=\"{:.0}\" y=\"{}\" text-anchor=\"middle\">{x}</text>",
            x_at(*x),
            HEIGHT + 18.0,
        );
    }
    for (series, color, y) in [("Rust", "#c73", 0.0), ("C", "#47a", 14.0)] {
        let line: Vec<_> = points.iter().filter(|it| it.series == series).collect();
        if line.is_empty() {
            continue;
        }
        let path: Vec<_> = line
            .iter()
            .map(|it| format!("{:.0},{:.1}", x_at(it.x), y_at(it.cost)))
            .collect();
        let _ = writeln!(
            svg,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\
             <text x=\"{}\" y=\"{}\" fill=\"{color}\">{series}</text>",
            path.join(" "),
            LEFT + 8.0,
            HEIGHT - 24.0 + y,
        );
    }
}
