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
}

const RING: &str = "cargo test --package lkmpg-model";
const PARSER: &str = "cargo test --package html-parser";
const RUNNER_UNITS: &str = "cargo test --package lkmpg-vm";
const RUNNER: &str = "make test T=runner";
const CHECK: &str = "cargo test --package lkmpg-tools-tests --test check";
const DOCTOR: &str = "cargo test --package lkmpg-tools-tests --test doctor";
const MAKE: &str = "cargo test --package lkmpg-tools-tests --test make";
// It looks at what Kbuild has built, too.
const INSTALL: &str = "make test T=install";

macro_rules! mutants {
    ($($test:expr => $file:literal: $why:literal, $from:expr => $to:expr;)*) => {
        /// All of them.
        pub const MUTANTS: &[Mutant] = &[
            $(Mutant { file: $file, from: $from, to: $to, why: $why, test: $test },)*
        ];
    };
}

mutants! {
    RING => "rust/ring.rs": "a byte that was overwritten is read again",
        ".max(at + 1)"
        => ".max(at)";
    RING => "rust/ring.rs": "a slot does not say which byte it has",
        "slot.store(n << 8 | u64::from(byte), Release);"
        => "slot.store(u64::from(byte), Release);";
    RING => "rust/ring.rs": "a byte is read before it is written",
        "if at >= count {"
        => "if at > count {";
    PARSER => "samples/17-html-parser/parser.rs": "numbered entities are text",
        "(State::Entity, b'#') if self.held.bytes() == b\"&\" => {"
        => "(State::Entity, b'#') if false => {";
    PARSER => "samples/17-html-parser/parser.rs": "a comment does not end at --!-->",
        "(State::CommentBang, b'-') => State::Comment(1),"
        => "(State::CommentBang, b'-') => State::Comment(0),";
    PARSER => "samples/17-html-parser/parser.rs": "a quotation ends its tag",
        "(State::Quoted(quote), _) if byte == quote => State::Attributes,"
        => "(State::Quoted(quote), _) if byte == quote => State::Text,";
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
    CHECK => "scripts/check": "a check that fails is forgotten",
        "\"$@\" || failed=\"$failed$name; \""
        => "\"$@\" || :";
    CHECK => "scripts/check": "samples may use raw bindings",
        "'bindings::|allow\\(unsafe_code|link_section|no_mangle'"
        => "'allow\\(unsafe_code|link_section|no_mangle'";
    CHECK => "scripts/check": "an empty list passes its check",
        "grep . || { echo \"there are no $1 to check\" >&2; return 1; }"
        => "cat";
    INSTALL => "scripts/install": "what is installed can only be read by root",
        "umask 022"
        => "umask 077";
    INSTALL => "scripts/install": "modules of another kernel are installed",
        "[ \"${found%% *}\" = \"$release\" ] ||"
        => "true ||";
    INSTALL => "scripts/install": "stale modules are installed",
        "built_modules \"$build\" samples |"
        => "find \"$build/samples\" -name '*.ko' |";
    INSTALL => "dkms.conf": "DKMS is not told where modules go",
        "DEST_MODULE_LOCATION+=(\"/extra/lkmpg-rs\")"
        => ":";
    DOCTOR => "scripts/doctor": "the doctor counts no problems",
        "\tproblems=$((problems + 1))\n"
        => "";
    DOCTOR => "scripts/doctor": "the doctor does not look which compiler it was",
        "\t\tcheck_kdir_rustc\n\t\tcheck_kdir_symbols\n\t\tcheck_signatures"
        => "\t\tcheck_kdir_symbols\n\t\tcheck_signatures";
    DOCTOR => "scripts/lib.sh": "a copied tree is taken for what it was copied from",
        "[ -z \"$built\" ] || [ \"$built\" -ef \"$1\" ]"
        => "true";
    MAKE => "scripts/lib.sh": "the caller's shell changes what the scripts do",
        "unset POSIXLY_CORRECT GREP_OPTIONS TAR_OPTIONS CDPATH BASH_ENV ENV"
        => ":";
    "make test T=hello" => "samples/02-hello-world/hello_2.rs": "init does not fail when it is told to",
        "-c_int::from(fail.value())"
        => "c_int::from(fail.value())";
    "make test T=hello" => "samples/02-hello-world/hello_1.rs": "another farewell",
        "(\"Goodbye world 1."
        => "(\"Goodbye, world 1.";
    "make test T=hello" => "samples/02-hello-world/hello_5.rs": "another default",
        "default: [0, 420],"
        => "default: [0, 42],";
    "make test T=hello" => "samples/02-hello-world/hello_5.rs": "another description",
        "description: \"An integer\","
        => "description: \"A number\",";
    "make test T=chardev" => "samples/04-character-devices/chardev.rs": "a second opener gets another errno",
        "return Err(EBUSY);"
        => "return Err(EAGAIN);";
    "make test T=chardev" => "samples/04-character-devices/chardev.rs": "a write gets another errno",
        "Err(EINVAL)"
        => "Err(EPERM)";
    "make test T=chardev" => "samples/04-character-devices/chardev.rs": "who closes the device keeps it",
        "self.visits.taken.store(false, Release);"
        => "self.visits.taken.store(true, Release);";
    "make test T=chardev" => "samples/04-character-devices/chardev.rs": "everybody may open the device for writing",
        ".mode(0o444)"
        => ".mode(0o666)";
    "make test T=procfs_1" => "samples/05-proc-files/procfs_1.rs": "the 13rd time",
        "(11..=13, _) => \"th\","
        => "(11..=12, _) => \"th\",";
    "make test T=procfs_1" => "samples/05-proc-files/procfs_1.rs": "only root reads /proc/test",
        "0o444"
        => "0o400";
    "make test T=procfs_2" => "samples/06-proc-input/procfs_2.rs": "a byte more is kept",
        "const MESSAGE_LENGTH: usize = 79;"
        => "const MESSAGE_LENGTH: usize = 80;";
    "make test T=procfs_2" => "samples/06-proc-input/procfs_2.rs": "everybody writes to /proc/rw_test",
        "0o644"
        => "0o666";
    "make test T=ioctl" => "samples/07-ioctl/ioctl.rs": "no NUL ends the message",
        "None if n == message.len() => Ok(0),"
        => "None if n == message.len() => Err(EINVAL),";
    "make test T=ioctl" => "samples/07-ioctl/ioctl.rs": "a write does not replace the message",
        "let message = Message::copy_from(data)?;\n        *self.device.message.lock() = message;"
        => "let message: Message<BUF_LEN> = Message::copy_from(data)?;";
    "make test T=ioctl" => "samples/07-ioctl/ioctl.rs": "a new message is read from where the last one was",
        "file.rewind();"
        => "";
    "make test T=syscall_spy" => "samples/08-system-calls/syscall_spy.rs": "other users are spied on",
        "if user == uid.value() {"
        => "if user >= uid.value() {";
    "make test T=syscall_spy" => "samples/08-system-calls/syscall_spy.rs": "a long path lacks a letter",
        "offset += room.len();"
        => "offset += room.len() + 1;";
    "make test T=sleep" => "samples/09-blocking/sleep.rs": "who would block gets another errno",
        "ok_or(EAGAIN)"
        => "ok_or(EBUSY)";
    "make test T=sleep" => "samples/09-blocking/sleep.rs": "two have the file",
        "replace(taken, true)"
        => "replace(taken, false)";
    "make test T=sleep" => "samples/09-blocking/sleep_fair.rs": "a newcomer overtakes",
        "*taken = self.gate.queue.hand_over();"
        => "self.gate.queue.hand_over();\n        *taken = false;";
    "make test T=print_string" => "samples/10-terminals/print_string.rs": "another farewell",
        "Farewell world!\""
        => "Farewell, world!\"";
    "make test T=sched" => "samples/11-scheduling/sched.rs": "ticks are not counted",
        "self.0.fetch_add(1, Relaxed);"
        => "self.0.fetch_add(0, Relaxed);";
    "make test T=intrpt" => "samples/12-interrupts/intrpt.rs": "a released key has another code",
        "code & !RELEASED"
        => "code";
    "make test T=intrpt" => "samples/12-interrupts/intrpt.rs": "everybody sees what is typed",
        ".mode(0o400)"
        => ".mode(0o444)";
    "make test T=intrpt" => "samples/12-interrupts/intrpt.rs": "a key wakes nobody",
        "self.keyboard.arrived.wake_all();"
        => "";
    "LKMPG_SMP=2 make test T=smp" => "samples/13-smp/smp.rs": "an atomic counter that is none",
        "self.atomic.fetch_add(1, Relaxed);"
        => "self.atomic.store(self.atomic.load(Relaxed) + 1, Relaxed);";
    "make test T=kthread_file" => "samples/15-kthread-file/kthread_file.rs": "records are counted twice",
        "self.written += 1;"
        => "self.written += 2;";
    "make test T=xktty" => "samples/16-xktty/xktty.rs": "a second writer gets another errno",
        "return Err(EBUSY);"
        => "return Err(EAGAIN);";
    "make test T=chan_sysfs" => "samples/18-channels/chan_sysfs.rs": "out of range gets another errno",
        "return Err(ERANGE);"
        => "return Err(EINVAL);";
    "make test T=chan_sysfs" => "samples/18-channels/chan_sysfs.rs": "poll(2) is not told of a new value",
        ".notify()"
        => "";
    "make test T=chan_debugfs" => "samples/18-channels/chan_debugfs.rs": "a letter is cut",
        "if data.len() > 128 {"
        => "if data.len() > 129 {";
    "make test T=chan_debugfs" => "samples/18-channels/chan_debugfs.rs": "poll(2) finds a letter that is not there",
        "Events::READABLE.when(self.0.letter.lock().is_some())"
        => "Events::READABLE";
    "make test T=chan_netlink" => "samples/18-channels/chan_netlink.rs": "everybody may publish",
        ".privileged()"
        => "";
    "make test T=chan_netlink" => "samples/18-channels/chan_netlink.rs": "an unknown attribute counts as nothing",
        "_ => return Err(EINVAL),"
        => "_ => 0,";
    "make test T=chardev" => "rust/chrdev.rs": "numbers are kept for ever",
        "unsafe { bindings::unregister_chrdev_region(self.first, self.count) };"
        => "let _ = (self.first, self.count);";
    "make test T=chardev" => "rust/chrdev.rs": "nodes are kept for ever",
        "for minor in 0..self.count {"
        => "for minor in 0..0 {";
    "make test T=chardev" => "rust/fops.rs": "a bad address is the end of the file",
        "if copied == 0 && !out.is_empty() {"
        => "if false {";
    "make test T=procfs_1" => "rust/proc_fs.rs": "files in /proc are kept for ever",
        "unsafe { bindings::proc_remove(self.entry.as_ptr()) };"
        => "let _ = self.entry;";
    "make test T=rest" => "rust/proc_fs.rs": "a file in /proc may have any name",
        "if !is_name(self.name) || (number && self.directory.is_none()) {"
        => "if number && self.directory.is_none() {";
    "make test T=sleep" => "rust/wait/turn.rs": "a turn wakes everybody",
        "bindings::WQ_FLAG_EXCLUSIVE as c_int"
        => "0";
    "make test T=syscall_spy" => "rust/kprobe.rs": "probes are kept for ever",
        "unsafe { bindings::unregister_kprobe(self.probe.get()) };"
        => "";
    "make test T=sched" => "rust/timer.rs": "timers outlive their module",
        "unsafe { bindings::timer_shutdown_sync(self.timer.get()) };"
        => "";
    "make test T=ioctl" => "rust/ioctl.rs": "an unknown ioctl gets another errno",
        "result: Err(ENOTTY),"
        => "result: Err(EINVAL),";
    "make test T=rest" => "rust/callback.rs": "EAGAIN has seq_file spin",
        "Self::SeqFile if error == EAGAIN => EBUSY,"
        => "Self::SeqFile if error == EAGAIN => error,";
    "make test T=rest" => "rust/callback.rs": "EIOCBQUEUED panics the kernel",
        "bindings::ERESTARTSYS.. => EIO,"
        => "bindings::ERESTARTSYS.. => error,";
    "make test T=chan_sysfs" => "rust/sysfs/binary.rs": "a write to a binary attribute is always at its beginning",
        "(Ok(offset), Some(write)) => write(data, offset, bytes),"
        => "(Ok(_), Some(write)) => write(data, 0, bytes),";
    "make test T=procfs_1" => "tests/support/footprint.rs": "what is left behind is no failure",
        "(now != *self).then("
        => "(false && now != *self).then(";
}
