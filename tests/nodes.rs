// SPDX-License-Identifier: GPL-2.0-only

//! Where a user gets at each sample, and what a new file says there, before anybody has done anything.

use lkmpg_tests::{Footprint, Module, Node, Subject, left_out, only, ready, subjects};
use rustix::{
    event::PollFlags,
    fs::OFlags,
    io::{Errno, read, write},
};
use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt as _, time::Duration};

/// By hand: a module and one of its nodes, its mode, what it is ready for, and what comes of reading and of
/// writing nothing, if its mode allows that. Nodes that are left alone have their mode only. And a module and
/// one of its parameters, its mode, and its value, which is the default unless `gates.toml` must give one.
const TABLE: &str = "\
blkram        /dev/blkram                                 600 in,out         0 0
blkram        fail                                        644 = 0
blkram        queues                                      444 = 4
blkram        size                                        444 = 16
chan_debugfs  /sys/kernel/debug/chan_debugfs/blob         444 in,out         0 -
chan_debugfs  /sys/kernel/debug/chan_debugfs/level        644 in,out         0 EINVAL
chan_debugfs  /sys/kernel/debug/chan_debugfs/mailbox      644 out            0 0
chan_firmware /sys/kernel/chan_firmware/ask               200 in,pri,out,err - 0
chan_firmware /sys/kernel/chan_firmware/cancel            200 in,pri,out,err - 0
chan_firmware /sys/kernel/chan_firmware/image             400 in,pri,out,err 0 -
chan_firmware /sys/kernel/chan_firmware/load              200 in,pri,out,err - 0
chan_firmware /sys/kernel/chan_firmware/status            444 in,pri,out,err 0 -
chan_netlink  protocol_number                             444 = 31
chan_netlink  genetlink:chan_netlink
chan_netlink  netlink:31
chan_relay    /sys/kernel/debug/chan_relay/control        600 in,out         0 EINVAL
chan_relay    /sys/kernel/debug/chan_relay/cpu0           400 nothing        0 -
chan_relay    overwrite                                   444 = N
chan_relay    subbuffer_size                              444 = 16384
chan_relay    subbuffers                                  444 = 8
chan_sysfs    /sys/kernel/chan_sysfs/limits/max           644 in,pri,out,err 0 0
chan_sysfs    /sys/kernel/chan_sysfs/limits/min           644 in,pri,out,err 0 0
chan_sysfs    /sys/kernel/chan_sysfs/raw/bytes            644 in,pri,out,err 0 0
chan_sysfs    /sys/kernel/chan_sysfs/stores               444 in,pri,out,err 0 -
chan_sysfs    /sys/kernel/chan_sysfs/value                644 in,pri,out,err 0 0
chardev       /dev/chardev                                444 in,out         0 -
completion    /proc/completion                            444 in,out         0 -
completion    brew_ms                                     444 = 3000
completion    patience_ms                                 644 = 0
containers    /proc/containers                            644 in,out         0 EINVAL
defer         /proc/defer                                 444 in,out         0 -
edu           /dev/edu                                    600 in,out         0 0
edu           timeout_ms                                  644 = 10000
faux          /sys/devices/faux/lamp/level                644 in,pri,out,err 0 0
ftdi          /dev/ftdi                                   600
ftdi          baud                                        444 = 9600
ftdi          timeout_ms                                  644 = 10000
gpio_button   /dev/button                                 444 nothing        0 -
gpio_button   active_low                                  444 = N
gpio_button   chip                                        444 = button
gpio_button   debounce_ms                                 444 = 20
gpio_button   line                                        444 = 0
hello_5       mybyte                                      444 = 65
hello_5       myint                                       444 = 20
hello_5       myintArray                                  444 = 0,420
hello_5       mylong                                      444 = 9999
hello_5       myshort                                     444 = 1
hello_5       mystring                                    444 = blah
hello_6       greetings                                   644 = 0
html_parser   /proc/html_parser                           400 in,out         0 -
html_parser   /proc/html_parser_timing                    400
html_parser   limit                                       644 = 16777216
html_parser   path                                        444 = /tmp/page.html
intrpt        /dev/scancode                               400 nothing        0 -
ioctl         /dev/char_dev                               600 in,out         0 0
kbleds        pattern                                     444 = 1242
kbleds        period_ms                                   444 = 200
kbleds        terminal                                    444 = tty1
kthread_file  /proc/kthread_file                          444 in,out         0 -
kthread_file  path                                        444 = /tmp/kthread_file.log
kthread_file  period_ms                                   444 = 1000
led           /sys/devices/faux/led/lit                   644 in,pri,out,err 0 0
led           active_low                                  444 = N
led           chip                                        444 = led
led           line                                        444 = 0
locks         /proc/lock_costs                            400 in,out         0 -
locks         reads                                       644 = 100000
misc          /dev/misc_note                              600 in,out         0 0
procfs_1      /proc/test                                  444 in,out         0 -
procfs_2      /proc/rw_test                               644 in,out         0 0
procfs_3      /proc/procfs_3/note                         640 in,out         0 0
procfs_4      /proc/procfs_4                              644 in,out         0 EINVAL
sched         /proc/sched                                 444 in,out         0 -
scull         /dev/scull0                                 666 in,out         0 0
scull         /dev/scull1                                 666 in,out         0 0
scull         /dev/scull2                                 666 in,out         0 0
scull         /dev/scull3                                 666 in,out         0 0
scull         /dev/scull_single                           666 in,out         0 0
scull         /dev/scull_user                             666 in,out         0 0
scull         limit                                       644 = 16777216
scull         qset                                        444 = 1000
scull         quantum                                     444 = 4000
scull_map     /dev/scull_map                              666 in,out         0 0
scull_map     pages                                       444 = 16
scull_pipe    /dev/scull_pipe                             666 out            0 0
scull_pipe    size                                        444 = 4000
slab          /proc/slab                                  600 in,out         0 EINVAL
sleep         /proc/sleep                                 644 in,out         0 0
sleep_fair    /proc/sleep_fair                            444 in,out         0 -
smp           /proc/smp                                   444 in,out         0 -
smp           increments                                  444 = 1000000
static_key    /proc/static_key                            644 in,out         0 EINVAL
syscall_spy   /sys/kernel/debug/syscall_spy/opens         444 in,out         0 -
syscall_spy   uid                                         444 = 0
uart          /dev/uart                                   600 out            0 0
uart          baud                                        444 = 115200
uart          loopback                                    444 = N
vinput        /dev/vinput                                 200 in,out         - 0
vkbd          /dev/vkbd                                   200 in,out         - 0
xktty         /dev/xktty                                  200 in,out         - 0
xktty         tty                                         444 = ttyS0
";

