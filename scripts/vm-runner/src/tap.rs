// SPDX-License-Identifier: GPL-2.0-only

//! What a script reports of its tests, in the Test Anything Protocol, as kselftests do.

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passed, or is known not to.
    Passed,
    /// It failed.
    Failed,
    /// It was not done, and why.
    Skipped(String),
}

/// A test, and what became of it.
pub type Case = (String, Verdict);

/// Reads a report; empty, if there is none. What is not as it must be is a test that failed.
///
/// A line `1..N` is the plan, and `ok N NAME` or `not ok N NAME` a result, with `# SKIP WHY` or
/// `# TODO WHY` at its end.
pub fn read(text: &str) -> Vec<Case> {
    let (mut cases, mut plan) = (Vec::new(), None);
    for line in text.lines().map(str::trim_end) {
        if let Some(why) = line.strip_prefix("Bail out!") {
            let why = why.trim();
            cases.push((format!("it bailed out: {why}"), Verdict::Failed));
        } else if let Some((count, why)) = planned(line) {
            plan = Some(count);
            if count == 0 {
                cases.push(("all".to_owned(), Verdict::Skipped(why.to_owned())));
                return cases;
            }
        } else {
            cases.extend(case(line, cases.len() + 1));
        }
    }
    let done = cases.len();
    if let Some(plan) = plan.filter(|it| *it != done) {
        let name = format!("{plan} tests were planned, and {done} reported");
        cases.push((name, Verdict::Failed));
    }
    cases
}

/// Reads `1..N # why there are none`.
fn planned(line: &str) -> Option<(usize, &str)> {
    let (count, why) = split_directive(line.strip_prefix("1..")?);
    Some((count.trim().parse().ok()?, why.map_or("", |it| it.1)))
}

/// Reads `not ok 3 - a name # TODO why`.
fn case(line: &str, n: usize) -> Option<Case> {
    let (passed, rest) = match line.strip_prefix("not ok") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok")?),
    };
    let (name, directive) = split_directive(rest);
    let name = name.strip_prefix(' ').or(name.is_empty().then_some(name))?;
    let number = name.split(' ').next().unwrap_or_default();
    let numbered = number.parse::<usize>().is_ok();
    // Words that a program may well say.
    if passed && !numbered {
        return None;
    }
    let name = if numbered {
        &name[number.len()..]
    } else {
        name
    };
    let name = name.trim().trim_start_matches("- ").trim();
    let name = match name {
        "" => n.to_string(),
        name => name.to_owned(),
    };
    let verdict = match directive {
        Some(("SKIP", why)) => Verdict::Skipped(why.to_owned()),
        Some(("TODO", _)) => Verdict::Passed,
        _ if passed => Verdict::Passed,
        _ => Verdict::Failed,
    };
    Some((name, verdict))
}

/// Cuts `# SKIP why` or `# TODO why` off.
fn split_directive(line: &str) -> (&str, Option<(&'static str, &str)>) {
    for word in ["SKIP", "TODO"] {
        for (at, _) in line.match_indices("# ") {
            let rest = &line[at + 2..];
            if rest
                .get(..word.len())
                .is_some_and(|it| it.eq_ignore_ascii_case(word))
            {
                let why = rest[word.len()..].trim_start_matches(char::is_alphabetic);
                return (line[..at].trim_end(), Some((word, why.trim())));
            }
        }
    }
    (line, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Failed, Passed};

    fn skipped(why: &str) -> Verdict {
        Verdict::Skipped(why.into())
    }

    fn assert_read(text: &str, expected: &[(&str, Verdict)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(name, it)| ((*name).to_owned(), it.clone()))
            .collect();
        assert_eq!(read(text), expected);
    }

    #[test]
    fn kselftests_are_understood() {
        let text = "TAP version 13\n1..4\n# it begins\nok 1 selftests: a: opens\nnot ok 2 reads # exit=1\n\
                    ok 3 writes # SKIP there is no disk\nnot ok 4 - sleeps # TODO later\n# Totals: pass:1\n";
        let expected = [
            ("selftests: a: opens", Passed),
            ("reads # exit=1", Failed),
            ("writes", skipped("there is no disk")),
            ("sleeps", Passed),
        ];
        assert_read(text, &expected);
    }

    #[test]
    fn a_plan_that_is_not_kept_is_a_failure() {
        let expected = [
            ("a", Passed),
            ("2 tests were planned, and 1 reported", Failed),
        ];
        assert_read("ok 1 a\n1..2\n", &expected);
        assert_read(
            "1..2\n",
            &[("2 tests were planned, and 0 reported", Failed)],
        );
    }

    #[test]
    fn nothing_may_be_planned() {
        assert_read("1..0 # SKIP no module\n", &[("all", skipped("no module"))]);
    }

    #[test]
    fn what_bails_out_has_failed() {
        let expected = [("1", Passed), ("it bailed out: no disk", Failed)];
        assert_read("ok 1\nBail out! no disk\n", &expected);
    }

    #[test]
    fn other_words_are_no_report() {
        assert_read("ok\nok then\nokay 1\n1..x\nHello\n# ok 1 inner\n", &[]);
        assert_read("not ok\n", &[("1", Failed)]);
    }
}
