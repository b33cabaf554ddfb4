// SPDX-License-Identifier: GPL-2.0-only

//! scripts/rust-metadata: what is not the kernel's own is not delivered.

use lkmpg_tools_tests::{Ended, Machine};

/// Compares what is in `headers` and `common` with `source` and `made`.
const PROVE: &str =
    "headers=$HOME/headers common=$HOME/common source=$HOME/source folder=$HOME/made release=7.3.4
prove";

/// A machine where all that was made is as in the kernel's headers.
fn machine() -> Machine {
    let machine = Machine::new();
    let script = machine.read("checkout/scripts/rust-metadata");
    let functions = script.strip_suffix("main \"$@\"\n").expect("its last line");
    machine.write("checkout/scripts/prove", format!("{functions}{PROVE}\n"));
    for it in [
        "common/include/linux/a.h",
        "source/include/linux/a.h",
        "headers/include/generated/asm-offsets.h",
        "made/build/include/generated/asm-offsets.h",
        // These are of the one who made it.
        "made/build/include/generated/more.h",
        "made/build/include/generated/compile.h",
    ] {
        machine.write(&format!("home/{it}"), "#define A 1\n");
    }
    machine.write("home/headers/include/generated/compile.h", "");
    machine.write(
        "home/headers/Module.symvers",
        "0x1\t_RNv4core\tvmlinux\tEXPORT_SYMBOL_GPL\n0x2\tprintk\tvmlinux\tEXPORT_SYMBOL\n",
    );
    let exports = "EXPORT_SYMBOL_RUST_GPL(_RNv4core);\n";
    machine.write("home/made/build/rust/exports_core_generated.h", exports);
    machine
}

fn prove(machine: &Machine) -> Ended {
    machine.run(&["bash", "-p", "scripts/prove"])
}

#[test]
fn what_is_the_same_is_delivered() {
    prove(&machine())
        .passes()
        .says(&["every one of the 1 symbols"]);
}

#[test]
fn each_difference_is_refused() {
    let differs = |file: &str, text: &str, words: &[&str]| {
        let machine = machine();
        machine.write(&format!("home/{file}"), text);
        let refused = prove(&machine).fails(&["modules built against it could crash it"]);
        refused.says(words);
    };
    differs(
        "source/include/linux/a.h",
        "#define A 2\n",
        &["1 differences of the source", "include/linux/a.h"],
    );
    differs(
        "made/build/include/generated/asm-offsets.h",
        "#define A 2\n",
        &["1 differences of the generated headers", "asm-offsets.h"],
    );
    differs(
        "made/build/rust/exports_core_generated.h",
        "EXPORT_SYMBOL_RUST_GPL(_RNv5other);\n",
        &[
            "2 differences of the exported Rust symbols",
            "only in the kernel: _RNv4core",
            "only rebuilt:       _RNv5other",
        ],
    );
}
