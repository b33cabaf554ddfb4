// SPDX-License-Identifier: GPL-2.0-only

//! The VM runner's promises: how a command ended, and what the kernel did.

use lkmpg_runner_tests::{
    Fake, KMEMLEAK, Ran, any_kernel, guest_program, kernel, kernel_has, root, run, run_with_input,
    vm,
};
use lkmpg_tests::skip;
use lkmpg_tools_tests::executable;
use std::{
    env,
    fs::{self, File},
    path::Path,
    process::Command,
};

/// Loads the module that crashes, in a way of its choice.
fn crash(how: &str) -> Ran {
    let insmod = format!("insmod /modules/crash.ko how={how}");
    in_kernel_under_test(&insmod)
}

fn in_kernel_under_test(script: &str) -> Ran {
    let arguments = ["--timeout", "300", "--", "sh", "-c", script];
    vm(&kernel(), &arguments)
        .output()
        .expect("scripts/vm starts")
        .into()
}

#[test]
fn the_status_is_the_commands() {
    let fake = Fake::new();
    fake.runs(&["--", "true"]).expect(0);
    fake.runs(&["--", "false"]).expect(1);
    fake.runs(&["--", "sh", "-c", "exit 3"]).expect(3);
    fake.runs(&["--", "sh", "-c", "kill -KILL $$"])
        .expect(128 + 9);
}

/// What a trace begins with.
const TRACE: &str = if cfg!(target_arch = "aarch64") {
    "Call trace:"
} else {
    "Call Trace:"
};

#[test]
fn a_command_that_is_not_there_is_named() {
    run(&["--", "no-such-command"])
        .expect(127)
        .says("no-such-command");
}

#[test]
fn a_command_that_hangs_runs_out_of_time() {
    Fake::new()
        .runs(&["--timeout", "1", "--", "sleep", "1000"])
        .expect(124)
        .says("`sleep 1000` did not end within 1 s");
}

#[test]
fn a_shells_insmod_is_kmods() {
    // Of busybox's there is none, not even as a part of its shell.
    run(&["--", "sh", "-c", "insmod --version | grep '^kmod version'"]).expect(0);
}

#[test]
fn a_panic_ends_the_run_with_its_backtrace() {
    in_kernel_under_test("echo c >/proc/sysrq-trigger; sleep 1000")
        .expect(126)
        .says("Kernel panic - not syncing: sysrq triggered crash")
        .says(TRACE);
}

#[test]
fn a_panic_of_rust_is_a_splat() {
    crash("1")
        .expect(126)
        .says("as asked")
        .says("Comm: insmod")
        .says(TRACE);
}

#[test]
fn a_warning_is_a_splat_although_the_command_succeeds() {
    crash("2")
        .expect(126)
        .says("WARNING: ")
        .says("tests/modules/crash.rs:");
}

#[test]
fn a_splat_is_seen_whatever_the_console_shows() {
    in_kernel_under_test("dmesg -n 1; insmod /modules/crash.ko how=2")
        .expect(126)
        .says("tests/modules/crash.rs:");
}

#[test]
fn a_sleep_in_atomic_context_is_a_splat() {
    // There a lock sleeps, too, so it is RCU that forbids it.
    let words = match kernel_has("PREEMPT_RT") {
        true => "Voluntary context switch within RCU read-side critical section",
        false => "BUG: ",
    };
    crash("3").expect(126).says(words);
}

#[test]
fn a_lock_inversion_is_a_splat_where_the_kernel_looks_for_it() {
    if kernel_has("PROVE_LOCKING") {
        crash("4")
            .expect(126)
            .says("possible circular locking dependency");
    } else {
        crash("4").expect(0);
    }
}

#[test]
fn a_leak_is_a_splat_where_the_kernel_looks_for_it() {
    if kernel_has("DEBUG_KMEMLEAK") {
        crash("5").expect(126).says("unreferenced object");
    } else {
        crash("5").expect(0);
    }
}

#[test]
fn a_task_that_never_wakes_up_is_a_splat() {
    in_kernel_under_test(
        "echo 1 >/proc/sys/kernel/hung_task_timeout_secs; insmod /modules/crash.ko how=6",
    )
    .expect(126)
    .says("blocked for more than");
}

#[test]
fn who_has_loaded_a_module_is_asked_for_leaks() {
    in_kernel_under_test(KMEMLEAK).expect(0);
    in_kernel_under_test(&format!("{KMEMLEAK} insmod /modules/hello_1.ko"))
        .expect(126)
        .says("unreferenced object 0xffff888003a1b2c0");
}

