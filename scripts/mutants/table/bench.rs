// SPDX-License-Identifier: GPL-2.0-only

//! What is broken of the bench: the runner, its guests, and what tests are made with.

use super::{EDU, Mutant};

const RUNNER_UNITS: &str = "cargo test --package lkmpg-vm";
const RUNNER: &str = "make test T=runner";
const RUNNER_SUITE: &str = "make test T=runner_suite";

mutants! {
    RUNNER_UNITS => "scripts/vm-runner/src/splat.rs": "UBSAN's reports are no splats",
        "    (\"UBSAN: \", \" in \"),\n"
        => "";
    RUNNER_UNITS => "scripts/vm-runner/src/splat.rs": "a general protection fault is no splat",
        "    (\"general protection fault\", \" [#\"),\n"
        => "";
    RUNNER_UNITS => "scripts/vm-runner/src/splat.rs": "a refcount's underflow is no splat",
        "    (\"refcount_t: \", \"\"),\n"
        => "";
    RUNNER_UNITS => "scripts/vm-runner/src/splat.rs": "a panic in Rust is no splat",
        "    (\"rust_kernel: panicked at \", \"\"),\n"
        => "";
    RUNNER_UNITS => "scripts/vm-runner/src/splat.rs": "kmemleak's count is no splat",
        "    (\"kmemleak: \", \" new suspected memory leaks\"),\n"
        => "";
    RUNNER => "scripts/vm-runner/src/suite.rs": "no test binary at all is fine",
        "if binaries.is_empty() {"
        => "if false {";
    RUNNER_UNITS => "scripts/vm-runner/src/options.rs": "files may be added to the guest's /sys",
        "[\"/dev\", \"/proc\", \"/sys\"]"
        => "[\"/dev\", \"/proc\"]";
    RUNNER => "scripts/vm-runner/src/outcome.rs": "a splat is a success",
        "Self::Splatted => Self::SPLATTED,"
        => "Self::Splatted => 0,";
    RUNNER => "scripts/vm-runner/src/outcome.rs": "a time-out is a success",
        "Self::TimedOut => Self::TIMED_OUT,"
        => "Self::TimedOut => 0,";
    RUNNER => "scripts/vm-runner/src/console.rs": "the log is not looked at",
        "if self.splat.is_none() && splat::is_splat(line) {"
        => "if self.splat.is_none() && false {";
    RUNNER => "scripts/vm-runner/src/session.rs": "a boot that takes long is a failure, whatever it says",
        "if !self.console.panicked() {\n                // With"
        => "if false {\n                // With";
    "make test T=harness" => "tests/support/footprint.rs": "what is left behind is no failure",
        "(now != *self).then("
        => "(false && now != *self).then(";
    EDU => "tests/support/slot.rs": "a device is never pulled out",
        "self.host.ask(&Request::Unplug(id.to_owned()));"
        => "let _ = Request::Unplug(id.to_owned());";
    "make test T=led" => "tests/support/gpio.rs": "a chip stays behind",
        "        let _ = fs::remove_dir(&self.folder);\n"
        => "";
    "make test T=vnet" => "tests/support/namespace.rs": "an end asks for the other's address",
        "        ip(&format!(\"neigh replace {THERE} lladdr {second} dev {here}\"));\n"
        => "        let _ = second;\n";
    "make test T=harness" => "tests/support/footprint.rs": "a family of netlink's may be left behind",
        "        all.extend(netlink::families().into_keys());\n"
        => "";
    "make test T=harness" => "tests/support/subjects.rs": "a node that is left alone need not be there",
        "assert_ne!(all, subject.nodes.len(), \"{module} has no {path}\");"
        => "let _ = all;";
    "make test T=harness" => "tests/support/subjects.rs": "a load may fail with any errno",
        "errno == Errno::NOMEM || Some(errno.raw_os_error()) == self.said.refusal"
        => "errno == Errno::NOMEM || self.said.refusal.is_none()";
    "make test T=harness" => "tests/support/subjects.rs": "what a module needs may fail",
        "assert!(status.success(), \"{module} needs `{line}`: {status}\");"
        => "let _ = (module, status);";
    "make test T=harness" => "tests/support/settings.rs": "a test of nothing passes",
        "None => panic!(\"there is no {what}: nothing would be tested\"),"
        => "None => {}";
    "make test T=harness" => "tests/support/settings.rs": "a test of no rounds passes",
        "setting::<NonZero<usize>>(variable, \"a number above 0\");\n    said.map_or(usual, NonZero::get)"
        => "setting::<usize>(variable, \"a number above 0\");\n    said.unwrap_or(usual)";
    RUNNER_UNITS => "scripts/vm-runner/src/devices.rs": "a device that two drive is there twice",
        "if self.plugged.contains(&plugged) {"
        => "if false {";
    RUNNER_UNITS => "scripts/vm-runner/src/devices.rs": "a guest has the devices of what was not built",
        "said.into_iter().filter(|(module, _)| is_built(module))"
        => "said.into_iter().filter(|(module, _)| is_built(module) || true)";
    "make test T=runner_snapshot" => "scripts/vm-runner/src/snapshot.rs": "a guest of another kernel is started",
        "    files.push(machine.kernel.image.clone());\n"
        => "";
    "make test T=runner_snapshot" => "scripts/vm-runner/src/snapshot.rs": "a snapshot that was cut short is started",
        "ensure!(stamp == Some(expected), \"its {name} has changed\");"
        => "let _ = (name, stamp, expected);";
    "make test T=runner_snapshot" => "scripts/vm-runner/src/snapshot.rs": "a guest with other devices is started",
        "    for word in qemu::arguments(machine, options) {\n"
        => "    for word in qemu::arguments(machine, options).into_iter().take(1) {\n";
    RUNNER_UNITS => "scripts/vm-runner/src/splat.rs": "an exception of arm64's is no splat",
        "    (\"Internal error: \", \"[#\"),\n"
        => "";
    RUNNER_SUITE => "scripts/vm-runner/src/suite.rs": "a test that fails on this machine passes",
        "passed: status.success(),"
        => "passed: status.code().is_some(),";
    RUNNER => "scripts/vm-runner/src/suite.rs": "tests that do not compile pass",
        "return Ok(Outcome::Ended(FAILED));"
        => "return Ok(Outcome::Ended(0));";
    "make test T=runner_suite" => "scripts/vm-runner/src/suite.rs": "a binary that has run no test passes",
        "let empty = passed && report.tests() == 0;"
        => "let empty = false;";
    "make test T=runner_suite" => "scripts/vm-runner/src/suite.rs": "the examples in the documentation are no tests",
        "if options.doctests {"
        => "if false {";
    RUNNER => "scripts/vm-runner/src/run.rs": "a program may keep a splat from the console",
        "        \"ignore_loglevel\",\n"
        => "";
    RUNNER => "scripts/vm-runner/src/cargo_test.rs": "the settings do not get to the tests in the guest",
        "\"RUST_\", \"LKMPG_\", \"KERNEL\""
        => "\"RUST_\", \"KERNEL\"";
    RUNNER => "scripts/vm-runner/src/cargo_test.rs": "a test that Cargo runs alone has old modules",
        "|| kernel.contains('/') {"
        => "|| !kernel.is_empty() {";
    RUNNER => "scripts/vm-runner/src/cargo_test.rs": "modules that do not build are tested as they were",
        "if !make.status().context(\"cannot run make\")?.success() {"
        => "if !make.status().context(\"cannot run make\")?.success() && false {";
    "make test T=runner_suite" => "scripts/vm-guest/src/skip.rs": "what is skipped alone in its process has passed",
        "_ => format!(\"skipped, since {why} ... \"),"
        => "_ => format!(\"left out, since {why} ... \"),";
    RUNNER => "scripts/vm-guest/src/leaks.rs": "nobody looks for leaks",
        "Path::new(KMEMLEAK).exists() && module_was_loaded()"
        => "Path::new(KMEMLEAK).exists() && module_was_loaded() && false";
    "make test T=runner_suite" => "scripts/vm-runner/src/suite/shared.rs": "who leaves something behind may leak, too",
        "self.close()?;\n            }\n            _ => "
        => "self.guest = None;\n            }\n            _ => ";
    "make test T=runner_snapshot" => "scripts/vm-runner/src/snapshot.rs": "a guest goes on with an old init",
        "for program in initramfs::own_programs(machine.kernel)? {"
        => "for program in initramfs::own_programs(machine.kernel)?.into_iter().take(0) {";
    "make test T=runner_snapshot" => "scripts/vm-runner/src/snapshot.rs": "a guest whose kernel was told something else is started",
        "key.extend(words.filter(|it| !it.starts_with(\"tsc_early_khz=\")));"
        => "let _ = words;";
    "make test T=runner_snapshot" => "scripts/vm-runner/src/snapshot.rs": "saved guests stay for ever",
        "self.prune(LIMIT);"
        => "if false { self.prune(LIMIT); }";
    "make test T=runner_shell" => "scripts/vm-runner/src/initramfs.rs": "modules are taken while make writes them",
        "let _built = kernel.hold_still()?;"
        => "";
    "make test T=runner_shell" => "scripts/vm-runner/src/session/end.rs": "a QEMU that fails is one that was turned off",
        "it.exit_status() == Some(0)"
        => "it.exit_status().is_some()";
    "make test T=runner_suite" => "scripts/vm-guest/src/footprint.rs": "a test may take away what the next needs",
        "came.chain(went).collect();"
        => "{ let _ = went; came.collect() };";
    "make test T=runner_streams" => "scripts/vm-runner/src/qemu.rs": "each guest has as much memory as any other",
        "options.memory.clone(),"
        => "\"512M\".to_owned(),";
    "make test T=runner_streams" => "scripts/vm-runner/src/options.rs": "LKMPG_SMP has no effect",
        "env = \"LKMPG_SMP\", "
        => "";
    "make test T=harness" => "tests/support/footprint.rs": "no check for what a module leaves behind fails",
        "while let Some(difference) = self.difference() {"
        => "while let Some(difference) = None::<String> {";
    "make test T=harness" => "scripts/vm-guest/src/marks.rs": "what a module leaves in debugfs is not seen",
        "    \"/sys/kernel/debug\",\n"
        => "";
    "make test T=harness" => "scripts/vm-guest/src/marks.rs": "a device number that is left is not seen",
        "    \"/proc/devices\",\n"
        => "";
    "make test T=harness" => "scripts/vm-guest/src/marks.rs": "a misc device that is left is not seen",
        "    \"/proc/misc\",\n"
        => "";
    "make test T=harness" => "scripts/vm-guest/src/marks.rs": "a probe that is left is not seen",
        "    \"/sys/kernel/debug/kprobes/list\",\n"
        => "";
    "make test T=harness" => "scripts/vm-guest/src/marks.rs": "a thread that is left is not seen",
        "(parent == \"2\" &&"
        => "(parent == \"3\" &&";
    RUNNER => "tests/runner/src/lib.rs": "no kernel has anything, so that its tests are skipped",
        "join(\"kernel/config\")"
        => "join(\"config\")";
}
