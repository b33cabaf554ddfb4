// SPDX-License-Identifier: GPL-2.0-only

//! Shows what the benches `speed` and `growth` measured, and how large the modules are: as tables,
//! as JSON, and as pictures.

mod growth;
mod rows;
mod size;

use anyhow::{Context, Result};
use clap::Parser;
use rows::Rows;
use serde_json::json;
use std::{fs, path::PathBuf};

/// Show what the benchmarks measured.
#[derive(Parser)]
struct Arguments {
    /// What the bench printed.
    #[arg(long, value_name = "FILE")]
    time: PathBuf,
    /// What it printed with --icount.
    #[arg(long, value_name = "FILE")]
    instructions: PathBuf,
    /// Where the modules were built.
    #[arg(long, value_name = "FOLDER")]
    modules: PathBuf,
    /// What the bench `growth` printed.
    #[arg(long, value_name = "FILE")]
    growth: Option<PathBuf>,
    /// Draw how costs grow into this file.
    #[arg(long, value_name = "FILE")]
    growth_svg: Option<PathBuf>,
    /// Write all of it to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Draw the ratios into this file.
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let rows = Rows::read(&arguments.time, &arguments.instructions)?;
    let sizes = size::measure(&arguments.modules, &arguments.instructions)?;
    let growth = match arguments.growth {
        Some(file) => growth::read(&file)?,
        None => Vec::new(),
    };
    print!("{}\n{}", rows.table(), size::table(&sizes));
    if let Some(file) = arguments.growth_svg {
        fs::write(&file, growth::picture(&growth))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if let Some(file) = arguments.json {
        let all = json!({ "operations": rows, "sizes": sizes, "growth": growth });
        fs::write(&file, serde_json::to_vec_pretty(&all)?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if let Some(file) = arguments.svg {
        fs::write(&file, rows.picture())
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// The middle of some numbers.
fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
