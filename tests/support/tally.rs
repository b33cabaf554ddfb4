// SPDX-License-Identifier: GPL-2.0-only

//! What the modules went through, for the table at the end of `make test`.
//!
//! The guest's init hands the file to the host, which adds up all test binaries'.

use lkmpg_guest::TALLY;
use std::{fs::File, io::Write as _};

/// A column of the table.
#[derive(Clone, Copy, Debug)]
pub enum Column {
    /// Loads that were followed by an unload.
    Loads,
    /// Failures that were injected.
    Faults,
    /// System calls on its nodes.
    Operations,
}

/// Adds to what a module went through.
pub fn add(module: &str, column: Column, count: u64) {
    let column = match column {
        Column::Loads => "loads",
        Column::Faults => "faults",
        Column::Operations => "operations",
    };
    let file = File::options().create(true).append(true).open(TALLY);
    let written =
        file.and_then(|mut it| it.write_all(format!("{module}\t{column}\t{count}\n").as_bytes()));
    written.expect("the tally is kept");
}