/// Loads the module that crashes in ways that safe Rust does not have.
fn crash_c(how: &str) -> Ran {
    in_kernel_under_test(&format!("insmod /modules/crash_c.ko how={how}"))
}

#[test]
fn a_use_after_free_is_a_splat_where_the_kernel_looks_for_it() {
    if kernel_has("KASAN") {
        crash_c("1")
            .expect(126)
            .says("BUG: KASAN: slab-use-after-free");
    } else {
        crash_c("1").expect(0);
    }
}

#[test]
fn unregistering_twice_is_a_splat() {
    crash_c("2").expect(126).says("misc_deregister");
}

#[test]
fn a_splat_is_told_with_the_lines_of_the_source() {
    let source = fs::read_to_string(root().join("tests/modules/crash_c.c")).expect("crash_c.c");
    let call = source
        .lines()
        .position(|it| it.contains("return unregister_twice"));
    let call = call.expect("the call") + 1;
    // What is inlined comes with the line that it was called from.
    crash_c("2")
        .expect(126)
        .says("vm: in the source:\n  tests/modules/crash_c.c:")
        .says(&format!(
            ", called from tests/modules/crash_c.c:{call}: init_module+0x"
        ));
    crash("1")
        .expect(126)
        .says("vm: in the source:\n  tests/modules/crash.rs:")
        .says(": <crash::Crash as kernel::module::Module>::init+0x");
}

#[test]
fn a_lost_wake_up_is_a_splat() {
    in_kernel_under_test(
        "echo 1 >/proc/sys/kernel/hung_task_timeout_secs; insmod /modules/crash_c.ko how=3",
    )
    .expect(126)
    .says("blocked for more than")
    .says("[crash_c]");
}

#[test]
fn a_module_that_loops_runs_out_of_time() {
    run(&[
        "--timeout",
        "2",
        "--",
        "insmod",
        "/modules/crash.ko",
        "how=7",
    ])
    .expect(124);
}

#[test]
fn a_module_may_say_what_it_likes() {
    crash("0")
        .expect(0)
        .says("crash: WARNING: no BUG: no Oops:");
}

#[test]
fn a_splat_in_the_background_counts_too() {
    let loaded = "until grep -q '^crash .* Live' /proc/modules; do sleep 0.1; done";
    in_kernel_under_test(&format!("insmod /modules/crash.ko how=2 & {loaded}")).expect(126);
}

#[test]
fn a_guest_that_says_nothing_is_a_failure_of_the_bench() {
    // Whoever ends it...
    Fake::new()
        .runs(&["--", "sh", "-c", "kill -KILL $PPID; exec sleep 1000"])
        .expect(125)
        .says("without a word");
    // ...and by itself.
    run(&["--", "poweroff", "-f"])
        .expect(125)
        .says("without a word");
    run(&["--", "sh", "-c", "poweroff; sleep 1000"])
        .expect(125)
        .says("turned off");
}

#[test]
fn another_processor_is_emulated_and_runs_its_own_programs_only() {
    let fake = Fake::new();
    fs::write(fake.path("kernel/config"), "#\nCONFIG_RISCV=y\n").expect("a configuration");
    for arguments in [&["--root"][..], &["--accel", "kvm"]] {
        fake.runs(&[arguments, &["--", "true"]].concat())
            .expect(125)
            .says("riscv64");
    }
    // Unless something was built for it, that is what is missing. Else this machine's shell would be.
    let target = "riscv64gc-unknown-linux-gnu";
    let is_built = root().join("build/cargo").join(target).exists();
    fake.runs(&["--", "true"]).expect(125).says(match is_built {
        true => "and the guest is riscv64",
        false => target,
    });
}

/// A folder with what looks like a kernel.
fn folder_with_image(image: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("image"), image).expect("an image");
    fs::write(folder.path().join("release"), "1.2.3\n").expect("a release");
    folder
}

/// A kernel that is no more than this code, for the processor as it wakes up.
fn folder_with_code(code: &[u8]) -> tempfile::TempDir {
    let mut image = vec![0; 64 << 10];
    image[0x1f1] = 4;
    image[0x1fe..0x206].copy_from_slice(b"\x55\xaa\xeb\x66HdrS");
    image[0x206..0x208].copy_from_slice(&[0x0f, 0x02]);
    image[0x22c..0x230].copy_from_slice(&[0xff; 4]);
    image[0x268..][..code.len()].copy_from_slice(code);
    folder_with_image(&image)
}

