// SPDX-License-Identifier: GPL-2.0-only

//! What was measured, as bars on two logarithmic scales.

use crate::{Direction, Row};
use plotters::{coord::Shift, prelude::*};
use std::error::Error;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws both charts beside each other, as SVG.
pub fn draw(rows: &[Row]) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let height = 90 + 26 * rows.len() as u32;
        let area = SVGBackend::with_string(&mut svg, (1000, height)).into_drawing_area();
        area.fill(&WHITE)?;
        let (left, right) = area.split_horizontally(560);
        let micros: Vec<_> = rows.iter().map(|it| it.message.median / 1e3).collect();
        chart(&left, "One message of 64 bytes, µs", rows, &micros, 220)?;
        let rates: Vec<_> = rows.iter().map(|it| it.throughput() / 1e6).collect();
        chart(&right, "Throughput, MB/s", rows, &rates, 16)?;
        area.present()?;
    }
    Ok(svg)
}

/// Draws a bar for each value; `names` is the room for what they are, if that is to be shown.
fn chart(
    area: &Area<'_>,
    title: &str,
    rows: &[Row],
    values: &[f64],
    names: u32,
) -> Result<(), Box<dyn Error>> {
    let count = rows.len() as f64;
    let least = values.iter().copied().fold(f64::MAX, f64::min) / 3.0;
    let most = values.iter().copied().fold(f64::MIN, f64::max) * 8.0;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .margin_left(names)
        .x_label_area_size(26)
        .build_cartesian_2d((least..most).log_scale(), count..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(WHITE)
        .x_label_formatter(&|it| format!("{it}"))
        .draw()?;
    for (index, (row, value)) in rows.iter().zip(values).enumerate() {
        let top = index as f64;
        let colour = match row.direction {
            Direction::ToKernel => RGBColor(200, 90, 40),
            Direction::FromKernel => RGBColor(40, 100, 180),
            Direction::Both => RGBColor(110, 70, 150),
        };
        chart.draw_series([Rectangle::new(
            [(least, top + 0.15), (*value, top + 0.85)],
            colour.filled(),
        )])?;
        let label = if *value < 10.0 {
            format!("{value:.2}")
        } else {
            format!("{value:.0}")
        };
        let style = ("sans-serif", 13).into_font();
        chart.draw_series([Text::new(label, (*value * 1.15, top + 0.25), style.clone())])?;
        if names > 100 {
            let name = format!("{}, {}", row.channel, row.direction.name());
            let (x, y) = chart.backend_coord(&(least, top + 0.25));
            area.draw(&Text::new(
                name,
                (x - names as i32 + 4 - area.get_base_pixel().0, y),
                style,
            ))?;
        }
    }
    Ok(())
}
