// SPDX-License-Identifier: GPL-2.0-only

//! The report of all tests as JUnit's XML, for services that run them.

use anyhow::{Context, Result};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::{collections::BTreeSet, fs::File, path::Path, time::Duration};

/// Reads what a test binary has printed, as libtest does.
pub fn suite(name: &str, took: Duration, passed: bool, output: &str) -> TestSuite {
    let mut suite = TestSuite::new(name);
    suite.set_time(took).set_system_out(output);
    let lines = || output.lines();
    let failed: BTreeSet<_> = lines()
        .skip_while(|it| *it != "failures:")
        .filter_map(|it| it.strip_prefix("    "))
        .collect();
    for (test, rest) in lines().filter_map(|it| it.strip_prefix("test ")?.split_once(" ... ")) {
        let mut status = if failed.contains(test) {
            TestCaseStatus::non_success(NonSuccessKind::Failure)
        } else if rest.starts_with("skipped") || rest.starts_with("ignored") {
            TestCaseStatus::skipped()
        } else {
            TestCaseStatus::success()
        };
        if !failed.contains(test) && !rest.ends_with("ok") {
            status.set_message(rest);
        }
        suite.add_test_case(TestCase::new(test, status));
    }
    // It splatted, it took too long, or there was no test in it.
    if !passed && failed.is_empty() || suite.test_cases.is_empty() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status.set_message("it ended without a good report: see what it printed");
        suite.add_test_case(TestCase::new(name, status));
    }
    suite
}

/// Writes the report.
pub fn write(file: &Path, suites: Vec<TestSuite>) -> Result<()> {
    let mut report = Report::new("lkmpg-rs");
    report.add_test_suites(suites);
    let to = File::create(file).with_context(|| format!("cannot create {}", file.display()))?;
    report
        .serialize(to)
        .with_context(|| format!("cannot write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_test_is_a_case() {
        let output = "running 4 tests\ntest a::b ... ok\ntest c ... FAILED\ntest d ... ignored\n\
                      test e ... skipped, since it rains ... ok\n\nfailures:\n\nfailures:\n    c\n";
        let suite = suite("hello", Duration::ZERO, false, output);
        assert_eq!((suite.tests, suite.failures, suite.errors), (4, 1, 0));
        let skipped = |it: &&TestCase| matches!(it.status, TestCaseStatus::Skipped { .. });
        assert_eq!(suite.test_cases.iter().filter(skipped).count(), 2);
        let names: Vec<_> = suite.test_cases.iter().map(|it| it.name.as_str()).collect();
        assert_eq!(names, ["a::b", "c", "d", "e"]);
    }

    #[test]
    fn what_ends_without_a_report_is_an_error() {
        for (passed, output) in [(false, "test a ... ok\n"), (false, ""), (true, "")] {
            let suite = suite("hello", Duration::ZERO, passed, output);
            assert_eq!((suite.failures, suite.errors), (0, 1), "{output}");
        }
    }
}
