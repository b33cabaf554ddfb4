// SPDX-License-Identifier: GPL-2.0-only

//! `make exercise`: what it says to a reader; and that the book's exercises can be done.

use lkmpg_guest::skip;
use lkmpg_tools_tests::{Ended, Machine, root};
use std::process::Command;

/// A machine with two exercises, of which `jar` is there with all that it needs.
fn machine() -> Machine {
    let machine = Machine::new();
    machine.kernel_tree("tree");
    machine.dev_is("tree");
    let exercise = |name: &str, chapter| {
        let folder = format!("checkout/book/exercises/{name}");
        let task = format!("<!-- SPDX -->\n# Fill the {name} (chapter {chapter})\n\nThe task.\n");
        machine.write(&format!("{folder}/README.md"), task);
        machine.write(&format!("{folder}/{name}.rs"), "task\n");
        machine.write(&format!("{folder}/test.sh"), "");
        machine.write(&format!("{folder}/clients"), "pour\n");
        machine.write(&format!("{folder}/solution/{name}.rs"), "solution\n");
    };
    exercise("jar", 20);
    exercise("cup", 3);
    machine.write("checkout/book/exercises/checks.sh", "");
    machine
}

fn exercise(machine: &Machine, words: &[&str]) -> Ended {
    machine.run(&[&["make", "exercise"], words].concat())
}

/// Has the guest end so.
fn guest(machine: &Machine, script: &str) {
    machine.script("checkout/scripts/vm", script);
}

#[test]
fn without_a_name_they_are_listed_by_chapter() {
    let machine = machine();
    let list = exercise(&machine, &[]).passes();
    let list = list.says(&["Fill the cup", "0 of 2 are done"]);
    assert!(
        list.out
            .starts_with("  3  cup            -      Fill the cup\n 20  jar"),
        "{list:?}"
    );
    exercise(&machine, &["E=nosuch"]).fails(&["there is no exercise nosuch"]);
}

#[test]
fn the_first_time_the_reader_is_given_the_task() {
    let machine = machine();
    guest(&machine, "echo the guest >&2; exit 1");
    let begun = exercise(&machine, &["E=jar"]).passes();
    let begun = begun.says(&["# Fill the jar", "The task.", "is in exercises/jar"]);
    assert!(!begun.err.contains("the guest"), "{begun:?}");
    assert_eq!(machine.read("checkout/exercises/jar/jar.rs"), "task\n");
    assert!(!machine.path("checkout/exercises/jar/test.sh").exists());
    assert!(!machine.path("checkout/exercises/jar/solution").exists());
    assert!(!machine.path("checkout/exercises/jar/clients").exists());
    let kbuild = machine.read("checkout/exercises/jar/Kbuild");
    assert!(kbuild.ends_with("rustflags-y := -Funsafe_code\nobj-m += jar.o\n"));
    exercise(&machine, &[])
        .passes()
        .says(&["jar            begun"]);
}

#[test]
fn then_it_is_built_and_tried_until_it_is_done() {
    let machine = machine();
    exercise(&machine, &["E=jar"]).passes();
    machine.write("checkout/exercises/jar/jar.rs", "mine\n");
    for (status, said) in [
        (1, "what is missing is said above"),
        (4, "cannot be judged on KERNEL=dev"),
        (
            124,
            "waits for what never comes\n  Perhaps the kernel with sanitizers says what: make exercise E=jar KERNEL=debug",
        ),
        (125, "could not be tried"),
        (126, "the kernel complains above"),
    ] {
        guest(&machine, &format!("echo \"$LKMPG_M $*\"; exit {status}"));
        let ended = exercise(&machine, &["E=jar"]).fails(&[said]);
        let ended = ended.says(&[
            "checkout/exercises/jar --plug --kernel dev --timeout 300",
            "-- sh /tests/jar.sh",
        ]);
        for added in [
            "book/exercises/jar/test.sh:/tests/jar.sh",
            "release/pour:/bin/pour",
        ] {
            assert!(ended.out.contains(added), "{ended:?}");
        }
    }
    exercise(&machine, &[]).says(&["0 of 2 are done"]);
    guest(&machine, "exit 0");
    exercise(&machine, &["E=jar"])
        .passes()
        .says(&["jar is done"]);
    exercise(&machine, &[]).says(&["1 of 2 are done"]);
    // The reader's own work stays.
    assert_eq!(machine.read("checkout/exercises/jar/jar.rs"), "mine\n");
    let seen = machine.read("checkout/exercises/jar/build/dev/seen");
    assert!(seen.contains("checkout/exercises/jar "), "{seen}");
}

