// SPDX-License-Identifier: GPL-2.0-only

//! What is broken, and which test should notice.

/// One thing to break.
pub struct Mutant {
    /// The file, and what of it is replaced. It is there once.
    pub file: &'static str,
    pub from: &'static str,
    /// What it is replaced by.
    pub to: &'static str,
    /// What that does.
    pub why: &'static str,
    /// What should fail.
    pub test: &'static str,
    /// Why it does not, where it cannot.
    pub unseen: Option<&'static str>,
}

/// All of them.
pub fn mutants() -> impl Iterator<Item = &'static Mutant> {
    [
        lkm::MUTANTS,
        samples::MUTANTS,
        bench::MUTANTS,
        tools::MUTANTS,
    ]
    .into_iter()
    .flatten()
}

const EDU: &str = "make test T=edu";
const FTDI: &str = "make test T=ftdi";
const UART: &str = "make test T=uart";

macro_rules! mutants {
    ($($test:expr => $file:literal: $why:literal, $from:expr => $to:expr $(, unseen: $unseen:literal)?;)*) => {
        pub const MUTANTS: &[Mutant] = &[
            $(Mutant {
                file: $file,
                from: $from,
                to: $to,
                why: $why,
                test: $test,
                unseen: [$($unseen)?].first().copied(),
            },)*
        ];
    };
}

mod bench;
mod lkm;
mod samples;
mod tools;
