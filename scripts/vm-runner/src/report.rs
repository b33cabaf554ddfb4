// SPDX-License-Identifier: GPL-2.0-only

//! What libtest reports, in words for people.

/// The reason why an `#[ignore]`d test is left out.
const IGNORED: &str = "it is switched off (#[ignore])";
/// Stands between libtest's `test NAME ... ` and its `ok`, before the reason why nothing was
/// tested: see `skip` in `scripts/vm-guest/src/skip.rs`.
const SKIPPED: &str = "skipped, since ";

/// The report of a test binary, or of several, one after another.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Tests that passed, those that were skipped as well.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that are switched off.
    pub ignored: u64,
    /// Tests that nobody asked for.
    pub filtered_out: u64,
    /// Tests that tested nothing, and why.
    pub skipped: Vec<(String, String)>,
}

impl Report {
    /// Reads it, if there is one.
    pub fn read(text: &str) -> Option<Self> {
        let mut report = None;
        let mut skipped = Vec::new();
        for line in text.lines() {
            if let Some(summary) = line.strip_prefix("test result: ") {
                let report: &mut Self = report.get_or_insert_default();
                report.passed += count(summary, "passed");
                report.failed += count(summary, "failed");
                report.ignored += count(summary, "ignored");
                report.filtered_out += count(summary, "filtered out");
            }
            skipped.extend(left_out(line));
        }
        report.map(|it| Self { skipped, ..it })
    }

    /// How many tests there are.
    pub fn tests(&self) -> u64 {
        self.passed + self.failed + self.ignored + self.filtered_out
    }
}

/// Reads `ok. 3 passed; 0 failed; …`.
fn count(summary: &str, what: &str) -> u64 {
    let mut parts = summary.split(['.', ';']);
    let number = parts.find_map(|it| it.trim().strip_suffix(what)?.trim().parse().ok());
    number.unwrap_or(0)
}

/// The name of a test that was not done, or not as a whole, and each reason, if a line says so.
fn left_out(line: &str) -> Vec<(String, String)> {
    let Some((name, rest)) = line
        .strip_prefix("test ")
        .and_then(|it| it.split_once(" ... "))
    else {
        return Vec::new();
    };
    let reason = |part: &str| match part.strip_prefix(SKIPPED) {
        Some(why) => Some((name.to_owned(), why.to_owned())),
        None => part
            .starts_with("ignored")
            .then(|| (name.to_owned(), IGNORED.to_owned())),
    };
    rest.split(" ... ").filter_map(reason).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = "test result: ok. 2 passed; 1 failed; 0 ignored; 0 measured; 4 filtered out; finished in 1.00s";

    #[test]
    fn all_summaries_count() {
        let text = format!("running 3 tests\n\n{SUMMARY}\n\nrunning 3 tests\n{SUMMARY}\n");
        let report = Report::read(&text).unwrap();
        assert_eq!(
            (report.passed, report.failed, report.filtered_out),
            (4, 2, 8)
        );
        assert_eq!(report.tests(), 14);
    }

    #[test]
    fn silence_is_no_report() {
        assert_eq!(Report::read(""), None);
        assert_eq!(Report::read("running 1 test\n"), None);
    }

    #[test]
    fn what_is_left_out_is_named_with_its_reason() {
        let text = format!(
            "test a::b ... skipped, since it rains ... ok\n\
             test c ... ok\n\
             test e ... skipped, since it snows\n\
             test f ... skipped, since it rains ... skipped, since it snows ... ok\n\
             test d ... ignored, as I like\n{SUMMARY}\n"
        );
        let report = Report::read(&text).unwrap();
        let skipped = [
            ("a::b", "it rains"),
            ("e", "it snows"),
            ("f", "it rains"),
            ("f", "it snows"),
            ("d", IGNORED),
        ];
        let skipped = skipped.map(|(name, why)| (name.to_owned(), why.to_owned()));
        assert_eq!(report.skipped, skipped);
        assert_eq!(report.tests(), 7);
    }
}
