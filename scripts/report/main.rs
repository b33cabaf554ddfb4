// SPDX-License-Identifier: GPL-2.0-only

//! Shows what the benches measured: as tables, as JSON, and as pictures.

mod channels;
mod docs;
mod growth;
mod html_parser;
mod picture;
mod size;
mod speed;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use serde_json::json;
use speed::Rows;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Show what the benchmarks measured.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Subcommand)]
enum Bench {
    /// The samples beside their twins in C.
    Speed {
        /// What the bench printed.
        #[arg(long, value_name = "FILE")]
        time: PathBuf,
        /// What it printed with --icount, sample for sample.
        #[arg(long, value_name = "FILE")]
        instructions: PathBuf,
        /// What it printed with --icount the second time.
        #[arg(long, value_name = "FILE")]
        again: PathBuf,
        /// What the bench `growth` printed.
        #[arg(long, value_name = "FILE")]
        growth: PathBuf,
        /// Where the modules were built.
        #[arg(long, value_name = "FOLDER")]
        modules: PathBuf,
        /// Where to put the JSON and the pictures.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        /// Bring the tables and pictures in this folder up to date, too.
        #[arg(long, value_name = "FOLDER")]
        docs: Option<PathBuf>,
    },
    /// The channels beside each other.
    Channels {
        /// What the bench printed.
        file: PathBuf,
        /// Draw it into this file.
        #[arg(long, value_name = "FILE")]
        svg: PathBuf,
    },
    /// One parser, in the kernel and in user space.
    HtmlParser {
        /// What `html_parser_user bench` printed.
        file: PathBuf,
        /// Draw it into this file.
        #[arg(long, value_name = "FILE")]
        svg: PathBuf,
    },
}

fn main() -> Result<()> {
    match Arguments::parse().bench {
        Bench::Speed {
            time,
            instructions,
            again,
            growth,
            modules,
            out,
            docs,
        } => {
            let rows = Rows::read(&time, &instructions)?;
            let sizes = size::measure(&modules, &instructions)?;
            let growth = growth::read(&growth)?;
            print!("{}\n{}", rows.table(), size::table(&sizes));
            let all = json!({ "operations": rows, "sizes": sizes, "growth": growth });
            write(
                &out.join("speed.json"),
                &serde_json::to_string_pretty(&all)?,
            )?;
            write(&out.join("speed.svg"), &rows.picture()?)?;
            if !growth.is_empty() {
                write(&out.join("growth.svg"), &growth::picture(&growth)?)?;
            }
            if let Some(docs) = docs {
                docs::update(&docs, &rows, &sizes, &growth)?;
            }
            let differences = speed::differences(&instructions, &again)?;
            if !differences.is_empty() {
                bail!(
                    "these were counted twice, and came to something else:\n{}",
                    differences.join("\n")
                );
            }
        }
        Bench::Channels { file, svg } => {
            let rows = channels::read(&file)?;
            print!("{}", channels::table(&rows));
            write(&svg, &channels::picture(&rows)?)?;
        }
        Bench::HtmlParser { file, svg } => {
            let cycles = html_parser::read(&file)?;
            print!("{}", html_parser::table(&cycles));
            write(&svg, &html_parser::picture(&cycles)?)?;
        }
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// The middle of some numbers.
fn median(numbers: &[f64]) -> f64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}
