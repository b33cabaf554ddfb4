// SPDX-License-Identifier: GPL-2.0-only

//! What things cost: the processors' time, which other load does not change as it does the clock's.

use rustix::{
    param::clock_ticks_per_second,
    process::{Pid, WaitId, WaitIdOptions, waitid},
};
use std::{
    fs, io,
    process::{Child, ExitStatus},
    time::Duration,
};

/// What a process has cost so far, with those that it has waited for.
pub fn of(process: Pid) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    Duration::from_millis(ticks(&stat) * 1000 / clock_ticks_per_second())
}

/// Waits for a process; returns what it has cost, too.
pub fn wait(child: &mut Child) -> io::Result<(ExitStatus, Duration)> {
    let process = Pid::from_child(child);
    let ended = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(process), ended) {}
    let cost = of(process);
    Ok((child.wait()?, cost))
}

/// Of a line of `/proc/PID/stat`: user and system, its own and its children's.
fn ticks(stat: &str) -> u64 {
    let behind = stat.rsplit_once(") ").map_or("", |it| it.1);
    let fields = behind.split(' ').skip(11).take(4);
    fields.filter_map(|it| it.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_process_costs_what_its_children_do() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 10 20 300 4000 20 0 1 0";
        assert_eq!(ticks(stat), 4330);
        assert_eq!(ticks(""), 0);
        let mut shell = Command::new("sh");
        let mut shell = shell.args(["-c", "exit 3"]).spawn().unwrap();
        assert_eq!(wait(&mut shell).unwrap().0.code(), Some(3));
    }
}
