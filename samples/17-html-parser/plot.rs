// SPDX-License-Identifier: GPL-2.0-only

//! Shows what `html_parser_user bench` measured: a table, and a picture.

use anyhow::{Context, Result, ensure};
use clap::Parser;
use plotters::{coord::Shift, prelude::*};
use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::PathBuf,
};

/// Shows a benchmark of html_parser as a table, and draws it.
#[derive(Parser)]
struct Arguments {
    /// Draw it into this file.
    #[arg(long)]
    svg: Option<PathBuf>,
}

/// The columns of the benchmark: what was measured.
const MEASURED: [&str; 3] = ["read, cold", "read, warm", "parse"];
const PLACES: [&str; 2] = ["kernel", "user"];

/// Size, what was measured, and where: the cycles of each run.
type Cycles = BTreeMap<(u64, usize, usize), Vec<u64>>;

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut input = String::new();
    io::stdin().read_to_string(&mut input)?;
    let cycles = parse(&input)?;
    table(&cycles);
    if let Some(file) = arguments.svg {
        fs::write(&file, draw(&cycles)?).with_context(|| format!("writing {}", file.display()))?;
    }
    Ok(())
}

fn parse(input: &str) -> Result<Cycles> {
    let mut cycles = Cycles::new();
    // After the heading.
    for line in input.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [size, place, _run, values @ ..] = &fields[..] else {
            anyhow::bail!("not a line of the benchmark: {line}");
        };
        let place = PLACES
            .iter()
            .position(|it| it == place)
            .context("an unknown place")?;
        ensure!(
            values.len() == MEASURED.len(),
            "not a line of the benchmark: {line}"
        );
        for (measured, value) in values.iter().enumerate() {
            let runs = cycles.entry((size.parse()?, measured, place)).or_default();
            runs.push(value.parse()?);
        }
    }
    ensure!(!cycles.is_empty(), "the benchmark printed nothing");
    Ok(cycles)
}

fn table(cycles: &Cycles) {
    println!("Cycles of each run, and how many times as many user space needs (best of each)\n");
    println!(
        "{:>6}  {:<10}  {:<6}  {:>61}",
        "file", "", "where", "runs 1 to 5"
    );
    for ((size, measured, place), runs) in cycles {
        let runs_text: String = runs.iter().map(|run| format!("{run:>12}")).collect();
        let ratio = match cycles.get(&(*size, *measured, 0)) {
            Some(kernel) if *place == 1 => format!("{:>8.2}", best(runs) / best(kernel)),
            _ => String::new(),
        };
        println!(
            "{:>6}  {:<10}  {:<6}  {runs_text} {ratio}",
            size_name(*size),
            MEASURED[*measured],
            PLACES[*place]
        );
    }
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

fn draw(cycles: &Cycles) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (1000, 420)).into_drawing_area();
        area.fill(&WHITE)?;
        let (left, right) = area.split_horizontally(500);
        chart(&left, "Reading", &[0, 1], cycles)?;
        chart(&right, "Parsing", &[2], cycles)?;
        area.present()?;
    }
    Ok(svg)
}

fn chart(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
    shown: &[usize],
    cycles: &Cycles,
) -> Result<()> {
    let points = |measured: usize, place: usize| {
        let of_these = cycles
            .iter()
            .filter(move |((_, m, p), _)| (*m, *p) == (measured, place));
        of_these.map(|((size, ..), runs)| (*size as f64, best(runs) / *size as f64))
    };
    let all = || {
        shown
            .iter()
            .flat_map(|m| [0, 1].into_iter().flat_map(|p| points(*m, p)))
    };
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN), |(low, high), v| {
            (low.min(v), high.max(v))
        })
    };
    let (left, right) = range(&mut all().map(|(x, _)| x));
    let (bottom, top) = range(&mut all().map(|(_, y)| y));

    let mut chart = ChartBuilder::on(area)
        .caption(format!("{title}: cycles per byte"), ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(30)
        .y_label_area_size(50)
        .build_cartesian_2d(
            (left..right * 1.2).log_scale(),
            (bottom / 1.5..top * 3.0).log_scale(),
        )?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_desc("size of the file, bytes")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y}"))
        .light_line_style(WHITE)
        .draw()?;
    for measured in shown {
        for (place, colour) in [(0, RED), (1, BLUE)] {
            let style = if *measured == 0 {
                colour.mix(0.4)
            } else {
                colour.mix(1.0)
            };
            chart
                .draw_series(LineSeries::new(
                    points(*measured, place),
                    style.stroke_width(2),
                ))?
                .label(format!("{}: {}", PLACES[place], MEASURED[*measured]))
                .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE)
        .draw()?;
    Ok(())
}