fn boot(folder: &Path, seconds: &str) -> Ran {
    let arguments = [
        "--cold",
        "--verbose",
        "--boot-timeout",
        seconds,
        "--",
        "true",
    ];
    let output = vm(folder.to_str().expect("UTF-8"), &arguments).output();
    output.expect("scripts/vm starts").into()
}

#[test]
fn a_kernel_that_does_not_boot_is_a_failure_of_the_bench() {
    // Neither QEMU...
    boot(folder_with_image(b"no kernel").path(), "3").expect(125);
    // ...nor the machine knows what to do with these.
    boot(folder_with_code(&[]).path(), "3").expect(125);
}

#[test]
fn a_boot_may_take_as_long_as_it_has_something_to_say() {
    if !cfg!(target_arch = "x86_64") {
        return skip("its kernel is code of a PC");
    }
    #[rustfmt::skip]
    let folder = folder_with_code(&[
        0xfb,             // sti
        0xb9, 160, 0,     // mov cx, 160
        0xba, 0xf8, 0x03, // mov dx, 0x3f8
        0xf4,             // hlt: the clock ticks 18 times a second
        0xb0, b'.',       // mov al, '.'
        0xee,             // out dx, al
        0xe2, 0xfa,       // loop hlt
        0xb0, b'\n',      // mov al, '\n'
        0xee,             // out dx, al
        0xba, 0x04, 0x06, // mov dx, 0x604
        0xb8, 0x00, 0x20, // mov ax, 0x2000
        0xef,             // out dx, ax: power off
        0xf4,             // hlt
        0xeb, 0xfd,       // jmp hlt
    ]);
    let ran = boot(folder.path(), "8").expect(125);
    ran.says(&".".repeat(160)).says("before its init");
}

#[test]
fn a_boot_that_gets_nowhere_is_a_failure_of_the_bench() {
    run(&["--cold", "--boot-timeout", "0.1", "--", "true"])
        .expect(125)
        .says("`true`, and has said nothing for 0.1 s");
}

#[test]
fn a_suite_without_a_test_is_a_failure_of_the_bench() {
    let built = br#"{"reason":"build-finished","success":true}"#;
    run_with_input(vm(&any_kernel(), &["--suite"]), built)
        .expect(125)
        .says("Cargo has built no test");
}

#[test]
fn tests_that_do_not_compile_have_failed() {
    let failed = br#"{"reason":"build-finished","success":false}"#;
    for said in [&failed[..], b""] {
        run_with_input(vm(&any_kernel(), &["--suite"]), said).expect(101);
    }
}

#[test]
fn a_kernel_that_is_not_there_is_named_with_the_remedy() {
    let ran: Ran = vm("nonesuch", &["--", "true"])
        .output()
        .expect("it starts")
        .into();
    ran.expect(125).says("make KERNEL=nonesuch");
}

#[test]
fn what_became_of_kvm_is_said_with_a_way_to_try_again() {
    let kvm = File::options().read(true).write(true).open("/dev/kvm");
    if kvm.is_err() {
        return skip("there is no /dev/kvm that may be used");
    }
    let fake = Fake::new();
    fs::create_dir(fake.path("cache/lkmpg-rs")).expect("a folder");
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("a boot");
    let text = format!(
        r#"{{"boot":"{}","kvm":{{"Err":"it rained"}}}}"#,
        boot.trim()
    );
    fs::write(fake.path("cache/lkmpg-rs/host.json"), text).expect("what is known");
    let mut command = fake.vm(&["--", "true"]);
    let output = command.env_remove("LKMPG_ACCEL").output();
    Ran::from(output.expect("it starts"))
        .expect(0)
        .says("KVM: it rained; `scripts/vm --accel kvm -- true` tries again");
}

#[test]
fn what_qemu_complains_about_is_shown() {
    run(&["--memory", "nonsense", "--", "true"])
        .expect(125)
        .says("nonsense");
    let fake = Fake::new();
    let broken = fake.program();
    fs::remove_file(&broken).expect("it is removed");
    executable(&broken, "echo 'this is broken' >&2\nexit 3");
    fake.runs(&["--", "true"])
        .expect(125)
        .says("this is broken");
}

