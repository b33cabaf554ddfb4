// SPDX-License-Identifier: GPL-2.0-only

//! Charts, as SVG.

use anyhow::Result;
use plotters::{
    coord::{Shift, ranged1d::AsRangedCoord, ranged1d::ValueFormatter},
    prelude::*,
};
use std::ops::Range;

/// A place for a chart.
pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub const RUST: RGBColor = RGBColor(204, 119, 51);
pub const C: RGBColor = RGBColor(68, 119, 170);

/// Something to compare with others.
pub struct Bar {
    pub name: String,
    pub value: f64,
    pub colour: RGBColor,
}

/// What has a value at several places.
pub struct Line {
    pub name: String,
    pub colour: RGBColor,
    pub points: Vec<(f64, f64)>,
}

/// Draws on white.
pub fn draw(size: (u32, u32), charts: impl FnOnce(&Area<'_>) -> Result<()>) -> Result<String> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        area.fill(&WHITE)?;
        charts(&area)?;
        area.present()?;
    }
    Ok(svg)
}

/// Draws a bar for each, from `from` on. Their names have so much room, if they are to be shown.
pub fn bars<X>(
    area: &Area<'_>,
    title: &str,
    names: u32,
    axis: X,
    from: f64,
    bars: &[Bar],
) -> Result<()>
where
    X: AsRangedCoord<Value = f64>,
    X::CoordDescType: ValueFormatter<f64>,
{
    const LEAST: u32 = 100;

    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .margin_left(names)
        .x_label_area_size(26)
        .build_cartesian_2d(axis, bars.len() as f64..0.0)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(WHITE)
        .x_label_formatter(&|it| format!("{}", (it * 1e3).round() / 1e3))
        .draw()?;
    let style = ("sans-serif", 13).into_font();
    for (index, bar) in bars.iter().enumerate() {
        let (top, value) = (index as f64, bar.value);
        chart.draw_series([Rectangle::new(
            [(from, top + 0.15), (value, top + 0.85)],
            bar.colour.filled(),
        )])?;
        let label = if value < 10.0 {
            format!(" {value:.2}")
        } else {
            format!(" {value:.0}")
        };
        chart.draw_series([Text::new(label, (value, top + 0.25), style.clone())])?;
        if names > LEAST {
            let (x, y) = chart.backend_coord(&(from, top + 0.25));
            let (left, top) = area.get_base_pixel();
            area.draw(&Text::new(
                bar.name.clone(),
                (x - names as i32 + 4 - left, y - top),
                style.clone(),
            ))?;
        }
    }
    Ok(())
}

/// Draws lines over a logarithmic axis.
pub fn lines<Y>(
    area: &Area<'_>,
    title: &str,
    over: &str,
    range: Range<f64>,
    axis: Y,
    lines: &[Line],
) -> Result<()>
where
    Y: AsRangedCoord<Value = f64>,
    Y::CoordDescType: ValueFormatter<f64>,
{
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(34)
        .y_label_area_size(50)
        .build_cartesian_2d(range.log_scale(), axis)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .x_desc(over)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y}"))
        .light_line_style(WHITE)
        .draw()?;
    for line in lines {
        let style = line.colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))?
            .label(&line.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 20, y)], style));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE)
        .draw()?;
    Ok(())
}

/// The least and the most of some numbers.
pub fn range(values: impl Iterator<Item = f64>) -> Range<f64> {
    values.fold(f64::MAX..f64::MIN, |range, it| {
        range.start.min(it)..range.end.max(it)
    })
}
