// SPDX-License-Identifier: GPL-2.0-only

//! What of it is in `docs/`: what does not depend on the machine.

use crate::{growth, growth::Point, size, size::Pair, speed::Rows, write};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::{fs, path::Path};

/// Brings `docs/` up to date. The versions stay as they are said there.
pub fn update(docs: &Path, rows: &Rows, sizes: &[Pair], growth: &[Point]) -> Result<()> {
    let read = |name: &str| {
        let file = docs.join(name);
        fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))
    };
    let mut json: Value = serde_json::from_str(&read("speed.json")?)?;
    let mut operations = json!(rows);
    for operation in operations.as_array_mut().into_iter().flatten() {
        operation.as_object_mut().and_then(|it| it.remove("time"));
    }
    json["operations"] = operations;
    json["sizes"] = json!(sizes);
    json["growth"] = json!(growth);
    write(
        &docs.join("speed.json"),
        &(serde_json::to_string_pretty(&json)? + "\n"),
    )?;
    let mut text = read("speed.md")?;
    for table in [rows.instructions(), size::table(sizes)] {
        text = with_table(&text, &table).context("in docs/speed.md")?;
    }
    write(&docs.join("speed.md"), &text)?;
    write(&docs.join("speed.svg"), &rows.picture()?)?;
    write(&docs.join("growth.svg"), &growth::picture(growth)?)
}

/// Replaces the table that has the same heading.
fn with_table(text: &str, table: &str) -> Result<String> {
    let heading = table.lines().next().unwrap_or_default();
    let place = text.find(heading);
    let start = place.with_context(|| format!("there is no table {heading:?}"))?;
    let end = text[start..]
        .find("\n\n")
        .map_or(text.len(), |it| start + it);
    Ok(format!(
        "{}{}{}",
        &text[..start],
        table.trim_end(),
        &text[end..]
    ))
}