#[test]
fn every_node_and_parameter_is_as_is_written_here() {
    let is_there = |module: &str| subjects().iter().any(|it| it.module == module);
    let (mut expected, left_out) = (BTreeSet::new(), left_out().join("; "));
    for line in TABLE.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if is_there(words[0]) {
            expected.insert(words.join(" "));
        } else {
            let file = format!("{}.o", words[0].replace('_', "-"));
            let is_left_out = left_out.contains(words[0]) || left_out.contains(&file);
            assert!(only().is_some() || is_left_out, "nobody makes {}", words[0]);
        }
    }
    let seen: BTreeSet<_> = subjects().iter().flat_map(seen_of).collect();
    let lost: Vec<_> = expected.difference(&seen).collect();
    let new: Vec<_> = seen.difference(&expected).collect();
    assert!(
        lost.is_empty() && new.is_empty(),
        "as in the table is not {lost:#?}, but {new:#?}"
    );
}

/// What there is of a module, as lines of the table.
fn seen_of(subject: &Subject) -> Vec<String> {
    let module = &*subject.module;
    let needs = Module::load_needs(module).expect("what it needs");
    let before = Footprint::now();
    let mut lines = Vec::new();
    let mut look = |loaded: Module, parameters: bool| {
        for node in Footprint::now().nodes_since(&before) {
            if is_others(&node.path) || node.path.contains("/parameters/") != parameters {
                continue;
            }
            let line = match parameters {
                true => parameter(&node.path),
                false => seen(&node, subject.said.without.contains_key(&node.path)),
            };
            lines.push(format!("{module} {line}"));
        }
        loaded.unload().expect("nobody has it open");
    };
    // Some cannot do without.
    look(
        Module::load(module, &[]).unwrap_or_else(|_| subject.load()),
        true,
    );
    look(subject.load(), false);
    drop(needs);
    lines
}

/// What the bus makes for each driver; and all of the machine's processors have the same.
fn is_others(path: &str) -> bool {
    let cpu = path.strip_prefix("/sys/kernel/debug/chan_relay/cpu");
    path.starts_with("/sys/bus/") || cpu.is_some_and(|it| it != "0")
}

fn mode(path: &str) -> String {
    let mode = fs::metadata(path).expect("its mode").permissions().mode();
    format!("{:03o}", mode & 0o7777)
}

fn parameter(path: &str) -> String {
    let (_, name) = path.rsplit_once('/').expect("a path");
    let value = fs::read_to_string(path).expect("its value");
    format!("{name} {} = {}", mode(path), value.trim_end())
}

fn seen(node: &Node, is_left_alone: bool) -> String {
    let path = &*node.path;
    if !path.starts_with('/') {
        return path.to_owned();
    }
    if is_left_alone {
        return format!("{path} {}", mode(path));
    }
    let ways = node.ways();
    let way = ways.last().expect("a way to open it");
    let file = node.open(*way | OFlags::NONBLOCK);
    let file = file.unwrap_or_else(|errno| panic!("{path}: {errno}"));
    let what = ready(&file, PollFlags::all(), Some(Duration::ZERO));
    let of_nothing =
        |way, call: &dyn Fn() -> Result<usize, Errno>| match ways.contains(&way).then(call) {
            None => "-".to_owned(),
            Some(Ok(count)) => count.to_string(),
            Some(Err(Errno::INVAL)) => "EINVAL".to_owned(),
            Some(Err(errno)) => format!("{errno:?}"),
        };
    let read = of_nothing(OFlags::RDONLY, &|| read(&file, &mut [0; 0]));
    let write = of_nothing(OFlags::WRONLY, &|| write(&file, &[]));
    format!("{path} {} {} {read} {write}", mode(path), words(what))
}

/// Without what always comes with another of them.
fn words(what: PollFlags) -> String {
    let all = [
        (PollFlags::IN, "in"),
        (PollFlags::PRI, "pri"),
        (PollFlags::OUT, "out"),
        (PollFlags::ERR, "err"),
        (PollFlags::HUP, "hup"),
    ];
    let are: Vec<_> = all.iter().filter(|it| what.contains(it.0)).collect();
    match are.is_empty() {
        true => "nothing".to_owned(),
        false => are.iter().map(|it| it.1).collect::<Vec<_>>().join(","),
    }
}