#[test]
fn what_does_not_build_is_not_tried() {
    let machine = machine();
    exercise(&machine, &["E=jar"]).passes();
    machine.write(
        "tree/Makefile",
        "modules:\n\t@echo error: a word too many; false\n",
    );
    guest(&machine, "echo the guest >&2");
    let ended = exercise(&machine, &["E=jar"]).fails(&["exercises/jar does not build"]);
    let ended = ended.says(&["a word too many"]);
    assert!(!ended.err.contains("the guest"), "{ended:?}");
}

#[test]
fn a_task_that_is_solved_already_is_found() {
    let machine = machine();
    let prove = || machine.run(&["scripts/exercise", "--prove"]);
    // A guest has all solutions or all tasks, and says what became of each, as long as it lives.
    let guest = |jar: u8, tasks: &str| {
        let script = format!(
            "case $LKMPG_M in
            */solution) echo '== cup'; echo '== cup: 0'; echo '== jar'; echo word; echo '== jar: {jar}' ;;
            *) {tasks} ;;
            esac"
        );
        guest(&machine, &script);
    };
    let missing =
        "for it in cup jar; do echo \"== $it\"; echo 'not ok 1'; echo \"== $it: 1\"; done";
    guest(0, missing);
    prove()
        .passes()
        .says(&["2 solutions pass and their tasks do not, 0 cannot"]);
    let solution = machine.read("checkout/build/exercises/solution/jar/jar.rs");
    assert_eq!(solution, "solution\n");
    guest(4, missing);
    let judged = prove().passes();
    assert_eq!(
        not_judged(&judged.err),
        ["jar cannot be judged on KERNEL=dev"]
    );
    judged.says(&["1 solutions pass", "1 cannot be judged on KERNEL=dev"]);
    // Each of these ends its guest.
    guest(
        0,
        "case \"$*\" in *' cup '*) echo '== cup' ;; *) echo '== jar' ;; esac; exit 126",
    );
    prove()
        .passes()
        .says(&["2 solutions pass and their tasks do not"]);
    guest(1, missing);
    prove().fails(&["jar: its solution does not pass", "word", "1 complaints"]);
    guest(0, &missing.replace(": 1", ": 0"));
    prove().fails(&[
        "jar: of its task",
        "is said to be missing (status 0)",
        "2 complaints",
    ]);
    guest(0, "echo '== cup'; exit 124");
    prove().fails(&["cup: of its task", "is said to be missing (status 124)"]);
    guest(0, "exit 125");
    prove().fails(&["the guest with the tasks has failed (status 125)"]);
}

#[test]
fn nothing_is_proved_where_none_can_be_judged() {
    let machine = machine();
    guest(
        &machine,
        "for it in cup jar; do echo \"== $it\"; echo \"== $it: 4\"; done",
    );
    machine
        .run(&["scripts/exercise", "--prove"])
        .fails(&["nothing was proved: none of the 2 can be judged on KERNEL=dev"]);
}

#[test]
fn one_can_be_proved_alone_and_has_its_devices() {
    let machine = machine();
    let devices = "[jar]\ndevices = [\"edu,id=jar\"]\n";
    machine.write("checkout/book/exercises/jar/gates.toml", devices);
    guest(
        &machine,
        "case $LKMPG_M in */task) status=1 ;; *) status=0 ;; esac
        cat \"$LKMPG_M/gates.toml\" >&2; echo \"$LKMPG_M: $*\" >&2; echo '== jar'; echo 'not ok 1'; echo \"== jar: $status\"",
    );
    let proved = machine.run(&["scripts/exercise", "--prove", "jar"]);
    let proved = proved.passes().says(&["1 solutions pass"]);
    assert_eq!(proved.err.matches(devices).count(), 2, "{proved:?}");
    // Only a task is tried in a hurry.
    let hurried = |it: &&str| it.ends_with(" sh yes jar");
    let hurried: Vec<_> = proved.err.lines().filter(hurried).collect();
    assert_eq!(hurried.len(), 1, "{proved:?}");
}

/// What is said of those that were left out.
fn not_judged(said: &str) -> Vec<&str> {
    let lines = said.lines().filter_map(|it| it.strip_prefix("exercise: "));
    lines
        .filter(|it| it.contains(" cannot be judged on ") && !it.contains(" solutions pass "))
        .collect()
}

#[test]
fn those_of_the_book_can_be_done() {
    let mut prove = Command::new(root().join("scripts/exercise"));
    // What the make that runs this was told is not for its own.
    for variable in ["MAKEFLAGS", "T", "EXCEPT"] {
        prove.env_remove(variable);
    }
    let output = prove.arg("--prove").output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    for it in not_judged(&said) {
        skip(it);
    }
}
