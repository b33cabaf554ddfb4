// SPDX-License-Identifier: GPL-2.0-only

//! Functions that no test reaches, and lines in the others, a file a paragraph.

use anyhow::{Context, Result};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs,
    path::Path,
};

/// A function, by the line where it begins.
///
/// A generic one is in the report once for each type: it is reached if any of these is.
#[derive(Default)]
struct Function<'a> {
    name: &'a str,
    calls: u64,
}

/// Lists them, from lcov's report on files below a folder.
pub fn list(report: &str, top: &Path) -> Result<String> {
    let mut text = String::new();
    for record in report.split_terminator("end_of_record\n") {
        let Some((file, rest)) = record
            .strip_prefix("SF:")
            .and_then(|it| it.split_once('\n'))
        else {
            continue;
        };
        let source = fs::read_to_string(file).with_context(|| format!("cannot read {file}"))?;
        let found =
            of_file(rest, &source).with_context(|| format!("in what lcov says of {file}"))?;
        if !found.is_empty() {
            let file = Path::new(file);
            let name = file.strip_prefix(top).unwrap_or(file).display();
            let _ = write!(text, "\n{name}\n{found}");
        }
    }
    Ok(text)
}

fn of_file(record: &str, source: &str) -> Result<String> {
    let mut functions: BTreeMap<usize, Function<'_>> = BTreeMap::new();
    let mut begins: HashMap<&str, usize> = HashMap::new();
    let mut lines = Vec::new();
    for line in record.lines() {
        let Some((kind, rest)) = line.split_once(':') else {
            continue;
        };
        let halves = || {
            rest.split_once(',')
                .context("a line with half of it missing")
        };
        match kind {
            "FN" => {
                let (line, name) = halves()?;
                let line = line.parse()?;
                begins.insert(name, line);
                functions.entry(line).or_default().name = name;
            }
            "FNDA" => {
                let (calls, name) = halves()?;
                let line = begins.get(name).context("calls of an unknown function")?;
                functions.entry(*line).or_default().calls += calls.parse::<u64>()?;
            }
            "DA" => {
                let (line, count) = halves()?;
                lines.push((line.parse::<usize>()?, count == "0"));
            }
            _ => {}
        }
    }
    let mut text = String::new();
    for (line, function) in functions.iter().filter(|(_, it)| it.calls == 0) {
        // Of a const function the compiler calls what it can.
        let source = source.lines().nth(line - 1).unwrap_or_default();
        let mark = if source.contains("const fn ") {
            " (const)"
        } else {
            ""
        };
        let _ = writeln!(text, "{line:6}  {}{mark}", function.name);
    }
    // A line is of the function that begins last before it.
    let reached = |line: usize| {
        let function = functions.range(..=line).next_back();
        function.is_some_and(|(_, it)| it.calls > 0)
    };
    let missed = lines
        .iter()
        .filter(|(line, missed)| *missed && reached(*line));
    let ranges = ranges(missed.map(|it| it.0));
    if !ranges.is_empty() {
        let _ = writeln!(text, " lines {}", ranges.join(" "));
    }
    Ok(text)
}

/// Lines that follow each other, as one.
fn ranges(lines: impl Iterator<Item = usize>) -> Vec<String> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == line => *last = line,
            _ => ranges.push((line, line)),
        }
    }
    let name = |(first, last)| {
        if first == last {
            format!("{first}")
        } else {
            format!("{first}-{last}")
        }
    };
    ranges.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_test_reaches_is_named() {
        let source = "fn a() {\n}\nconst fn b() {\n}\n";
        let record = "FN:1,a::<u8, u16>\nFN:1,a::<u32, u64>\nFN:3,b\n\
                      FNDA:0,a::<u8, u16>\nFNDA:2,a::<u32, u64>\nFNDA:0,b\n\
                      DA:1,2\nDA:2,0\nDA:3,0\nDA:4,0\n";
        let expected = "     3  b (const)\n lines 2\n";
        assert_eq!(of_file(record, source).unwrap(), expected);
        assert_eq!(of_file("FN:1,a\nFNDA:1,a\nDA:1,1\n", source).unwrap(), "");
    }

    #[test]
    fn lines_that_follow_each_other_are_one_range() {
        let lines = [1, 2, 3, 5, 7, 8];
        assert_eq!(ranges(lines.into_iter()), ["1-3", "5", "7-8"]);
    }

    #[test]
    fn half_a_line_is_an_error() {
        assert!(of_file("FN:1\n", "").is_err());
        assert!(of_file("FNDA:1,a\n", "").is_err());
    }
}
