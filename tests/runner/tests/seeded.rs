// SPDX-License-Identifier: GPL-2.0-only

//! `make M=DIR gates` finds the faults of `tests/seeded`, and says which they are.

use lkmpg_runner_tests::{kernel, kernel_has, root};
use lkmpg_tests::skip;
use std::process::Command;

/// A module's fault, the gate that has to find it, and what that has to say.
const FAULTS: [(&str, &str, &str); 6] = [
    ("leak", "faults", "unreferenced object"),
    ("uaf", "storm", "KASAN: slab-use-after-free"),
    ("owner", "storm", "the file operations have no owner"),
    ("sleep", "hostile", "sleeping function called from invalid"),
    ("unchecked", "faults", "no copy failed"),
    ("off_by_one", "hostile", "KASAN: slab-out-of-bounds"),
];

/// What the gates report of one of the modules, and all that is said besides.
fn gates(fault: &str, gates: &str) -> (String, String) {
    let mut make = Command::new("make");
    // What the make that runs this was told is not for its own.
    for variable in ["MAKEFLAGS", "EXCEPT", "LKMPG_ONLY"] {
        make.env_remove(variable);
    }
    make.arg("-C").arg(root()).args(["M=tests/seeded", "gates"]);
    make.arg(format!("KERNEL={}", kernel()));
    make.arg(format!("T={gates}"));
    let output = make
        .env("LKMPG_SUBJECT", format!("seeded_{fault}"))
        .output();
    let output = output.expect("make runs");
    let [report, said] =
        [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    (report, said)
}

fn has_sanitizers() -> bool {
    let has = kernel_has("KASAN");
    if !has {
        skip(&format!("the kernel {} has no sanitizers", kernel()));
    }
    has
}

#[test]
fn each_fault_is_found_and_named() {
    if !has_sanitizers() {
        return;
    }
    for (fault, gate, what) in FAULTS {
        let (report, said) = gates(fault, gate);
        let title = format!("seeded_{fault}: {gate}: ");
        let found = report
            .lines()
            .any(|it| it.starts_with(&title) && it.contains(what));
        assert!(found, "no {title}{what}: {report}{said}");
        assert!(said.contains("1 of 1 modules did not pass"), "{said}");
    }
}

#[test]
fn what_has_no_fault_passes() {
    if !has_sanitizers() {
        return;
    }
    let (report, said) = gates("none", "");
    assert!(
        said.contains("all of seeded_none passed: faults storm hostile"),
        "{report}{said}"
    );
}
