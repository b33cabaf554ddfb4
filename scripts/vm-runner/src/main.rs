// SPDX-License-Identifier: GPL-2.0-only

//! See `scripts/vm --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    lkmpg_vm::main()
}
