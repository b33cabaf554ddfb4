// SPDX-License-Identifier: GPL-2.0-only

//! What `html_parser_user bench` measured.

use crate::picture::{self, Line};
use anyhow::{Context, Result, bail, ensure};
use plotters::prelude::{IntoLogRange, RGBColor};
use std::{collections::BTreeMap, fmt::Write as _, fs, path::Path};

/// The columns of the benchmark: what was measured.
const MEASURED: [&str; 3] = ["read, cold", "read, warm", "parse"];
const PLACES: [&str; 2] = ["kernel", "user"];

/// Size, what was measured, and where: the cycles of each run.
pub type Cycles = BTreeMap<(u64, usize, usize), Vec<u64>>;

/// Reads what the bench printed.
pub fn read(file: &Path) -> Result<Cycles> {
    let text =
        fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    parse(&text).with_context(|| format!("{} is not of this benchmark", file.display()))
}

fn parse(input: &str) -> Result<Cycles> {
    let mut cycles = Cycles::new();
    // After the heading.
    for line in input.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [size, place, _run, values @ ..] = &fields[..] else {
            bail!("it has a line {line:?}");
        };
        let place = PLACES.iter().position(|it| it == place);
        let place = place.with_context(|| format!("it has a line {line:?}"))?;
        ensure!(values.len() == MEASURED.len(), "it has a line {line:?}");
        for (measured, value) in values.iter().enumerate() {
            let runs = cycles.entry((size.parse()?, measured, place)).or_default();
            runs.push(value.parse()?);
        }
    }
    ensure!(!cycles.is_empty(), "it is empty");
    Ok(cycles)
}

/// A table for the terminal.
pub fn table(cycles: &Cycles) -> String {
    let mut text = String::from(
        "Cycles of each run, and how many times as many user space needs (best of each)\n\n",
    );
    let _ = writeln!(
        text,
        "{:>6}  {:<10}  {:<6}  {:>61}",
        "file", "", "where", "runs 1 to 5"
    );
    for ((size, measured, place), runs) in cycles {
        let runs_text: String = runs.iter().map(|run| format!("{run:>12}")).collect();
        let ratio = match cycles.get(&(*size, *measured, 0)) {
            Some(kernel) if *place == 1 => format!("{:>8.2}", best(runs) / best(kernel)),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "{:>6}  {:<10}  {:<6}  {runs_text} {ratio}",
            size_name(*size),
            MEASURED[*measured],
            PLACES[*place]
        );
    }
    text
}

fn best(runs: &[u64]) -> f64 {
    runs.iter().min().map_or(f64::NAN, |run| *run as f64)
}

fn size_name(size: u64) -> String {
    match size {
        0..10_000 => format!("{} kB", size / 1000),
        10_000..1_000_000 => format!("{} kB", size >> 10),
        _ => format!("{} MB", size >> 20),
    }
}

/// Draws the best cycles per byte.
pub fn picture(cycles: &Cycles) -> Result<String> {
    // Pale for cold, for each place.
    const COLOURS: [[RGBColor; 2]; 3] = [
        [RGBColor(255, 153, 153), RGBColor(153, 153, 255)],
        [RGBColor(255, 0, 0), RGBColor(0, 0, 255)],
        [RGBColor(255, 0, 0), RGBColor(0, 0, 255)],
    ];

    let line = |measured: usize, place: usize| Line {
        name: format!("{}: {}", PLACES[place], MEASURED[measured]),
        colour: COLOURS[measured][place],
        points: cycles
            .iter()
            .filter(|(it, _)| (it.1, it.2) == (measured, place))
            .map(|(it, runs)| (it.0 as f64, best(runs) / it.0 as f64))
            .collect(),
    };
    picture::draw((1000, 420), |area| {
        let (left, right) = area.split_horizontally(500);
        for (area, title, measured) in [(left, "Reading", &[0, 1][..]), (right, "Parsing", &[2])] {
            let lines: Vec<_> = measured
                .iter()
                .flat_map(|it| [line(*it, 0), line(*it, 1)])
                .collect();
            let points = || lines.iter().flat_map(|it| &it.points);
            let (x, y) = (
                picture::range(points().map(|it| it.0)),
                picture::range(points().map(|it| it.1)),
            );
            picture::lines(
                &area,
                &format!("{title}: cycles per byte"),
                "size of the file, bytes",
                x.start..x.end * 1.2,
                (y.start / 1.5..y.end * 3.0).log_scale(),
                &lines,
            )?;
        }
        Ok(())
    })
}
