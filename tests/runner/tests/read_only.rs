// SPDX-License-Identifier: GPL-2.0-only

//! A checkout that nobody may write to serves the modules of several folders at once.

use lkmpg_runner_tests::root;
use lkmpg_tests::skip;
use std::process::{Command, Output};

/// Makes the checkout one that cannot be written to, and tests folders at the same time. What was built
/// of the checkout is put where it looks for that now, so that it is not built once more.
const SCRIPT: &str = r#"
set -eu
mount --bind "$PWD" "$PWD"
mount -o remount,ro,bind "$PWD"
cd "$PWD"
if touch build 2>/dev/null; then echo 'it can be written to'; exit 1; fi
own=$(scripts/own)
case $own in "$PWD"/*) echo "$own is in the checkout"; exit 1 ;; esac
trap 'rm -rf "$own"' EXIT
here=$(scripts/here)
for built in vm-runner.built "$here/release/lkmpg-vm" "$here/release/lkmpg-guest"; do
	mkdir -p "$(dirname "$own/cargo/$built")"
	cp -p "build/cargo/$built" "$own/cargo/$built"
done
jobs=
for folder; do
	make -C "$folder" test >"$folder/said" 2>&1 &
	jobs="$jobs $!"
done
status=0
for job in $jobs; do wait "$job" || status=1; done
for folder; do cat "$folder/said"; done
[ -e "$own/$KERNEL/lkm/liblkm.rmeta" ]
exit $status
"#;

/// A command in a name space of mounts, in which its user is root.
fn apart(words: &[&str]) -> Command {
    let mut command = Command::new("unshare");
    if !rustix::process::getuid().is_root() {
        command.arg("--map-root-user");
    }
    // What the make that runs this was told is not for its own.
    for variable in ["MAKEFLAGS", "T", "EXCEPT", "LKMPG_JUNIT", "LKMPG_ONLY"] {
        command.env_remove(variable);
    }
    command.arg("--mount").args(words).current_dir(root());
    command.env("KERNEL", lkmpg_runner_tests::any_kernel());
    command
}

fn text(output: Output) -> String {
    let said = [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    said.concat()
}

#[test]
fn a_checkout_that_cannot_be_written_to_serves_two_folders_at_once() {
    let may = apart(&["mount", "--bind", ".", "."]).output();
    if !may.is_ok_and(|it| it.status.success()) {
        return skip("nobody may mount anything here");
    }
    let all = tempfile::tempdir().expect("a folder");
    let folders = ["first", "second"].map(|it| all.path().join(it));
    for folder in &folders {
        let mut new = Command::new(root().join("scripts/new-module"));
        let made = new.arg(folder).args(["--kind", "proc"]).output();
        assert!(made.is_ok_and(|it| it.status.success()), "{folder:?}");
    }
    let tests = apart(&["bash", "-c", SCRIPT, "bash"])
        .args(&folders)
        .output();
    let tests = tests.expect("unshare runs");
    let passed = tests.status.success();
    let said = text(tests);
    assert!(passed, "{said}");
    for name in ["first", "second"] {
        let line = format!("test {name}: exits with 0 ... ok");
        assert!(said.contains(&line), "no {line}: {said}");
    }
}