#[test]
fn wrong_arguments_are_a_failure_of_the_bench() {
    run(&["--nonsense"]).expect(125).says("--nonsense");
    run(&["--smp", "0", "--", "true"]).expect(125);
    run(&["--smp", "255", "--", "true"])
        .expect(125)
        .says("CONFIG_NR_CPUS");
    run(&["--memory", "24M", "--", "true"])
        .expect(125)
        .says("or more");
    run(&["--add", "/no/such/file", "--", "true"])
        .expect(125)
        .says("/no/such/file");
    run(&["--env", "NO_SUCH_VARIABLE", "--", "true"])
        .expect(125)
        .says("NO_SUCH_VARIABLE");
    run(&["--log", "/no/such/file", "--", "true"])
        .expect(125)
        .says("/no/such/file");
    let help = run(&["--help"]).expect(0).text();
    assert!(help.contains("124") && help.contains("125") && help.contains("126"));
}

/// What runs something as Cargo runs a test binary, of which make knows.
fn as_test(binary: &Path) -> Command {
    let mut command = vm(&any_kernel(), &["--test", binary.to_str().expect("UTF-8")]);
    command.env("MAKELEVEL", "1");
    command
}

fn ran(command: &mut Command) -> Ran {
    command.output().expect("scripts/vm starts").into()
}

fn run_as_test(binary: &Path) -> Ran {
    ran(&mut as_test(binary))
}

#[test]
fn a_test_knows_the_settings() {
    let (_folder, program) = guest_program(r#"return getenv("LKMPG_SEED") ? 7 : 3;"#);
    run_as_test(&program).expect(3);
    ran(as_test(&program).env("LKMPG_SEED", "1")).expect(7);
}

#[test]
fn a_test_has_what_it_needs_built_first() {
    let (_folder, program) = guest_program("return 3;");
    let stubs = tempfile::tempdir().expect("a folder");
    let path = env::var("PATH").expect("a PATH");
    let path = format!("{}:{path}", stubs.path().display());
    let with_make = |status: u8| {
        let text = format!("echo \"asked: $*\" >&2\nexit {status}");
        executable(&stubs.path().join("make"), &text);
        let mut command = as_test(&program);
        ran(command.env_remove("MAKELEVEL").env("PATH", &path))
    };
    let asked = format!(" all KERNEL={}\n", any_kernel());
    with_make(0).expect(3).says("asked: ").says(&asked);
    with_make(1)
        .expect(125)
        .says(&asked)
        .says("the modules and clients do not build");
}

#[test]
fn what_belongs_into_the_guest_runs_nowhere_else() {
    let (_folder, program) = guest_program("return 3;");
    let here: Ran = Command::new(&program).output().expect("it starts").into();
    here.expect(125).says("this runs in the VM only");
    run_as_test(&program).expect(3);
    // What lists its tests runs none.
    let list = Command::new(&program).arg("--list").status();
    assert_eq!(list.expect("it starts").code(), Some(3));
}

#[test]
fn every_test_of_the_guest_says_that_it_is_one() {
    // All packages, as `make test` has built them.
    let built = Command::new("cargo")
        .current_dir(root())
        .args(["test", "--no-run", "--workspace", "--message-format=json"])
        .output()
        .expect("cargo starts");
    let folder = fs::canonicalize(root().join("tests")).expect("tests/");
    let mut count = 0;
    for line in String::from_utf8_lossy(&built.stdout).lines() {
        let message: serde_json::Value = serde_json::from_str(line).expect("JSON");
        let (Some(binary), Some(source)) = (
            message["executable"].as_str(),
            message["target"]["src_path"].as_str(),
        ) else {
            continue;
        };
        if Path::new(source).parent() == Some(&folder) {
            let ran: Ran = Command::new(binary).output().expect("it starts").into();
            ran.expect(125).says("this runs in the VM only");
            count += 1;
        }
    }
    let files = fs::read_dir(folder).expect("tests/").flatten();
    let files = files.filter(|it| it.path().extension().is_some_and(|it| it == "rs"));
    assert_eq!(count, files.count());
}

#[test]
fn a_test_binary_that_reports_nothing_is_a_failure_of_the_bench() {
    let (_folder, silent) = guest_program("return 0;");
    run_as_test(&silent).expect(125).says("without a report");
    // One that fails has failed, whatever it says.
    let (_folder, failing) = guest_program("return 1;");
    run_as_test(&failing).expect(1);
}

#[test]
fn what_does_not_belong_into_the_guest_runs_here() {
    let ran = run(&["--test", "/bin/sh", "-c", "cat /proc/sys/kernel/hostname"]);
    let here = Command::new("cat")
        .arg("/proc/sys/kernel/hostname")
        .output()
        .expect("cat")
        .stdout;
    assert_eq!(ran.expect(0).stdout, here);
}
