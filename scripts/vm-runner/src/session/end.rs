// SPDX-License-Identifier: GPL-2.0-only

//! What a guest came to, and what is to be said of it.

use super::{COMMAND_LIMIT, Phase, Session};
use crate::{
    dump,
    host::Host,
    kernel::{module_dir, root},
    lines,
    outcome::Outcome,
    processor::Firmware,
    run::Finished,
    splat,
};
use anyhow::{Result, anyhow};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::path::Path;

impl Session<'_> {
    /// Says what is to be said of the outcome.
    pub fn conclude(&mut self, outcome: Outcome) -> Finished {
        let rest = self.console.finish();
        self.words.kernel(&rest);
        self.remember();
        let mut tally = std::mem::take(&mut self.tally);
        if let Some(splat) = self.console.splat() {
            tally += &splat::tally(splat);
        }
        // The user's terminal is as it was.
        self.raw = None;
        self.words.terminal_is_restored();
        if let Some(file) = &self.bench.options.core {
            self.dump(file);
        }
        Finished {
            outcome: self.report(outcome),
            stdout: self.outlet.tail(),
            tally,
            left: self.left.take().unwrap_or_default(),
        }
    }

    /// Keeps the memory of a guest that panicked.
    fn dump(&self, file: &Path) {
        let name = file.display();
        if !self.console.panicked() {
            self.words
                .insist(&format!("the guest did not panic: there is no new {name}"));
            return;
        }
        match dump::write(&mut self.qemu.monitor(), file) {
            // QEMU finds out where the kernel has it on x86-64 only.
            Ok(()) if self.bench.kernel.processor.firmware == Firmware::DeviceTree => {
                self.words.insist(&format!(
                    "the guest's memory is in {name}, by physical addresses: gdb does not find the kernel's own"
                ));
            }
            Ok(()) => {
                let symbols = self.bench.kernel.symbols();
                let symbols = symbols.map(|it| format!("{} ", it.display()));
                let symbols = symbols.unwrap_or_default();
                self.words.insist(&format!(
                    "the guest's memory is in {name}: gdb {symbols}{name}"
                ));
            }
            Err(error) => self
                .words
                .insist(&format!("the guest's memory is not in {name}: {error:#}")),
        }
    }

    /// QEMU has ended by itself.
    pub(super) fn gone(&self) -> Result<Outcome> {
        match self.phase {
            _ if !self.complaints.is_empty() => {
                Err(anyhow!("QEMU ended: {}", self.complaints.join("\n")))
            }
            // `poweroff -f` in a shell.
            Phase::Running if self.task.job.share && self.ended_well() => Ok(Outcome::Ended(0)),
            Phase::Booting | Phase::Ready => Err(anyhow!(
                "the guest ended before its init could start {}",
                self.command()
            )),
            _ => Err(anyhow!(
                "the guest ended without a word about {}",
                self.command()
            )),
        }
    }

    /// Whether QEMU, which has ended, was not killed and did not fail.
    fn ended_well(&self) -> bool {
        let id = WaitId::Pid(Pid::from_child(&self.qemu.process));
        waitid(id, WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)
            .is_ok_and(|it| it.is_some_and(|it| it.exit_status() == Some(0)))
    }

    pub(super) fn out_of_time(&self) -> Outcome {
        match self.phase {
            Phase::Booting | Phase::Ready => {
                let limit = self.bench.options.boot_timeout.as_secs_f32();
                // Seen once in a hundred runs of all tests, and not explained: where it is may tell.
                let state = self.qemu.monitor().state();
                Outcome::Failed(anyhow!(
                    "the guest did not get to {}, and has said nothing for {limit} s: QEMU says {}",
                    self.command(),
                    state.unwrap_or_else(|error| format!("nothing, either: {error:#}")),
                ))
            }
            Phase::Running => Outcome::TimedOut,
            Phase::Ending { .. } => Outcome::Failed(anyhow!(
                "the guest's log did not end after {}",
                self.command()
            )),
        }
    }

    /// Keeps what this run found out for the next.
    fn remember(&self) {
        if let Some(khz) = self.console.tsc_khz() {
            if !self.bench.options.icount && Host::known().tsc_khz.is_none() {
                Host::learn(|it| it.tsc_khz = Some(khz));
            }
        }
    }

    /// What the kernel said decides, and what was not seen is shown.
    fn report(&mut self, outcome: Outcome) -> Outcome {
        if let Some(splat) = self.console.splat() {
            let seen = if self.splat_is_seen {
                " (see above)"
            } else {
                ":"
            };
            self.words.insist(&format!(
                "the kernel splatted while it ran {}{seen}",
                self.command()
            ));
            if !self.splat_is_seen {
                self.words.quote(splat.iter());
            }
            let home = module_dir().map_or_else(root, Ok).unwrap_or_default();
            let lines = lines::of(splat, self.bench.kernel, &home);
            if !lines.is_empty() {
                self.words
                    .insist(&format!("in the source:\n  {}", lines.join("\n  ")));
            }
            return Outcome::Splatted;
        }
        match outcome {
            Outcome::TimedOut => {
                let limit = self
                    .bench
                    .options
                    .timeout
                    .unwrap_or(COMMAND_LIMIT)
                    .as_secs_f32();
                self.words
                    .insist(&format!("{} did not end within {limit} s", self.command()));
            }
            Outcome::Failed(_) => {}
            // A command may fail as it likes, a test may not.
            Outcome::Ended(status) if status != 0 && self.bench.options.is_for_tests() => {}
            outcome => return outcome,
        }
        if !self.words.kernel_is_seen() && self.console.tail().next().is_some() {
            self.words.insist("the kernel's last words:");
            self.words.quote(self.console.tail());
        }
        outcome
    }
}
