// SPDX-License-Identifier: GPL-2.0-only

//! trinity, a fuzzer of system calls that knows nothing of this project, on the nodes of modules.
//!
//! `make fuzz` runs this in a guest for each node, since trinity changes what it likes. Without
//! arguments, it lists the nodes.

use lkmpg_tests::{Subject, subjects};
use std::{
    env, fs,
    os::unix::{fs::chown, process::CommandExt as _},
    process::{Command, exit},
};

/// What trinity needs, but small kernels lack, and would end without.
const WITHOUT: [&str; 5] = ["sockets", "perf", "drm", "pseudo", "memfd"];

fn main() {
    let arguments: Vec<String> = env::args().skip(1).filter(|it| it != "--bench").collect();
    match &arguments[..] {
        [] => subjects().iter().for_each(list),
        [node, user, seed, calls] => fuzz(node, user, seed, calls),
        _ => panic!("arguments: NODE UID SEED CALLS, or none"),
    }
}

fn list(subject: &Subject) {
    for node in subject.nodes.iter().filter(|it| it.path.starts_with('/')) {
        println!("{} {}", subject.module, node.path);
    }
}

/// Loads the one module that `LKMPG_SUBJECT` names, and has trinity try one of its nodes.
fn fuzz(node: &str, user: &str, seed: &str, calls: &str) {
    let user: u32 = user.parse().expect("a number of a user");
    let _module = subjects()[0].load();
    let folder = "/tmp/fuzz";
    fs::create_dir(folder).expect(folder);
    chown(folder, Some(user), Some(user)).expect(folder);
    let status = Command::new("trinity")
        .args(["--dangerous", "-q", "-l", "off", "-C2", "-g", "vfs"])
        .args(WITHOUT.map(|kind| format!("--disable-fds={kind}")))
        .args(["-V", node, "-s", seed, "-N", calls])
        .current_dir(folder)
        .uid(user)
        .gid(user)
        .status()
        .expect("trinity");
    println!("{node}: {status}");
    // Its children may hold the node, and the module with it. What the kernel has to say, it has said.
    exit(i32::from(!status.success()));
}
